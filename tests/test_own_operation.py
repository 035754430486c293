"""An operation of one's own from its file to a report, in workers and in folders, as its page says."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

import cheapsearch
from cheapsearch.models import describe
from cheapsearch.search.cli.main import main
from cheapsearch.search.data import load_images
from cheapsearch.search.training.proxy import Proxy
from cheapsearch.search.training.short import ProxyTrainer
from cheapsearch.search.workers.executor import perform_all
from cheapsearch.search.workers.jobs import Job, Trained
from cheapsearch.search.workers.pool import WorkerPool
from cheapsearch.space import Architecture, UserError
from cheapsearch.space.saved_run import load_run

pytestmark = pytest.mark.usefixtures("forget_own")

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "partial_conv.py"
PAGE = (ROOT / "docs" / "own_operation.md").read_text("utf-8")
PROXY: dict[str, Any] = {
    "epochs": 1,
    "images": 60,
    "input_size": 8,
    "width": 0.25,
    "batch_size": 30,
    "learning_rate": 0.05,
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, own_of_a_module: None) -> Path:
    """A finished search with the operation."""
    out = tmp_path_factory.mktemp("own") / "run"
    cheapsearch.run(
        dataset="digits", ops=EXAMPLE, budget=3, proxy=PROXY, out=out, workers=0, device="cpu", stopping=False
    )
    return out


def test_a_search_trains_and_reports_it(run: Path) -> None:
    found = load_run(run)
    # By seed 0 the third trial has it.
    assert [trial.number for trial in found.trials if trial.architecture.own] == [2]
    assert found.space.own == found.trials[2].architecture.own
    assert f"partial_conv@{found.space.own[0]}" in (run / "report.html").read_text("utf-8")
    assert (run / "ops" / f"partial_conv-{found.space.own[0]}.py").read_bytes() == EXAMPLE.read_bytes()


def test_the_page_shows_the_example() -> None:
    shown = re.findall(r"^```python\n(.*?)^```$", PAGE, re.S | re.M)[0]
    assert EXAMPLE.read_text("utf-8").endswith(f'"""\n\n{shown}')


def test_a_run_goes_on_with_its_own_copy_and_with_no_other(run: Path, tmp_path: Path) -> None:
    again: dict[str, Any] = {"out": copytree(run, tmp_path / "run"), "workers": 0}
    found = cheapsearch.run(budget=3, **again)
    ((path, known),) = found.record.settings.ops.items()
    assert f"--ops {path}" in found.record.settings.command
    assert f"--ops {again['out']}/ops/partial_conv-{known}.py" in found.saved.command
    changed = tmp_path / "changed.py"
    changed.write_text(EXAMPLE.read_text() + "# another\n")
    with pytest.raises(UserError, match=rf"^ops: must stay {known}, as the run in .* began, got \w+; "):
        cheapsearch.run(ops=changed, budget=4, **again)
    # The same file elsewhere is the same; the folder's copy is called as it was.
    changed.write_text(EXAMPLE.read_text())
    assert cheapsearch.run(ops=changed, budget=3, **again).record.settings.ops == {str(EXAMPLE): known}


def test_a_file_without_operations_for_the_backbone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "partial_conv.py"
    path.write_text(EXAMPLE.read_text().replace('("v2", "v3")', '("v3",)'))
    with pytest.raises(UserError, match=r"ops: must have operations for mobilenet_v2, .* has none"):
        cheapsearch.run(dataset="digits", ops=[path], budget=1, proxy=PROXY, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_worker_process_knows_operations_and_backbones_of_ones_own() -> None:
    cheapsearch.load_operations(EXAMPLE)
    backbone = cheapsearch.load_backbone(ROOT / "examples" / "small_net.yaml")
    data = load_images("digits", size=8, limit=60, seed=0)
    pool = WorkerPool[Job[Architecture]](partial(ProxyTrainer, data, Proxy(**PROXY, layout_size=8)), ["cpu"])
    try:
        ((_, outcome),) = perform_all(pool, [Job(0, Architecture(backbone, expand="partial_conv"), 0)])
    finally:
        pool.close()
    assert isinstance(outcome, Trained), outcome


def test_a_training_has_its_own_copy_and_its_weights_alone_run_no_code(
    tmp_path: Path, forget_own: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    cheapsearch.load_operations(EXAMPLE)
    architecture = Architecture("mobilenet_v2", 0.25, expand="partial_conv")
    config = describe(architecture, num_classes=10, input_size=8, version="0.1.0", origin={})
    (tmp_path / "own.yaml").write_text(config.to_yaml())
    folder = tmp_path / "training"
    typed = f"train {tmp_path}/own.yaml --ops {EXAMPLE} --dataset digits --input-size 8 --out {folder}"
    short = "--device cpu --epochs 1 --warmup-epochs 0 --learning-rate 0.01 --batch-size 256"
    assert main([*typed.split(), *short.split()]) == 0
    said = capsys.readouterr().out
    (kept,) = (folder / "ops").glob("partial_conv-*.py")
    assert kept.read_bytes() == EXAMPLE.read_bytes()
    weights = folder / "best.safetensors"
    assert f'cheapsearch.load_operations("{kept}")\nload     cheapsearch.load("{weights}")\n' in said
    assert f'cheapsearch predict "{folder}" IMAGE|FOLDER' in said
    forget_own()
    with pytest.raises(UserError, match=r"best\.safetensors': expand: partial_conv must be of a file"):
        cheapsearch.load(weights)
    assert len(cheapsearch.predict(folder, "digits", device="cpu").images) == 359
    assert cheapsearch.load(weights).architecture == architecture  # as that has made it known
    forget_own()
    assert cheapsearch.export(folder, tmp_path / "again.yaml").path.exists()
