"""A backbone of one's own from its table to a report and to weights; docs/own_backbone.md is true."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

import cheapsearch
from cheapsearch.space import Architecture
from cheapsearch.space.saved_run import load_run

pytestmark = pytest.mark.usefixtures("forget_own")

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "small_net.yaml"
PAGE = (ROOT / "docs" / "own_backbone.md").read_text("utf-8")


def test_a_search_on_it_is_one_of_its_own_networks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forget_own: Callable[[], None]
) -> None:
    monkeypatch.chdir(tmp_path)
    proxy = {"epochs": 1, "images": 60, "input_size": 8, "width": 0.5, "batch_size": 30}
    cheapsearch.run(dataset="digits", backbone=EXAMPLE, budget=2, proxy=proxy, workers=0, device="cpu")
    forget_own()
    run = tmp_path / "runs" / "small_net-digits"
    found = load_run(run)
    name = found.record.settings.backbone
    assert name.startswith("small_net@")
    assert [trial.architecture.backbone for trial in found.trials] == [name] * 2
    assert f"--backbone {run}/run.yaml" in found.command
    assert name in (run / "report.html").read_text("utf-8")
    assert len(cheapsearch.load(run / "best.yaml").blocks) == 1 + 2 + 2 + 2
    # Another file of the same name would be another backbone.
    other = run / "small_net.yaml"
    other.write_text(EXAMPLE.read_text().replace("512", "520"))
    with pytest.raises(cheapsearch.UserError, match=r"^backbone: must stay small_net@\w+, as the run"):
        cheapsearch.run(out=run, backbone=other)


def test_the_page_shows_the_example() -> None:
    (shown,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.S | re.M)
    assert shown == EXAMPLE.read_text("utf-8")
    # MobileNetV3-Large has 15 blocks.
    assert sum(row.get("blocks", 1) for row in yaml.safe_load(shown)["rows"]) == 7


def test_weights_say_the_whole_backbone(tmp_path: Path, forget_own: Callable[[], None]) -> None:
    architecture = Architecture(cheapsearch.load_backbone(EXAMPLE), 0.5, expand="reuse")
    trained = cheapsearch.train(
        architecture,
        dataset="digits",
        input_size=8,
        out=tmp_path / "training",
        device="cpu",
        epochs=1,
        warmup_epochs=0,
        batch_size=256,
    )
    forget_own()
    network = cheapsearch.load(trained.folder / "best.safetensors")
    assert network.architecture == architecture
