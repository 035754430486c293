"""What a trial is told when its training has ended."""

from collections.abc import Sequence
from dataclasses import replace

from ...space.records import FORECAST
from ..workers.jobs import Failed, Measured, Outcome, Stopped, Trained
from .proposal import Result
from .repeats import REPEAT
from .stopping import forecasts


def result_of(outcome: Outcome, curves: Sequence[tuple[float, ...]], *, repeat: bool) -> Result:
    """The result of a training.

    Args:
        curves: Of the trainings that went to their end so far, by which a stopped one is forecast.
        repeat: Whether it was a further training of a known subject.
    """
    assert not isinstance(outcome, Measured)
    seconds = round(outcome.seconds, 2)
    if isinstance(outcome, Failed):
        return Result("failed", reason=outcome.reason, seconds=seconds, trace=outcome.trace)
    trained = Result(
        REPEAT if repeat else "complete",
        seconds=seconds,
        images_per_second=round(outcome.images_per_second, 1),
        curve=outcome.curve,
        losses=outcome.losses,
    )
    if isinstance(outcome, Trained):
        return replace(trained, accuracy=outcome.accuracy, right=outcome.right)
    assert isinstance(outcome, Stopped)
    reached = outcome.curve[-1]
    forecast = forecasts(curves)[len(outcome.curve) - 1]
    final, deviation = forecast.at(reached), forecast.deviation(reached)
    return replace(
        trained,
        state="pruned",
        reason=f"stopped after epoch {len(outcome.curve)} at {reached:.1f} %: "
        f"{FORECAST.format(final, deviation)}, too low for its cost",
        forecast=(final, deviation),
    )
