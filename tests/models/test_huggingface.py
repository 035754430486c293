"""Networks are saved and read as the Hub has them, with a card of what is known; no network is needed."""

import json
import math
import re
import shutil
import sys
from collections.abc import Iterator
from copy import deepcopy
from importlib import import_module
from pathlib import Path
from statistics import stdev
from types import SimpleNamespace
from typing import Any

import huggingface_hub.hub_mixin
import pytest
import torch
from huggingface_hub import ModelCard
from safetensors.torch import save_file

import cheapsearch
from cheapsearch.models import build, huggingface, weights_bytes
from cheapsearch.models.huggingface import HubNetwork
from cheapsearch.models.model_card import CardFacts, _search, card_text
from cheapsearch.space import Architecture, ArchitectureConfig, Cost, UserError
from cheapsearch.space.saved_run import load_run

FIXTURES = Path(__file__).parents[1] / "fixtures" / "schema_0"
TRAINING = FIXTURES / "training"
X = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def _no_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


def result(folder: Path, **changes: Any) -> None:
    """Change what a training's result.json says, its settings too."""
    path = folder / "result.json"
    data = json.loads(path.read_text("utf-8"))
    for name, value in changes.items():
        (data if name in data or name == "test_images" else data["settings"])[name] = value
    path.write_text(json.dumps(data), encoding="utf-8")


def card(source: Any, folder: Path) -> str:
    HubNetwork.of(source).save_pretrained(folder)
    return (folder / "README.md").read_text("utf-8")


def test_saved_network_comes_back_whole(tmp_path: Path) -> None:
    plain = cheapsearch.load(TRAINING / "best.safetensors").eval()
    HubNetwork.of(TRAINING).save_pretrained(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"model.safetensors", "config.json", "README.md"}
    found = HubNetwork.from_pretrained(tmp_path)
    assert not found.training
    for network in (found, deepcopy(found), cheapsearch.load(tmp_path / "model.safetensors").eval()):
        assert torch.equal(network(X), plain(X))
        assert (network.classes, network.preprocessing) == (plain.classes, plain.preprocessing)
    config = json.loads((tmp_path / "config.json").read_text("utf-8"))
    assert ArchitectureConfig.from_dict(config) == HubNetwork.of(TRAINING / "best.safetensors").facts.config


def test_pushed_network_is_pulled_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = tmp_path / "hub"

    class Api:
        def __init__(self, token: str | None = None) -> None:
            assert token == "secret"

        def create_repo(self, repo_id: str, **_: Any) -> Any:
            return SimpleNamespace(repo_id=repo_id)

        def upload_folder(self, *, repo_id: str, folder_path: Path, **_: Any) -> str:
            shutil.copytree(folder_path, hub / repo_id)
            return f"https://hub.example/{repo_id}"

    def download(repo_id: str, filename: str, **_: Any) -> str:
        return str(hub / repo_id / filename)

    monkeypatch.setattr(huggingface_hub.hub_mixin, "HfApi", Api)
    monkeypatch.setattr(huggingface_hub.hub_mixin, "hf_hub_download", download)
    monkeypatch.setattr(huggingface, "hf_hub_download", download)
    network = HubNetwork.of(TRAINING)
    assert network.push_to_hub("me/clothes", token="secret") == "https://hub.example/me/clothes"
    found = HubNetwork.from_pretrained("me/clothes")
    assert torch.equal(found(X), network(X))
    written: Any = ModelCard.load(hub / "me" / "clothes" / "README.md")
    assert "HubNetwork.from_pretrained('me/clothes')" in written.text
    assert written.data.model_name == "clothes"


def test_card_says_what_the_training_came_to(tmp_path: Path) -> None:
    training = tmp_path / "training"
    shutil.copytree(TRAINING, training)
    # 36 of 359 test images, as the accuracy in the file is.
    result(training, test_images=359)
    text = card(training, tmp_path / "saved")
    p, n, z = 36 / 359, 359, 1.959964
    middle, half = p + z**2 / (2 * n), z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    low, high = (100 * (middle + sign * half) / (1 + z**2 / n) for sign in (-1, 1))
    assert f"| test | 359 | 10.03 % | {low:.2f} to {high:.2f} |" in text
    assert "| validation | 288 | 10.07 % |" in text
    assert "trained with one seed" in text
    assert "| parameters | 30.26 k |" in text
    assert "| expand | 1 conv · 2-5 reuse |" in text
    assert "Trained on 1,150 images of digits" in text
    assert "Cut the central square and scale it to 32 x 32 pixels" in text
    assert "(0.305836, 0.305836, 0.305836)" in text
    for known in ("cheapsearch 0.1.0", "seed 0", "epoch 1 of 2", r"learning\_rate 0.05", "fbadeb031dd16aec"):
        assert known in text
    data: Any = ModelCard(text).data
    assert (data.library_name, data.pipeline_tag) == ("cheapsearch", "image-classification")
    assert data.eval_results is not None
    assert {found.dataset_split: found.metric_value for found in data.eval_results} == {
        "validation": pytest.approx(29 / 288, abs=1e-6),
        "test": pytest.approx(36 / 359, abs=1e-6),
    }


