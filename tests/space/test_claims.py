"""What is claimed of networks, against networks whose true accuracies are known.

CHEAPSEARCH_EXAMPLES says how many searches each cell of the simulation has.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from math import exp, log, sqrt

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from cheapsearch.space import accuracies, pareto_front
from cheapsearch.space.claims import Claims, Expected

SEARCHES = int(os.environ.get("CHEAPSEARCH_EXAMPLES", "16"))
OBJECTIVES = ("accuracy", "ms")


@dataclass(frozen=True)
class Network:
    number: int
    hash: str
    accuracy: float
    costs: dict[str, float]
    state: str = "complete"
    right: bytes = b""
    origin: str = "random"
    reason: str = ""
    rung: int = 1


# Simulated networks. One is right about an image where the sum of these is above 0: its level, how easy the
# image is, how the image suits the network, how the training's seed suits it, and chance.
EASE, SUITS = 1.2, 0.6  # deviations; that of chance is 1
LATENT = sqrt(1 + EASE**2 + SUITS**2)


@dataclass(frozen=True)
class Cell:
    """Searches that are alike.

    Attributes:
        images: Validation images.
        classes: Of which one guessed at random is right, at the least.
        accuracy: Of a network of the middle, in percent.
        spread: Deviation between the networks' true accuracies in points, None for 0.5 to 10.
        seeds: Deviation between seeds beyond the chance of single images in points, None for 0.3 to 2.5.
        networks: Trained.
        repeats: Further trainings, of two fixed networks and then of the most unsettled.
        hopeless: Share of the networks that are right by chance.
        short: Points by which claims are true more rarely than they say, beyond what any cell is allowed.
        long: Points by which they are true more often.
    """

    images: int
    classes: int
    accuracy: float
    spread: float | None
    seeds: float | None
    networks: int
    repeats: int
    hopeless: float = 0.0
    short: float = 0.0
    long: float = 0.0


class Search:
    """One search of a cell: `claims`, and what is `true` of each network in percent."""

    def __init__(self, cell: Cell, rng: np.random.Generator) -> None:
        self._rng, self._cell, self._chance = rng, cell, 1 / cell.classes
        spread = exp(rng.uniform(log(0.5), log(10))) if cell.spread is None else cell.spread
        seeds = exp(rng.uniform(log(0.3), log(2.5))) if cell.seeds is None else cell.seeds
        middle = ndtri((cell.accuracy / 100 - self._chance) / (1 - self._chance))
        slope = 100 * (1 - self._chance) * exp(-(middle**2) / 2) / sqrt(2 * np.pi) / LATENT
        levels = middle * LATENT + spread / slope * rng.standard_normal(cell.networks)
        levels[rng.random(cell.networks) < cell.hopeless] = -6.0
        self._seeds = seeds / slope
        ease = EASE * rng.standard_normal(cell.images)
        suits = SUITS * rng.standard_normal((cell.networks, cell.images))
        self._latent = (levels[:, None] + ease + suits).astype(np.float32)
        # The sum's other parts are normal, so the share of images and seeds above 0 is known.
        right = ndtr(levels / sqrt(LATENT**2 + self._seeds**2))
        self.true = 100 * (self._chance + (1 - self._chance) * right)
        self.costs = rng.permutation(cell.networks)
        self.trials = [self._train(number, "complete") for number in range(cell.networks)]
        for repeat in range(cell.repeats):
            unsettled = self.trials[repeat] if repeat < 2 else self._claims().most_unsettled(self.trials, {})
            assert unsettled is not None
            self.trials.append(self._train(unsettled.number, "repeat"))
        self.claims = self._claims()

    def _claims(self) -> Claims:
        return Claims.of(self.trials, OBJECTIVES, images=self._cell.images)

    def _train(self, number: int, state: str) -> Network:
        rng, images = self._rng, self._cell.images
        seed = np.float32(self._seeds * rng.standard_normal())
        right = self._latent[number] + seed + rng.standard_normal(images, dtype=np.float32) > 0
        right |= rng.random(images, dtype=np.float32) < self._chance
        accuracy, bits = 100 * float(right.mean()), np.packbits(right).tobytes()
        cost = {"ms": float(self.costs[number])}
        new = number if state == "complete" else len(self.trials)
        return Network(new, str(number), accuracy, cost, state, bits)

    def statements(self) -> Iterator[tuple[str, float, bool]]:
        """Kind, stated probability from 0.5 on, and whether it is so."""
        claims, true = self.claims, self.true
        pairs = np.argwhere(np.triu(np.ones((len(true), len(true))), 1))
        for a, b in self._rng.permutation(pairs)[:60]:
            yield ("pair", *_stated(claims.better(a, b), bool(true[a] > true[b])))
        members = pareto_front(self.trials, OBJECTIVES)
        tied = claims.ties(members)
        for cheaper, member in pairwise(members):
            a, b = member.number, cheaper.number
            stated, so = _stated(claims.better(a, b), bool(true[a] > true[b]))
            yield ("rival", stated, so)
            assert (a in tied) == (claims.better(a, b) < 0.95)
        for number, chance in claims.front.items():
            rivals = true[self.costs < self.costs[number]]
            if rivals.size:
                yield ("front", *_stated(chance, bool(true[number] > rivals.max())))
        for number, expected in claims.expected.items():
            yield ("interval", 0.95, expected.low < true[number] < expected.high)


def _stated(chance: float, so: bool) -> tuple[float, bool]:
    return (chance, so) if chance >= 0.5 else (1 - chance, not so)


@dataclass(frozen=True)
class Tally:
    """Claims of a kind: their number, their mean probability and the true share in percent, and its error."""

    count: int
    stated: float
    true: float
    error: float


def tallies(cell: Cell, searches: int, seed: int = 0) -> dict[tuple[str, str], Tally]:
    """By kind, and the band of probability or all above it, of the claims of so many searches.

    The error is that of claims which hold or fail together within a search, and of single ones at the least.
    """
    rng = np.random.default_rng(seed)
    rows = [(search, *row) for search in range(searches) for row in Search(cell, rng).statements()]
    found = {}
    for kind in ("pair", "rival", "front", "interval"):
        of_kind = np.array([(s, p, so) for s, k, p, so in rows if k == kind], dtype=float).reshape(-1, 3)
        for band, low, high in (("93 to 97", 0.93, 0.97), ("95 and more", 0.95, 1.0)):
            some = of_kind[(of_kind[:, 1] >= low) & (of_kind[:, 1] <= high)]
            if not len(some):
                found[kind, band] = Tally(0, 95.0, 95.0, 0.0)
                continue
            stated, true = some[:, 1].mean(), some[:, 2].mean()
            sums = np.bincount(some[:, 0].astype(int), some[:, 2] - some[:, 1])
            single = sqrt(len(some) * stated * (1 - stated))
            error = max(single, sqrt(float(np.sum(sums**2)))) / len(some)
            found[kind, band] = Tally(len(some), 100 * stated, 100 * true, 100 * error)
    return found


# Deviations between seeds are drawn, as a search does not know them. Where one is fixed and the repeats few,
# the prior still counts: claims say too much where seeds are three times as far apart as it has it, or more,
# and too little where they are as it has it, or less.
CELLS = {
    "341 images": Cell(341, 10, 60, None, None, 24, 3),
    "2,000 images": Cell(2000, 10, 50, None, None, 24, 3),
    "10,000 images": Cell(10000, 10, 70, None, None, 16, 3),
    "2 classes": Cell(2000, 2, 80, 1.5, None, 24, 3),
    "100 classes": Cell(10000, 100, 30, 1.5, None, 16, 3),
    "many repeats": Cell(2000, 10, 50, 1.5, None, 40, 5),
    "few images": Cell(288, 2, 75, 1.5, 1.0, 24, 3),
    "few errors": Cell(288, 2, 95, 1.5, 0.5, 12, 2),
    "97 %": Cell(2000, 10, 97, 1.0, 0.3, 24, 3, long=3),
    "99 %": Cell(10000, 10, 99, 0.3, 0.1, 12, 3, long=3),
    "wide": Cell(2000, 10, 70, 10.0, None, 12, 2),
    "narrow": Cell(2000, 10, 42, 0.5, 0.84, 24, 3),
    "hopeless": Cell(2000, 10, 60, 1.5, None, 30, 3, hopeless=0.2),
    "as assumed": Cell(2000, 10, 42, 1.5, 0.6, 40, 4, long=1),
    "quiet seeds": Cell(2000, 10, 42, 1.5, 0.3, 24, 3, long=3),
    "noisy seeds, 2,000": Cell(2000, 10, 42, 3.0, 2.5, 24, 5, short=7),
    "noisy seeds, 10,000": Cell(10000, 10, 70, 3.0, 2.5, 16, 3, short=7),
    "noisy seeds, 341": Cell(341, 10, 42, 10.0, 2.5, 24, 4, short=3),
}
EQUAL = [Cell(2000, 10, 42, 0.0, 0.84, 24, 3), Cell(341, 10, 60, 0.0, 1.5, 12, 3)]


@pytest.mark.parametrize("name", CELLS)
def test_claims_are_true_as_often_as_they_say(name: str) -> None:
    cell = CELLS[name]
    for (kind, band), found in tallies(cell, SEARCHES).items():
        allowed = 3.0 if kind == "interval" else 2.0
        least = found.stated - max(allowed + cell.short, 3 * found.error)
        most = 100.0 if band == "95 and more" else found.stated + max(allowed + cell.long, 3 * found.error)
        print(f"{name}, {kind}, {band}: {found}")  # docs/proxy.md has a table of these
        assert least <= found.true <= most, f"{kind}, {band}: {found}"


@pytest.mark.parametrize("images", [0, 500])
def test_shorter_trainings_say_how_far_seeds_deviate_too(images: int) -> None:
    longer = [replace(network(i, 60.0 + i, i), rung=4) for i in range(6)]
    short = [network(10 + i, 50.0 + i, i) for i in range(6)]

    def with_repeats(apart: float) -> Claims:
        again = [replace(network(20 + i, 50.0 + i + apart, i), state="repeat") for i in range(3)]
        hashed = [replace(trial, hash=f"same {trial.number % 10}") for trial in (*longer, *short, *again)]
        return Claims.of(hashed, OBJECTIVES, images=images)

    without = Claims.of([*longer, *short], OBJECTIVES, images=images)
    near, far = with_repeats(0.1), with_repeats(6.0)
    assert set(near.expected) == {trial.number for trial in longer}
    assert (without.repeats, near.repeats, far.repeats) == (0, 3, 3)
    assert near.deviation < without.deviation < far.deviation
    assert far.better(5, 0) < near.better(5, 0)


@pytest.mark.slow
def test_of_claims_that_are_95_percent_sure_93_to_97_percent_are_true() -> None:
    """Whatever the images, classes and accuracies, where nobody knows how far seeds deviate."""
    searches = max(SEARCHES, 160)
    found = [tallies(cell, searches) for cell in CELLS.values() if cell.seeds is None]
    for kind in ("pair", "rival"):
        near = [of_cell[kind, "93 to 97"] for of_cell in found]
        counts = [tally.count for tally in near]
        assert sum(counts) > 200
        assert 93 <= np.average([tally.true for tally in near], weights=counts) <= 97, kind


@pytest.mark.parametrize("name", ["2,000 images", "2 classes", "hopeless"])
def test_claims_of_very_many_networks_are_as_true(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are not compared pair by pair."""
    for module in ("measured", "posterior"):
        monkeypatch.setattr(f"cheapsearch.space.{module}.PAIRED", 2)
    test_claims_are_true_as_often_as_they_say(name)


