"""`cheapsearch run`: search, and go on with a search."""

import argparse
import shlex
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...space import (
    FLOPS_CONVENTION,
    METRIC_TITLES,
    RunSettings,
    architecture_hash,
    averaged,
    flag,
    text,
)
from ...space.operation_file import kept_path
from ...space.run_folder import RunFolder
from ...space.rungs import networks_trained, units
from ...space.verdict import against, foretold, verdict
from . import dry_run, retrain
from .exits import EXIT_FAILED, EXIT_INTERRUPTED, complain
from .parser import given_workplace
from .run_flags import add_run_flags, given_settings

if TYPE_CHECKING:
    from rich.console import Console

    from ...space.claims import Claims
    from ...space.saved_run import SavedRun
    from ..results import RunResult
    from ..study.run import Run


_PICKED = {
    "knee": "picked by knee: nearest to the best of every objective",
    "accuracy": "picked by accuracy, as costs are limited",
}


def add(commands: Any) -> None:
    """Declare the command's flags."""
    run = commands.add_parser(
        "run",
        usage="%(prog)s [options]",
        help="search; again with the same --out: go on",
        description="Search. With the --out of an earlier run it goes on where that one stopped.",
        argument_default=argparse.SUPPRESS,
        examples=(
            "cheapsearch run --dataset digits --budget 20",
            "cheapsearch run --dataset path/to/images --hours 2 --max-params 1.2M --dry-run",
            "cheapsearch run --out runs/mobilenet_v2-digits --budget 40",
        ),
    )
    add_run_flags(run)


def perform(options: argparse.Namespace) -> int:
    """Search, showing progress, then print the front and what to do next."""
    from .. import api
    from ..study.driver import SearchFailedError
    from ..workers.pool import WorkersFailedError
    from .console import make_console, print_json
    from .search_display import SearchDisplay

    # Progress goes to stderr where stdout is to be read by a program.
    console = make_console(stderr=options.json, markup=False)
    # A polite `kill` ends a search as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    given = given_settings(options)
    if options.dry_run:
        return dry_run.show(given, console, as_json=options.json)
    with ExitStack() as shown:
        begun: list[tuple[Run, SearchDisplay]] = []

        def begin(run: "Run") -> None:
            options.out = run.folder.path
            print_start(console, run)
            begun.append((run, shown.enter_context(SearchDisplay(console, run))))

        try:
            result = api.run(
                **given,
                progress=False,
                on_start=begin,
                on_trial=lambda trial: begun[0][1].update(trial),
                say=lambda line: console.print(line, style="dim"),
            )
        except KeyboardInterrupt:
            if not begun:
                raise
            shown.close()
            run = begun[0][0]
            done = spent(run.record.settings, run.done, "architectures trained", timed=run.plan.timed)
            return complain(
                f"interrupted with {done}; go on with: cheapsearch run --out {run.folder.path}",
                EXIT_INTERRUPTED,
            )
        except (SearchFailedError, WorkersFailedError) as error:
            shown.close()
            return complain(str(error), EXIT_FAILED)
    if not options.json:
        print_result(console, result)
    code = 0
    if options.retrain:
        names = ("workers", "device", "track")
        also = {name: given[name] for name in names if name in given} | given_workplace(options)
        code, retrained = retrain.retrain_and_show(result.folder, ask=False, quiet=options.json, **also)
        result = replace(result, retrained=retrained)
    if options.json:
        print_json(result.to_dict())
    return code


def print_start(console: "Console", run: "Run") -> None:
    """What is about to be searched, and with what."""
    from ..training.proxy import Proxy
    from .console import print_prose

    if run.summary is not None:
        for line in run.summary.lines():
            print_prose(console, line)
    settings = run.record.settings
    workers = f"{text.many(len(run.devices), 'worker')} on {settings.device}"
    done = spent(settings, run.done, "trained", timed=run.plan.timed)
    scored = "" if settings.metric == "accuracy" else f"; accuracy is {METRIC_TITLES[settings.metric]}"
    print_prose(
        console,
        f"{settings.backbone} on {settings.dataset}: {run.space.distinct_size:,} distinct architectures, "
        f"{done}, {workers}, in {run.folder.path}{scored}",
    )
    if settings.has_rungs:
        epochs = Proxy.from_dict(settings.proxy).epochs
        lengths = text.listed([str(rung * epochs) for rung in settings.lengths])
        print_prose(
            console, f"trainings of {lengths} epochs; the front is of the longest that three networks have"
        )
    networks = run.proxy_networks
    if networks is not None and networks < run.space.distinct_size:
        print_prose(
            console,
            f"{run.space.distinct_size:,} architectures are {networks:,} networks at the proxy's width: "
            "it cannot tell the others apart, so each is trained once for all of them",
        )


def spent(settings: RunSettings, done: int, trained: str, *, timed: bool = False) -> str:
    """How much is done of what is wanted, in units of the shortest training.

    Args:
        trained: What happened to so many, where all are as long.
        timed: Whether the time alone says when it ends, so that what is wanted is what was expected to fit.
    """
    wanted = f"{'about ' if timed else ''}{settings.budget + settings.confirm}"
    if settings.has_rungs:
        return f"{done} of the budget of {wanted} spent"
    return f"{done} of {wanted} {trained}"


