"""A run from its settings to its files, in one process, and again from what an earlier one left."""

import csv
import json
import re
import shlex
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import optuna
import pytest
import torch
import yaml
from sqlalchemy.exc import OperationalError

import cheapsearch
from cheapsearch.models import CostTable, build, cost_table, count
from cheapsearch.search.cli.main import make_parser
from cheapsearch.search.samplers.limits import Limits
from cheapsearch.search.study import opening as opening_module
from cheapsearch.search.study import pilot as pilot_module
from cheapsearch.search.study import prepared as prepared_module
from cheapsearch.search.study.domain import ArchitectureDomain
from cheapsearch.search.study.driver import SearchFailedError
from cheapsearch.search.study.export import export_trial
from cheapsearch.search.study.full_trainings import FullTrainings, full_trainings
from cheapsearch.search.study.opening import default_folder, open_run
from cheapsearch.search.study.storage import sqlite_url
from cheapsearch.search.study.trial_store import TrialStore
from cheapsearch.search.training.policies import finetune_policy
from cheapsearch.search.training.proxy import DIGITS, GPU
from cheapsearch.search.workers import workplace as workplace_module
from cheapsearch.search.workers.executor import Setup
from cheapsearch.search.workers.jobs import Job
from cheapsearch.search.workers.local import LocalExecutor
from cheapsearch.search.workers.time_limit import TimeLimit
from cheapsearch.search.workers.workplace import Workplace
from cheapsearch.space import (
    PRESETS,
    Architecture,
    Cost,
    RunRecord,
    RunSettings,
    SearchSpace,
    TrainingResult,
    TrialRecord,
    UserError,
    architecture_hash,
    read_config,
)

PROXY = {"epochs": 1, "images": 60, "input_size": 8, "width": 0.25, "batch_size": 20}
RECORDED = DIGITS.to_dict() | PROXY | {"layout_size": 32}
SETTINGS: dict[str, Any] = {
    **{"dataset": "digits", "budget": 3, "workers": 0, "device": "cpu", "sampler": "random"},
    **{"in_flight": 2, "proxy": PROXY},
}


def run_to_the_end(out: Path, given: dict[str, Any]) -> list[TrialRecord]:
    """Every trial of the run, in this process, once it has nothing left to do."""
    with open_run(given, out=out, make_executor=LocalExecutor) as run:
        list(run.search())
        return run.trials


def refusal(out: Path, given: dict[str, Any]) -> str:
    with pytest.raises(UserError) as caught, open_run(given, out=out):
        raise AssertionError("the run was opened")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def read_trials(out: Path, width: float = 1.0) -> list[TrialRecord]:
    with (out / "trials.csv").open(newline="", encoding="utf-8") as file:
        return [
            TrialRecord.from_row(row, backbone="mobilenet_v2", width=width) for row in csv.DictReader(file)
        ]


