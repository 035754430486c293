"""`cheapsearch run --dry-run`: what would be searched, trained and stored, and how long it would take."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ...space import flag, text
from ...space.costs import exact
from ...space.run_folder import RunFolder

if TYPE_CHECKING:
    from rich.console import Console

    from ..study.preview import Preview


def show(given: Mapping[str, Any], console: "Console", *, as_json: bool) -> int:
    """Look ahead, and print what was found.

    Args:
        given: Arguments of `cheapsearch.run`.
    """
    from .. import api
    from .console import print_json, print_prose

    found = api.preview(**given, say=lambda line: console.print(line, style="dim"))
    if as_json:
        print_json(found.to_dict())
        return 0
    for line in [*found.data.lines(), *lines(found)]:
        print_prose(console, line)
    return 0


def lines(found: "Preview") -> Iterator[str]:
    """What a run would do, in a few lines."""
    settings, proxy = found.settings, found.proxy
    stages = f", {' and '.join(settings.per_stage)} stage by stage" if settings.per_stage else ""
    yield (
        f"search     {settings.backbone} at width {settings.width:g}{stages}: {found.distinct:,} distinct "
        f"networks{_within(found)}; by {', '.join(settings.objectives)}, proposed by {settings.sampler}"
    )
    if not found.begun:
        yield f"first      {', '.join(found.first)}"
    for name in found.unmeasured:
        yield f"measure    {name} of the pieces of all networks, on this machine; takes minutes"
    lengths = text.listed([str(rung * proxy.epochs) for rung in settings.lengths])
    steps = max(1, found.train_images // proxy.batch_size)
    yield (
        f"train      {lengths} epoch{'' if lengths == '1' else 's'} of {text.many(steps, 'step')}, "
        f"{found.train_images:,} images of {proxy.input_size} px in batches of {proxy.batch_size}, "
        f"at width {proxy.network_width(settings.width):g}; scored on {found.val_images:,}"
    )
    if found.tried:
        yield (
            "pilot      tries that on two networks first, and makes it longer where they learn nothing: "
            "epochs, width, and with --hours the number of trainings and their lengths, may be others"
        )
    kind = "shortest training" if settings.has_rungs else "training"
    repeats = f", {settings.repeats} of them repeats" if settings.repeats else ""
    done = f", {found.done:,} done" if found.begun else ""
    yield f"budget     {text.many(found.wanted, kind)}{repeats}{done}"
    folder = RunFolder(found.out)
    names = ", ".join(path.name for path in (folder.report_path, folder.best_path, folder.trials_path))
    yield (
        f"store      {found.out} ({'goes on' if found.begun else 'new'}): {names} and others, about "
        f"{found.bytes / 1e6:.0f} MB in all"
    )
    workers = text.many(found.workers, "worker")
    stopped = ", less what is stopped early" if settings.stopping and not settings.has_rungs else ""
    yield (
        f"time       about {text.duration(found.seconds_in_all)} on {workers}{stopped}; "
        f"{text.duration(found.seconds)} a training, by timed steps on {settings.device}"
    )
    yield "nothing was trained or written"


def _within(found: "Preview") -> str:
    """How many networks are within the limits."""
    limits = found.settings.limits
    if not limits:
        return ""
    named = ", ".join(f"{flag(f'max_{name}')} {exact(name, most)}" for name, most in limits.items())
    return f", {'' if found.counted else 'about '}{found.allowed:,} of them within {named}"
