"""What a run comes to is said in sentences, the most important first."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cheapsearch.space import Architecture, Cost, RunRecord, RunSettings, TrialRecord
from cheapsearch.space.agreement import RungAgreement, rank_agreement
from cheapsearch.space.pilot_record import PilotRecord
from cheapsearch.space.saved_run import SavedRun
from cheapsearch.space.search_space import SearchSpace
from cheapsearch.space.text import many, percent, signed, times
from cheapsearch.space.validation_file import Validation
from cheapsearch.space.verdict import against, foretold, verdict

IMAGES = 400
LABELS = np.repeat(np.arange(4), (160, 80, 80, 80))
NETWORKS = list(SearchSpace("mobilenet_v2").distinct())
RECORD = RunRecord("1", "", RunSettings(input_size=32, workers=1), "", 4, 1000, IMAGES)


def run(accuracies: list[float], *, repeats: int = 0, spread: float = 0.0, **changes: object) -> SavedRun:
    """Networks that are right about images by chance, dearer by number."""
    rng = np.random.default_rng(0)

    def trial(number: int, which: int, state: str) -> TrialRecord:
        right = rng.random(IMAGES) < (accuracies[which] + spread * rng.normal()) / 100
        cost = Cost(params=which + 1, flops=which + 1)
        accuracy = 100 * float(right.mean())
        found = TrialRecord(number, NETWORKS[which], state, "random", cost, accuracy)  # type: ignore[arg-type]
        return replace(found, right=np.packbits(right).tobytes())

    trials = [trial(number, number, "complete") for number in range(len(accuracies))]
    trials += [trial(len(trials) + n, n % len(accuracies), "repeat") for n in range(repeats)]
    known = {found.number: found.right for found in trials}
    record = replace(RECORD, **changes)  # type: ignore[arg-type]
    return SavedRun(Path("run"), record, tuple(trials), Validation(LABELS, known))


def test_equal_networks_are_said_first_with_the_cheapest() -> None:
    saved = run([70.0] * 10, repeats=5)
    lines = verdict(saved)
    assert saved.claims.signal < 0.5
    assert lines[0].startswith("this proxy does not tell these networks apart: ")
    assert set(saved.claims.equals) == set(range(10))
    said = "with 400 validation images these 10 networks are equal; the cheapest is trial 0"
    assert lines[1].startswith(said)


def test_networks_far_apart_have_one_that_is_surely_the_best() -> None:
    lines = verdict(run([50.0, 60.0, 90.0]))
    assert lines[0].startswith("trial 2 is surely the most accurate of 3 networks: ")


def test_claims_of_trainings_shorter_than_the_longest_say_so() -> None:
    saved = run([50.0, 60.0, 70.0, 90.0])
    assert not any("longer ones" in line for line in verdict(saved))
    again = [replace(trial, number=4 + trial.number, rung=4) for trial in saved.trials[:3]]
    for count in (1, 2):
        lines = verdict(replace(saved, trials=(*saved.trials, *again[:count])))
        assert lines[0].startswith("trial 3 is surely the most accurate of 4 networks: ")
        said = f"all this is of trainings {times(1)}; longer ones, of {many(count, 'network')}, are too few"
        assert lines[1] == f"{said} to compare"
    longest = verdict(replace(saved, trials=(*saved.trials, *again)))
    assert "trial 6 " in longest[0], "three are enough"
    assert not any("longer ones" in line for line in longest)


def test_one_network_alone_is_not_surely_the_best() -> None:
    saved = run([90.0])
    mean = saved.claims.expected[0].mean
    (line,) = verdict(saved)
    assert line.startswith(f"trial 0 is the only network so far: {percent(mean)} % expected")


def test_what_is_worth_nothing_is_the_user_s_word_or_the_largest_class() -> None:
    saved = run([60.0])
    assert saved.worthless == pytest.approx(100 * np.bincount(LABELS).max() / IMAGES)
    named = replace(RECORD.settings, reference_accuracy=75.0)
    assert run([60.0], settings=named).worthless == 75.0
    assert replace(saved, validation=None).worthless is None


def test_some_networks_are_not_surely_worse() -> None:
    saved = run([45.0, 90.0, 90.0, 90.0, 50.0])
    equals = saved.claims.equals
    assert 1 < len(equals) < 5
    assert verdict(saved)[0].startswith(
        f"with 400 validation images {len(equals)} of 5 networks are not surely worse than the most "
        f"accurate; the cheapest of them is trial {equals[0]}: "
    )


def test_nothing_better_than_the_largest_class_is_said_first() -> None:
    assert verdict(run([40.0, 41.0, 39.0]))[0] == (
        "no network is surely better than answering always the largest class (40.00 %)"
    )


def test_a_proxy_that_teaches_nothing_is_said() -> None:
    pilot = PilotRecord(9, 1.0, 10.0, {48: 100.0}, {"unmodified": 41.0}, 40.0, False, 0)
    saved = run([60.0, 70.0], pilot=pilot)
    assert any("hardly more than" in line for line in verdict(saved))
    longer = replace(saved, trials=tuple(replace(trial, rung=4) for trial in saved.trials))
    assert not any("hardly more than" in line for line in verdict(longer)), "the pilot's networks had less"


def test_the_best_observed_is_said_to_owe_something_to_luck() -> None:
    saved = run([70.0] * 12, repeats=4)
    (line,) = [line for line in verdict(saved) if "luck" in line]
    assert f"owes about {saved.claims.luck:.1f} points to luck" in line


def test_without_a_complete_trial_nothing_is_said() -> None:
    assert verdict(replace(run([70.0]), trials=())) == []


@pytest.mark.parametrize("name", ["mobilenet_v2_paper"])
def test_against_names_what_the_published_network_costs(name: str) -> None:
    record = replace(RECORD, published={name: {"params": 2_000_000, "flops": 1}, "cheap_v2": {"params": 1}})
    (line,) = against(record)
    assert f"{name} costs 2.000 M params, 1 flops" in line


def test_architectures_here_differ() -> None:
    assert len(set(NETWORKS)) == len(NETWORKS)
    assert Architecture("mobilenet_v2") in NETWORKS


def test_foretold_says_a_line_for_each_pair_of_lengths() -> None:
    ranks = rank_agreement([50, 49, 51], [60, 59, 63])
    assert ranks is not None
    pairs = [RungAgreement(1, 4, 3, 10.66, ranks), RungAgreement(1, 16, 1, -2.0, None)]
    few, one = foretold(pairs)
    low, high = ranks.kendall.low, ranks.kendall.high
    said = (
        f"trainings {times(1)} and {times(4)} of 3 networks: Kendall's tau 1.00 ({low:.2f} to {high:.2f}), "
    )
    assert few.startswith(said)
    assert "95 % intervals (so few networks say little)" in few
    assert few.endswith("the longer gained +10.7 points in the mean")
    assert one.startswith(f"trainings {times(1)} and {times(16)} of 1 network: too few")
    assert one.endswith(f"gained {signed(-2.0)} points in the mean")
    many = rank_agreement(range(12), range(12))
    assert "so few" not in foretold([RungAgreement(1, 4, 12, 1.0, many)])[0]
