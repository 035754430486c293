"""`cheapsearch run` as it is typed: what it prints, its exit code, and what a killed search leaves."""

import argparse
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import accumulate
from math import comb
from pathlib import Path
from shutil import copytree
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from cheapsearch.models import cost_table
from cheapsearch.search.cli.main import main, make_parser
from cheapsearch.search.cli.parser import given_workplace
from cheapsearch.search.cli.run import other_than_best, refusals, spent
from cheapsearch.search.cli.run_flags import given_settings
from cheapsearch.space import (
    COSTS,
    FLOPS_CONVENTION,
    Architecture,
    RunSettings,
    SearchSpace,
    TrialRecord,
    pareto_front,
    read_config,
)
from cheapsearch.space.agreement import rung_agreements
from cheapsearch.space.rungs import compared_rung, is_copy
from cheapsearch.space.saved_run import load_run
from cheapsearch.space.text import listed
from cheapsearch.space.verdict import foretold, verdict

TINY = ("--proxy", "epochs=1,images=60,input_size=8,width=0.25,batch_size=30", "--device", "cpu")

Call = Callable[..., tuple[int, str, str]]
Refused = Callable[..., str]


def trials_of(out: Path) -> list[TrialRecord]:
    return list(load_run(out).trials)


def parse(*arguments: str) -> argparse.Namespace:
    return make_parser().parse_args(arguments)


def given(*arguments: str) -> dict[str, Any]:
    return given_settings(parse("run", *arguments))


def test_run_gives_only_what_was_typed() -> None:
    assert given() == {}
    assert given("--out", "runs/a", "--json") == {"out": Path("runs/a")}
    assert given("--seed", "0") == {"seed": 0}
    cluster = ("--executor", "ray", "--ray-address", "a:1", "--ray-cpus", "2", "--ray-gpus", "0.25")
    place = {"executor": "ray", "ray_address": "a:1", "ray_cpus": 2.0, "ray_gpus": 0.25}
    assert given(*cluster, "--trial-timeout", "90") == place | {"trial_timeout": 90.0}
    assert given_workplace(parse("run", *cluster, "--trial-timeout", "90")) == place
    assert given_workplace(parse("retrain", "runs/a", *cluster)) == place
    assert given_workplace(parse("retrain", "runs/a")) == {}


def test_run_gives_settings_by_their_names() -> None:
    found = given(
        *("--budget", "7", "--backbone", "mobilenet_v3_small", "--width", "0.5", "--per-stage", "expand,se"),
        *("--dataset", "digits", "--data-dir", "here", "--input-size", "16"),
        *("--objectives", "accuracy, flops", "--max-params", "1.5M", "--max-flops", "30_000"),
        *("--reference-accuracy", "62.5"),
        *("--sampler", "random", "--seed", "3", "--workers", "2", "--in-flight", "5", "--device", "cpu"),
        *("--storage", "sqlite:///x.db", "--proxy", "images=60"),
    )
    settings = RunSettings.from_dict(found)
    assert found == {
        "budget": 7,
        "backbone": "mobilenet_v3_small",
        "width": 0.5,
        "per_stage": ("expand", "se"),
        "dataset": "digits",
        "data_dir": Path("here"),
        "input_size": 16,
        "objectives": ("accuracy", "flops"),
        "max_params": 1_500_000,
        "max_flops": 30_000,
        "reference_accuracy": 62.5,
        "sampler": "random",
        "seed": 3,
        "workers": 2,
        "in_flight": 5,
        "device": "cpu",
        "storage": "sqlite:///x.db",
        "proxy": {"images": 60},
    }
    resolved = found | {"data_dir": Path("here").resolve()}
    assert settings.to_dict() == RunSettings().to_dict() | resolved | {"repeats": 0}


def test_run_gives_the_epochs_beside_the_proxy() -> None:
    assert given("--epochs", "4", "--proxy", "images=60") == {"epochs": 4, "proxy": {"images": 60}}