def print_result(console: "Console", result: "RunResult") -> None:
    """The front against the unmodified network, where the files are, and what to do next."""
    from .console import print_line, print_table
    from .search_display import front_table

    settings, states = result.record.settings, result.states
    several, longer = settings.has_rungs, networks_trained(result.saved.trials, above=1)
    trained = f"{result.trained} architectures trained"
    if longer:
        longest = max(trial.rung for trial in result.saved.trials if trial.state == "complete")
        trained += f", {longer} of them up to {longest} times as long"
    repeats = f", {text.many(states['repeat'], 'repeat')}" if states["repeat"] else ""
    repeats += f", {states['pruned']} stopped early" if states["pruned"] else ""
    objectives = ", ".join(settings.objectives)
    if several:
        objectives += f", by trainings {_as_long(result.saved.rung)}"
    console.print()
    for line in verdict(result.saved):
        console.print(line, style="bold")
    # The unmodified network is refused where the limits are below its costs.
    base = architecture_hash(result.saved.space.unmodified)
    differs = any(trial.hash == base for trial in averaged(result.saved.trials))
    console.print(
        f"{trained}{repeats}{';' if several else ','} {len(result.front)} on the front of {objectives}"
        f"{'; differences are to the unmodified network' if differs else ''}"
    )
    if states["refused"]:
        console.print(refusals(result.saved))
    for line in against(result.record):
        console.print(line, style="dim")
    print_table(console, front_table(result.saved))
    for line in foretold(result.agreements):
        console.print(line)
    claims = result.saved.claims
    shorter = " of this length or a shorter one" if several else ""
    source = (
        f"by {text.many(claims.repeats, 'repeat')}{shorter}"
        if claims.repeats
        else "assumed, nothing was repeated"
    )
    console.print(
        "expected: accuracy on new images in the mean over seeds, with 95 % either way; sure: the "
        "probability of being on the front; ~ N: not surely better than trial N, which is cheaper; "
        f"{claims.deviation:.2f} points of deviation between seeds ({source})",
        style="dim",
    )
    metric = "" if settings.metric == "accuracy" else f"{METRIC_TITLES[settings.metric]} in "
    console.print(
        f"flops: {FLOPS_CONVENTION}; accuracy: {metric}validation, after a short proxy: networks that learn "
        "slowly catch up in longer trainings",
        style="dim",
    )
    for predictor in result.saved.predictors.values():
        console.print(f"{predictor.table.cost}: {predictor.said}", style="dim")
    done = units(result.saved.trials)
    if (left := settings.budget + settings.confirm - done) > 0:
        if several and left < settings.lengths[-1]:
            why = "the rest is too little for one of the longest trainings"
        elif settings.hours is not None:
            why = "the time is up"
        elif several:
            why = "nothing that the rest has room for is worth it"
        else:
            why = "nothing untried was found within the limits"
        console.print(f"{why}: {spent(settings, done, 'trained')}")
    folder, best = RunFolder(result.folder), result.best
    assert best is not None  # the search has ended
    quoted, best_path = shlex.quote(str(folder.path)), shlex.quote(str(folder.best_path))
    kept = ",".join(str(kept_path(folder.path, path, known)) for path, known in settings.ops.items())
    ops = f" --ops {shlex.quote(kept)}" if best.architecture.own else ""
    for line in (
        f"report   {folder.report_path}",
        f"best     {folder.best_path} (trial {best.origin['trial']}, {_PICKED[best.origin['pick']]})",
        f"next     cheapsearch retrain {quoted}    to train the front in full",
        f"         cheapsearch show {best_path}{ops}",
        *(f"         {line}" for line in other_than_best(claims, best.origin["trial"], quoted)),
        f"         cheapsearch run --out {quoted} {settings.twice}    to search on",
    ):
        print_line(console, line)


def refusals(run: "SavedRun") -> str:
    """Which published networks the limits kept out, and how many proposals."""
    refused = [trial.origin for trial in run.trials if trial.state == "refused"]
    published = [origin for origin in refused if origin == "unmodified" or origin.startswith("preset ")]
    proposed = len(refused) - len(published)
    what = [*published, *([text.many(proposed, "proposal")] if proposed else [])]
    limits = " or ".join(flag(f"max_{name}") for name in run.record.settings.limits)
    return f"{len(refused)} refused, over {limits}: {', '.join(what)}"


def other_than_best(claims: "Claims", best: int, folder: str) -> Iterator[str]:
    """The command for the network that the verdict names, where that is not the one in best.yaml."""
    named = claims.equals[0]
    if named != best:
        what = "the cheapest of the equal ones" if len(claims.equals) > 1 else "the most accurate"
        yield f"cheapsearch export {folder} --pick trial={named} -o trial-{named}.yaml    for {what}"


def _as_long(rung: int) -> str:
    return "of the shortest length" if rung == 1 else f"{rung} times as long as the shortest"
