"""A network that was trained more than once has the mean accuracy."""

from dataclasses import replace

from cheapsearch.space import (
    Architecture,
    Cost,
    TrialRecord,
    accuracies,
    averaged,
    pareto_front,
)

ARCHITECTURES = [
    Architecture("mobilenet_v2", 1.0, expand=expand, last_stage=last)
    for expand in ("conv", "reuse", "ghost", "group_conv")
    for last in ("conv", "reuse")
]


def trial(number: int, which: int, accuracy: float, cost: int, state: str = "complete") -> TrialRecord:
    return TrialRecord(number, ARCHITECTURES[which], state, "random", Cost(params=cost, flops=cost), accuracy)  # type: ignore[arg-type]


FIVE = [trial(i, i, accuracy, i + 1) for i, accuracy in enumerate([50.0, 51.0, 50.5, 60.0, 59.5])]


def test_averaged_takes_the_mean_of_all_trainings() -> None:
    records = [*FIVE, trial(5, 1, 53.0, 2, "repeat"), trial(6, 1, 52.0, 2, "repeat")]
    assert [record.accuracy for record in averaged(records)] == [50.0, 52.0, 50.5, 60.0, 59.5]
    assert accuracies(records)[1] == [51.0, 53.0, 52.0]
    assert averaged(FIVE) == FIVE
    assert [record.accuracy for record in pareto_front(records)] == [50.0, 52.0, 60.0]


def test_averaged_of_every_rung_takes_the_trainings_of_each() -> None:
    records = [
        *FIVE,
        *(replace(trial(5 + i, i, 70.0 + i, i + 1), rung=4) for i in range(3)),
        trial(8, 1, 53.0, 2, "repeat"),
        replace(trial(9, 1, 73.0, 2, "repeat"), rung=4),
    ]
    assert [(found.number, found.accuracy) for found in averaged(records)] == [(5, 70), (6, 72), (7, 72)]
    every = {found.number: found.accuracy for found in averaged(records, every_rung=True)}
    assert every == {0: 50.0, 1: 52.0, 2: 50.5, 3: 60.0, 4: 59.5, 5: 70.0, 6: 72.0, 7: 72.0}
    assert accuracies(records, every_rung=True)[1] == [51.0, 53.0]
    assert accuracies(records)[6] == [71.0, 73.0]


def test_averaged_gives_a_copy_the_trainings_of_its_original() -> None:
    """Whichever of the two a repeat is of; they are one network to the proxy, at one rung."""
    copy = replace(trial(5, 5, 50.0, 9), reason="the same network to the proxy as trial 0")
    longer = replace(trial(8, 5, 70.0, 9), rung=4)
    records = [*FIVE, copy, trial(6, 0, 46.0, 1, "repeat"), trial(7, 5, 45.0, 9, "repeat"), longer]
    assert accuracies(records)[0] == accuracies(records)[5] == [50.0, 46.0, 45.0]
    means = {found.number: found.accuracy for found in averaged(records, every_rung=True)}
    assert means == {0: 47.0, 1: 51.0, 2: 50.5, 3: 60.0, 4: 59.5, 5: 47.0, 8: 70.0}
    # Without its original, as in a table that somebody cut, it has its own.
    assert accuracies(records[1:])[5] == [50.0, 45.0]