def test_much_is_claimed_of_networks_that_are_far_apart() -> None:
    rng = np.random.default_rng(2)
    searches = [Search(replace(CELLS["wide"], seeds=0.6), rng) for _ in range(SEARCHES)]
    claimed = [p >= 0.95 for search in searches for kind, p, _ in search.statements() if kind == "pair"]
    # So often they are 4 points apart, which is about four times what chance does.
    assert np.mean(claimed) > 2 * ndtr(-4 / (10 * sqrt(2)))
    assert np.mean([search.claims.signal for search in searches]) > 0.95


def test_hopeless_networks_say_nothing_of_how_far_apart_the_others_are() -> None:
    rng = np.random.default_rng(3)
    good = [network(i, 60 + rng.standard_normal(), i) for i in range(24)]
    again = [network(50 + i, good[i].accuracy + 1.4, i, "repeat", i) for i in range(6)]
    hopeless = [network(30 + i, 10 + 0.1 * i, i) for i in range(6)]
    alone, beside = (Claims.of([*good, *more, *again], OBJECTIVES) for more in ([], hopeless))
    best, worst = (one.number for one in (max(good, key=_accuracy), min(good, key=_accuracy)))
    assert alone.luck > 0.5
    assert beside.luck == pytest.approx(alone.luck, abs=0.1)
    assert beside.better(best, worst) == pytest.approx(alone.better(best, worst), abs=0.04)
    assert beside.signal == pytest.approx(alone.signal, abs=0.04)
    assert beside.better(worst, 30) > 0.999


