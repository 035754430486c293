"""One step of training: a batch goes forward and back, and the weights move."""

import warnings
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .recipe import Recipe

# In the first, cuDNN chooses its kernels and the optimizer makes its buffers; they are steps like others.
_STEPS_BEFORE = 3


class PlainStep:
    """A step as it is written down. On a GPU it computes in bfloat16.

    Args:
        network: What is called, which may wrap the one whose parameters the optimizer has.
    """

    def __init__(self, network: nn.Module, optimizer: torch.optim.Optimizer, recipe: Recipe) -> None:
        self.network, self.optimizer, self.recipe = network, optimizer, recipe
        self.device = next(network.parameters()).device
        self._class_weights: Tensor | None = None
        if recipe.class_weights is not None:
            self._class_weights = torch.tensor(recipe.class_weights, device=self.device)

    def set_rates(self, rate: float, *, frozen: bool) -> None:
        """The learning rate of the next steps, 0 for the group `frozen` while it is."""
        for group in self.optimizer.param_groups:
            group["lr"] = 0.0 if frozen and group.get("frozen") else rate

    def __call__(self, images: Tensor, labels: Tensor) -> Tensor:
        """The loss of a batch, before its step."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            loss = _loss(self.network(images), labels, self.recipe.label_smoothing, self._class_weights)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if self.recipe.max_gradient_norm is not None:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.max_gradient_norm)
        self.optimizer.step()
        return loss.detach()


@cache
def _side_stream(device: torch.device) -> torch.cuda.Stream:
    """The stream of this process that steps on a device are recorded on: each takes memory of its own."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


class GraphedStep(PlainStep):
    """A step on a GPU that is recorded once and then replayed, for batches of one size.

    A small network's step is hundreds of kernels of microseconds each, which Python takes several times as
    long to launch. The first steps are plain, and all are in a process in which one could not be recorded.
    """

    refused = False  # by this process

    def __init__(self, network: nn.Module, optimizer: torch.optim.SGD, recipe: Recipe) -> None:
        super().__init__(network, optimizer, recipe)
        self._graph: torch.cuda.CUDAGraph | None = None
        self._steps = 0
        for group in optimizer.param_groups:
            # What a graph reads must be on the device, and only this form of SGD takes its rate from there.
            group["lr"], group["fused"] = torch.zeros((), device=self.device), True

    def set_rates(self, rate: float, *, frozen: bool) -> None:
        for group in self.optimizer.param_groups:
            group["lr"].fill_(0.0 if frozen and group.get("frozen") else rate)

    def __call__(self, images: Tensor, labels: Tensor) -> Tensor:
        self._steps += 1
        if self._graph is None and not self.refused and self._steps > _STEPS_BEFORE:
            try:
                self._graph = self._record(images, labels)
            except RuntimeError as error:
                GraphedStep.refused = True
                warnings.warn(f"steps are not replayed, which is slower: {error}", stacklevel=2)
        if self._graph is None:
            return self._aside(images, labels)
        self._images.copy_(images)
        self._labels.copy_(labels)
        self._graph.replay()
        return self._loss

    def _aside(self, images: Tensor, labels: Tensor) -> Tensor:
        """A plain step, on the stream that will be recorded: what it allocates belongs to that one."""
        current, side = torch.cuda.current_stream(self.device), _side_stream(self.device)
        side.wait_stream(current)
        try:
            # By default it is the first GPU that this would come back to, and take memory of.
            with torch.cuda.device(self.device), torch.cuda.stream(side):
                return super().__call__(images, labels)
        finally:
            current.wait_stream(side)

    def _record(self, images: Tensor, labels: Tensor) -> torch.cuda.CUDAGraph:
        self._images, self._labels = images.clone(memory_format=torch.preserve_format), labels.clone()
        current, side = torch.cuda.current_stream(self.device), _side_stream(self.device)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.device(self.device):
            try:
                # What other threads do meanwhile, such as those that load images, is no error.
                with torch.cuda.graph(graph, stream=side, capture_error_mode="thread_local"):
                    self._loss = super().__call__(self._images, self._labels)
            finally:
                torch.cuda.set_stream(current)  # which a recording that failed leaves as it was for it
        return graph


def _loss(answers: Tensor, labels: Tensor, smoothing: float, weights: Tensor | None) -> Tensor:
    """The mean cross-entropy of a batch, each image weighted by its class.

    `weight` of torch's own function divides by the sum of a batch's weights, which the processes of a team
    do not share, and weights the smoothed part of the label by all other classes.
    """
    if weights is None:
        return F.cross_entropy(answers, labels, label_smoothing=smoothing)
    losses = F.cross_entropy(answers, labels, label_smoothing=smoothing, reduction="none")
    return (losses * weights[labels]).mean()
