"""A shell completes commands, flags and names, and waits for no numpy and no torch."""

import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from cheapsearch.search.cli.completion import LISTS, NAMES, SHELLS
from cheapsearch.search.cli.main import make_parser
from cheapsearch.search.data import DATASETS, HANDED
from cheapsearch.search.samplers.registry import SAMPLERS
from cheapsearch.search.tracking.tracking import TRACKERS
from cheapsearch.search.training.policy import CHOICES
from cheapsearch.search.training.proxy import Proxy
from cheapsearch.search.workers.workplace import EXECUTORS
from cheapsearch.space import BACKBONES, PRESETS

PROGRAM = "from cheapsearch.search.cli.main import main; raise SystemExit(main())"
# What a shell does when TAB is pressed, for one line after another; each answer on a line.
PRESS = """
source <(cheapsearch completion bash)
while IFS= read -r COMP_LINE; do
    COMP_POINT=${#COMP_LINE} COMP_TYPE=9 COMPREPLY=()
    read -ra COMP_WORDS <<< "$COMP_LINE"
    _python_argcomplete cheapsearch
    echo "${COMPREPLY[@]}"
done
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """With a `cheapsearch` to be found, and a folder `here` to be in."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "here" / "mine").mkdir(parents=True)
    (tmp_path / "here" / "my.yaml").touch()
    command = tmp_path / "bin" / "cheapsearch"
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -c "{PROGRAM}" "$@"\n')
    command.chmod(0o755)
    return {**os.environ, "PATH": f"{command.parent}:{os.environ['PATH']}"}


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_bash_completes_what_is_typed(environment: dict[str, str], tmp_path: Path) -> None:
    asked = {
        "cheapsearch re": {"retrain", "report", "rehearse"},
        "cheapsearch run --bu": {"--budget"},
        "cheapsearch run --backbone mobilenet_v3_s": {
            name for name in BACKBONES if name.startswith("mobilenet_v3_s")
        },
        "cheapsearch run --per-stage expand,pr": {"expand,project"},
        "cheapsearch run --per-stage expand,ex": set(),  # it is there already
        "cheapsearch run --proxy epo": {"epochs="},
        "cheapsearch train cheap_v3_k --policy pho": {"photos"},
        "cheapsearch show cheap_v3_k": {name for name in PRESETS if name.startswith("cheap_v3_k")},
        "cheapsearch show my": {"my.yaml"},
        "cheapsearch retrain mi": {"mine/"},
    }
    done = subprocess.run(
        ["bash", "-c", PRESS],
        input="\n".join([*asked, ""]),
        env=environment,
        cwd=tmp_path / "here",
        capture_output=True,
        text=True,
        check=True,
    )
    assert [set(line.split()) for line in done.stdout.splitlines()] == list(asked.values()), done.stderr


def test_completing_loads_neither_numpy_nor_torch(tmp_path: Path) -> None:
    answer = tmp_path / "answer"
    program = (
        "import os, sys\n"
        "from cheapsearch.search.cli.completion import answer\n"
        "from cheapsearch.search.cli.main import make_parser\n"
        "os._exit = lambda code: sys.exit(code)\n"
        "try: answer(make_parser())\n"
        "finally: print(*sys.modules)\n"
    )
    line = "cheapsearch run --sampler ra"
    asking = {"_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line)), "COMP_TYPE": "9"}
    asking |= {"_ARGCOMPLETE_STDOUT_FILENAME": str(answer), "_ARGCOMPLETE_IFS": "\n"}
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **asking}, capture_output=True, text=True
    )
    assert answer.read_text().strip() == "random", done.stderr
    assert not {"numpy", "torch", "optuna"} & set(done.stdout.split())


def test_names_are_those_of_the_rooms() -> None:
    assert set(NAMES["dataset"]) == set(NAMES["images"]) == set(DATASETS) - {HANDED}
    assert set(NAMES["executor"]) == set(EXECUTORS)
    assert all(set(NAMES[name]) == set(CHOICES[name]) for name in ("metric", "class_weights"))
    assert set(LISTS["sampler"]) == set(SAMPLERS)
    assert set(LISTS["track"]) == set(TRACKERS)
    assert {name.removesuffix("=") for name in LISTS["proxy"]} == {field.name for field in fields(Proxy)}


def test_names_are_of_arguments_that_there_are() -> None:
    known = {action.dest for command in make_parser().commands.values() for action in command._actions}
    assert {*NAMES, *LISTS} <= known


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_gets_a_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    from cheapsearch.search.cli.main import main

    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    word = {"bash": "complete ", "zsh": "compdef ", "fish": "complete --command "}[shell]
    assert word in script
    assert "cheapsearch" in script