def _accuracy(of: Network) -> float:
    return of.accuracy


@pytest.mark.parametrize("cell", EQUAL, ids=str)
def test_of_networks_that_are_equal_little_is_claimed(cell: Cell) -> None:
    rng = np.random.default_rng(1)
    searches = [Search(cell, rng) for _ in range(SEARCHES)]
    claimed = [p >= 0.95 for search in searches for kind, p, _ in search.statements() if kind == "pair"]
    assert np.mean(claimed) < 0.02  # a test of each pair by itself would claim it of 10 %
    assert np.mean([len(search.claims.equals) / cell.networks for search in searches]) > 0.95
    assert np.mean([search.claims.signal for search in searches]) < 0.3
    luck = [search.claims.luck for search in searches]
    best = [max(np.mean(runs) for runs in accuracies(search.trials).values()) for search in searches]
    assert np.mean(luck) == pytest.approx(np.mean(best) - cell.accuracy, abs=1.0)


def network(number: int, accuracy: float, cost: float, state: str = "complete", of: int = -1) -> Network:
    return Network(number, str(number if of < 0 else of), accuracy, {"ms": cost, "mb": -cost}, state)


FIVE = [network(i, accuracy, i) for i, accuracy in enumerate([50.0, 51.0, 50.5, 60.0, 59.5])]