def test_card_tells_the_noise_between_seeds_and_of_the_search(tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(FIXTURES / "run", run)
    scores = {"": 90.0, "-seed1": 91.0, "-seed2": 95.0}
    for seed, (suffix, score) in enumerate(scores.items()):
        folder = run / "retrain" / f"5163ff62b818{suffix}"
        shutil.copytree(TRAINING, folder)
        result(folder, seed=seed, trial=1, val_top1=score, test_top1=None)
    # Of another policy: no other seed of the same training.
    shutil.copytree(TRAINING, run / "retrain" / "5163ff62b818-seed3")
    result(run / "retrain" / "5163ff62b818-seed3", seed=3, policy={"epochs": 1})
    text = card(run / "retrain" / "5163ff62b818-seed1", tmp_path / "saved")
    assert "Over the 3 seeds" in text
    assert f"validation accuracy 92.00 ± {stdev(scores.values()):.2f} %." in text
    assert "the weights of seed 1" in text
    assert "there were none for testing" in text
    assert "trial 1 of a search by accuracy, params and flops" in text
    assert "it trained 3 for a short time" in text
    assert "Trial 1 is surely the most accurate" in text


def test_card_says_how_long_the_trainings_of_a_search_were() -> None:
    run = load_run(Path(__file__).parents[2] / "docs" / "clothing_rungs")
    networks, longer = (len({one.hash for one in run.trials if one.rung >= rung}) for rung in (1, 4))
    said = f"it trained {networks} for a short time, {longer} of them longer; networks are compared after "
    assert f"{said}trainings 4 times as long" in _search(run, 29)


def test_card_of_a_network_that_nothing_is_known_of_claims_nothing(tmp_path: Path) -> None:
    network = build(Architecture("mobilenet_v3_small", 0.25, expand="reuse"), num_classes=3)
    text = card(network, tmp_path)
    assert re.findall(r"^## (.*)$", text, re.M) == ["Costs", "Operations", "Where it comes from", "Use"]
    assert "predict" not in text
    assert torch.equal(HubNetwork.from_pretrained(tmp_path)(X), network.eval()(X))


def test_nothing_that_is_uploaded_says_where_images_lay(tmp_path: Path) -> None:
    training = tmp_path / "training"
    shutil.copytree(TRAINING, training)
    dataset = "/home/somebody/private/clothes"
    result(training, dataset=dataset)
    weights = training / "best.safetensors"
    network = HubNetwork.of(training)
    config = network.facts.config.to_dict() | {"origin": {"trained_on": dataset, "seed": 0}}
    weights.write_bytes(weights_bytes(network.state_dict(), ArchitectureConfig.from_dict(config)))
    assert "1,150 images of clothes" in card(training, tmp_path / "saved")
    for path in (tmp_path / "saved").iterdir():
        assert b"somebody" not in path.read_bytes(), path.name


def test_card_shows_names_as_they_are() -> None:
    config = ArchitectureConfig(
        Architecture("mobilenet_v2"), 2, 32, Cost(params=1, flops=1), "0.1.0", classes=("a|b", "<b>*c*")
    )
    assert r"a\|b, \<b\>\*c\*." in card_text(CardFacts(config), repo="FOLDER")


def test_weights_of_another_network_than_the_config_are_refused(tmp_path: Path) -> None:
    HubNetwork.of(TRAINING).save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text("utf-8"))
    del config["hash"]
    other = config | {"architecture": config["architecture"] | {"expand": "reuse"}}
    (tmp_path / "config.json").write_text(json.dumps(other), encoding="utf-8")
    with pytest.raises(UserError, match=r"model\.safetensors was trained with another architecture"):
        HubNetwork.from_pretrained(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config | {"colour": 1}), encoding="utf-8")
    with pytest.raises(UserError, match=r"^config\.json: key: must be one of .* got 'colour'"):
        HubNetwork.from_pretrained(tmp_path)


def test_weights_that_say_nothing_need_a_config(tmp_path: Path) -> None:
    network = HubNetwork.of(TRAINING)
    network.save_pretrained(tmp_path)
    save_file(network.state_dict(), tmp_path / "model.safetensors")
    assert torch.equal(HubNetwork.from_pretrained(tmp_path)(X), network(X))
    with pytest.raises(UserError, match=r"must say what it is of, and does not"):
        HubNetwork.of(tmp_path / "model.safetensors")
    (tmp_path / "config.json").unlink()
    with pytest.raises(UserError, match=r"must say what it is of, or config\.json beside it must$"):
        HubNetwork.from_pretrained(tmp_path)


def test_without_huggingface_hub_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "cheapsearch.models.huggingface")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(UserError, match=r"needs the package huggingface_hub, .*'cheapsearch\[hub\]'`$"):
        import_module("cheapsearch.models.huggingface")
