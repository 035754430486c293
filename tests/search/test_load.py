"""Thousands of trials: neither time nor memory grow with each, and the report of them can be used."""

import random
import runpy
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution

from cheapsearch.models import CostTable
from cheapsearch.reports import write_report
from cheapsearch.search.study.driver import Search, run_search
from cheapsearch.search.study.plan import Plan
from cheapsearch.search.study.proposal import Result
from cheapsearch.search.study.trial_store import PROPOSAL, RESULT
from cheapsearch.space import SearchSpace, architecture_hash
from cheapsearch.space.saved_run import load_run

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.slow

SPACE = SearchSpace("mobilenet_v2", 0.25, ("expand", "project"))
PROPOSALS = 25


@pytest.mark.parametrize("rungs", [(1,), (1, 4)])
def test_a_proposal_after_thousands_of_results_takes_as_long_as_after_hundreds(
    make_plan: Callable[..., Plan],
    make_store: Callable[..., Any],
    fake_pool: Callable[..., Any],
    table: CostTable,
    rungs: tuple[int, ...],
) -> None:
    """Of all results it would take more than ten times as long."""

    def seconds(known: int) -> float:
        storage = optuna.storages.InMemoryStorage()
        store = make_store(storage, space=SPACE)
        rng, options = random.Random(0), SPACE.parameters
        distributions: Any = {name: CategoricalDistribution(ops) for name, ops in options.items()}
        for number in range(known):
            params: dict[str, Any] = {name: rng.choice(ops) for name, ops in options.items()}
            architecture = SPACE.architecture(params)
            accuracy = int(architecture_hash(architecture), 16) % 10_000 / 100
            cost = table.cost(architecture)
            store.study.add_trial(
                optuna.create_trial(
                    params=params,
                    distributions=distributions,
                    values=[accuracy, cost.params, cost.flops],
                    user_attrs={
                        PROPOSAL: {"origin": "random", "rung": rungs[number % len(rungs)]},
                        RESULT: Result("complete", accuracy).to_dict(),
                    },
                )
            )
        plan = make_plan(sampler="cost_aware", budget=100_000, rungs=rungs, in_flight=1)
        search = run_search(Search(plan, make_store(storage, space=SPACE)), fake_pool())
        for _ in range(3):  # the kernel is fitted, and all canonical forms are worked out
            next(search)
        start = time.process_time()
        for _ in range(PROPOSALS):
            next(search)
        return (time.process_time() - start) / PROPOSALS

    assert seconds(3_000) < 3 * seconds(600)


# --- a whole search of 10,000 trials, without its trainings ------------------------------------------

TRIALS, FURTHER, SETTLED = 10_000, 30, 5


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[float], list[float]]:
    """The run, and seconds of the processor and MB of memory of its last trials, as docs/load.py measures."""
    load = runpy.run_path(str(Path(__file__).parents[2] / "docs" / "load.py"))
    out = tmp_path_factory.mktemp("load") / "run"
    images = load["begin"](out, TRIALS - FURTHER, {"budget": TRIALS, "repeats": 0})
    taken, memory = [], []
    for _, seconds in load["go_on"](out, images):
        taken.append(seconds)
        memory.append(load["resident"]())
    return out, taken, memory


def test_search_of_10_000_trials_takes_neither_time_nor_memory_for_each(
    searched: tuple[Path, list[float], list[float]],
) -> None:
    _, taken, memory = searched
    assert len(taken) == FURTHER
    each = sum(taken[SETTLED:]) / (FURTHER - SETTLED)
    assert each < 2.0, f"the driver takes {each:.2f} s of the processor for a trial"
    grown = (memory[-1] - memory[SETTLED]) / (FURTHER - SETTLED)
    # Another list of all trials, kept by each, would be more than ten times as much.
    assert grown < 1.0, f"a trial takes {grown:.2f} MB"


def test_report_of_10_000_trials_is_written_in_30_seconds_and_can_be_used(
    searched: tuple[Path, list[float], list[float]], browser: "Browser"
) -> None:
    folder, _, _ = searched
    start = time.process_time()
    path = write_report(folder)
    assert time.process_time() - start < 30.0
    trials = load_run(folder).trials
    assert len(trials) == TRIALS
    page = browser.new_page()
    page.set_default_timeout(120_000)
    page.goto(path.as_uri())
    page.wait_for_selector("main:not([aria-busy])")
    page.locator("#trials thead button", has_text="params").first.click()
    first = page.locator("#trials tbody tr").first
    smallest = min(trials, key=lambda trial: trial.costs["params"])
    assert int(first.locator("button.pick").inner_text()) == smallest.number
    page.fill("#filter", smallest.hash)
    page.wait_for_function(
        "() => /^[1-9] of 10,000 shown/.test(document.querySelector('#trials-shown').textContent)"
    )
    assert str(smallest.number) in page.locator("#trials tbody button.pick").all_inner_texts()
    page.close()