TWICE = [*FIVE, network(5, 50.3, 0, "repeat", 0), network(6, 60.5, 3, "repeat", 3)]


def test_of_no_trials_nothing_is_claimed() -> None:
    claims = Claims.of([replace(FIVE[0], state="failed")], OBJECTIVES)
    assert (claims.front, claims.expected, claims.equals, claims.cheapest) == ({}, {}, (), frozenset())
    assert (claims.luck, claims.signal, claims.gap, claims.repeats) == (0.0, 0.0, 0.0, 0)
    assert claims.ties([]) == {}
    assert claims.most_unsettled([], {}) is None


def test_one_network_is_expected_where_it_was_measured() -> None:
    claims = Claims.of(FIVE[:1], OBJECTIVES, images=2000)
    assert claims.front == {0: 1.0}
    assert claims.cheapest == {0}
    assert claims.equals == (0,)
    assert claims.luck == pytest.approx(0.0, abs=1e-9)
    expected = claims.expected[0]
    assert expected.mean == pytest.approx(50.0)
    assert expected.low < 49 < 51 < expected.high


def test_claims_are_the_same_each_time() -> None:
    assert Claims.of(FIVE, OBJECTIVES) == Claims.of(FIVE, OBJECTIVES)


def test_front_looks_at_the_costs_of_the_objectives() -> None:
    by_ms, by_both = (Claims.of(TWICE, objectives) for objectives in (OBJECTIVES, ("accuracy", "ms", "mb")))
    assert by_ms.cheapest == {0}
    assert by_both.cheapest == set(by_both.front) == {0, 1, 2, 3, 4}
    assert set(by_both.front.values()) == {1.0}
    assert by_ms.front[3] > 0.95 > by_ms.front[1] > by_ms.front[2] > 0.01
    assert by_ms.front[4] == pytest.approx(by_ms.better(4, 3), abs=0.01)
    assert by_ms.better(3, 4) == pytest.approx(1 - by_ms.better(4, 3))


def test_equals_and_ties_name_those_that_chance_may_have_ordered() -> None:
    assert Claims.of([*TWICE, network(9, 59.8, 0.5)], OBJECTIVES).equals == (9, 3, 4)
    front = pareto_front(TWICE, OBJECTIVES)
    assert [member.number for member in front] == [0, 1, 3]
    assert Claims.of(TWICE, OBJECTIVES).ties(front) == {1: 0}
    again = [network(10 + i, FIVE[i % 2].accuracy, i % 2, "repeat", i % 2) for i in range(16)]
    settled = Claims.of([*TWICE, *again], OBJECTIVES)
    assert settled.ties(pareto_front([*TWICE, *again], OBJECTIVES)) == {}


def test_seeds_that_nobody_measured_leave_more_in_doubt() -> None:
    once, twice = Claims.of(FIVE, OBJECTIVES), Claims.of(TWICE, OBJECTIVES)
    assert (once.repeats, twice.repeats) == (0, 2)
    assert once.gap > 1.5 * twice.gap
    assert 0.5 < once.front[3] < twice.front[3]


