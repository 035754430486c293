"""The front door: what a script does with it, and what it says and keeps when something goes wrong."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from importlib import import_module
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pytest

import cheapsearch
from cheapsearch.models import cost_table
from cheapsearch.search.api import preview
from cheapsearch.search.api.run_search import best_said
from cheapsearch.search.samplers.limits import cheapest_architecture
from cheapsearch.search.study.driver import SearchFailedError
from cheapsearch.search.study.run import Run
from cheapsearch.search.training.policies import POLICIES, photos_policy
from cheapsearch.search.training.policy import Policy
from cheapsearch.space import (
    RETRAIN_FOLDER,
    SearchSpace,
    TrainingResult,
    TrialRecord,
    UserError,
    architecture_hash,
)
from cheapsearch.space.run_folder import RunFolder
from cheapsearch.space.saved_run import load_run
from cheapsearch.space.text import times

PROXY = {"epochs": 1, "images": 60, "input_size": 8, "width": 0.25, "batch_size": 10}
TINY: dict[str, Any] = {"dataset": "digits", "workers": 0, "device": "cpu", "proxy": PROXY}
SHORT: dict[str, Any] = {
    **{"epochs": 1, "warmup_epochs": 0, "learning_rate": 0.01, "width": 0.25, "batch_size": 256}
}


def refusal(function: Callable[..., object], *arguments: object, **keywords: object) -> str:
    with pytest.raises(UserError) as caught:
        function(*arguments, **keywords)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run_folder(digits_run: Path, tmp_path: Path) -> Path:
    """The folder of a finished run, to be changed."""
    return copytree(digits_run, tmp_path / "run")


# --- as a script does -------------------------------------------------------------------------------

SCRIPT = f"""
import json
import cheapsearch

