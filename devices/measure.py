"""Time ONNX files side by side. Needs onnxruntime and numpy only, so that it runs where the package is not.

A round runs every file in turn, and a reference with them: once untimed, so that its weights and its code are
at hand as they are on a device that does nothing else, then timed. What a file takes is the median over the
rounds of its time as a multiple of the reference's in the same round, times the median of the reference; so
what slows the machine down for a while slows both down and cancels. On one thread a time is the processor
time of the call, which is its wall time wherever nothing else wants the core; on several it is wall time.

The *spread* is half the width of the 95 % interval of that median, by the order of the samples. Rounds go on
until no spread is above `ENOUGH` of its median, or the time is up.

As a script in a folder that `cheapsearch latency-table --write` wrote:

    python measure.py [--threads N] [-o table.csv]
"""

import argparse
import csv
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import onnxruntime

ENOUGH = 0.01  # of a median: a spread that is small enough
FEWEST_ROUNDS = 11  # the first for which a 95 % interval leaves an outlier out at each end
TOGETHER = 24  # files in a round at most, so that a round is soon over

Sessions = Sequence[Any]  # of ONNX Runtime


@dataclass(frozen=True)
class Timing:
    """What one call takes.

    Attributes:
        median_ms: In milliseconds.
        spread_ms: Half the width of the 95 % interval of the median.
    """

    median_ms: float
    spread_ms: float


def open_session(model: str | bytes, *, threads: int) -> Any:
    """A file, or what is in one, ready to run on so many threads of the CPU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def time_sessions(
    sessions: Sessions, reference: Any, *, threads: int, seconds: float, enough: float = ENOUGH
) -> list[Timing]:
    """Time sessions side by side.

    Args:
        reference: A session that is run with them in every round; it may be one of them.
        threads: On which the sessions run.
        seconds: After which no further round begins, but for the first `FEWEST_ROUNDS`.
        enough: The spread of a median, as a part of it, at which no more rounds are needed.
    """
    calls = [_call(session) for session in (reference, *sessions)]
    now = time.thread_time if threads == 1 else time.perf_counter
    for call in calls:
        call()
    rounds: list[list[float]] = []
    order, random, began = list(range(len(calls))), Random(0), time.perf_counter()
    found: list[Timing] = []
    while len(rounds) < FEWEST_ROUNDS or time.perf_counter() - began < seconds:
        random.shuffle(order)
        taken = [0.0] * len(calls)
        for index in order:
            calls[index]()
            start = now()
            calls[index]()
            taken[index] = 1000 * (now() - start)
        rounds.append(taken)
        if len(rounds) >= FEWEST_ROUNDS and len(rounds) % 5 == 1:
            found = _timings(np.array(rounds))
            if all(timing.spread_ms <= enough * timing.median_ms for timing in found):
                return found
    return _timings(np.array(rounds))


def _timings(rounds: "np.ndarray[Any, Any]") -> list[Timing]:
    """Of everything but the reference, which is the first column."""
    reference = np.median(rounds[:, 0])
    multiples = np.sort(rounds[:, 1:] / rounds[:, :1], axis=0) * reference
    count = len(multiples)
    # Ranks between which the median of the population lies in 95 of 100 cases, by the normal approximation.
    low = max(0, int(count / 2 - 0.98 * count**0.5))
    high = min(count - 1, count - 1 - low)
    halves = (multiples[high] - multiples[low]) / 2
    return [
        Timing(float(m), float(h)) for m, h in zip(np.median(multiples, axis=0), halves, strict=True)
    ]


def _call(session: Any) -> Callable[[], Any]:
    """Runs a session on an image of noise."""
    random = np.random.default_rng(0)
    image = {
        node.name: random.random(node.shape, dtype=np.float32) for node in session.get_inputs()
    }
    return lambda: session.run(None, image)
