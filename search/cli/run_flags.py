"""The flags of `cheapsearch run`, in groups, and what of them are arguments of `cheapsearch.run`."""

import argparse
from pathlib import Path
from typing import Any

from ...space import COSTS, RunSettings
from .parser import add_setting, add_track, add_workplace

_OF_THE_COMMAND = ("command", "verbose", "json", "retrain", "dry_run")


def groups() -> dict[str, tuple[str, ...]]:
    """Which settings stand together in the help, and under which title."""
    return {
        "how much": ("budget", "hours", "rungs", "repeats", "confirm", "stopping"),
        "images": ("dataset", "data_dir", "skip_corrupt", "input_size"),
        "space": ("backbone", "width", "per_stage", "ops"),
        "costs": (
            "objectives",
            *(f"max_{cost}" for cost in COSTS),
            *("latency_table", "latency_batch", "latency_threads", "cost_table"),
        ),
        "trainings": ("proxy", "pretrained", "weights", "metric", "class_weights"),
        "proposals": ("sampler", "reference_accuracy", "seed", "in_flight", "order"),
        "where": ("workers", "device", "storage"),
    }


def add_run_flags(run: argparse.ArgumentParser) -> None:
    """Every setting of a run, and what else the command takes."""
    declared = RunSettings.declared()
    titled = {}
    for title, names in groups().items():
        titled[title] = run.add_argument_group(title)
        for name in names:
            add_setting(titled[title], name, declared[name])
    titled["trainings"].add_argument(
        "--epochs", type=int, metavar="N", help="of the proxy, as --proxy epochs=N"
    )
    where = titled["where"]
    add_workplace(where)
    where.add_argument(
        "--trial-timeout",
        type=float,
        metavar="S",
        help="seconds the shortest training may take (default: ten times the longest so far, at least 60)",
    )
    where.add_argument("--out", type=Path, metavar="DIR", help="run folder (default runs/BACKBONE-DATASET)")
    add_track(where)
    run.add_argument(
        "--dry-run",
        action="store_true",
        default=False,
        help="say what would be searched, trained and stored, and how long it takes, by a few timed steps; "
        "train and write nothing",
    )
    run.add_argument(
        "--retrain",
        action="store_true",
        default=False,
        help="go straight on: train the front under the full policy, as `cheapsearch retrain --yes` does",
    )
    run.add_argument("--json", action="store_true", default=False, help="print the result as JSON")


def given_settings(options: argparse.Namespace) -> dict[str, Any]:
    """The arguments of `cheapsearch.run` that were on the command line."""
    return {name: value for name, value in vars(options).items() if name not in _OF_THE_COMMAND}