seen = []
result = cheapsearch.run(
    budget=2, dataset="digits", workers=1, device="cpu", max_params=3_000_000, out="runs/mine", proxy={PROXY},
    on_trial=lambda trial: seen.append(trial.number),
)
network = cheapsearch.load("runs/mine/best.yaml")
print(json.dumps([
    result.to_dict(), repr(result), seen, str(result.folder), str(result.report), result.best.costs["params"],
    cheapsearch.count(network).params, result.record.settings.budget, len(result.trials),
]))
"""


def test_script_without_a_main_guard_searches_and_has_the_result(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "script.py"],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    (line,) = done.stdout.splitlines()  # the library prints nothing
    found, shown, seen, folder, report, exported, built, budget, trials = json.loads(line)
    assert (found["out"], found["trained"], found["budget"]) == ("runs/mine", 2, 2)
    assert found["best"] in {row["hash"] for row in found["front"]}
    assert shown.startswith("RunResult(2 architectures trained, ")
    assert f"best {found['best']}" in shown
    assert seen == list(range(trials))
    assert (folder, report) == ("runs/mine", "runs/mine/report.html")
    assert exported == built <= 3_000_000
    assert budget == 2
    files = {path.name for path in (tmp_path / "runs" / "mine").iterdir()}
    assert files >= {"run.yaml", "study.db", "trials.csv", "report.html", "best.yaml", "insight.json"}


# --- run --------------------------------------------------------------------------------------------


def test_run_tells_the_start_and_every_trial(tmp_path: Path) -> None:
    begun: list[Run] = []
    told: list[TrialRecord] = []
    result = cheapsearch.run(budget=1, out="here", on_start=begun.append, on_trial=told.append, **TINY)
    assert [run.folder.path for run in begun] == [Path("here")]
    assert tuple(told) == result.saved.trials
    assert result.record == RunFolder(tmp_path / "here").read_record()
    assert result.report.is_file()
    with pytest.raises(FrozenInstanceError):
        result.best = None  # type: ignore[misc]


def test_run_goes_on_where_two_of_its_networks_have_become_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    options = TINY | {"backbone": "mobilenet_v3_large_d6", "out": "old"}
    with monkeypatch.context() as before:
        before.setattr(
            import_module("cheapsearch.space.canonical"), "turned", lambda *arguments: list(arguments[-1])
        )
        old = cheapsearch.run(budget=3, **options)
        former = {trial.number: trial.hash for trial in old.saved.trials}
    shuffled = next(trial for trial in old.saved.trials if trial.architecture.expand == "shuffle_reuse")
    assert architecture_hash(shuffled.architecture) != former[shuffled.number]
    assert [trial.number for trial in load_run(tmp_path / "old").trials] == list(former)
    result = cheapsearch.run(budget=4, **options)
    assert [replace(trial, seconds=0.0) for trial in result.saved.trials[: len(former)]] == [
        replace(trial, seconds=0.0) for trial in old.saved.trials
    ]
    assert sum(trial.state == "complete" for trial in result.saved.trials) == 4
    assert load_run(tmp_path / "old").trials[shuffled.number].hash == architecture_hash(shuffled.architecture)


def test_run_takes_the_epochs_of_the_proxy() -> None:
    result = cheapsearch.run(budget=1, epochs=2, **TINY)
    assert result.folder == Path("runs/mobilenet_v2-digits")
    assert result.record.settings.proxy == {**result.record.settings.proxy, **PROXY, "epochs": 2}


def test_run_goes_on_and_leaves_the_handler_of_sigterm(run_folder: Path) -> None:
    handler = signal.getsignal(signal.SIGTERM)
    before = cheapsearch.run(out=run_folder, workers=0)
    more = cheapsearch.run(out=run_folder, workers=0, budget=5)
    trials = before.saved.trials
    assert more.saved.trials[: len(trials)] == trials
    assert more.states["complete"] == 5
    assert signal.getsignal(signal.SIGTERM) is handler


def test_run_interrupted_leaves_a_report_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(trial: TrialRecord) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cheapsearch.run(budget=2, out="here", on_trial=interrupt, progress=True, **TINY)
    assert (
        "interrupted; what was finished is kept in here, and the same call goes on" in capsys.readouterr().err
    )
    assert (tmp_path / "here" / "report.html").is_file()
    assert not (tmp_path / "here" / "insight.json").exists()  # for which nobody waits who interrupts
    so_far = cheapsearch.results("here")
    assert (so_far.states["complete"], so_far.best) == (1, None)
    assert cheapsearch.run(out="here", workers=0).states["complete"] == 2


def test_preview_refuses_what_is_only_of_a_run_and_images_on_one_line(tmp_path: Path) -> None:
    said = refusal(preview, out="here", dataset=coloured(9))
    assert said == ("dataset: must be a name or a path to be previewed, got images, which only `run` takes")
    for given in ({"retrain": True}, {"progress": False}):
        assert refusal(preview, out="here", **given).startswith("argument: ")
    assert list(tmp_path.iterdir()) == []


def test_run_exports_its_pick_whatever_becomes_of_the_page(
    monkeypatch: pytest.MonkeyPatch, run_folder: Path
) -> None:
    (run_folder / "best.yaml").unlink()
    (run_folder / "report.html").unlink()

    def fails(*arguments: object, **keywords: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cheapsearch.search.api.run_search.write_insight", fails)
    with pytest.raises(KeyboardInterrupt):
        cheapsearch.run(out=run_folder, workers=0)
    assert (run_folder / "best.yaml").is_file()
    assert (run_folder / "report.html").is_file()


def coloured(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, 8, 8, 3) of three classes that a colour tells apart, and their labels."""
    labels = np.arange(count) % 3
    images = np.random.RandomState(0).randint(0, 40, (count, 8, 8, 3))
    images[np.arange(count), :, :, labels] += 200
    return images.astype(np.uint8), labels


