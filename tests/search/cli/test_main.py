"""Each command as it is typed: what it prints, its exit code, and what a killed search leaves."""

import csv
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
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

import cheapsearch
from cheapsearch.models import cost_table, count
from cheapsearch.search.cli.facts import preset_facts
from cheapsearch.search.cli.main import COMMANDS, main
from cheapsearch.search.study import run as run_module
from cheapsearch.space import (
    FLOPS_CONVENTION,
    PRESETS,
    SITE_NAMES,
    Architecture,
    SearchSpace,
    TrialRecord,
    architecture_hash,
    front_probabilities,
    pareto_front,
    read_config,
    seed_noise,
    ties,
)

TINY = ("--proxy", "epochs=1,images=60,input_size=8,width=0.25,batch_size=30", "--device", "cpu")

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Call:
    """Run a command in an empty folder: its exit code, and what it printed to stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def complaint(result: tuple[int, str, str], code: int = 2) -> str:
    """The one line a command that fails prints."""
    assert result[:2] == (code, "")
    assert result[2].startswith("cheapsearch: ")
    assert result[2].endswith("\n")
    assert result[2].count("\n") == 1
    return result[2].removeprefix("cheapsearch: ").strip()


def read_trials(out: Path) -> list[TrialRecord]:
    with (out / "trials.csv").open(newline="", encoding="utf-8") as file:
        return [TrialRecord.from_row(row, backbone="mobilenet_v2", width=1.0) for row in csv.DictReader(file)]


# --- showing ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PRESETS)
def test_show_of_every_preset(call: Call, name: str) -> None:
    published = preset_facts(num_classes=100, input_size=32)["presets"][name]
    code, out, err = call("show", name, "--num-classes", 100, "--json")
    assert (code, err) == (0, "")
    facts = json.loads(out)
    assert (facts["params"], facts["flops"], facts["hash"]) == (
        *(published["params"], published["flops"]),
        architecture_hash(PRESETS[name]),
    )
    assert name in facts["same_as"]
    assert {site: part["operation"] for site, part in facts["sites"].items()} == {
        site: getattr(PRESETS[name], site) for site in SITE_NAMES
    }
    code, out, err = call("show", name, "--num-classes", 100)
    assert (code, err) == (0, "")
    assert f"params {facts['params']:,}   flops {facts['flops']:,}" in out
    assert f"hash {facts['hash']}" in out


def test_show_says_when_two_operations_are_the_same(call: Call) -> None:
    _, out, _ = call("show", "cheap_v3_k", "--num-classes", 100)
    assert "project: conv_shuffle is the same function class here as conv" in out
    _, out, _ = call("show", "cheap_v2", "--num-classes", 100)
    assert "same function class" not in out


def test_show_of_a_file_takes_its_classes_and_size_unless_told_otherwise(call: Call, tmp_path: Path) -> None:
    call("export", "mobilenet_v2", "--num-classes", 100, "-o", "v2.yaml")
    facts = json.loads(call("show", "v2.yaml", "--json")[1])
    assert (facts["num_classes"], facts["input_size"], facts["params"]) == (100, 32, 2_412_212)
    fewer = json.loads(call("show", tmp_path / "v2.yaml", "--num-classes", 10, "--json")[1])
    assert facts["params"] - fewer["params"] == 90 * (1280 + 1)  # the classifier's rows and biases


@pytest.mark.parametrize("option", ["--num-classes", "--input-size"])
@pytest.mark.parametrize("command", ["show", "export"])
def test_show_and_export_refuse_a_zero(call: Call, command: str, option: str) -> None:
    assert "got 0" in complaint(call(command, "mobilenet_v2", option, 0))


def test_space_as_json_as_text_and_drawn(call: Call, tmp_path: Path) -> None:
    code, out, err = call("space", "--json")
    assert (code, err) == (0, "")
    facts = json.loads(out)
    space, table = SearchSpace("mobilenet_v2"), cost_table("mobilenet_v2")
    assert (facts["size"], facts["distinct"]) == (space.size, space.distinct_size)
    assert list(facts["sites"]) == list(SITE_NAMES)
    unmodified = table.cost(space.unmodified)
    for name in ("params", "flops"):
        assert facts["ranges"][name]["unmodified"] == getattr(unmodified, name)
    assert facts["flops_convention"] == FLOPS_CONVENTION
    code, out, err = call("space", "--per-stage", "expand,project", "-o", str(tmp_path / "space.html"))
    assert (code, err) == (0, "")
    staged = SearchSpace("mobilenet_v2", per_stage=("expand", "project"))
    assert f"{staged.size:,} architectures, {staged.distinct_size:,} distinct networks" in out
    assert f"{staged.distinct_size:,} distinct networks" in (tmp_path / "space.html").read_text()


def test_presets_as_json_and_as_text(call: Call) -> None:
    code, out, err = call("presets", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == preset_facts(num_classes=100, input_size=32)
    code, out, err = call("presets")
    assert (code, err) == (0, "")
    for name in PRESETS:
        assert f"\n{name} " in out
    assert "2,412,212" in out  # design.md, "Presets"


# --- exporting --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cheap_v2", "cheap_v3_k"])
def test_export_prints_what_load_builds_with_the_same_costs(call: Call, tmp_path: Path, name: str) -> None:
    code, out, err = call("export", name, "--num-classes", 7, "--input-size", 16)
    assert (code, err) == (0, "")
    path = tmp_path / "printed.yaml"
    path.write_text(out, encoding="utf-8")
    config = read_config(path)
    network = cheapsearch.load(path)
    cost = count(network)
    assert config.costs == cost
    assert (config.num_classes, config.input_size) == (7, 16)
    assert network.architecture == PRESETS[name]
    assert dict(config.origin) == {"source": name}
    # Exported again it stays what it is.
    again = yaml.safe_load(call("export", path)[1])
    assert again | {"origin": None} == yaml.safe_load(out) | {"origin": None}


def test_export_writes_the_file_asked_for(call: Call, tmp_path: Path) -> None:
    code, out, err = call("export", "cheap_v2", "-o", "best.yaml")
    assert (code, out, err) == (0, "best.yaml\n", "")
    assert [path.name for path in tmp_path.iterdir()] == ["best.yaml"]
    assert read_config("best.yaml").architecture == PRESETS["cheap_v2"]


@pytest.mark.parametrize(
    ("rule", "picked"),
    [
        ("accuracy", lambda trials: max(trial.accuracy for trial in trials)),
        ("trial=2", lambda trials: trials[2].accuracy),
    ],
)
def test_export_of_a_run_picks_by_the_rule(
    call: Call, digits_run: Path, rule: str, picked: Callable[[list[TrialRecord]], float]
) -> None:
    trials = read_trials(digits_run)
    code, out, err = call("export", digits_run, "--pick", rule)
    assert (code, err) == (0, "")
    config = yaml.safe_load(out)
    origin = config["origin"]
    trial = next(trial for trial in trials if trial.number == origin["trial"])
    assert origin["proxy_accuracy"] == trial.accuracy == picked(trials)
    assert (config["hash"], config["params"], config["flops"]) == (trial.hash, *trial.costs.values())
    assert (origin["run"], origin["pick"]) == ("run", rule)


def test_export_of_a_run_picks_the_knee_unless_told_otherwise(call: Call, digits_run: Path) -> None:
    default, knee = (call("export", digits_run, *pick)[1] for pick in ((), ("--pick", "knee")))
    assert yaml.safe_load(default)["origin"]["pick"] == "knee"
    assert yaml.safe_load(default)["hash"] == yaml.safe_load(knee)["hash"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--pick", "trial=99"), "pick: trial must be a complete one, got 99"),
        (("--pick", "best"), "pick: must be one of accuracy, knee, trial=N, got 'best'"),
        (("--num-classes", "10"), "--num-classes: is the run's own; leave it out for a run folder"),
        (("--input-size", "32"), "--input-size: is the run's own; leave it out for a run folder"),
        (("-o", "no/such/folder/best.yaml"), "cannot read or write no/such/folder/"),
    ],
)
def test_export_of_a_run_refuses(
    call: Call, digits_run: Path, arguments: tuple[str, ...], message: str
) -> None:
    assert complaint(call("export", digits_run, *arguments)).startswith(message)


def test_report_writes_the_report_again(call: Call, digits_run: Path, tmp_path: Path) -> None:
    out = copytree(digits_run, tmp_path / "copy")
    (out / "report.html").unlink()
    assert call("report", out) == (0, f"{out / 'report.html'}\n", "")
    page = (out / "report.html").read_text(encoding="utf-8")
    assert page.lstrip().lower().startswith("<!doctype html>")
    for trial in read_trials(out):
        assert f"{trial.costs['params']:,}" in page or trial.hash in page


# --- searching --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("in_process")
def test_run_prints_progress_result_and_what_to_do_next(call: Call, tmp_path: Path) -> None:
    arguments = ("run", "--dataset", "digits", "--budget", 2, "--workers", 1, *TINY)
    code, out, err = call(*arguments)
    assert (code, err) == (0, "")
    folder = Path("runs/mobilenet_v2-digits")  # the default
    trials = read_trials(folder)
    assert [line.split("  ")[0] for line in out.splitlines()[1:3]] == ["1/2", "2/2"]
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
    code, out, err = call("run", "--out", folder, "--budget", 3)
    assert (code, err) == (0, "")
    assert "\n3/3  trial 2 " in out
    assert read_trials(folder)[:2] == trials

    # And as long as nothing is left to do, only the result is told again.
    code, out, err = call("run", "--out", folder)
    assert (code, err) == (0, "")
    assert "\n3 architectures trained, " in out

    # To confirm is to train again, and does not repeat itself.
    for _ in range(2):
        code, out, err = call("run", "--out", folder, "--confirm", 1)
        assert (code, err) == (0, "")
        assert [trial.state for trial in read_trials(folder)] == ["complete"] * 3 + ["repeat"]
        assert "\n3 architectures trained, 1 repeat, " in out
        assert "measured on 1 repeat and an assumed 0.84)" in out


@pytest.mark.usefixtures("in_process")
def test_run_as_json_keeps_progress_out_of_the_way(call: Call, tmp_path: Path) -> None:
    code, out, err = call(
        *("run", "--dataset", "digits", "--budget", 2, "--workers", 1, "--out", "here", "--json", *TINY)
    )
    assert code == 0
    result = json.loads(out)
    assert [line.split("  ")[0] for line in err.splitlines()[1:]] == ["1/2", "2/2"]
    trials = read_trials(Path("here"))
    assert (result["out"], result["trained"], result["budget"]) == ("here", 2, 2)
    assert result["flops_convention"] == FLOPS_CONVENTION
    chances = front_probabilities(trials)
    assert (result["repeated"], result["seed_deviation"]) == (0, seed_noise(trials).deviation)
    tied = ties(pareto_front(trials), trials)
    assert result["front"] == [
        trial.to_row() | {"front_probability": chances[trial.number], "tie": tied.get(trial.number)}
        for trial in pareto_front(trials)
    ]
    assert result["best"] in {row["hash"] for row in result["front"]}
    assert read_config("here/best.yaml").hash == result["best"]


@pytest.mark.usefixtures("in_process")
def test_run_prints_paths_as_they_are(call: Call) -> None:
    """Square brackets are markup to rich, and may stand in a path."""
    out = Path("runs") / "[small]" / "[/x]"
    code, shown, err = call("run", "--dataset", "digits", "--budget", 1, "--workers", 1, "--out", out, *TINY)
    assert (code, err) == (0, "")
    assert f"report   {out / 'report.html'}" in shown
    assert f"cheapsearch run --out {shlex.quote(str(out))} --budget 2" in shown


@pytest.mark.usefixtures("in_process")
def test_run_that_cannot_train_exits_1_with_its_trials_and_report(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: object, **settings: object) -> object:
        raise RuntimeError("CUDA error:\n out of memory")

    monkeypatch.setattr("cheapsearch.search.training.short.build", broken)
    monkeypatch.setattr("cheapsearch.search.study.driver.MAX_FAILURES", 2)
    code, _, err = call("run", "--dataset", "digits", "--workers", 1, "--out", "here", *TINY)
    assert err == (
        "cheapsearch: 2 trainings in a row failed, the last one: RuntimeError: CUDA error: out of memory; "
        "the trials so far are in here\n"
    )
    assert code == 1
    assert [trial.state for trial in read_trials(Path("here"))] == ["failed"] * 2
    assert Path("here/report.html").is_file()


def test_ctrl_c_before_a_search_exits_130(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(options: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setitem(COMMANDS, "presets", interrupted)
    assert complaint(call("presets"), code=130) == "interrupted"


# --- mistakes ---------------------------------------------------------------------------------------

MISTAKES: list[tuple[tuple[str, ...], str]] = [
    ((), "the following arguments are required: COMMAND; see `cheapsearch --help`"),
    (("runn",), "invalid choice: 'runn'"),
    (("run", "--dataset", "digit"), "--dataset: must be one of .*; did you mean 'digits'\\?"),
    (("run", "--dataset", "none.npz"), "--dataset: there is no file 'none.npz': check the path"),
    (("run", "--dataset", "no/folder"), "--dataset: there is no folder 'no/folder': check the path"),
    (("run", "--backbone", "mobilnet_v2"), "backbone: must be one of .*; did you mean 'mobilenet_v2'\\?"),
    (("run", "--per-stage", "exapnd"), "--per-stage: must be one of .*; did you mean 'expand'\\?"),
    (("run", "--per-stage", "se"), "--per-stage: must be one of expand, project, shortcut, got 'se'"),
    (("run", "--sampler", "tpee"), "--sampler: must be one of .*; did you mean 'tpe'\\?"),
    (("run", "--objectives", "accuracy"), "objectives: must be accuracy and at least one of params, flops"),
    (("run", "--objectives", "accuracy,latency"), "objectives: must be one of accuracy, params, flops"),
    (("run", "--budget", "0"), "--budget: must be 1 or more, got 0"),
    (("run", "--budget", "few"), "argument --budget: invalid int value: 'few'; see `cheapsearch run --help`"),
    (("run", "--seed", "-1"), "--seed: must be from 0 to 2147483647, got -1"),
    (("run", "--width", "9"), "width: must be a number from 0.25 to 2.0, got 9.0"),
    (("run", "--workers", "0", "--dataset", "digits"), "--workers: must be 1 or more, got 0"),
    (
        ("run", "--device", "cuda:99", "--dataset", "digits"),
        "--device: must be auto or one that this machine",
    ),
    (("run", "--bugdet", "3"), "unrecognized arguments: --bugdet 3; see `cheapsearch"),
    (("run", "--proxy", "epoch=3"), "--proxy: key: must be one of .*; did you mean 'epochs'\\?"),
    (("run", "--proxy", "epochs"), "argument --proxy: must be name=number,..., got 'epochs'"),
    (
        ("run", "--proxy", "epochs=0", "--dataset", "digits"),
        "proxy: epochs must be a whole number from 1, got 0",
    ),
    (("run", "--epochs", "0", "--dataset", "digits"), "proxy: epochs must be a whole number from 1, got 0"),
    (("run", "--max-params", "lots"), "argument --max-params: must be a number such as"),
    (("run", "--storage", "what", "--dataset", "digits"), "--storage: must be an Optuna storage URL"),
    (("run", "--input-size", "4", "--dataset", "digits"), "input_size: must be at least 8 pixels, got 4"),
    (("show", "cheap_v4"), "ARCH: must be one of .*; did you mean 'cheap_v"),
    (("show", "none.yaml"), "none.yaml: must be a readable YAML file \\(No such file"),
    (("show", "cheap_v2", "--num-classes", "1"), "num_classes: must be 2 or more, got 1"),
    (("show", "cheap_v2", "--input-size", "7"), "input_size: must be .*8.*, got 7"),
    (("space", "--backbone", "v2"), "backbone: must be one of "),
    (("space", "--per-stage", "last_stage"), "--per-stage: must be one of .*got 'last_stage'"),
    (("presets", "--num-classes", "0"), "num_classes: must be 2 or more, got 0"),
    (("report", "nowhere"), "run: must be the folder of a run, got 'nowhere'"),
    (("export", "nowhere"), "ARCH: must be one of "),
    (("export", "cheap_v2", "--pick", "knee"), "--pick: chooses from a run folder, cheap_v2 is none"),
    (("export", "cheap_v2", "-o", "no/folder/x.yaml"), "cannot read or write no/folder/"),
]


@pytest.mark.parametrize(("arguments", "message"), MISTAKES)
def test_mistake_is_told_in_one_line_and_makes_nothing(
    call: Call, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    assert re.match(message, complaint(call(*arguments)).removeprefix("argument COMMAND: "))
    assert list(tmp_path.iterdir()) == []


def test_run_within_limits_that_nothing_keeps_names_the_cheapest(call: Call, tmp_path: Path) -> None:
    table = cost_table("mobilenet_v2")
    least = min(table.cost(architecture).params for architecture in SearchSpace("mobilenet_v2"))
    shown = complaint(call("run", "--dataset", "digits", "--max-params", "10k", *TINY))
    start = f"--max-params: must be at least {least:,}, that of the cheapest mobilenet_v2 at width 1 ("
    assert shown.startswith(start)
    sites = dict(part.split() for part in shown.removeprefix(start).partition(")")[0].split(", "))
    assert table.cost(Architecture("mobilenet_v2", **sites)).params == least
    assert shown.endswith("got 10,000; raise it or lower --width")
    assert list(tmp_path.iterdir()) == []


def write_images(folder: Path, classes: tuple[str, ...] = ("cat", "dog")) -> None:
    for label, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for index in range(8):
            Image.new("RGB", (16, 16), (40 * label + index,) * 3).save(folder / name / f"{index}.png")


def test_run_refuses_a_damaged_archive(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "images.npz"
    np.savez(path, train_images=np.zeros((8, 8, 8, 3), np.uint8), train_labels=np.arange(8) % 2)
    path.write_bytes(path.read_bytes()[:-100])
    shown = complaint(call("run", "--dataset", path, "--out", "here", *TINY))
    assert shown.startswith(f"--dataset: '{path}' cannot be read (")
    assert not Path("here").exists()


def test_run_refuses_a_class_without_images(call: Call, tmp_path: Path) -> None:
    write_images(tmp_path / "images")
    (tmp_path / "images" / "emu").mkdir()
    shown = complaint(call("run", "--dataset", "./images", "--out", "here", *TINY))
    assert shown.startswith("--dataset: ")
    assert "emu" in shown
    assert not Path("here").exists()


def test_run_refuses_an_image_that_cannot_be_decoded(call: Call, tmp_path: Path) -> None:
    write_images(tmp_path / "images")
    for path in (tmp_path / "images").glob("cat/*.png"):
        path.write_bytes(b"no image at all")
    shown = complaint(call("run", "--dataset", "./images", "--out", "here", *TINY))
    assert shown.startswith("--dataset: ")
    assert "cat" in shown
    assert not Path("here").exists()


@pytest.mark.parametrize("below", ["file", "file/run"])
def test_run_refuses_a_folder_it_cannot_make(call: Call, tmp_path: Path, below: str) -> None:
    (tmp_path / "file").touch()
    shown = complaint(call("run", "--dataset", "digits", "--out", below, *TINY))
    assert shown.startswith(f"--out: must be a folder that can be written, {below} is not (")


@pytest.mark.parametrize(
    ("name", "content"),
    [("run.yaml", "budget: ["), ("run.yaml", "- 3"), ("study.db", "no database " * 1000)],
)
def test_run_refuses_a_damaged_folder(
    call: Call, digits_run: Path, tmp_path: Path, name: str, content: str
) -> None:
    out = copytree(digits_run, tmp_path / "copy")
    (out / name).write_text(content)
    assert name in complaint(call("run", "--out", out, "--budget", 9))
    assert (out / name).read_text() == content


# --- kills and Ctrl-C -------------------------------------------------------------------------------


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
def story(
    tmp_path_factory: pytest.TempPathFactory, digits_options: tuple[str, ...], in_process_pool: Any
) -> Story:
    root = tmp_path_factory.mktemp("story")
    out, stopped_out = root / "killed", root / "stopped"
    with ThreadPoolExecutor() as threads:
        ctrl_c = threads.submit(run_until, signal.SIGINT, stopped_out, digits_options, rows=0)
        killed_early = run_until(signal.SIGKILL, out, digits_options, rows=0)
        stopped = ctrl_c.result()
    left_by_stopped = {pid for pid in stopped.workers if is_running(pid)}
    killed_late = run_until(signal.SIGKILL, out, digits_options, rows=1)
    with pytest.MonkeyPatch.context() as patch:  # another worker would take seconds to start
        patch.setattr(run_module, "WorkerPool", in_process_pool)
        exit_code = main(["run", "--out", str(out)])
    return Story(out, killed_early, killed_late, exit_code, stopped_out, stopped, left_by_stopped)


def test_killed_run_goes_on_to_the_trials_of_an_undisturbed_one(story: Story, digits_run: Path) -> None:
    assert [leg.code for leg in (story.killed_early, story.killed_late)] == [-signal.SIGKILL] * 2
    assert story.killed_early.trials == 0
    assert 1 <= story.killed_late.trials < 4
    assert story.exit_code == 0

    def facts(out: Path) -> list[tuple[Any, ...]]:
        return [(t.number, t.architecture, t.state, t.origin, t.accuracy) for t in read_trials(out)]

    assert facts(story.out) == facts(digits_run)
    assert len([trial for trial in read_trials(story.out) if trial.state == "complete"]) == 4
    assert read_config(story.out / "best.yaml").hash == read_config(digits_run / "best.yaml").hash


def test_killed_run_leaves_no_worker(story: Story) -> None:
    workers = story.killed_early.workers | story.killed_late.workers
    assert len(workers) == 2
    assert wait_until(lambda: not any(map(is_running, workers)), seconds=30)


def test_ctrl_c_exits_130_and_says_how_to_go_on(story: Story) -> None:
    assert story.stopped.code == 130
    (start,) = story.stopped.stdout.splitlines()
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