def test_most_unsettled_is_as_likely_on_the_front_as_not() -> None:
    claims = Claims.of(FIVE, OBJECTIVES)
    first = claims.most_unsettled(FIVE, {})
    assert first in (FIVE[1], FIVE[2], FIVE[4])
    assert claims.most_unsettled(FIVE, {first.hash: 30}) not in (first, FIVE[0], FIVE[3])


def copy(number: int, of: Network, cost: float) -> Network:
    reason = f"the same network to the proxy as trial {of.number}"
    return replace(network(number, of.accuracy, cost), reason=reason, right=of.right)


def test_copy_has_the_true_accuracy_of_its_original_and_is_no_network_more() -> None:
    trials = [*TWICE, network(7, 57.0, 3, "repeat", 3), copy(8, FIVE[3], 5), copy(9, FIVE[1], 1)]
    alone, claims = Claims.of(trials[:-2], OBJECTIVES), Claims.of(trials, OBJECTIVES)
    assert claims.expected[8] == claims.expected[3] == alone.expected[3]
    assert (claims.deviation, claims.signal, claims.repeats) == (alone.deviation, alone.signal, 3)
    assert {number: claims.front[number] for number in alone.front} == alone.front
    assert claims.front[8] == 0.0  # the same network for more
    assert claims.front[9] == claims.front[1]  # for as much
    front = pareto_front(trials, OBJECTIVES)
    assert {member.number: member.accuracy for member in front}[3] == pytest.approx((60 + 60.5 + 57) / 3)
    assert 8 not in {member.number for member in front}


def test_most_unsettled_is_the_original_of_a_copy_that_is_in_doubt() -> None:
    cheap = copy(8, FIVE[2], 0.5)
    claims = Claims.of([*TWICE, cheap], OBJECTIVES)
    assert claims.front[2] == 0.0 < 0.05 < claims.front[8] < 0.95  # as accurate, for less
    settled = {FIVE[number].hash: 30 for number in (0, 1, 3, 4)}
    assert claims.most_unsettled([*TWICE, cheap], settled) == FIVE[2]


def test_deviation_gap_and_signal_come_near_the_truth_with_many_repeats() -> None:
    rng = np.random.default_rng(0)
    true = 50 + 4 * rng.standard_normal(200)
    first = [network(i, true[i] + 3 * rng.standard_normal(), i) for i in range(200)]
    again = [network(200 + i, true[i] + 3 * rng.standard_normal(), i, "repeat", i) for i in range(200)]
    claims = Claims.of([*first, *again], OBJECTIVES)
    assert claims.repeats == 200
    assert claims.deviation == pytest.approx(3.0, rel=0.15)
    assert claims.gap == pytest.approx(1.96 * sqrt(2) * 3.0, rel=0.2)
    assert claims.signal == pytest.approx(4**2 / (4**2 + 3**2), abs=0.08)
    means = [expected.mean for expected in claims.expected.values()]
    assert np.corrcoef(means, true)[0, 1] > 0.85
    inside = [e.low < t < e.high for e, t in zip(claims.expected.values(), true, strict=True)]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.05)


def test_more_networks_than_two_hundred_are_claimed_of_too() -> None:
    rng = np.random.default_rng(0)
    true = 50 + 8 * rng.standard_normal(250)
    claims = Claims.of([network(i, true[i] + 0.8 * rng.standard_normal(), i) for i in range(250)], OBJECTIVES)
    order = np.argsort(true)
    assert claims.better(int(order[-1]), int(order[0])) > 0.99
    assert 0.05 < claims.better(int(order[125]), int(order[126])) < 0.95
    assert len(claims.front) == 250


def right(count: int, images: int, off: int = 0) -> bytes:
    """Which images: the first `count` but for `off`, and as many others for these."""
    which = np.zeros(images, dtype=bool)
    which[off : count + off] = True
    return np.packbits(which).tobytes()


def pair(images: int, off: int) -> list[Network]:
    """Two networks of 60 and 64 percent, twice trained each, which agree on all images but so many."""
    less, more = round(0.60 * images), round(0.64 * images)
    two = [
        replace(network(0, 60.0, 0), right=right(less, images)),
        replace(network(1, 64.0, 1), right=right(more, images, off)),
    ]
    return [*two, *(replace(one, number=2 + one.number, state="repeat") for one in two)]