def test_run_and_retrain_take_images_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = coloured(90)
    data = {"train": (images[:60], labels[:60]), "test": (images[60:], labels[60:])}
    options: dict[str, Any] = {**TINY, "dataset": data, "epochs": 1}
    result = cheapsearch.run(budget=1, **options)
    assert result.folder == Path("runs/mobilenet_v2-arrays")
    record = result.record
    assert (record.settings.dataset, record.classes) == ("arrays", ("0", "1", "2"))
    assert (record.train_images, record.val_images) == (48, 12)
    assert result.best is not None
    assert cheapsearch.load(result.best).classes == ("0", "1", "2")

    # The same again goes on, also by another process; other images, or none, are told.
    more = cheapsearch.run(out=result.folder, dataset=data, workers=1, budget=2)
    assert more.record.fingerprint == record.fingerprint
    assert more.states["complete"] == 2
    said = refusal(cheapsearch.run, out=result.folder, budget=3)
    assert said.startswith(
        "dataset: 'arrays' are images handed over in Python, which no file keeps; give them again there"
    )
    other = {**data, "train": (255 - images[:60], labels[:60])}
    said = refusal(cheapsearch.run, out=result.folder, budget=3, dataset=other)
    assert said.startswith(
        f"dataset: must be the images the run began with, of fingerprint {record.fingerprint}"
    )
    assert said.endswith("; give the same, or choose another out")
    said = refusal(cheapsearch.run, out=result.folder, budget=3, dataset="digits")
    assert said.startswith("dataset: must stay arrays, as the run in ")

    retrained = cheapsearch.retrain(
        result.folder, trial=0, dataset=data, workers=1, policy="cifar10", **SHORT
    )
    (found,) = retrained.results
    assert (found.settings.dataset, found.settings.fingerprint) == ("arrays", record.fingerprint)
    assert found.test_images == 30
    assert "of 'arrays' are" not in refusal(cheapsearch.retrain, result.folder, trial=0, **SHORT)


def test_train_takes_images_themselves() -> None:
    result = cheapsearch.train(
        "mobilenet_v2", dataset=coloured(60), policy="cifar10", device="cpu", threads=1, **SHORT
    )
    assert result.folder == Path("runs/mobilenet_v2-arrays")
    (found,) = result.results
    assert (found.settings.dataset, found.settings.train_images, found.test_images) == ("arrays", 48, None)


def test_run_shows_a_bar_where_that_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    cheapsearch.run(budget=1, out="here", progress=True, **TINY)
    shown = capsys.readouterr()
    assert shown.out == ""
    last = shown.err.split("\r")[-1]
    best = max(trial.accuracy for trial in load_run(Path("here")).trials if trial.accuracy is not None)
    assert "100%" in last
    assert "1/1" in last
    assert f"best {best:.2f} %" in last
    cheapsearch.run(out="here", workers=0)  # nobody looks
    assert capsys.readouterr() == ("", "")


def test_bar_shows_the_best_of_the_length_that_networks_are_compared_at() -> None:
    run = load_run(Path(__file__).parents[2] / "docs" / "clothing_rungs")
    (shortest, *_) = run.trials
    lucky = replace(shortest, accuracy=99.0)
    assert best_said([lucky, *run.trials[1:]]) == f"best 75.07 % {times(4)}"
    assert best_said([shortest]) == f"best {shortest.accuracy:.2f} %"
    assert best_said([]) == ""


def test_run_that_cannot_train_says_where_the_reasons_are(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object, **settings: object) -> object:
        raise RuntimeError("CUDA error")

    monkeypatch.setattr("cheapsearch.search.training.short.build", broken)
    space, table = SearchSpace("mobilenet_v2"), cost_table("mobilenet_v2")
    least = table.cost(cheapest_architecture(space, table, {"params": 1.0}))["params"]
    with pytest.raises(SearchFailedError, match=r"no architecture could be trained; .* in here/trials.csv"):
        cheapsearch.run(budget=1, max_params=least, out="here", **TINY)
    monkeypatch.setattr("cheapsearch.search.study.driver.MAX_FAILURES", 2)
    with pytest.raises(
        SearchFailedError, match=r"^2 trainings in a row failed, .*; the trials so far are in "
    ):
        cheapsearch.run(budget=9, out="there", **TINY)
    assert Path("there/report.html").is_file()