def progress_of(printed: str) -> list[str]:
    """Trainings of trainings, of every line that begins so."""
    return re.findall(r"^(\d+/\d+)  ", printed, flags=re.MULTILINE)


def test_run_prints_progress_result_and_what_to_do_next(call: Call, tmp_path: Path) -> None:
    arguments = ("run", "--dataset", "digits", "--budget", 2, "--workers", 0, *TINY)
    code, out, err = call(*arguments)
    assert (code, err) == (0, "")
    folder = Path("runs/mobilenet_v2-digits")  # the default
    trials = trials_of(folder)
    assert out.startswith("data       digits: 10 classes")
    assert progress_of(out) == ["1/2", "2/2"]
    assert (
        f"2 architectures trained, {len(pareto_front(trials))} on the front of accuracy, params, flops" in out
    )
    for name in ("report.html", "best.yaml"):
        assert str(folder / name) in out
        assert (folder / name).is_file()
    assert f"cheapsearch show {folder / 'best.yaml'}" in out
    assert f"cheapsearch run --out {folder} --budget 4 " in out
    assert FLOPS_CONVENTION in out

    # The command it suggests goes on there; the rest is as recorded.
    code, out, err = call("run", "--out", folder, "--budget", 3, "--workers", 0)
    assert (code, err) == (0, "")
    assert "\n3/3  trial 2 " in out
    assert trials_of(folder)[:2] == trials

    # And as long as nothing is left to do, only the result is told again.
    code, out, err = call("run", "--out", folder, "--workers", 0)
    assert (code, err) == (0, "")
    assert "\n3 architectures trained, " in out

    # To confirm is to train again, and does not repeat itself.
    for _ in range(2):
        code, out, err = call("run", "--out", folder, "--confirm", 1, "--workers", 0)
        assert (code, err) == (0, "")
        assert [trial.state for trial in trials_of(folder)] == ["complete"] * 3 + ["repeat"]
        assert "\n3 architectures trained, 1 repeat, " in out
        assert "points of deviation between seeds (by 1 repeat)" in " ".join(out.split())
    for line in verdict(load_run(folder)):
        assert line in " ".join(out.split())


def test_run_within_limits_shows_their_cost_and_says_what_they_refused(call: Call) -> None:
    # The unmodified network has more than 300,000 parameters deployed, and so has one of the presets.
    arguments = ("--dataset", "digits", "--budget", 2, "--workers", 0, "--out", "here")
    code, out, err = call("run", *arguments, "--max-deploy-params", "300k", *TINY)
    assert (code, err) == (0, "")
    trials = trials_of(Path("here"))
    refused = [trial.origin for trial in trials if trial.state == "refused"]
    assert refused[0] == "unmodified"
    assert f"\n{len(refused)} refused, over --max-deploy-params: {', '.join(refused)}\n" in out
    assert "differences are to" not in out
    (header,) = re.findall("^trial  .*", out, flags=re.MULTILINE)
    assert header.split()[:6] == ["trial", "expected", "sure", "params", "flops", "deploy_params"]
    for trial in trials:
        if trial.state == "complete":
            assert f"  {COSTS['deploy_params'].format(trial.costs['deploy_params'])} deploy_params  " in out
    best = read_config(Path("here/best.yaml")).origin["trial"]
    assert f"\nbest     here/best.yaml (trial {best}, picked by accuracy, as costs are limited)\n" in out
    cheapest = load_run(Path("here")).claims.equals[0]
    assert (f"cheapsearch export here --pick trial={cheapest} -o " in out) == (cheapest != best)


