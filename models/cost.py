"""What a network costs: a function for each row of `space.COSTS` that needs no device.

`flops`, counted by fvcore, are the multiply-adds of convolutions, linear layers and matrix products, one
each, in eval mode for one image. Every other operator has an explicit handle of zero in `HANDLES`; an
operator without a handle is an error, so that nothing is skipped silently. Batch norm, activations,
pooling, additions and copies are not counted. Costs of the deploy form are those of `models.deploy`'s module.
"""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from torch import nn

from ..space import COSTS, Cost
from .deploy import deploy
from .memory import enough_memory
from .network import Network

with warnings.catch_warnings():
    # fvcore compiles with and traces by TorchScript, which torch deprecates.
    warnings.simplefilter("ignore", FutureWarning)
    from fvcore.nn import FlopCountAnalysis
    from fvcore.nn.jit_handles import (
        addmm_flop_jit,
        bmm_flop_jit,
        conv_flop_jit,
        linear_flop_jit,
        matmul_flop_jit,
    )

Handle = Callable[[list[Any], list[Any]], Any]
Counter = Callable[[Network], Mapping[str, float]]


def _zero(inputs: list[Any], outputs: list[Any]) -> int:
    return 0


HANDLES: MappingProxyType[str, Handle] = MappingProxyType(
    {
        "aten::_convolution": conv_flop_jit,
        "aten::addmm": addmm_flop_jit,
        "aten::bmm": bmm_flop_jit,
        "aten::linear": linear_flop_jit,
        "aten::matmul": matmul_flop_jit,
        "aten::mm": matmul_flop_jit,
        "aten::adaptive_avg_pool2d": _zero,
        "aten::add": _zero,
        "aten::add_": _zero,
        "aten::avg_pool2d": _zero,
        "aten::batch_norm": _zero,
        "aten::cat": _zero,
        "aten::channel_shuffle": _zero,
        "aten::dropout": _zero,
        "aten::dropout_": _zero,
        "aten::flatten": _zero,
        "aten::hardsigmoid": _zero,
        "aten::hardtanh": _zero,  # of which ReLU6 is one
        "aten::hardtanh_": _zero,
        "aten::hardswish": _zero,
        "aten::hardswish_": _zero,
        "aten::index_select": _zero,
        "aten::mean": _zero,
        "aten::mul": _zero,
        "aten::pad": _zero,
        "aten::relu": _zero,
        "aten::relu_": _zero,
        "aten::slice": _zero,
        "aten::split": _zero,
        "aten::sub": _zero,
        "aten::transpose": _zero,
        "aten::unflatten": _zero,
    }
)


def count_flops(model: nn.Module, input_shape: tuple[int, ...]) -> Mapping[str, int]:
    """Count a module's multiply-adds and those of each of its submodules.

    Args:
        model: Any module; it is put into eval mode for the count and back.
        input_shape: Shape of the input, (1, 3, S, S) for a network.

    Returns:
        Multiply-adds by submodule name, the whole module's under "".

    Raises:
        UserError: If the memory does not suffice for one image.
        NotImplementedError: If the module runs an operator that `HANDLES` does not list.
    """
    modes = [(module, module.training) for module in model.modules()]
    like = next(model.parameters(), torch.empty(0))
    threads = torch.get_num_threads()
    # One image gives several threads nothing to do but wait for one another.
    torch.set_num_threads(1)
    model.eval()
    try:
        with enough_memory(f"input_size {input_shape[-1]}"):
            image = torch.zeros(input_shape, device=like.device, dtype=like.dtype)
        analysis = FlopCountAnalysis(model, image)
        analysis.clear_op_handles()
        analysis.set_op_handle(**HANDLES)
        # fvcore drops some operators without a word; here every operator must have a handle.
        analysis._ignored_ops = set()
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", (DeprecationWarning, FutureWarning))
            with enough_memory(f"input_size {input_shape[-1]}"):
                by_module = dict(analysis.by_module())
            missing = analysis.unsupported_ops()
            if missing:
                raise NotImplementedError(
                    f"no FLOP handle for {', '.join(sorted(missing))}; add it to HANDLES"
                )
            for name, module in reversed([*model.named_modules()]):
                if name in analysis.uncalled_modules():  # it only holds others
                    children = (f"{name}.{child}" for child, _ in module.named_children())
                    by_module[name] = sum(by_module.get(child, 0) for child in children)
            return {name: int(flops) for name, flops in by_module.items()}
    finally:
        torch.set_num_threads(threads)
        for module, training in modes:
            module.training = training


def count_params(model: nn.Module) -> int:
    """Number of parameters."""
    return sum(parameter.numel() for parameter in model.parameters())


def _params(model: nn.Module, input_size: int) -> dict[str, int]:
    return {name: count_params(module) for name, module in model.named_modules()}


def _flops(model: nn.Module, input_size: int) -> Mapping[str, int]:
    return count_flops(model, (1, 3, input_size, input_size))


@dataclass(frozen=True)
class OfDeployForm:
    """What a function counts in the deploy form of a network, at the network's own input size."""

    counted: Callable[[nn.Module, int], Mapping[str, float]]

    def __call__(self, network: Network, deployed: nn.Module | None = None) -> Mapping[str, float]:
        return self.counted(deployed or deploy(network), network.input_size)


# By cost what counts it, at the network's own input size: for the whole network under "" and, where the cost
# is additive, for each of its submodules by name. The deploy form lacks those that cost nothing.
COUNTERS: dict[str, Counter] = {
    "params": lambda network: _params(network, network.input_size),
    "flops": lambda network: _flops(network, network.input_size),
    "deploy_params": OfDeployForm(_params),
    "deploy_flops": OfDeployForm(_flops),
}


def count_each(network: Network, counters: Mapping[str, Counter]) -> dict[str, Mapping[str, float]]:
    """What each counter says of a network, whose deploy form is made once for all of them."""
    of_deploy = [counter for counter in counters.values() if isinstance(counter, OfDeployForm)]
    deployed = deploy(network) if of_deploy else None
    return {
        name: counter(network, deployed) if isinstance(counter, OfDeployForm) else counter(network)
        for name, counter in counters.items()
    }


def count(network: Network) -> Cost:
    """Every cost of a network but those that need a table of a device."""
    found = count_each(network, {name: COUNTERS[name] for name, kind in COSTS.items() if not kind.device})
    return Cost({name: by_module[""] for name, by_module in found.items()})
