"""Batch norm's statistics are those of the images they are taken from."""

import numpy as np
import torch
from torch import nn

from cheapsearch.search.training.splits import MemorySplit
from cheapsearch.search.training.statistics import estimate_statistics


def test_statistics_are_those_of_the_images() -> None:
    images = np.random.default_rng(0).integers(0, 256, (300, 8, 8, 3), np.uint8)
    mean, std = torch.tensor([0.1, 0.2, 0.3]), torch.tensor([0.5, 0.4, 0.3])
    split = MemorySplit.of(images, np.zeros(300, np.int64), mean, std, torch.device("cpu"))
    norm, drop = nn.BatchNorm2d(3), nn.Dropout(0.5)
    network = nn.Sequential(norm, drop)
    norm(torch.randn(4, 3, 8, 8) + 9)  # what training left
    before = torch.get_rng_state()
    estimate_statistics(network, split)
    assert torch.equal(torch.get_rng_state(), before)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    values = (torch.from_numpy(images).double() / 255 - mean.double()) / std.double()
    torch.testing.assert_close(norm.running_mean.double(), values.mean((0, 1, 2)), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(norm.running_var.double(), values.var((0, 1, 2)), rtol=1e-4, atol=1e-5)
    assert norm.momentum == 0.1
    assert not network.training