@pytest.mark.parametrize(
    ("equals", "said"),
    [
        ((9, 16), []),  # it is in best.yaml
        (
            (16, 9),
            ["cheapsearch export a --pick trial=16 -o trial-16.yaml    for the cheapest of the equal ones"],
        ),
        ((16,), ["cheapsearch export a --pick trial=16 -o trial-16.yaml    for the most accurate"]),
    ],
)
def test_run_names_the_network_of_the_verdict_where_best_is_another(
    equals: tuple[int, ...], said: list[str]
) -> None:
    claims: Any = SimpleNamespace(equals=equals)
    assert list(other_than_best(claims, 9, "a")) == said


def test_refusals_count_proposals() -> None:
    trials: Any = [
        SimpleNamespace(state=state, origin=origin)
        for state, origin in (
            ("refused", "unmodified"),
            ("complete", "preset cheap_v2"),
            ("refused", "preset cheap_v3"),
            ("refused", "tpe"),
        )
    ]
    settings = RunSettings(limits={"params": 5, "flops": 6})
    run: Any = SimpleNamespace(trials=trials, record=SimpleNamespace(settings=settings))
    assert (
        refusals(run)
        == "3 refused, over --max-params or --max-flops: unmodified, preset cheap_v3, 1 proposal"
    )


@pytest.mark.parametrize(("rungs", "budget"), [((1, 3), 20), ((1, 2, 4), 24)])
def test_run_with_rungs_counts_by_length_and_says_which_counts(
    call: Call, rungs: tuple[int, ...], budget: int
) -> None:
    lengths = ("--rungs", ",".join(map(str, rungs)), "--budget", budget)
    code, out, err = call("run", "--dataset", "digits", *lengths, "--workers", 0, "--out", "here", *TINY)
    assert (code, err) == (0, "")
    trials = trials_of(Path("here"))
    paid = [int(line.split("/")[0]) for line in progress_of(out)]
    trained = [trial for trial in trials if trial.state in ("complete", "repeat") and not is_copy(trial)]
    assert paid == list(accumulate(trial.rung for trial in trained))
    assert budget - rungs[-1] < paid[-1] <= budget
    words = " ".join(out.split())
    assert f"0 of the budget of {budget} spent" in words
    epochs = listed([str(rung) for rung in rungs])
    assert f"trainings of {epochs} epochs; the front is of the longest that three networks have" in words
    networks = len({trial.hash for trial in trials})
    longer = len({trial.hash for trial in trials if trial.rung > 1})
    compared = compared_rung(trials)
    assert compared > 1
    front = len(pareto_front(trials))
    assert f"{networks} architectures trained, {longer} of them up to {rungs[-1]} times as long" in words
    assert (
        f"; {front} on the front of accuracy, params, flops, by trainings {compared} times as long as the "
        "shortest; differences are to the unmodified network"
    ) in words
    pairs = foretold(rung_agreements(trials))
    assert len(pairs) == comb(len({trial.rung for trial in trials}), 2)
    assert all(words.index(pair) > words.index("operations other than") for pair in pairs)
    too_little = (
        f"the rest is too little for one of the longest trainings: {paid[-1]} of the budget of {budget} spent"
    )
    assert (too_little in words) == (paid[-1] < budget)

    # A trial of any length can be exported.
    for rung in {trial.rung for trial in trials}:
        number = next(trial.number for trial in trials if trial.rung == rung)
        code, exported, err = call("export", "here", "--pick", f"trial={number}")
        assert (code, err) == (0, "")
        origin = yaml.safe_load(exported)["origin"]
        assert (origin["trial"], origin.get("rung")) == (number, None if rung == 1 else rung)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (RunSettings(budget=14), "3 of 14 trained"),
        (RunSettings(budget=14, rungs=(1,), confirm=2), "3 of 16 trained"),
        (RunSettings(budget=14, rungs=(1, 3)), "3 of the budget of 14 spent"),
    ],
)
def test_spent_counts_the_budget_where_lengths_differ(settings: RunSettings, said: str) -> None:
    assert spent(settings, 3, "trained") == said


def test_spent_of_a_time_alone_is_of_about_so_many() -> None:
    assert spent(RunSettings(budget=18, hours=0.5), 3, "trained", timed=True) == "3 of about 18 trained"


