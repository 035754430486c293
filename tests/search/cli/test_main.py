"""Every command and its help, and mistakes in one line."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from cheapsearch.search.cli import presets, run
from cheapsearch.search.cli.main import COMMANDS, make_parser
from cheapsearch.space import PICKS

Refused = Callable[..., str]


def test_parser_offers_every_command() -> None:
    help_text = make_parser().format_help()
    for command in COMMANDS:
        assert re.search(rf"\n    {command}\s", help_text)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command_says_what_it_takes(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        make_parser().parse_args([command, "--help"])
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"usage: cheapsearch {command} ")


def test_help_of_export_lists_the_rules(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        make_parser().parse_args(["export", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert ", ".join(PICKS) in shown


def test_ctrl_c_before_a_search_exits_130(refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(options: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(presets, "perform", interrupted)
    assert refused("presets", code=130) == "interrupted"


@pytest.mark.parametrize(
    ("module", "arguments", "kept"),
    [
        (run, ("run", "--out", "mine"), r"mine/crash\.txt"),
        (run, ("run", "--out", "not_there"), r".*/cheapsearch-crash-\d+\.txt"),
        (presets, ("presets",), r".*/cheapsearch-crash-\d+\.txt"),
    ],
)
def test_an_unforeseen_error_is_a_line_and_a_file_with_the_traceback(
    module: ModuleType,
    arguments: tuple[str, ...],
    kept: str,
    refused: Refused,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    def breaks(options: object) -> int:
        raise KeyError("nobody thought of it")

    monkeypatch.setattr(module, "perform", breaks)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "mine").mkdir()
    line = refused(*arguments, code=1)
    assert "an unforeseen KeyError: 'nobody thought of it'" in line
    found = re.search(rf"traceback is in ({kept}): please report it$", line)
    assert found is not None
    assert "in breaks" in Path(found[1]).read_text()


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_a_terminal_that_cannot_show_a_name_gets_an_escape(tmp_path: Path, encoding: str) -> None:
    folder = os.fsdecode(b"no-\xff-\xc3\xa9")
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from cheapsearch.search.cli.main import main; raise SystemExit(main())",
            "run",
            "--dataset",
            f"{folder}/x",
        ],
        env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "1"},
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.count(b"\n") == 1
    assert (b"\\xe9" if encoding == "ascii" else b"\xc3\xa9") in done.stderr


MISTAKES: list[tuple[tuple[str, ...], str]] = [
    (
        ("train", "cheap_v2", "--policy", "foto"),
        "argument --policy: must be one of .*did you mean 'photos'\\?$",
    ),
    (("train", "cheap_v2", "--crop", "pad"), "argument --crop: must be one of .*did you mean 'padded'\\?$"),
    (("retrain", "runs/a", "--sedes", "3"), "unrecognized arguments: .*; did you mean '--seeds'\\?$"),
    ((), "the following arguments are required: COMMAND; see `cheapsearch --help`"),
    (("runn",), "must be one of run, .*, got 'runn'; did you mean 'run'\\?$"),
    (("run", "--dataset", "digit"), "--dataset: must be one of .*; did you mean 'digits'\\?"),
    (("run", "--dataset", "none.npz"), "--dataset: there is no file 'none.npz': check the path"),
    (("run", "--dataset", "no/folder"), "--dataset: there is no folder 'no/folder': check the path"),
    (("run", "--backbone", "mobilnet_v2"), "--backbone: must be one of .*; did you mean 'mobilenet_v2'\\?"),
    (("run", "--per-stage", "exapnd"), "--per-stage: must be one of .*; did you mean 'expand'\\?"),
    (("run", "--per-stage", "se"), "--per-stage: must be one of expand, project, shortcut, got 'se'"),
    (("run", "--sampler", "tpee"), "--sampler: must be one of .*; did you mean 'tpe'\\?"),
    (("run", "--objectives", "accuracy"), "--objectives: must be accuracy and at least one of params, flops"),
    (("run", "--objectives", "accuracy,latency"), "--objectives: must be one of accuracy, params, flops"),
    (("run", "--budget", "0"), "--budget: must be 1 or more, got 0"),
    (("run", "--budget", "few"), "argument --budget: invalid int value: 'few'; see `cheapsearch run --help`"),
    (("run", "--seed", "-1"), "--seed: must be from 0 to 2147483647, got -1"),
    (("run", "--hours", "1h"), "argument --hours: must be a number such as 0.5, without a unit, got '1h'"),
    (("run", "--width", "9"), "--width: must be a number from 0.25 to 2.0, got 9.0"),
    (("run", "--workers", "-1", "--dataset", "digits"), "--workers: must be 0 or more, got -1"),
    (
        ("run", "--device", "cuda:99", "--dataset", "digits"),
        "--device: must be auto or one that this machine",
    ),
    (("run", "--bugdet", "3"), "unrecognized arguments: --bugdet 3; did you mean '--budget'\\?$"),
    (("run", "--proxy", "epoch=3"), "--proxy: key: must be one of .*; did you mean 'epochs'\\?"),
    (("run", "--proxy", "epochs"), "argument --proxy: must be name=number,..., got 'epochs'"),
    (
        ("run", "--proxy", "epochs=0", "--dataset", "digits"),
        "--proxy: epochs must be a whole number from 1, got 0",
    ),
    (("run", "--epochs", "0", "--dataset", "digits"), "--proxy: epochs must be a whole number from 1, got 0"),
    (("run", "--max-params", "lots"), "argument --max-params: must be a number such as"),
    (("run", "--storage", "what", "--dataset", "digits"), "--storage: must be an Optuna storage URL"),
    (("run", "--input-size", "4", "--dataset", "digits"), "--input-size: must be at least 8 pixels, got 4"),
    (("show", "cheap_v4"), "ARCH: must be one of .*; did you mean 'cheap_v"),
    (("show", "none.yaml"), "none.yaml: must be a readable YAML file \\(No such file"),
    (("show", "cheap_v2", "--num-classes", "1"), "--num-classes: must be 2 or more, got 1"),
    (("show", "cheap_v2", "--input-size", "7"), "--input-size: must be .*8.*, got 7"),
    (("space", "--backbone", "v2"), "--backbone: must be one of "),
    (("space", "--per-stage", "last_stage"), "--per-stage: must be one of .*got 'last_stage'"),
    (("presets", "--num-classes", "0"), "--num-classes: must be 2 or more, got 0"),
    (("report", "nowhere"), "RUN: must be the folder of a run, got 'nowhere'"),
    (("export", "nowhere"), "ARCH: must be one of "),
    (("export", "cheap_v2", "--pick", "knee"), "--pick: chooses from a run folder, cheap_v2 is none"),
    (("export", "cheap_v2", "-o", "no/folder/x.yaml"), "cannot read or write no/folder/"),
]


@pytest.mark.parametrize(("arguments", "message"), MISTAKES)
def test_mistake_is_told_in_one_line_and_makes_nothing(
    refused: Refused, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    assert re.match(message, refused(*arguments).removeprefix("argument COMMAND: "))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "near"),
    [
        (("report", "runs/mobilenet_v2_digits"), "runs/mobilenet_v2-digits"),
        (("retrain", "runs/mobilenet_v2-digit"), "runs/mobilenet_v2-digits"),
        (("latency", "runs/mobilenetv2-digits"), "runs/mobilenet_v2-digits"),
        (("export", "runs/mobilenet_v2-digit"), "runs/mobilenet_v2-digits"),
        (("show", "runs/bets.yaml"), "runs/best.yaml"),
        (("predict", "runs/mobilenet_v2_digits", "digits"), "runs/mobilenet_v2-digits"),
        (("rehearse", "tabel.csv"), "table.csv"),
        (("show", "cheap_v2", "--latency-table", "tabel.csv"), "table.csv"),
        (("run", "--dataset", "photo.npz"), "photos.npz"),
        (("run", "--dataset", "digits", "--ops", "my_opps.py"), "my_ops.py"),
        (("run", "--dataset", "runs/mobilenet_v2-digts"), "runs/mobilenet_v2-digits"),
        (("export", "cheap_v2", "-o", "it.onx"), "onnx"),
    ],
)
def test_what_is_not_there_is_told_the_nearest_name(
    refused: Refused, tmp_path: Path, arguments: tuple[str, ...], near: str
) -> None:
    (tmp_path / "runs" / "mobilenet_v2-digits").mkdir(parents=True)
    for name in ("runs/best.yaml", "table.csv", "photos.npz", "my_ops.py"):
        (tmp_path / name).touch()
    assert refused(*arguments).endswith(f"; did you mean '{near}'?")
