"""The latency of whole networks, side by side."""

from collections.abc import Callable, Sequence

import torch

from ..models import build, deploy
from ..space import Architecture
from ..space.device_table import Value
from ..space.pieces import IMAGE_CHANNELS
from .latency_table import NETWORKS_AT_ONCE, measure_module
from .onnx_file import onnx_models


def measure_networks(
    networks: Sequence[Architecture],
    *,
    num_classes: int,
    input_size: int,
    batch: int,
    threads: int,
    seconds: float,
    say: Callable[[str], None],
) -> list[Value]:
    """Milliseconds of an answer of each network's deploy form in ONNX Runtime, by fresh weights.

    Args:
        networks: The first is the reference.
        batch: Images in an answer.
        threads: That make it.
        seconds: For all of them together, beyond the first rounds.

    Raises:
        UserError: If ONNX Runtime or what writes its files is missing.
    """
    measure = measure_module()
    image = (batch, IMAGE_CHANNELS, input_size, input_size)
    sessions = []
    for start in range(0, len(networks), NETWORKS_AT_ONCE):
        torch.manual_seed(0)
        group = [
            deploy(build(network, num_classes=num_classes, input_size=input_size))
            for network in networks[start : start + NETWORKS_AT_ONCE]
        ]
        for model in onnx_models(group, [image] * len(group)):
            sessions.append(measure.open_session(model, threads=threads))
        say(f"latency: {len(sessions)} of {len(networks)} networks written")
    timings = measure.time_sessions(
        sessions,
        sessions[0],
        threads=threads,
        seconds=seconds,
        enough=measure.NETWORK_ENOUGH,
    )
    return [Value(timing.median_ms, timing.spread_ms) for timing in timings]
