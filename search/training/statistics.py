"""Batch norm's running statistics, as they are at the weights of a moment."""

import torch
from torch import nn

from .splits import EVALUATION_BATCH, Split
from .team import ALONE

_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


@torch.no_grad()
def estimate_statistics(network: nn.Module, split: Split) -> None:
    """Take mean and variance of every batch norm anew from images, as they are scored.

    While a network learns fast, the moving averages lag behind its weights. Everything but batch norm is in
    eval mode meanwhile, so no random number is drawn.

    Args:
        split: The images to take them from, all of which are used.
    """
    norms = [module for module in network.modules() if isinstance(module, _NORMS)]
    if not norms:
        return
    network.eval()
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over the batches
        norm.train()
    for images, _ in split.evaluation_batches(ALONE):
        if len(images) == min(len(split), EVALUATION_BATCH):  # a small last batch would count as much
            network(images)
    for norm, momentum in zip(norms, before, strict=True):
        norm.momentum = momentum
    network.eval()
