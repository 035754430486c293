"""What a search may claim of its networks, with the probability that it is so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .costs import DEFAULT_OBJECTIVES
from .noise import trainings
from .rungs import original_of
from .trial import Trial, TrialT

if TYPE_CHECKING:
    from .measured import Flags, Floats, Measured, Rows, Shares

SURE = 0.95


@dataclass(frozen=True)
class Expected:
    """The accuracy in percent that a new training of a network has in expectation on new images.

    Attributes:
        mean: Of the posterior.
        low: 2.5 % quantile.
        high: 97.5 % quantile.
    """

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Claims:
    """What the trainings of a search say of its networks, by one posterior; accuracies in percent.

    A network's true accuracy is that on new images in the mean over seeds. The costs are exact.

    Attributes:
        front: By number the probability of really being on the front: more accurate than every network that
            costs no more in any cost, and than always saying the largest class, where its share is known.
        cheapest: Numbers of those that no network rivals: their place on the front says nothing of them.
        expected: By number what a new training has in expectation, with its 95 % interval.
        luck: Points by which the highest accuracy measured is above what is expected of that network.
        equals: Numbers of the networks not surely worse than the one of the highest expectation, which is
            one of them, the cheapest by the first cost first, of equal costs the more accurate one.
        signal: Share of the variance between single trainings that is the networks', 0 to 1; the rest is that
            of seeds and of the images. Hopeless networks are left out; 0 where there is one network.
        deviation: Points between seeds at the mean accuracy, as a standard deviation.
        repeats: Further trainings that it was measured on, shorter ones too; with 0 it is an assumption.
        gap: Points that single trainings of two equal networks stay within, nineteen times out of twenty.
    """

    front: dict[int, float]
    cheapest: frozenset[int]
    expected: dict[int, Expected]
    luck: float
    equals: tuple[int, ...]
    signal: float
    deviation: float
    repeats: int
    gap: float
    _objectives: tuple[str, ...] = field(repr=False)
    _trainings: dict[int, int] = field(repr=False)
    _draws: dict[int, "Floats"] = field(repr=False, compare=False)  # of the true accuracy, by number

    @classmethod
    def of(
        cls,
        trials: Sequence[Trial],
        objectives: Sequence[str] = DEFAULT_OBJECTIVES,
        *,
        images: int = 0,
        weights: "Floats | None" = None,
        largest_class: float | None = None,
    ) -> "Claims":
        """Work out what the trials say.

        Args:
            trials: All trials of the run, repeats too; those of the rung that networks are compared at count.
            objectives: What the front is of.
            images: Validation images, 0 where that is not known.
            weights: (images,) share of each in the accuracy, 1 in the mean, such as images over classes times
                images of the class for balanced accuracy; None where it is the same.
            largest_class: Accuracy in percent of always saying the largest class.
        """
        import numpy as np

        from .measured import sampling_error
        from .posterior import posterior

        by_number = trainings(trials)
        if not by_number:
            return cls({}, frozenset(), {}, 0.0, (), 0.0, 0.0, 0, 0.0, tuple(objectives), {}, {})
        numbers = list(by_number)
        names = [name for name in objectives if name != "accuracy"]
        costs = np.array(
            [[trial.costs[name] for name in names] for trial in trials if trial.number in by_number]
        )
        # A copy is one network with its original: it has the same trainings, and the same true accuracy.
        runs = {run[0].number: run for run in by_number.values()}
        rows = {number: row for row, number in enumerate(runs)}
        network = np.array([rows[run[0].number] for run in by_number.values()])
        shorter = _shorter(trials, max(run[0].rung for run in runs.values()))
        of = _measured(list(runs.values()), images, weights, shorter)
        found = posterior(of)
        means, draws, rng = found.means[network], found.accuracies[network], np.random.default_rng(1)

        untrained: Floats | None = None
        if largest_class is not None:
            # Its balanced accuracy is one over the number of classes, whatever the images are.
            error = sampling_error(largest_class, images) if weights is None else 0.0
            untrained = np.asarray(rng.normal(largest_class, error, draws.shape[1]))
        strongest, count = np.argsort(-means), len(numbers)
        columns, networks = list(costs[strongest].T), network[strongest]
        rivals = [strongest[_is_rival(columns, costs[row], networks != network[row])] for row in range(count)]
        chances = [_above(draws, row, rivals[row], untrained) for row in range(count)]

        best, luckiest = int(np.argmax(means)), int(np.argmax(of.accuracy))
        beaten = (draws[best] > draws).mean(axis=1)
        equals = [row for row in range(count) if row == best or beaten[row] < SURE]
        low, high = np.clip(np.quantile(draws, [0.025, 0.975], axis=1), 0.0, 100.0).tolist()
        mean = np.clip(means, 0.0, 100.0).tolist()
        differences = np.sqrt(2.0) * found.noise * np.abs(rng.standard_normal(len(found.noise)))
        return cls(
            front=dict(zip(numbers, chances, strict=True)),
            cheapest=frozenset(number for number, row in zip(numbers, rivals, strict=True) if not row.size),
            expected={number: Expected(*row) for number, *row in zip(numbers, mean, low, high, strict=True)},
            luck=max(0.0, float(of.accuracy[luckiest] - found.means[luckiest])),
            equals=tuple(numbers[row] for row in sorted(equals, key=lambda row: (costs[row, 0], -mean[row]))),
            signal=float(found.signal.mean()) if len(runs) > 1 else 0.0,
            deviation=float(np.median(found.deviations)),
            repeats=sum(len(run) - 1 for run in (*runs.values(), *shorter)),
            gap=float(np.quantile(differences, 0.95)),
            _objectives=tuple(objectives),
            _trainings={number: len(run) for number, run in by_number.items()},
            _draws=dict(zip(numbers, draws, strict=True)),
        )

    def better(self, a: int, b: int) -> float:
        """The probability that network a's true accuracy is above b's; both by number."""
        return float((self._draws[a] > self._draws[b]).mean())

    def ties(self, front: Sequence[Trial]) -> dict[int, int]:
        """Members of the front that chance may have put there, with the cheaper one they do not surely beat.

        Args:
            front: What `pareto_front` returns.

        Returns:
            By number, the number of the most accurate member that costs no more in any cost, where it is
            beaten with a probability below 0.95.
        """
        costs = [name for name in self._objectives if name != "accuracy"]
        found: dict[int, int] = {}
        for record in front:
            cheaper = [
                other
                for other in front
                if other is not record and all(other.costs[c] <= record.costs[c] for c in costs)
            ]
            best = max(cheaper, key=lambda other: other.accuracy or 0.0, default=None)
            if best is not None and self.better(record.number, best.number) < SURE:
                found[record.number] = best.number
        return found

    def most_unsettled(self, trials: Sequence[TrialT], under_way: Mapping[str, int]) -> TrialT | None:
        """The complete trial of which one more training settles most whether it is on the front.

        That is one as likely on the front as not, and trained few times; of a copy it is its original's. None
        where no trial is complete.

        Args:
            trials: Those the claims are of.
            under_way: Trainings begun and not known yet, by hash.
        """

        by_number = {record.number: record for record in trials if record.number in self.front}

        def trained(record: TrialT) -> TrialT:
            return by_number.get(original_of(record), record)

        def worth(record: TrialT) -> float:
            chance = self.front[record.number]
            count = self._trainings[record.number] + under_way.get(trained(record).hash, 0)
            return chance * (1.0 - chance) * (1.0 / count - 1.0 / (count + 1))

        most = max(by_number.values(), key=worth, default=None)
        return None if most is None else trained(most)


def _shorter(trials: Sequence[Trial], rung: int) -> list[list[Trial]]:
    """The trainings below a rung of every network that has several of one length."""
    runs = {run[0].number: run for run in trainings(trials, every_rung=True).values()}
    return [run for run in runs.values() if run[0].rung < rung and len(run) > 1]


def _measured(
    runs: Sequence[Sequence[Trial]],
    images: int,
    weights: "Floats | None",
    shorter: Sequence[Sequence[Trial]],
) -> "Measured":
    import numpy as np

    from .measured import measured

    def share_right(run: Sequence[Trial]) -> "Shares | None":
        known = [trial.right for trial in run if images and len(trial.right) == -(-images // 8)]
        if not known:
            return None
        bits = np.frombuffer(b"".join(known), dtype=np.uint8).reshape(len(known), -1)
        return np.asarray(np.unpackbits(bits, axis=1, count=images).mean(axis=0, dtype=np.float32))

    accuracies, beside = (
        [[trial.accuracy or 0.0 for trial in run] for run in some] for some in (runs, shorter)
    )
    right = [share_right(run) for run in runs]
    return measured(accuracies, right, images=images, weights=weights, beside=beside)


def _is_rival(columns: "Sequence[Floats]", own: "Floats", other: "Flags") -> "Flags":
    """Whether networks are to be beaten by one: they cost no more in any cost (N,).

    Of what has its true accuracy that alone which costs less.

    Args:
        columns: Each cost of the networks (N,).
        own: The one's costs (K,).
        other: Whether each is another network than the one (N,).
    """
    import numpy as np

    within, rival = np.ones_like(other), other
    for column, most in zip(columns, own, strict=True):
        within &= column <= most
        rival = rival | (column < most)
    return within & rival


def _above(draws: "Floats", row: int, rivals: "Rows", untrained: "Floats | None") -> float:
    """The share of the draws in which a network is above its rivals, given the strongest first."""
    import numpy as np

    left = np.arange(draws.shape[1])
    if untrained is not None:
        left = left[draws[row] > untrained]
    # Few draws are left by the strongest rivals, often none, to compare with all the others.
    for some in (rivals[:1], rivals[1:8], rivals[8:]):
        if some.size and left.size:
            left = left[(draws[row, left] > draws[some[:, None], left]).all(axis=0)]
    return float(left.size / draws.shape[1])