@pytest.mark.parametrize(("multiple", "said"), [(8, True), (4, False)])
def test_run_says_where_the_proxy_cannot_tell_architectures_apart(
    multiple: int, said: bool, call: Call
) -> None:
    proxy = f"epochs=1,images=60,input_size=8,width=0.5,batch_size=30,channel_multiple={multiple}"
    arguments = ("--dataset", "digits", "--backbone", "mobilenet_v3_small", "--budget", 1, "--workers", 0)
    code, out, _ = call("run", *arguments, "--proxy", proxy, "--device", "cpu")
    assert code == 0
    assert ("1,548 architectures are 774 networks at the proxy's width" in " ".join(out.split())) is said


def test_run_as_json_keeps_progress_out_of_the_way(call: Call, tmp_path: Path) -> None:
    code, out, err = call(
        *("run", "--dataset", "digits", "--budget", 2, "--workers", 0, "--out", "here", "--json", *TINY, "-v")
    )
    assert code == 0
    for number in (0, 1):  # what -v adds
        assert re.search(rf"study\.driver: trial {number} chosen in [0-9.]+ s: \w+", err)
        assert re.search(rf"study\.driver: trial {number} told: network \w+, proposed as .*, complete", err)
    result = json.loads(out)
    assert progress_of(err) == ["1/2", "2/2"]
    trials = trials_of(Path("here"))
    assert (result["out"], result["trained"], result["budget"]) == ("here", 2, 2)
    assert result["flops_convention"] == FLOPS_CONVENTION
    claims = load_run(Path("here")).claims
    assert (result["repeated"], result["seed_deviation"]) == (0, claims.deviation)
    assert [row["hash"] for row in result["front"]] == [trial.hash for trial in pareto_front(trials)]
    for row in result["front"]:
        assert row["front_probability"] == claims.front[row["number"]]
        assert row["expected"]["mean"] == claims.expected[row["number"]].mean
    assert tuple(result["equals"]) == claims.equals
    assert result["best"] in {row["hash"] for row in result["front"]}
    assert read_config("here/best.yaml").hash == result["best"]


def test_run_prints_paths_as_they_are(call: Call) -> None:
    """Square brackets are markup to rich, and may stand in a path."""
    out = Path("runs") / "[small]" / "[/x]"
    code, shown, err = call("run", "--dataset", "digits", "--budget", 1, "--workers", 0, "--out", out, *TINY)
    assert (code, err) == (0, "")
    assert f"report   {out / 'report.html'}" in shown
    assert f"cheapsearch run --out {shlex.quote(str(out))} --budget 2" in shown


def test_run_that_cannot_train_exits_1_with_its_trials_and_report(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: object, **settings: object) -> object:
        raise RuntimeError("CUDA error:\n out of memory")

    monkeypatch.setattr("cheapsearch.search.training.short.build", broken)
    monkeypatch.setattr("cheapsearch.search.study.driver.MAX_FAILURES", 2)
    code, _, err = call("run", "--dataset", "digits", "--workers", 0, "--out", "here", *TINY)
    assert err == (
        "cheapsearch: 2 trainings in a row failed, the last one: RuntimeError: CUDA error: out of memory; "
        "the trials so far are in here\n"
    )
    assert code == 1
    assert [trial.state for trial in trials_of(Path("here"))] == ["failed"] * 2
    assert Path("here/report.html").is_file()


def test_run_within_limits_that_nothing_keeps_names_the_cheapest(refused: Refused, tmp_path: Path) -> None:
    table = cost_table("mobilenet_v2")
    least = min(table.cost(architecture).params for architecture in SearchSpace("mobilenet_v2"))
    shown = refused("run", "--dataset", "digits", "--rungs", "1", "--max-params", "10k", *TINY)
    start = f"--max-params: must be at least {least:,}, that of the cheapest mobilenet_v2 at width 1 ("
    assert shown.startswith(start)
    sites = dict(part.split() for part in shown.removeprefix(start).partition(")")[0].split(", "))
    assert table.cost(Architecture("mobilenet_v2", 1.0, **sites)).params == least
    assert shown.endswith("got 10,000; raise it or lower --width")
    assert list(tmp_path.iterdir()) == []


