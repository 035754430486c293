"""The notebook of examples/ runs from beginning to end, and shows what it says."""

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[1] / "examples" / "digits.ipynb"
# In place of those of the notebook's cell of parameters.
SMALL = """
budget, workers = 2, 0
proxy = {"epochs": 1, "width": 0.25, "input_size": 8, "batch_size": 10, "images": 60}
"""


def tagged(notebook: Any, tag: str) -> Any:
    (cell,) = [cell for cell in notebook.cells if tag in cell.metadata.get("tags", ())]
    return cell


def output(notebook: Any, source: str) -> dict[str, Any]:
    """What the cell that ends so shows last, by kind."""
    (cell,) = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.endswith(source)]
    return dict(cell.outputs[-1].data)  # below the bar


def test_notebook_is_stored_without_outputs() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert len(code) >= 6
    assert all(not cell.outputs and cell.execution_count is None for cell in code)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Jupyter's own
def test_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    tagged(notebook, "parameters").source = SMALL
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    page = output(notebook, "\nresult")["text/html"]
    assert "<strong>mobilenet_v2 on arrays</strong>: " in page
    figure = output(notebook, 'result.figure("flops")')["application/vnd.plotly.v1+json"]
    assert figure["layout"]["xaxis"]["title"]["text"] == "FLOPs (multiply-adds) of the full network"
    assert "<table" in output(notebook, '"last_stage"]]')["text/html"]
    assert output(notebook, "cheapsearch.count(network)")["text/plain"].startswith("Cost(params=")
    assert output(notebook, "more.report")["text/plain"].startswith("(4, ")
    assert (tmp_path / "runs" / "digits" / "report.html").is_file()
    bars = [
        str(found)
        for cell in notebook.cells
        for found in cell.get("outputs", ())
        if "trainings" in str(found)
    ]
    assert len(bars) >= 2
