"""What a run would do and how long it would take, by what is known beforehand and a few timed steps."""

import random
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ...space import RunSettings
from ...space.rungs import units
from ...space.saved_run import load_run
from ..data import DataSummary
from ..samplers.limits import LISTABLE
from ..training.proxy import Proxy
from ..workers.workplace import Workplace
from .domain import first_architectures
from .fit import time_proxy, time_training
from .pace import spent_seconds
from .prepared import Prepared, prepare

_DRAWN = 2_000  # architectures that are looked at where there are too many to list
# Rough sizes in bytes: of page and study without trials, and what each trial adds to all files together.
_EMPTY, _OF_A_TRIAL = 2_000_000, 6_000


@dataclass(frozen=True)
class Preview:
    """What a run would do.

    Attributes:
        out: The run folder.
        begun: Whether it is there, and the run goes on.
        settings: As they would be, with the whole proxy.
        data: What the data set is understood to be.
        train_images: That trainings use, and `val_images` that score them.
        distinct: Distinct networks of the space, and `allowed` how many of them are within the limits.
        counted: Whether `allowed` was counted, and not worked out from a random part of them.
        first: Origins of what is trained first.
        workers: Trainings at a time.
        done: Units of the shortest training that are paid already, and `wanted` those that shall be.
        seconds: Of the shortest training.
        hours_left: That the search may still take, None where that is no matter.
        tried: Whether a pilot would try the proxy first, and may make it longer.
        unmeasured: Costs whose table would be measured here first.
        bytes: Of the folder at the end, roughly.
    """

    out: Path
    begun: bool
    settings: RunSettings
    data: DataSummary
    train_images: int
    val_images: int
    distinct: int
    allowed: int
    counted: bool
    first: tuple[str, ...]
    workers: int
    done: int
    wanted: int
    seconds: float
    hours_left: float | None
    tried: bool
    unmeasured: tuple[str, ...]
    bytes: int

    @property
    def proxy(self) -> Proxy:
        return Proxy.from_dict(self.settings.proxy)

    @property
    def seconds_in_all(self) -> float:
        """Of what is left to do, if nothing is stopped early."""
        needed = max(0, self.wanted - self.done) * self.seconds / self.workers
        return needed if self.hours_left is None else min(needed, 3600 * self.hours_left)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as `--json` prints it."""
        plain = {name: value for name, value in vars(self).items() if name not in ("settings", "data", "out")}
        settings = {
            name: _plain(value) for name, value in self.settings.to_dict().items() if value is not None
        }
        listed = {"first": list(self.first), "unmeasured": list(self.unmeasured)}
        return {"out": str(self.out), **plain, **listed} | {
            "seconds_in_all": self.seconds_in_all,
            "proxy": asdict(self.proxy),
            "settings": settings,
            "data": self.data.to_dict(),
        }


def preview_run(
    given: Mapping[str, Any],
    *,
    out: Path,
    say: Callable[[str], None] = lambda line: None,
    place: Workplace | None = None,
) -> Preview:
    """What the search of a run would do; nothing is trained, and no file of a run is written.

    Arguments are those of `open_run`.

    Raises:
        UserError: As `open_run`.
    """
    found = prepare(given, out=out, say=say, place=place, dry=True)
    say("timing a few steps of two networks")
    crew = found.crew
    settings, devices, make_executor = (
        replace(found.settings, device=crew.device),
        crew.devices,
        crew.executor(),
    )
    tried, done, hours_left = False, 0, settings.hours
    if found.existing is None:
        settings, seconds, tried = time_proxy(
            settings,
            given,
            found.images,
            pretrained=found.pretrained,
            devices=devices,
            make_executor=make_executor,
            say=say,
        )
    else:
        seconds = time_training(settings, found.images, devices, make_executor)
        # There are none in a folder whose run was ended before its first trial did.
        trials = load_run(out).trials if found.folder.trials_path.exists() else ()
        done = units(trials)
        if settings.hours is not None:
            spent = spent_seconds(found.existing, trials, found.folder.read_elapsed())
            hours_left = max(0.0, settings.hours - spent / 3600)
    allowed, counted = _allowed(found)
    wanted = settings.budget + settings.confirm
    return Preview(
        out=out,
        begun=found.existing is not None,
        settings=settings,
        data=found.images.summary,
        train_images=len(found.images.train.labels),
        val_images=len(found.images.val.labels),
        distinct=settings.space.distinct_size,
        allowed=allowed,
        counted=counted,
        first=tuple(origin for origin, _ in first_architectures(settings.space)),
        workers=len(devices),
        done=done,
        wanted=wanted,
        seconds=seconds,
        hours_left=hours_left,
        tried=tried,
        unmeasured=tuple(name for name in settings.device_costs if name not in found.table.on_device),
        bytes=_EMPTY + wanted * (_OF_A_TRIAL + len(found.images.val.labels) // 8),
    )


def _allowed(found: Prepared) -> tuple[int, bool]:
    """Distinct networks within the limits, and whether they were counted."""
    space, table, limits = found.settings.space, found.table, found.limits
    if not limits:
        return space.distinct_size, True
    if space.size <= LISTABLE:
        return sum(not limits.refusal(table.cost(known, limits)) for known in space.distinct()), True
    rng, options = random.Random(0), space.parameters.items()
    drawn = (space.architecture({name: rng.choice(ops) for name, ops in options}) for _ in range(_DRAWN))
    kept = sum(not limits.refusal(table.cost(known, limits)) for known in drawn)
    return round(space.distinct_size * kept / _DRAWN), False


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    return list(value) if isinstance(value, tuple) else str(value) if isinstance(value, Path) else value
