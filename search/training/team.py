"""Several processes that train one network together, as torchrun starts them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True)
class Team:
    """This process among those that train one network; each takes every size-th image of a batch."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the one process that writes files and speaks."""
        return self.rank == 0

    def share(self, items: Tensor) -> Tensor:
        """This process's part of a batch, (N, ...) to (N / size, ...)."""
        return items[self.rank :: self.size]

    def sum(self, values: Tensor) -> Tensor:
        """The sum over all processes; every process must ask."""
        if self.size > 1:
            dist.all_reduce(values)
        return values

    def wait(self) -> None:
        """Until every process is here."""
        if self.size > 1:
            dist.barrier()

    def parallel(self, network: nn.Module) -> nn.Module:
        """The network as it is trained: gradients are means over all processes."""
        if self.size == 1:
            return network
        device = next(network.parameters()).device
        return DistributedDataParallel(network, device_ids=[device] if device.type == "cuda" else None)


ALONE = Team()


def speaks() -> bool:
    """Whether this is the process that speaks, also before and after it was in a team."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def join_team() -> Iterator[Team]:
    """The team that torchrun's environment describes; this process alone where there is none."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield ALONE
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield Team(dist.get_rank(), size)
    finally:
        dist.destroy_process_group()


def synchronise(network: nn.Module, team: Team) -> nn.Module:
    """Make batch norm see the whole batch of all processes; names of weights stay what they are."""
    if team.size == 1:
        return network
    if next(network.parameters()).device.type == "cuda":
        converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
        return converted
    for module in list(network.modules()):
        for name, child in module.named_children():
            if type(child) is nn.BatchNorm2d:
                setattr(module, name, _BatchNormOfAll.of(child))
    return network


class _BatchNormOfAll(nn.BatchNorm2d):
    """nn.SyncBatchNorm for a CPU, where torch has none."""

    @classmethod
    def of(cls, norm: nn.BatchNorm2d) -> "_BatchNormOfAll":
        made = cls(norm.num_features, norm.eps, norm.momentum)
        made.load_state_dict(norm.state_dict())
        return made.train(norm.training)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        from torch.distributed.nn.functional import all_reduce  # differentiable, unlike dist.all_reduce

        count = x.numel() // x.shape[1] * dist.get_world_size()
        mean: Tensor = all_reduce(x.sum((0, 2, 3))) / count  # type: ignore[no-untyped-call]
        centred = x - mean.view(1, -1, 1, 1)
        squares: Tensor = all_reduce(centred.square().sum((0, 2, 3)))  # type: ignore[no-untyped-call]
        variance = squares / count
        with torch.no_grad():
            assert self.running_mean is not None
            assert self.running_var is not None
            assert self.num_batches_tracked is not None
            momentum = 0.1 if self.momentum is None else self.momentum
            self.running_mean.lerp_(mean, momentum)
            self.running_var.lerp_(variance * count / max(1, count - 1), momentum)
            self.num_batches_tracked.add_(1)
        scale: Tensor = self.weight * torch.rsqrt(variance + self.eps)
        return centred * scale.view(1, -1, 1, 1) + self.bias.view(1, -1, 1, 1)