def write_images(folder: Path, classes: tuple[str, ...] = ("cat", "dog")) -> None:
    for label, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for index in range(8):
            Image.new("RGB", (16, 16), (40 * label + index,) * 3).save(folder / name / f"{index}.png")


def test_run_refuses_a_damaged_archive(refused: Refused, tmp_path: Path) -> None:
    path = tmp_path / "images.npz"
    np.savez(path, train_images=np.zeros((8, 8, 8, 3), np.uint8), train_labels=np.arange(8) % 2)
    path.write_bytes(path.read_bytes()[:-100])
    shown = refused("run", "--dataset", path, "--out", "here", *TINY)
    assert shown.startswith(f"--dataset: '{path}' cannot be read (")
    assert not Path("here").exists()


def test_run_refuses_a_class_without_images(refused: Refused, tmp_path: Path) -> None:
    write_images(tmp_path / "images")
    (tmp_path / "images" / "emu").mkdir()
    shown = refused("run", "--dataset", "./images", "--out", "here", *TINY)
    assert shown.startswith("--dataset: ")
    assert "emu" in shown
    assert not Path("here").exists()


def test_run_refuses_an_image_that_cannot_be_decoded(refused: Refused, tmp_path: Path) -> None:
    write_images(tmp_path / "images")
    for path in (tmp_path / "images").glob("cat/*.png"):
        path.write_bytes(b"no image at all")
    shown = refused("run", "--dataset", "./images", "--out", "here", *TINY)
    assert shown.startswith("--dataset: ")
    assert "cat" in shown
    assert not Path("here").exists()


@pytest.mark.parametrize("below", ["file", "file/run"])
def test_run_refuses_a_folder_it_cannot_make(refused: Refused, tmp_path: Path, below: str) -> None:
    (tmp_path / "file").touch()
    shown = refused("run", "--dataset", "digits", "--out", below, *TINY)
    assert shown.startswith(f"--out: must be a folder that can be written, {below} is not (")


@pytest.mark.parametrize(
    ("name", "content"),
    [("run.yaml", "budget: ["), ("run.yaml", "- 3"), ("study.db", "no database " * 1000)],
)
def test_run_refuses_a_damaged_folder(
    refused: Refused, digits_run: Path, tmp_path: Path, name: str, content: str
) -> None:
    out = copytree(digits_run, tmp_path / "copy")
    (out / name).write_text(content)
    assert name in refused("run", "--out", out, "--budget", 9)
    assert (out / name).read_text() == content


@dataclass(frozen=True)
class Leg:
    """How one process of a run ended: exit code, output, workers, and how many trials it left."""

    code: int
    stdout: str
    stderr: str
    workers: set[int]
    trials: int


