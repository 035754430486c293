"""What a person sees of full trainings, on a terminal and elsewhere."""

import io
import time
from pathlib import Path

import pytest
from rich.console import Console

from cheapsearch.search.cli.retrain_display import RetrainDisplay, name_of, waiting_lines
from cheapsearch.search.training.full import TrainingJob
from cheapsearch.search.workers.jobs import Failed, Progress, Trained
from cheapsearch.space import Architecture

JOBS = [
    TrainingJob(index, Architecture("mobilenet_v2"), 7, Path("folder"), trial=index) for index in range(3)
]


def shown(*, terminal: bool) -> tuple[Console, io.StringIO]:
    text = io.StringIO()
    return Console(file=text, force_terminal=terminal, width=100, markup=False, highlight=False), text


@pytest.mark.parametrize("terminal", [True, False])
def test_display_says_what_each_training_came_to(terminal: bool) -> None:
    console, text = shown(terminal=terminal)
    with RetrainDisplay(console, total=3, epochs=40) as display:
        display.update([], [(JOBS[0], Trained(0, 91.256, seconds=61.7))])
        display.update([], [(JOBS[2], Failed(2, "DivergedError: the training loss is nan"))])
    assert "1 of 3  trial 0, seed 7  validation 91.26 %  1 min" in text.getvalue()
    assert "2 of 3  trial 2, seed 7  failed: DivergedError: the training loss is nan" in text.getvalue()


def test_display_shows_what_is_trained_on_a_terminal() -> None:
    console, text = shown(terminal=True)
    with RetrainDisplay(console, total=3, epochs=40) as display:
        display.update([(JOBS[0], Progress(0, 12, 80.0)), (JOBS[1], Progress(1, 0, None))], [])
    assert "0 of 3 trained" in text.getvalue()
    assert "trial 0, seed 7  epoch 12 of 40  validation 80.00 %" in text.getvalue()
    assert "trial 1, seed 7  epoch 0 of 40\n" in text.getvalue().replace("\r", "")


def test_display_prints_progress_seldom_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    console, text = shown(terminal=False)
    with RetrainDisplay(console, total=3, epochs=40) as display:
        for seconds in range(0, 150, 10):
            clock[0] = float(seconds)
            display.update([(JOBS[0], Progress(0, seconds, 50.0))], [])
    # More than a minute after the start, and after the line before.
    assert [line.split()[5] for line in text.getvalue().splitlines()] == ["70", "140"]


def test_name_of_a_network_of_no_run_is_its_folder() -> None:
    assert name_of(TrainingJob(0, Architecture("mobilenet_v2"), 0, Path("runs/mine"))) == str(
        Path("runs/mine")
    )


def test_waiting_networks_are_listed_once_with_their_operations_and_seeds() -> None:
    plain, cheap = Architecture("mobilenet_v2"), Architecture("mobilenet_v2", expand="reuse")
    jobs = [
        TrainingJob(index, network, seed, Path("folder"), trial=trial)
        for index, (seed, trial, network) in enumerate([(0, 4, plain), (0, 9, cheap), (1, 9, cheap)])
    ]
    assert waiting_lines(jobs, plain) == ["trial 4  unmodified", "trial 9  expand reuse, 2 seeds"]
