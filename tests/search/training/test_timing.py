"""Steps are timed on the network and the images that a proxy trains."""

import numpy as np

from cheapsearch.search.training.proxy import CPU
from cheapsearch.search.training.timing import StepTimer, TimingJob
from cheapsearch.search.workers.jobs import Failed, Measured
from cheapsearch.space import Architecture


def test_larger_images_take_longer_and_errors_are_told() -> None:
    images = {side: np.zeros((16, side, side, 3), np.uint8) for side in (16, 64)}
    timer = StepTimer(images, 10, 0.05, "cpu")
    found = {}
    for side in (16, 64):
        proxy = CPU.from_dict(CPU.to_dict() | {"input_size": side})
        (outcome,) = timer.perform(TimingJob(7, Architecture("mobilenet_v2"), proxy))
        assert isinstance(outcome, Measured)
        assert outcome.index == 7
        found[side] = outcome.seconds
    assert 0 < 2 * found[16] < found[64]
    (outcome,) = timer.perform(
        TimingJob(1, Architecture("mobilenet_v2"), CPU.from_dict(CPU.to_dict() | {"input_size": 24}))
    )
    assert isinstance(outcome, Failed)
