"""What a person sees of a search, on a terminal and in a log."""

import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from cheapsearch.search.cli import search_display
from cheapsearch.search.cli.search_display import (
    SearchDisplay,
    amount,
    expected,
    front_table,
    operations,
    sure,
    time_left,
    trial_line,
)
from cheapsearch.space import Architecture, Cost, RunRecord, RunSettings, TrialRecord, text
from cheapsearch.space.claims import SURE
from cheapsearch.space.saved_run import SavedRun

UNMODIFIED = Architecture("mobilenet_v2")
BASE = TrialRecord(
    0, UNMODIFIED, "complete", "unmodified", Cost(params=2_000_000, flops=90_000_000), 60.0, 10.0
)
CHEAP = TrialRecord(
    1,
    replace(UNMODIFIED, expand="reuse"),
    "complete",
    "tpe",
    Cost(params=1_000_000, flops=45_000_000),
    58.25,
    5.0,
)
BETTER = TrialRecord(
    2,
    replace(UNMODIFIED, shortcut="reuse"),
    "complete",
    "tpe",
    Cost(params=2_100_000, flops=91_000_000),
    61.5,
    12.0,
)
WORSE = TrialRecord(
    3,
    replace(UNMODIFIED, expand="ghost"),
    "complete",
    "tpe",
    Cost(params=1_500_000, flops=60_000_000),
    40.0,
    8.0,
)
FAILED = TrialRecord(
    4,
    replace(UNMODIFIED, project="reduce"),
    "failed",
    "tpe",
    Cost(params=5, flops=6),
    None,
    1.4,
    "DivergedError: nan",
)
DUPLICATE = TrialRecord(
    5,
    replace(UNMODIFIED, project="conv_shuffle"),
    "duplicate",
    "tpe",
    Cost(params=2_000_000, flops=90_000_000),
    60.0,
    None,
    "the same network as trial 0",
)
REFUSED = TrialRecord(
    6, replace(UNMODIFIED, first_conv="reuse"), "refused", "tpe", Cost(params=9, flops=9), reason="too dear"
)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets what the display takes for the time."""
    now = [1000.0]
    monkeypatch.setattr(search_display, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def set_to(seconds: float) -> None:
        now[0] = 1000.0 + seconds

    return set_to


def make_run(
    trials: tuple[TrialRecord, ...] = (),
    budget: int = 10,
    workers: int = 1,
    rungs: tuple[int, ...] = (1,),
    seconds_left: float | None = None,
) -> Any:
    saved = saved_run(trials, rungs)
    return SimpleNamespace(
        trials=list(trials),
        saved=saved,
        known=(),
        space=saved.space,
        devices=["cpu"] * workers,
        wanted=budget,
        seconds_left=seconds_left,
    )


def saved_run(trials: Sequence[TrialRecord], rungs: tuple[int, ...] = (1,)) -> SavedRun:
    settings = RunSettings(input_size=32, workers=1, rungs=rungs)
    facts = {"fingerprint": "", "num_classes": 10, "train_images": 100, "val_images": 400}
    return SavedRun(Path("run"), RunRecord("1", "", settings, **facts), tuple(trials))  # type: ignore[arg-type]


def plain_console() -> Console:
    return Console(file=io.StringIO(), width=200)


def terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, color_system=None, width=160, height=50)


def text_of(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def rendered(view: SearchDisplay) -> str:
    console = plain_console()
    console.print(view._render())
    return text_of(console)


# --- lines ------------------------------------------------------------------------------------------


def test_display_prints_a_line_for_each_trial_where_there_is_no_terminal(
    clock: Callable[[float], None],
) -> None:
    console = plain_console()
    with SearchDisplay(console, make_run()) as view:
        for seconds, trial in ((30, BASE), (40, CHEAP), (41, FAILED), (42, DUPLICATE), (43, REFUSED)):
            clock(seconds)
            view.update(trial)
    lines = text_of(console).splitlines()
    assert [line.split()[0] for line in lines] == ["1/10", "2/10", "2/10", "2/10"]  # refusals are not told
    assert "\x1b" not in text_of(console)
    assert lines[0].startswith(
        "1/10  trial 0   60.00 %  2.000 M params  90.00 M flops  unmodified (unmodified)"
    )
    assert lines[0].endswith("10.0 s   ~ 4 min left")  # 30 seconds each, nine to go
    assert "trial 1   58.25 %  1.000 M params  45.00 M flops  expand reuse (tpe)  5.0 s" in lines[1]
    assert lines[1].endswith("~ 3 min left")  # 20 seconds each, eight to go
    assert (
        "trial 4         \N{EN DASH}  5 params  6 flops  project reduce (tpe)  1.4 s  failed: Div" in lines[2]
    )
    assert "duplicate: the same network as trial 0" in lines[3]


def test_display_shows_no_table_that_the_terminal_is_too_narrow_for() -> None:
    def shown(width: int) -> str:
        console = Console(file=io.StringIO(), width=width)
        view = SearchDisplay(console, make_run())
        view.update(BASE)
        console = Console(file=io.StringIO(), width=width)
        console.print(view._render())
        return text_of(console)

    assert "front so far" in shown(160)
    assert "unmodified network" in " ".join(shown(160).split())
    assert "front so far" in shown(40)
    assert "unmodified network" not in " ".join(shown(40).split())
    assert "\u2026" not in shown(40)


def test_display_does_not_break_long_lines() -> None:
    console = Console(file=io.StringIO(), width=30)
    with SearchDisplay(console, make_run()) as view:
        view.update(replace(FAILED, reason="a long reason " * 20))
    assert len(text_of(console).splitlines()) == 1


def test_display_prints_a_reason_as_it_is() -> None:
    """Square brackets are markup to rich, and messages of errors hold them."""
    reason = "RuntimeError: shapes [batch, channels] and [/2] do not match"
    console = plain_console()
    with SearchDisplay(console, make_run()) as view:
        view.update(replace(FAILED, reason=reason))
    assert reason in text_of(console)


def test_display_estimates_from_earlier_trials_until_one_ends(clock: Callable[[float], None]) -> None:
    # Two trials of 10 and 5 seconds; eight to go by two workers, 7.5 * 8 / 2 = 30 seconds
    view = SearchDisplay(plain_console(), make_run((BASE, CHEAP), workers=2))
    assert "~ 30.0 s left" in rendered(view)
    # As many more as there are workers in 40 seconds: six to go take 120
    clock(40)
    view.update(WORSE)
    view.update(replace(BETTER, number=7))
    assert "~ 2 min left" in rendered(view)


def test_display_has_no_estimate_before_every_worker_has_trained_once(clock: Callable[[float], None]) -> None:
    view = SearchDisplay(plain_console(), make_run(workers=2))
    clock(30)
    view.update(BASE)
    assert " left" not in rendered(view)
    clock(32)
    view.update(CHEAP)
    assert f"~ {text.duration(32 / 2 * 8)} left" in rendered(view)


LONGER = replace(CHEAP, number=7, origin="longer", rung=4, accuracy=66.0, seconds=20.0)


def test_display_counts_a_longer_training_by_its_length(clock: Callable[[float], None]) -> None:
    console = plain_console()
    with SearchDisplay(console, make_run(budget=26, rungs=(1, 4))) as view:
        for seconds, trial in ((10, BASE), (20, CHEAP), (60, LONGER)):
            clock(seconds)
            view.update(trial)
    first, second, third = text_of(console).splitlines()
    assert (first.split()[0], second.split()[0], third.split()[0]) == ("1/26", "2/26", "6/26")
    assert f"expand reuse (tpe)  {text.times(1)}  5.0 s" in second
    assert f"expand reuse (longer)  {text.times(4)}  20.0 s" in third
    assert third.endswith("~ 3 min left")  # 6 units in 60 seconds, 20 to go


def test_display_of_a_search_of_a_time_alone_says_how_much_of_it_is_left() -> None:
    view = SearchDisplay(plain_console(), make_run((BASE, CHEAP), seconds_left=180.0))
    assert view._seconds_left() == 180.0


def test_display_estimates_from_earlier_trials_by_their_length() -> None:
    # Two units in 15 seconds and four in 20: 35 / 6 seconds each; 26 - 6 to go by two workers.
    view = SearchDisplay(plain_console(), make_run((BASE, CHEAP, LONGER), budget=26, workers=2, rungs=(1, 4)))
    assert f"~ {text.duration(35 / 6 * 20 / 2)} left" in rendered(view)


def test_display_on_a_terminal_counts_the_budget_and_networks() -> None:
    trials = (BASE, CHEAP, LONGER)
    shown = rendered(SearchDisplay(terminal(), make_run(trials, budget=26, rungs=(1, 4))))
    assert "6/26 of the budget, 2 networks" in shown
    assert "architectures trained" not in shown
    assert f"front so far by trainings {text.times(1)}" in shown  # one network is longer, too few to compare
    more = tuple(
        replace(one, number=8 + n, rung=4, accuracy=65.0 + n) for n, one in enumerate((BASE, BETTER))
    )
    shown = rendered(SearchDisplay(terminal(), make_run((*trials, *more), budget=26, rungs=(1, 4))))
    assert "14/26 of the budget, 3 networks" in shown
    assert f"front so far by trainings {text.times(4)}" in shown


# --- the terminal -----------------------------------------------------------------------------------


def test_display_on_a_terminal_shows_counts_best_and_front(clock: Callable[[float], None]) -> None:
    console = terminal()
    with SearchDisplay(console, make_run(budget=5)) as view:
        clock(40)
        for trial in (BASE, CHEAP, BETTER, WORSE, FAILED, DUPLICATE, REFUSED):
            view.update(trial)
    shown = text_of(console)
    last = shown[shown.rindex("architectures trained") - 10 :]
    assert "4/5 architectures trained" in last
    assert "~ 10.0 s left" in last
    assert "1 failed   1 duplicate   1 refused" in last
    claims = saved_run((BASE, CHEAP, BETTER, WORSE)).claims
    best = max(found.mean for found in claims.expected.values())
    assert f"best {text.percent(best)} % expected   front so far" in last
    rows = {line.split()[0]: line for line in last.splitlines() if line.split()[1:3] and "%" in line}
    # Trial 3 is beaten by trial 1; the others differ from the unmodified network, trial 0.
    means = {number: found.mean for number, found in claims.expected.items()}
    assert f"({text.signed(means[1] - means[0])})" in rows["1"]
    assert "1.000 M (\N{MINUS SIGN}50 %)" in rows["1"]
    assert "45.00 M (\N{MINUS SIGN}50 %)" in rows["1"]
    assert rows["1"].rstrip().endswith("expand reuse")
    assert f"{text.percent(means[2])} ± " in rows["2"]
    assert "2.100 M (+5 %)" in rows["2"]
    assert rows["0"].rstrip().endswith("unmodified")
    assert "3" not in rows


def test_display_on_a_terminal_says_that_trainings_are_under_way() -> None:
    shown = rendered(SearchDisplay(terminal(), make_run((FAILED,))))
    assert "0/10 architectures trained" in shown
    assert "1 failed" in shown
    assert "the first trainings are under way" in shown
    assert "left" not in shown


def test_display_on_a_terminal_thins_a_long_front() -> None:
    trials = tuple(
        replace(
            BASE, number=number, accuracy=float(number), costs=Cost(params=1_000 * (number + 1), flops=1_000)
        )
        for number in range(60)
    )
    shown = rendered(SearchDisplay(terminal(), make_run(trials, budget=60)))
    # Every fifth of 60 makes the twelve rows there is room for.
    assert "front so far, 12 of 60 shown" in shown
    rows = [line.split()[0] for line in shown.splitlines() if line.rstrip().endswith(" unmodified")]
    assert rows == [str(number) for number in range(0, 60, 5)]
    short = rendered(SearchDisplay(terminal(), make_run(trials[:12], budget=60)))
    assert "shown" not in short


def test_display_ends_the_terminal_s_live_part_on_an_error() -> None:
    console = terminal()
    with pytest.raises(KeyboardInterrupt), SearchDisplay(console, make_run()):
        raise KeyboardInterrupt
    assert "\x1b[?25h" in text_of(console)  # the cursor is back


# --- pieces -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(None, ""), (-1.0, ""), (0, ""), (0.6, "   ~ 0.6 s left"), (600, "   ~ 10 min left")],
)
def test_time_left_is_empty_where_it_is_not_known_or_over(seconds: float | None, shown: str) -> None:
    assert time_left(seconds) == shown


def test_operations_names_what_differs_from_the_unmodified_network() -> None:
    assert operations(UNMODIFIED, UNMODIFIED) == "unmodified"
    mixed = Architecture("mobilenet_v2", expand=("conv", "reuse") * 3 + ("conv",), last_stage="reuse")
    assert operations(mixed, UNMODIFIED) == "expand conv|reuse|conv|reuse|conv|reuse|conv, last_stage reuse"


def test_operations_leaves_out_a_site_without_a_choice() -> None:
    assert "se" not in operations(Architecture("mobilenet_v2", expand="reuse"), UNMODIFIED).split()
    small = Architecture("mobilenet_v3_small")
    assert operations(replace(small, se="none"), small) == "se none"


def test_amount_is_told_with_their_difference_to_the_unmodified_network() -> None:
    assert amount("params", CHEAP, BASE) == "1.000 M (\N{MINUS SIGN}50 %)"
    assert amount("flops", BETTER, BASE) == "91.00 M (+1 %)"
    assert amount("params", BASE, BASE) == amount("params", BASE, None) == "2.000 M"
    assert (
        amount("params", replace(CHEAP, costs=Cost(flops=1)), BASE) == "\N{EN DASH}"
    )  # an older file's trial


def test_expected_is_told_with_its_interval_and_difference() -> None:
    claims = saved_run((BASE, CHEAP, BETTER)).claims
    own, base = claims.expected[1], claims.expected[0]
    half = f"{text.percent(own.mean)} ± {(own.high - own.low) / 2:.1f} %"
    assert expected(CHEAP, BASE, claims) == f"{half} ({text.signed(own.mean - base.mean)})"
    assert expected(CHEAP, None, claims) == half
    assert "(" not in expected(BASE, BASE, claims)


def test_sure_calls_the_cheapest_by_its_name() -> None:
    far = replace(CHEAP, accuracy=20.0)
    claims = saved_run((BASE, far)).claims
    assert sure(1, claims, {}) == "cheapest"
    assert claims.front[0] >= SURE
    assert sure(0, claims, {}) == f"{100 * claims.front[0]:.0f} %"
    assert sure(0, claims, {0: 1}).endswith(" % ~ 1")


def test_trial_line_holds_what_is_known() -> None:
    assert trial_line(CHEAP, UNMODIFIED) == (
        "trial 1   58.25 %  1.000 M params  45.00 M flops  expand reuse (tpe)  5.0 s"
    )
    assert trial_line(REFUSED, UNMODIFIED) == (
        "trial 6         \N{EN DASH}  9 params  9 flops  first_conv reuse (tpe)  refused: too dear"
    )


def test_trial_line_says_the_length_where_there_are_several() -> None:
    assert trial_line(LONGER, UNMODIFIED, several=True) == (
        f"trial 7   66.00 %  1.000 M params  45.00 M flops  expand reuse (longer)  {text.times(4)}  20.0 s"
    )
    assert trial_line(CHEAP, UNMODIFIED, several=True).endswith(f"expand reuse (tpe)  {text.times(1)}  5.0 s")


def test_front_table_without_the_unmodified_network_shows_no_differences() -> None:
    console = plain_console()
    run = saved_run([CHEAP, FAILED])
    console.print(front_table(run))
    assert "(" not in text_of(console)
    assert text.percent(run.claims.expected[1].mean) in text_of(console)