def test_networks_that_are_right_about_the_same_images_are_compared_on_the_same_images() -> None:
    images = 500
    alike, apart = (Claims.of(pair(images, off), OBJECTIVES, images=images) for off in (0, 180))
    assert alike.better(1, 0) > 0.97 > 0.93 > apart.better(1, 0)
    assert alike.gap < apart.gap


def test_bits_that_do_not_fit_the_images_are_not_used() -> None:
    trials = pair(500, 180)
    without = [replace(trial, right=b"") for trial in trials]
    for images in (0, 600):
        assert Claims.of(trials, OBJECTIVES, images=images) == Claims.of(without, OBJECTIVES, images=images)
    assert Claims.of(trials, OBJECTIVES, images=500) != Claims.of(without, OBJECTIVES, images=500)


def test_networks_whose_bits_are_not_known_are_as_alike_as_the_others() -> None:
    rng = np.random.default_rng(0)
    search = Search(Cell(2000, 10, 50, 2.0, 0.5, 12, 2), rng)
    trials = [replace(t, right=b"" if t.number == 3 else t.right) for t in search.trials]
    some = Claims.of(trials, OBJECTIVES, images=2000)
    all_known, none = (
        search.claims,
        Claims.of([replace(t, right=b"") for t in search.trials], OBJECTIVES, images=2000),
    )
    assert some.gap == pytest.approx(all_known.gap, rel=0.1)
    width = [claims.expected[3].high - claims.expected[3].low for claims in (some, all_known, none)]
    assert width[0] == pytest.approx(width[1], rel=0.15)
    assert width[2] < 0.9 * width[1]  # there the images' error is not known of


def test_weights_that_are_all_one_change_nothing() -> None:
    trials = pair(500, 180)
    plain, weighted = (
        Claims.of(trials, OBJECTIVES, images=500, weights=weights) for weights in (None, np.ones(500))
    )
    assert weighted.better(1, 0) == pytest.approx(plain.better(1, 0), abs=0.01)
    assert weighted.gap == pytest.approx(plain.gap, rel=0.01)


def test_few_images_that_count_much_leave_more_to_chance() -> None:
    """Balanced accuracy of 900 images and 100: its variance is the mean of the classes', over 2."""
    images, common, rare = 1000, 900, 100
    weights = np.where(np.arange(images) < common, images / (2 * common), images / (2 * rare))
    rng = np.random.default_rng(0)
    which = rng.random((40, images)) < 0.6
    trials = []
    for number, bits in enumerate(which):
        accuracy = 100 * float(bits @ weights) / images
        trials.append(replace(network(number, accuracy, number), right=np.packbits(bits).tobytes()))
    claims = Claims.of(trials, OBJECTIVES, images=images, weights=weights)
    # The networks are equal and independent, so the images are all of the chance but for the seeds.
    chance = 100 * sqrt(0.6 * 0.4 * (1 / common + 1 / rare) / 4)
    assert np.std([trial.accuracy for trial in trials]) == pytest.approx(chance, rel=0.3)
    assert claims.gap > 1.96 * sqrt(2) * chance
    unweighted = Claims.of(trials, OBJECTIVES, images=images)
    assert claims.gap > 1.2 * unweighted.gap  # the chance is 1.67 times that of a thousand equal images


def test_front_is_above_the_largest_class() -> None:
    def chance(accuracy: float, largest: float | None, **of: object) -> float:
        trials = [network(0, accuracy, 0), network(1, accuracy - 1, 1)]
        return Claims.of(trials, OBJECTIVES, images=2000, largest_class=largest, **of).front[0]  # type: ignore[arg-type]

    assert chance(60.0, None) == 1.0
    assert chance(60.0, 40.0) > 0.99
    assert chance(60.0, 60.5) < 0.7
    assert chance(60.0, 80.0) < 0.01
    assert Claims.of(FIVE[:1], OBJECTIVES, images=2000, largest_class=50.0).cheapest == {0}


def test_intervals_stay_within_percent() -> None:
    claims = Claims.of([network(0, 100.0, 0), network(1, 0.0, 1)], OBJECTIVES, images=20)
    assert all(0 <= e.low <= e.mean <= e.high <= 100 for e in claims.expected.values())
    assert claims.expected[0] != Expected(100.0, 100.0, 100.0)


def test_module_loads_without_numpy() -> None:
    program = "import sys, cheapsearch.space.claims; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