def test_run_goes_straight_on_to_retraining(run_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(POLICIES, "cifar10", replace(POLICIES["cifar10"], **SHORT))
    result = cheapsearch.run(out=run_folder, workers=0, retrain=True)
    assert result.retrained is not None
    assert {found.settings.trial for found in result.retrained.results} == set(result.front["number"])
    assert result.to_dict()["retrained"] == result.retrained.to_dict()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"bugdet": 3},
            r"^argument: there is no 'bugdet'; did you mean 'budget'\? It must be one of .*, seed,",
        ),
        ({"on_trail": print}, r"^argument: .* did you mean 'on_trial'\?"),
        ({"in_flight": 0}, "^in_flight: must be 1 or more, got 0"),
        ({"budget": "20"}, "^budget: must be a whole number, got '20'"),
        ({"per_stage": "expand"}, "^per_stage: must be a list of names, got 'expand'"),
        ({"backbone": "mobilenet_v1"}, "^backbone: must be one of "),
        ({"max_params": 10}, r"^max_params: must be at least .*raise it or lower width"),
    ],
)
def test_run_refuses_in_the_words_of_python(tmp_path: Path, given: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        cheapsearch.run(**{**TINY, **given})
    assert list(tmp_path.iterdir()) == []


# --- retrain and train ------------------------------------------------------------------------------


def test_retrain_asks_first_and_tells_how_it_goes(run_folder: Path) -> None:
    (run_folder / "report.html").unlink()
    asked = []

    def no(retraining: Any) -> bool:
        asked.append(len(retraining.open))
        return False

    declined = cheapsearch.retrain(run_folder, trial=1, workers=0, approve=no, **SHORT)
    assert (asked, declined.results, declined.report) == ([1], (), None)
    assert not (run_folder / "report.html").exists()
    assert not list((run_folder / RETRAIN_FOLDER).glob("*/*"))

    ended: list[int | None] = []
    result = cheapsearch.retrain(
        run_folder,
        trial=[1],
        workers=0,
        on_progress=lambda running, done: ended.extend(job.trial for job, _ in done),
        **SHORT,
    )
    assert ended == [1]
    (found,) = result.results
    assert (found.settings.trial, found.settings.policy["width"], result.failures) == (1, 0.25, ())
    assert result.report == run_folder / "report.html"
    assert f"{found.val_top1:.2f} %" in repr(result)
    assert TrainingResult.from_dict(result.to_dict()["results"][0]) == found
    again = cheapsearch.retrain(run_folder, trial=1, workers=0, approve=no, **SHORT)
    assert again == result  # nothing is left to ask for
    assert asked == [1]


def test_retrain_weighs_classes_and_scores_as_the_run_did() -> None:
    run = cheapsearch.run(class_weights="balanced", metric="macro_f1", budget=1, out="here", **TINY)
    assert run.record.settings.class_weights == "balanced"
    assert "validation macro F1, in percent" in run.report.read_text("utf-8")

    (result,) = cheapsearch.retrain("here", workers=0, **SHORT).results

    assert result.settings.policy["class_weights"] == "balanced"
    assert result.metric == "macro F1"
    assert result.val_score != result.val_top1


def test_retrain_tells_what_failed(run_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object, **settings: object) -> object:
        raise RuntimeError("CUDA error")

    monkeypatch.setattr("cheapsearch.search.training.full.build", broken)
    result = cheapsearch.retrain(run_folder, trial=1, workers=0, **SHORT)
    assert result.failures == ("trial 1, seed 0: RuntimeError: CUDA error",)
    assert "1 failed" in repr(result)


def test_retrain_refuses(run_folder: Path) -> None:
    assert refusal(cheapsearch.retrain, "nowhere").startswith(
        "run: must be the folder of a run, got 'nowhere'"
    )
    assert refusal(cheapsearch.retrain, run_folder, trial=1, top=2).startswith("trial, top, all: only one")
    assert refusal(cheapsearch.retrain, run_folder, trial=99).startswith("trial: must be a complete trial")
    assert "did you mean 'epochs'?" in refusal(cheapsearch.retrain, run_folder, epoch=3)
    assert refusal(cheapsearch.retrain, run_folder, policy="cifar").startswith("policy: must be one of ")


def test_train_takes_an_architecture_a_name_or_a_path(tmp_path: Path) -> None:
    architecture = cheapsearch.Architecture("mobilenet_v2", expand="reuse")
    epochs: list[tuple[int, int]] = []
    result = cheapsearch.train(
        architecture,
        dataset="digits",
        input_size=8,
        on_epoch=lambda epoch, policy: epochs.append((epoch.epoch, policy.epochs)),
        **SHORT,
    )
    assert result.folder == Path("runs") / f"{cheapsearch.architecture_hash(architecture)}-digits"
    assert epochs == [(1, 1)]
    (found,) = result.results
    assert found.settings.architecture == replace(architecture, width=0.25)
    assert TrainingResult.from_dict(result.to_dict()["results"][0]) == found
    cheapsearch.train(
        result.folder / "architecture.yaml",
        dataset="digits",
        input_size=8,
        out="again",
        **SHORT | {"width": 1.0},
    )
    assert (Path("again") / "best.safetensors").read_bytes() == (
        result.folder / "best.safetensors"
    ).read_bytes()


def test_train_takes_the_policy_of_photographs_and_goes_on_with_its_own_input_size() -> None:
    images = np.random.default_rng(0).integers(0, 256, (40, 70, 80, 3), np.uint8)
    np.savez("photos.npz", train_images=images, train_labels=np.arange(40) % 2)
    said: list[str] = []
    given: dict[str, Any] = {"dataset": "photos.npz", "out": "photos", "width": 0.25, "epochs": 1}
    given |= {"data_workers": 0, "say": said.append}

    (result,) = cheapsearch.train("cheap_v2", **given, input_size=66).results

    assert result.settings.input_size == 66
    batch = result.settings.policy["batch_size"]
    assert batch == photos_policy(32, 1).batch_size  # a fifth of the 40 are for validation
    assert [line for line in said if line.startswith("policy     photos: 1 epoch of 2 steps of 16 images")]
    (again,) = cheapsearch.train("cheap_v2", **given).results
    assert again == result
    (own,) = cheapsearch.train("cheap_v2", **given | {"out": "own"}).results
    assert own.settings.input_size == 70


def test_train_refuses() -> None:
    assert refusal(cheapsearch.train, "cheap_v9").startswith("arch: must be one of ")
    assert refusal(cheapsearch.train, "cheap_v2", dataset="digits", dropout=2.0).startswith(
        "dropout: must be "
    )
    assert refusal(cheapsearch.train, "cheap_v2", seeds=0) == "seeds: must be 1 or more, got 0"


# --- rehearse ---------------------------------------------------------------------------------------


def test_rehearse_replays_the_package_s_table() -> None:
    result = cheapsearch.rehearse(budget=3, seeds=1, sampler="random")
    assert list(result.to_dict()) == ["random"]
    share = result.samplers["random"]["share"]["3"]["mean"]
    assert f"random {share:.3f}" in repr(result)
    assert "did you mean 'seeds'?" in refusal(cheapsearch.rehearse, seed=3)
    assert refusal(cheapsearch.rehearse, "nowhere.csv").startswith("table: must be a readable CSV")


def test_fields_of_a_policy_are_no_arguments_of_train() -> None:
    """A field that had an argument's name could not be changed."""
    import inspect

    names = {
        f
        for function in (cheapsearch.train, cheapsearch.retrain)
        for f in inspect.signature(function).parameters
    }
    assert not names & set(Policy().to_dict())