def fields(pid: int | str) -> list[str]:
    """State, parent and so on of a process, nothing of one that has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def workers_of(parent: int) -> set[int]:
    """The workers that a process has started; it may have other children."""
    found = [
        int(path.name) for path in Path("/proc").glob("[0-9]*") if fields(path.name)[1:2] == [str(parent)]
    ]
    return {pid for pid in found if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()}


def is_running(pid: int) -> bool:
    return fields(pid)[:1] not in ([], ["Z"])


def wait_until(reached: Callable[[], bool], seconds: float = 120.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if reached():
            return True
        time.sleep(0.03)
    return reached()


def count_rows(out: Path) -> int:
    try:
        return max(0, len((out / "trials.csv").read_text().splitlines()) - 1)
    except FileNotFoundError:
        return 0


def run_until(number: int, out: Path, options: tuple[str, ...], *, rows: int) -> Leg:
    """Run until a worker has started and some trials are written; then send a signal."""
    # In a session of its own, so that its process group can be sent what a terminal sends.
    with subprocess.Popen(
        [sys.executable, "-m", "cheapsearch", "run", *options, "--out", str(out)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},  # two threads wait for each other where others work
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        workers: set[int] = set()
        while process.poll() is None and not (workers and count_rows(out) >= rows):
            time.sleep(0.05)
            workers = workers or workers_of(process.pid)
        send = os.killpg if number == signal.SIGINT else os.kill
        send(process.pid, number)
        stdout, stderr = process.communicate(timeout=60)
        return Leg(process.returncode, stdout, stderr, workers, count_rows(out))


@dataclass(frozen=True)
class Story:
    """A run that was killed as its worker started, killed after a trial, and finished."""

    out: Path
    killed_early: Leg
    killed_late: Leg
    exit_code: int
    stopped_out: Path
    stopped: Leg  # another one, by Ctrl-C as its worker started
    left_by_stopped: set[int]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, digits_options: tuple[str, ...]) -> Story:
    root = tmp_path_factory.mktemp("story")
    out, stopped_out = root / "killed", root / "stopped"
    with ThreadPoolExecutor() as threads:
        ctrl_c = threads.submit(run_until, signal.SIGINT, stopped_out, digits_options, rows=0)
        killed_early = run_until(signal.SIGKILL, out, digits_options, rows=0)
        stopped = ctrl_c.result()
    left_by_stopped = {pid for pid in stopped.workers if is_running(pid)}
    killed_late = run_until(signal.SIGKILL, out, digits_options, rows=1)
    exit_code = main(["run", "--out", str(out), "--workers", "0"])  # another worker takes seconds to start
    return Story(out, killed_early, killed_late, exit_code, stopped_out, stopped, left_by_stopped)


def test_killed_run_goes_on_to_the_trials_of_an_undisturbed_one(story: Story, digits_run: Path) -> None:
    assert [leg.code for leg in (story.killed_early, story.killed_late)] == [-signal.SIGKILL] * 2
    assert story.killed_early.trials == 0
    assert 1 <= story.killed_late.trials < 4
    assert story.exit_code == 0

    # Not the number: what is killed while it is proposed loses that.
    def facts(out: Path) -> list[tuple[Any, ...]]:
        return [(t.architecture, t.rung, t.state, t.origin, t.accuracy) for t in trials_of(out)]

    assert facts(story.out) == facts(digits_run)
    numbers = [trial.number for trial in trials_of(story.out)]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] < len(numbers) + 2  # two kills
    assert len([trial for trial in trials_of(story.out) if trial.state == "complete"]) == 4
    assert read_config(story.out / "best.yaml").hash == read_config(digits_run / "best.yaml").hash


def test_killed_run_leaves_no_worker(story: Story) -> None:
    workers = story.killed_early.workers | story.killed_late.workers
    assert len(workers) == 2
    assert wait_until(lambda: not any(map(is_running, workers)), seconds=30)


def test_ctrl_c_exits_130_and_says_how_to_go_on(story: Story) -> None:
    assert story.stopped.code == 130
    *_, start = story.stopped.stdout.splitlines()
    assert start.startswith("mobilenet_v2 on digits: ")
    last_line = story.stopped.stderr.splitlines()[-1]
    assert last_line == (
        "cheapsearch: interrupted with 0 of 4 architectures trained; "
        f"go on with: cheapsearch run --out {story.stopped_out}"
    )


def test_ctrl_c_as_workers_start_is_told_in_one_line(story: Story) -> None:
    assert story.stopped.stderr.count("\n") == 1


def test_ctrl_c_leaves_no_worker_and_a_report(story: Story) -> None:
    assert len(story.stopped.workers) == 1
    assert story.left_by_stopped == set()
    assert (story.stopped_out / "report.html").is_file()