def read_record(out: Path) -> RunRecord:
    return RunRecord.from_dict(yaml.safe_load((out / "run.yaml").read_text(encoding="utf-8")))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".lock"}


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders of two runs: `begun` has trained nothing, `finished` all that it was to train."""
    root = tmp_path_factory.mktemp("runs")
    with open_run(SETTINGS, out=root / "begun"):
        pass
    run_to_the_end(root / "finished", SETTINGS)
    return root


@pytest.fixture
def begun(templates: Path, tmp_path: Path) -> Path:
    """The folder of a run that has begun and trained nothing."""
    return copytree(templates / "begun", tmp_path / "run")


@pytest.fixture
def finished(templates: Path, tmp_path: Path) -> Path:
    """The folder of a run that has trained its budget of three."""
    return copytree(templates / "finished", tmp_path / "run")


# --- from the beginning -----------------------------------------------------------------------------


def test_run_leaves_record_trials_and_study_that_say_the_same(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "run"
    said: list[str] = []
    with open_run(SETTINGS, out=out, say=said.append) as run:
        assert read_record(out) == run.record
        assert read_trials(out) == run.trials == []
        assert run.devices == ["cpu"]
        for done, trial in enumerate(run.search(), 1):
            assert read_trials(out) == run.trials  # whole after every trial
            assert run.trials[-1] == trial
            assert len(run.trials) == done
        assert run.trained == 3
        best = run.write_best()

    assert [(trial.origin, trial.architecture) for trial in run.trials[:2]] == [
        ("unmodified", PRESETS["mobilenet_v2"]),
        ("preset cheap_v2", PRESETS["cheap_v2"]),
    ]
    cost = count(build(PRESETS["cheap_v2"], num_classes=10, input_size=32))  # not of the proxy's network
    assert run.trials[1].costs == cost
    table = cost_table("mobilenet_v2", num_classes=10, input_size=32)
    domain = ArchitectureDomain(
        SearchSpace("mobilenet_v2"), table, Limits(), run.record.settings.objectives, seed=0
    )
    store = TrialStore(f"sqlite:///{out / 'study.db'}", study_name="cheapsearch", domain=domain)
    assert store.records() == run.trials == read_trials(out)
    assert read_config(out / "best.yaml") == best
    # A folder of class folders and the like say what they read; digits come with scikit-learn.
    assert said == []
    assert {path.name for path in out.iterdir()} >= {"run.yaml", "trials.csv", "study.db", "best.yaml"}


def test_run_record_says_what_was_asked_and_with_what(begun: Path) -> None:
    record = read_record(begun)
    assert RunRecord.from_dict(record.to_dict()) == record
    for name in ("dataset", "budget", "workers", "device", "sampler", "in_flight"):
        assert getattr(record.settings, name) == SETTINGS[name]
    settings = record.settings
    assert (settings.seed, settings.backbone, settings.width, settings.per_stage) == (
        0,
        "mobilenet_v2",
        1.0,
        (),
    )
    assert (record.num_classes, record.input_size) == (10, 32)
    # 1797 digits less a fifth, of which 60 are trained on and a fifth validates
    assert (record.train_images, record.val_images) == (60, 288)
    assert record.settings.proxy == RECORDED
    assert record.version == cheapsearch.__version__
    assert record.versions["torch"] == version("torch")
    assert {"python", "optuna", "fvcore", "numpy"} <= set(record.versions)
    assert (settings.storage, settings.data_dir) == (None, None)


def test_run_s_command_repeats_the_record(begun: Path, tmp_path: Path) -> None:
    record = read_record(begun)
    typed = vars(make_parser().parse_args(shlex.split(record.settings.command)[1:]))
    given = {name: value for name, value in typed.items() if name in RunSettings.declared()}
    with open_run(given, out=tmp_path / "again") as run:
        again = run.record
    workers = replace(again.settings, workers=record.workers)
    assert replace(again, created=record.created, settings=workers) == record


def test_run_is_the_same_in_another_folder(finished: Path, tmp_path: Path) -> None:
    again = run_to_the_end(tmp_path / "again", SETTINGS)
    assert [replace(trial, seconds=None) for trial in again] == [
        replace(trial, seconds=None) for trial in read_trials(finished)
    ]


def test_run_records_limits_and_refuses_within_them(tmp_path: Path) -> None:
    limit = cost_table("mobilenet_v2").cost(PRESETS["cheap_v2"]).params
    trials = run_to_the_end(tmp_path / "run", SETTINGS | {"budget": 1, "max_params": limit})
    assert [(trial.state, trial.origin) for trial in trials] == [
        ("refused", "unmodified"),
        ("complete", "preset cheap_v2"),
    ]
    assert read_record(tmp_path / "run").settings.limits == {"params": limit}
    assert read_trials(tmp_path / "run") == trials


def test_run_tells_the_search_its_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = []

    class Recording(ArchitectureDomain):
        def __init__(self, *arguments: Any, **settings: Any) -> None:
            told.append(settings["reference"])
            super().__init__(*arguments, **settings)

    monkeypatch.setattr(opening_module, "ArchitectureDomain", Recording)
    with open_run(SETTINGS | {"reference_accuracy": 62.5}, out=tmp_path / "run") as run:
        assert run.record.settings.reference_accuracy == run.plan.reference_accuracy == 62.5
    with open_run({}, out=tmp_path / "run") as run:
        assert run.plan.reference_accuracy == 62.5
    assert told == [62.5, 62.5]


def test_run_trains_by_the_executor_it_is_given_or_by_what_workers_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[str, list[str]]] = []

    def factory(name: str) -> Callable[..., LocalExecutor]:
        def make(setup: Setup, devices: Sequence[str], **limited: object) -> LocalExecutor:
            made.append((name, list(devices)))
            return LocalExecutor(setup, devices)

        return make

    monkeypatch.setattr(workplace_module, "WorkerPool", factory("pool"))
    monkeypatch.setattr(workplace_module, "LocalExecutor", factory("none"))
    once = SETTINGS | {"budget": 1}
    with open_run(once | {"workers": 2}, out=tmp_path / "two") as run:
        assert len(list(run.search())) == 1
    with open_run(once, out=tmp_path / "none") as run:
        assert run.record.workers == 0
        assert len(list(run.search())) == 1
    assert made == [("pool", ["cpu", "cpu"]), ("none", ["cpu"])]
    with open_run(once | {"workers": 2}, out=tmp_path / "given", make_executor=factory("given")) as run:
        assert len(list(run.search())) == 1
    assert made[2:] == [("given", ["cpu", "cpu"])]


def test_trainings_of_the_pilot_are_timed_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def pool(setup: Setup, devices: Sequence[str], *, limit: TimeLimit) -> LocalExecutor:
        raise UserError(f"seconds: {limit.of(Job(0, None, 0)):g}")

    monkeypatch.setattr(workplace_module, "WorkerPool", pool)
    given = {name: value for name, value in SETTINGS.items() if name != "budget"} | {
        "workers": 1,
        "hours": 1.0,
    }
    with (
        pytest.raises(UserError, match=r"^seconds: 7$"),
        open_run(given, out=tmp_path / "run", place=Workplace(trial_timeout=7.0)),
    ):
        pass


def test_run_that_goes_on_takes_no_failed_training_for_a_measure_of_time(
    finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = TrialStore.records

    def told(store: TrialStore[Any, TrialRecord]) -> list[TrialRecord]:
        *ended, last = [replace(trial, seconds=20.0) for trial in records(store)]
        return [*ended, replace(last, state="failed", accuracy=None, reason="timed out", seconds=900.0)]

    monkeypatch.setattr(TrialStore, "records", told)
    taken: list[tuple[float, int]] = []

    def timed(crew: object, known: Iterable[tuple[float, int]]) -> Callable[..., LocalExecutor]:
        taken.extend(known)
        return LocalExecutor

    monkeypatch.setattr(workplace_module.Crew, "timed_executor", timed)
    with open_run({}, out=finished) as run:
        assert taken == [(20.0, 1)] * (len(run.trials) - 1)


def test_run_gives_up_with_its_trials_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object, **settings: object) -> object:
        raise RuntimeError("CUDA error")

    monkeypatch.setattr("cheapsearch.search.training.short.build", broken)
    monkeypatch.setattr("cheapsearch.search.study.driver.MAX_FAILURES", 2)
    out = tmp_path / "run"
    with pytest.raises(SearchFailedError, match="the last one: RuntimeError: CUDA error"):
        run_to_the_end(out, SETTINGS | {"budget": 100})
    trials = read_trials(out)
    assert [trial.state for trial in trials] == ["failed"] * 2
    assert {trial.reason for trial in trials} == {"RuntimeError: CUDA error"}
    # The whole traceback of each is kept; its last line is the reason.
    errors = {path.name: path.read_text() for path in (out / "errors").iterdir()}
    assert errors.keys() == {"0.txt", "1.txt"}
    for trace in errors.values():
        assert trace.startswith("Traceback (most recent call last):\n")
        assert "in broken" in trace
        assert trace.rstrip().splitlines()[-1] == "RuntimeError: CUDA error"
    (out / "errors" / "1.txt").unlink()
    with open_run({}, out=out) as run:
        assert run.trials == trials
    # They are written again from the study.
    assert {path.name: path.read_text() for path in (out / "errors").iterdir()} == errors


def test_run_tells_in_one_line_that_its_study_cannot_be_written(
    begun: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object, **settings: object) -> object:
        raise OperationalError("UPDATE trials SET state=?", {}, Exception("database or disk is full"))

    with monkeypatch.context() as patch:
        patch.setattr(TrialStore, "tell", full)
        with pytest.raises(UserError) as caught:
            run_to_the_end(begun, {})
    assert str(caught.value).startswith(
        "storage: cannot read or write the study (database or disk is full); "
    )
    assert f"cheapsearch run --out {begun}" in str(caught.value)
    assert "\n" not in str(caught.value)
    trials = run_to_the_end(begun, {"budget": 3})  # with room on the disk it goes on
    assert [trial.number for trial in trials] == [0, 1, 2]


# --- going on ---------------------------------------------------------------------------------------


def test_run_goes_on_with_a_larger_budget(finished: Path) -> None:
    first, created = read_trials(finished), read_record(finished).created
    with open_run({"budget": 4, "workers": 0}, out=finished) as run:
        assert run.trials == first
        more = list(run.search())
        assert run.trained == 4
    assert read_trials(finished) == first + more
    assert len({trial.hash for trial in first + more if trial.state == "complete"}) == 4
    assert read_record(finished).settings.budget == 4
    assert read_record(finished).created == created
    assert read_record(finished).settings.proxy == RECORDED


def test_run_begun_before_proxies_had_a_layout_goes_on_as_it_began(finished: Path) -> None:
    data = yaml.safe_load((finished / "run.yaml").read_text(encoding="utf-8"))
    for name in ("layout_size", "channel_multiple"):
        del data["proxy"][name]
    (finished / "run.yaml").write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    with open_run({}, out=finished) as run:
        assert run.record.settings.proxy == RECORDED | {"layout_size": 8, "channel_multiple": 8}


def test_run_of_larger_images_has_a_proxy_of_the_same_strides(tmp_path: Path) -> None:
    given = {**SETTINGS, "input_size": 72, "proxy": {"epochs": 1, "images": 60, "width": 0.5}}
    with open_run(given, out=tmp_path / "run") as run:
        proxy = run.record.settings.proxy
        assert (proxy["layout_size"], proxy["input_size"]) == (72, 64)
    small = {**given, "proxy": {**given["proxy"], "input_size": 16}}
    assert refusal(tmp_path / "small", small).startswith("proxy: input_size must be at least 32 pixels")
    assert not (tmp_path / "small").exists()


def test_run_says_how_many_networks_a_proxy_has(tmp_path: Path) -> None:
    for multiple, networks in ((8, 774), (4, 1548)):
        proxy = {**PROXY, "width": 0.5, "channel_multiple": multiple}
        given = {**SETTINGS, "backbone": "mobilenet_v3_small", "proxy": proxy}
        with open_run(given, out=tmp_path / str(multiple)) as run:
            assert (run.space.distinct_size, run.proxy_networks) == (1548, networks)


def test_run_with_nothing_left_starts_no_worker(finished: Path) -> None:
    def no_executor(setup: Setup, devices: Sequence[str]) -> LocalExecutor:
        raise AssertionError("a worker was started")

    with open_run({}, out=finished, make_executor=no_executor) as run:
        assert list(run.search()) == []
        assert run.trials == read_trials(finished)


def test_run_writes_trials_csv_again_from_the_study(finished: Path) -> None:
    trials = read_trials(finished)
    (finished / "trials.csv").unlink()
    with open_run({}, out=finished) as run:
        assert read_trials(finished) == run.trials == trials


@pytest.mark.parametrize(
    ("changed", "name", "began"),
    [
        ({"dataset": "cifar10"}, "dataset", "digits"),
        ({"seed": 1}, "seed", "0"),
        ({"backbone": "mobilenet_v3_small"}, "backbone", "mobilenet_v2"),
        ({"width": 0.5}, "width", "1.0"),
        ({"proxy": {"epochs": 2}}, "proxy epochs", "1"),
        ({"max_params": 10**7}, "max_params", "unset"),
        ({"order": "arrival"}, "order", "proposal"),
    ],
)
def test_run_refuses_to_go_on_as_another(begun: Path, changed: dict[str, Any], name: str, began: str) -> None:
    before = contents(begun)
    assert refusal(begun, changed).startswith(f"{name}: must stay {began}, as the run in {begun} began, got ")
    assert contents(begun) == before


def test_run_refuses_other_images_under_the_same_name(
    tmp_path: Path, table: CostTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables: list[CostTable] = []

    def recording(*arguments: Any, **settings: Any) -> CostTable:
        tables.append(cost_table(*arguments, **settings))
        return tables[-1]

    monkeypatch.setattr(prepared_module, "cost_table", recording)
    archive, out = tmp_path / "images.npz", tmp_path / "run"

    def write(seed: int) -> None:
        images = np.random.RandomState(seed).randint(0, 256, (60, 8, 8, 3)).astype(np.uint8)
        np.savez(archive, train_images=images, train_labels=np.arange(60) % 3)

    write(0)
    with open_run(SETTINGS | {"dataset": str(archive), "width": 0.25}, out=out) as run:
        fingerprint = run.record.fingerprint
        assert (run.record.num_classes, run.record.input_size) == (3, 8)
        assert tables == [table]  # of the width, the classes and the size of the images
    with open_run({}, out=out) as run:
        assert run.record.fingerprint == fingerprint
    write(1)
    message = refusal(out, {})
    assert message.startswith(
        f"dataset: must be the images the run began with, of fingerprint {fingerprint}, got {archive} of "
    )
    write(0)
    archive.rename(tmp_path / "elsewhere.npz")
    assert refusal(out, {}).endswith("; if it was moved, say with dataset where it is")
    with open_run({"dataset": str(tmp_path / "elsewhere.npz")}, out=out) as run:
        assert run.record.settings.dataset == str(tmp_path / "elsewhere.npz")
    with open_run({}, out=out) as run:  # which is known from then on
        assert run.record.fingerprint == fingerprint


def test_run_folder_may_have_a_name_that_means_something_in_a_url(tmp_path: Path) -> None:
    out = tmp_path / "a?b=%20#c"
    trials = run_to_the_end(out, SETTINGS)
    assert (out / "study.db").exists()
    assert [path.name for path in tmp_path.iterdir()] == [out.name]
    with open_run({}, out=out) as run:
        assert run.trials == trials


def study_of(out: Path) -> optuna.Study:
    return optuna.load_study(study_name="cheapsearch", storage=sqlite_url(out / "study.db"))


def test_run_tries_what_its_user_enqueued_and_loses_nothing_of_its_own(
    templates: Path, finished: Path, tmp_path: Path
) -> None:
    begun = copytree(templates / "begun", tmp_path / "begun")
    idea = {"expand": "reuse", "last_stage": "reuse"}
    study_of(begun).enqueue_trial(idea)
    first, *others = run_to_the_end(begun, {})
    assert (first.origin, first.state) == ("enqueued", "complete")
    assert {name: getattr(first.architecture, name) for name in idea} == idea
    assert [trial.origin for trial in others[:2]] == [trial.origin for trial in read_trials(finished)[:2]]

    before = read_trials(finished)
    study_of(finished).enqueue_trial(idea)  # though its budget is spent
    after = run_to_the_end(finished, {})
    assert after[: len(before)] == before
    assert [trial.origin for trial in after[len(before) :]] == ["enqueued"]


@pytest.mark.parametrize(
    ("idea", "said"),
    [
        ({"expand": "nonsense"}, "expand: must be one of conv, reuse, "),
        ({"expnd": "reuse"}, "enqueued: key: must be one of .*; did you mean 'expand'"),
    ],
)
def test_run_names_what_is_wrong_with_an_enqueued_trial_and_goes_on_without_it(
    idea: dict[str, str], said: str, finished: Path
) -> None:
    before = read_trials(finished)
    study_of(finished).enqueue_trial(idea)
    with open_run({}, out=finished, make_executor=LocalExecutor) as run, pytest.raises(UserError) as caught:
        list(run.search())
    assert re.match(rf"storage: trial 3 of the study cannot be tried \({said}", str(caught.value))
    assert str(caught.value).endswith("; the same command goes on without it")
    assert run_to_the_end(finished, {}) == before


def test_run_refuses_a_study_of_another_version_of_optuna(finished: Path) -> None:
    with closing(sqlite3.connect(finished / "study.db")) as study:
        study.execute("update version_info set schema_version = 999")
        study.execute("update alembic_version set version_num = 'v99.0.0.a'")
        study.commit()
    message = refusal(finished, {})
    assert message.startswith(f"storage: must be a study of this version of Optuna, sqlite:///{finished}/")
    assert "updating optuna" in message


def test_run_leaves_alone_what_others_put_into_its_study(finished: Path) -> None:
    before = read_trials(finished)
    study = study_of(finished)
    study.add_trial(optuna.trial.create_trial(values=[99.0, 1.0, 1.0]))
    study.add_trial(
        optuna.trial.create_trial(
            params={"lr": "mine"},
            distributions={"lr": optuna.distributions.CategoricalDistribution(["mine"])},
            values=[99.0, 1.0, 1.0],
            user_attrs={"proposal": 5},
        )
    )
    with open_run({}, out=finished) as run:
        assert run.trials == before


def test_run_refuses_to_go_on_on_another_kind_of_device(begun: Path) -> None:
    record = read_record(begun)
    (begun / "run.yaml").write_text(yaml.safe_dump(record.to_dict() | {"device": "cuda:1"}))
    message = refusal(begun, {"device": "cpu"})
    assert message.startswith(f"device: must stay cuda:1, as the run in {begun} began, got cpu; ")


def test_run_ended_before_its_record_was_written_begins_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"

    def killed(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("cheapsearch.space.run_folder.write_text", killed)
        with pytest.raises(KeyboardInterrupt), open_run(SETTINGS, out=out):
            raise AssertionError("the record was written")
    with open_run(SETTINGS, out=out) as run:
        assert run.trials == []


# --- the folder -------------------------------------------------------------------------------------


def test_run_keeps_a_second_one_out(tmp_path: Path) -> None:
    out = tmp_path / "run"
    with open_run(SETTINGS, out=out):
        assert "another cheapsearch works in" in refusal(out, {})
    with open_run({}, out=out) as run:
        assert run.trained == 0


WRONG: dict[str, dict[str, Any]] = {
    "dataset": {"dataset": "digit"},
    "backbone": {"backbone": "mobilenet_v1"},
    "sampler": {"sampler": "best"},
    "budget": {"budget": 0},
    "seed": {"seed": -1},
    "width": {"width": 9.0},
    "objectives": {"objectives": ("params",)},
    "per_stage": {"per_stage": ("se",)},
    "device": {"device": "cuda:99"},
    "workers": {"workers": -1},
    "max_params": {"max_params": 1000},
    "max_flops": {"max_flops": 1000},
    "proxy": {"proxy": {"epochs": 0}},
    "proxy: key": {"proxy": {"epoch": 3}},
    "input_size": {"input_size": 4},
    "settings": {"bugdet": 3},
}


@pytest.mark.parametrize("argument", WRONG)
def test_run_with_a_wrong_setting_makes_nothing(tmp_path: Path, argument: str) -> None:
    out = tmp_path / "deep" / "run"
    assert refusal(out, SETTINGS | WRONG[argument]).startswith(f"{argument}: ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("storage", ["what", "sqlite:////nowhere/at/all/study.db", "nosuch://host/db"])
def test_run_with_a_storage_that_cannot_be_opened_makes_nothing(tmp_path: Path, storage: str) -> None:
    assert refusal(tmp_path / "run", SETTINGS | {"storage": storage}).startswith("storage: must be ")
    assert list(tmp_path.iterdir()) == []


def test_run_refuses_a_folder_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    message = refusal(tmp_path / "file" / "run", SETTINGS)
    assert message.startswith("out: must be a folder that can be written, ")


@pytest.mark.parametrize("below", ["file", "file/run"])
def test_run_refuses_a_file_for_a_folder_before_it_reads_images(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").touch()
    message = refusal(tmp_path / below, SETTINGS | {"dataset": str(tmp_path / "nowhere")})
    assert message.startswith("out: must be a folder that can be written, ")
    assert f"({tmp_path / 'file'} is a file)" in message


def test_run_refuses_a_damaged_study(finished: Path) -> None:
    damaged = b"no database " * 1000
    (finished / "study.db").write_bytes(damaged)
    message = refusal(finished, {})
    assert message.startswith("storage: must be a readable Optuna study, sqlite:///")
    assert (finished / "study.db").read_bytes() == damaged


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("budget: [", "must be YAML"),
        ("", "must be a mapping"),
        ("budget: 3", "is missing"),
        ("\x00", "must be YAML"),
    ],
)
def test_run_refuses_a_damaged_record(begun: Path, content: str, message: str) -> None:
    (begun / "run.yaml").write_text(content)
    assert message in refusal(begun, {})


@pytest.mark.parametrize(
    ("key", "value"),
    [("budget", "many"), ("seed", None), ("proxy", None), ("device", 3)],
)
def test_run_refuses_a_record_with_a_value_of_another_type(begun: Path, key: str, value: object) -> None:
    data = yaml.safe_load((begun / "run.yaml").read_text())
    (begun / "run.yaml").write_text(yaml.safe_dump(data | {key: value}))
    assert key in refusal(begun, {})


def test_run_refuses_a_study_without_its_record(begun: Path) -> None:
    (begun / "run.yaml").unlink()
    assert "has study.db and no run.yaml" in refusal(begun, SETTINGS)


@pytest.mark.parametrize(
    ("given", "folder"),
    [
        ({}, "runs/mobilenet_v2-cifar10"),
        ({"backbone": "mobilenet_v3_small", "dataset": "digits"}, "runs/mobilenet_v3_small-digits"),
        ({"dataset": "/data/pathmnist.npz"}, "runs/mobilenet_v2-pathmnist"),
        ({"dataset": "my/photos/"}, "runs/mobilenet_v2-photos"),
        ({"dataset": "flowers/train"}, "runs/mobilenet_v2-flowers-train"),
        ({"backbone": "examples/small_net.yaml"}, "runs/small_net-cifar10"),
    ],
)
def test_default_folder_goes_by_backbone_and_data_set(given: dict[str, Any], folder: str) -> None:
    assert default_folder(given) == Path(folder)


# --- another storage --------------------------------------------------------------------------------


def test_run_keeps_its_trials_in_the_storage_given(tmp_path: Path) -> None:
    out, url = tmp_path / "run", f"sqlite:///{tmp_path / 'shared.db'}"
    trials = run_to_the_end(out, SETTINGS | {"budget": 1, "storage": url})
    assert not (out / "study.db").exists()
    assert read_record(out).settings.storage == url
    assert refusal(out, {}).startswith(f"storage: must stay what the run in {out} began with, {url}, ")
    with open_run({"storage": url}, out=out) as run:
        assert run.trials == trials
    with closing(sqlite3.connect(tmp_path / "shared.db")) as database:
        assert database.execute("SELECT study_name FROM studies").fetchall() == [(read_record(out).study,)]


def test_run_record_keeps_no_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_store: Callable[..., Any]
) -> None:
    for module in (opening_module, prepared_module):
        monkeypatch.setattr(module, "check_storage", lambda url: None)
    monkeypatch.setattr(opening_module, "TrialStore", lambda url, **settings: make_store())
    with open_run(SETTINGS | {"storage": "postgresql://me:secret@host/db"}, out=tmp_path / "run"):
        pass
    assert read_record(tmp_path / "run").settings.storage == "postgresql://me:***@host/db"
    assert b"secret" not in (tmp_path / "run" / "run.yaml").read_bytes()


# --- exporting --------------------------------------------------------------------------------------

# On the front the knee is trial 1, the most accurate is trial 2.
TRIALS = [
    TrialRecord(
        0,
        Architecture("mobilenet_v2", expand="reuse"),
        "complete",
        "tpe",
        Cost(params=1_000, flops=1_000),
        10.0,
    ),
    TrialRecord(
        1,
        Architecture("mobilenet_v2", expand="ghost"),
        "complete",
        "tpe",
        Cost(params=2_000, flops=2_000),
        80.0,
    ),
    TrialRecord(
        2, Architecture("mobilenet_v2"), "complete", "unmodified", Cost(params=10**6, flops=10**6), 90.0
    ),
    TrialRecord(
        3,
        Architecture("mobilenet_v2", project="reduce"),
        "failed",
        "tpe",
        Cost(params=1, flops=1),
        reason="nan",
    ),
]


@pytest.mark.parametrize(
    ("changes", "rule", "number", "said"),
    [
        ({}, None, 1, "knee"),
        (
            {"limits": {"params": 10**7}},
            None,
            2,
            "accuracy",
        ),  # within a limit on cost the rest is for accuracy
        ({"limits": {"flops": 10**9}}, None, 2, "accuracy"),
        ({"limits": {"flops": 10**9}}, "knee", 1, "knee"),
        ({"reference_accuracy": 85.0}, None, 2, "knee"),
        ({}, "accuracy", 2, "accuracy"),
        ({}, "trial=0", 0, "trial=0"),
    ],
)
def test_export_trial_picks_by_the_rule_or_by_the_limits(
    begun: Path, changes: dict[str, Any], rule: str | None, number: int, said: str
) -> None:
    record = read_record(begun)
    record = replace(record, settings=replace(record.settings, **changes))
    config = export_trial(record, TRIALS, rule, run_name="first", least=record.settings.reference_accuracy)
    picked = TRIALS[number]
    assert config.architecture == picked.architecture
    assert config.hash == architecture_hash(picked.architecture)
    assert (config.num_classes, config.input_size) == (10, 32)
    assert config.classes == tuple("0123456789")
    assert config.preprocessing is None  # of no weights yet
    cost = count(build(picked.architecture, num_classes=10, input_size=32))
    assert config.costs == cost
    origin = dict(config.origin)
    assert origin.pop("exported")
    assert origin == {
        "run": "first",
        "trial": number,
        "pick": said,
        "proposed_by": picked.origin,
        "proxy_accuracy": picked.accuracy,
        "proxy": dict(record.settings.proxy),
        "data": "digits",
        "fingerprint": record.fingerprint,
        "seed": 0,
    }


def test_export_trial_needs_a_complete_one(begun: Path) -> None:
    with pytest.raises(UserError, match=r"^pick: needs a complete trial"):
        export_trial(read_record(begun), TRIALS[3:], None, run_name="first", least=None)


def test_write_best_gives_a_file_that_builds_the_network(finished: Path) -> None:
    with open_run({}, out=finished) as run:
        best = run.write_best()
    network = cheapsearch.load(finished / "best.yaml")
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
    assert architecture_hash(network.architecture) == best.hash


# --- a time to keep ---------------------------------------------------------------------------------


def test_run_of_some_hours_trains_what_fits_and_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pilot_module, "FEWEST_TRAININGS", 1)
    jobs: list[Any] = []

    class Counting(LocalExecutor):
        def submit(self, job: Any) -> None:
            jobs.append(job)
            super().submit(job)

    given = {name: value for name, value in SETTINGS.items() if name != "budget"} | {"hours": 0.002}
    out = tmp_path / "run"
    said: list[str] = []
    with open_run(given, out=out, make_executor=Counting, say=said.append) as run:
        start = time.monotonic()
        trials = list(run.search())
        assert time.monotonic() - start < 60
        record = run.record
    pilot = record.pilot
    assert pilot is not None
    assert pilot.timed
    done = sum(trial.state in ("complete", "repeat") for trial in trials)
    assert record.settings.repeats is not None
    assert record.settings.budget == max(done, record.settings.repeats + 1)
    assert read_record(out) == record
    assert PROXY.items() <= record.settings.proxy.items()
    assert sum("largest class" in line for line in said) == 1
    assert [trial.origin for trial in trials[:2]] == ["unmodified", "preset cheap_v2"]
    assert list(pilot.accuracies.values()) == [round(trial.accuracy or 0.0, 2) for trial in trials[:2]]
    trained = [(architecture_hash(job.subject), job.seed) for job in jobs if isinstance(job, Job)]
    assert len(trained) == len(set(trained))
    # The time is up, so the same command has nothing left to do; more time has.
    with open_run({"hours": 0.0001}, out=out, make_executor=Counting) as run:
        assert list(run.search()) == []
    more = 100 * 0.002
    with open_run({"hours": more}, out=out, make_executor=Counting) as run:
        assert run.record.settings.budget > record.settings.budget
        assert next(run.search()).state in ("complete", "repeat", "duplicate", "pruned")
    with open_run({"budget": record.settings.budget}, out=out, make_executor=Counting) as run:
        assert not run.plan.timed  # who names a budget means it


def test_run_of_no_time_is_refused(tmp_path: Path) -> None:
    assert "hours: must be above 0" in refusal(tmp_path / "run", SETTINGS | {"hours": 0})
    said = refusal(tmp_path / "run", {"dataset": "digits", "workers": 0, "device": "cpu", "hours": 1e-4})
    assert "enough for 8 trainings" in said
    assert not (tmp_path / "run").exists()


def test_run_with_rungs_that_goes_on_knows_its_full_trainings(
    finished: Path, tmp_path: Path, make_result: Callable[..., TrainingResult]
) -> None:
    unmodified, out = Architecture("mobilenet_v2"), tmp_path / "two"
    with open_run(SETTINGS | {"sampler": "cost_aware", "budget": 40, "rungs": (1, 4)}, out=out):
        pass
    balanced = {"epochs": 5, "metric": "balanced_accuracy"}
    results = [
        make_result(unmodified, 97.5, epochs=5),
        make_result(replace(unmodified, width=0.5), 91.0, epochs=5),  # no network of the space
        make_result(unmodified, 95.0, epochs=5, policy=balanced),  # no accuracy
        # The longest of the search are 4 epochs of 60 images of 8 pixels at a quarter of the width: as much
        # work as 15 such images at the whole width, of which one more than 7 is half.
        make_result(unmodified, 94.0, epochs=1, train_images=8, input_size=8),
        make_result(unmodified, 96.0, epochs=1, train_images=7, input_size=8),
    ]
    for number, result in enumerate(results):
        for folder in (out, finished):
            (folder / "retrain" / str(number)).mkdir(parents=True)
            (folder / "retrain" / str(number) / "result.json").write_text(json.dumps(result.to_dict()))
    with open_run({}, out=out) as run:
        assert run.retrained.known == [(unmodified, 97.5), (unmodified, 94.0)]
        assert run.retrained.lines() == [
            "1 training in full not learnt from: of no network of the space",
            "1 training in full not learnt from: scored by balanced accuracy, not by accuracy",
            "1 training in full not learnt from: less than 0.5 of the search's longest trainings, by epochs "
            "x images x pixels x width^2",
        ]
    with open_run({}, out=finished) as run:
        assert run.retrained == FullTrainings([], {})  # it has one length, and learns from that


def test_run_with_rungs_learns_from_a_fine_tuning_of_fewer_epochs_than_its_longest_trainings(
    finished: Path, make_result: Callable[..., TrainingResult]
) -> None:
    """CIFAR-10 on a GPU: four times ten epochs at full width and size, and `finetune`, less of the same."""
    tuned = finetune_policy(45_000, 8, 32)
    assert 20 < tuned.epochs < 4 * GPU.epochs
    result = make_result(Architecture("mobilenet_v2"), 93.0, epochs=tuned.epochs)
    (finished / "retrain" / "0").mkdir(parents=True)
    (finished / "retrain" / "0" / "result.json").write_text(json.dumps(result.to_dict()))
    began = read_record(finished)
    settings = replace(began.settings, rungs=(1, 4), proxy=replace(GPU, width=1.0).to_dict())
    record = replace(began, settings=settings, train_images=45_000)
    assert full_trainings(finished, record) == FullTrainings([(Architecture("mobilenet_v2"), 93.0)], {})


def test_run_on_digits_says_that_it_has_one_length_where_the_budget_has_room_for_two(tmp_path: Path) -> None:
    said: list[str] = []
    given = SETTINGS | {"sampler": "cost_aware", "budget": 40}
    with open_run(given, out=tmp_path / "run", say=said.append) as run:
        assert run.record.settings.rungs == (1,)
    assert said == ["trainings of one length: longer ones leave networks alike on digits (else --rungs 1,4)"]
    with open_run(given | {"rungs": (1, 4)}, out=tmp_path / "two", say=said.append) as run:
        assert run.record.settings.rungs == run.plan.rungs == (1, 4)
    assert len(said) == 1
