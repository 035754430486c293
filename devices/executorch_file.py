"""A network as an ExecuTorch program, for phones and boards, whose processor computes it by XNNPACK."""

import json
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..space.extras import imported
from ..space.files import write_bytes
from .checking import check_answers

_NEEDED = {"extra": "executorch", "argument": "--format executorch"}


def write_executorch(
    module: nn.Module, path: Path, *, shape: tuple[int, int, int], metadata: Mapping[str, str]
) -> float:
    """Write a module as an ExecuTorch program, and run that in ExecuTorch's runtime against it.

    The program takes one image at a time, since its memory is planned when it is written. ExecuTorch's own
    kernels do what XNNPACK does not know, such as copies of channels. Its method `metadata` gives what the
    file says of itself, as JSON.

    Args:
        module: With one input and one output; it is left as it is.
        shape: Of one image: channels, height, width.
        metadata: What the file says of itself.

    Returns:
        The largest difference of an output between file and module, as a share of the largest output.

    Raises:
        UserError: If the package is missing.
        MismatchError: If the difference is more than rounding; no file is left.
        OSError: If the file cannot be written.
    """
    lowering = imported("executorch.exir", **_NEEDED)
    xnnpack = imported("executorch.backends.xnnpack.partition.xnnpack_partitioner", **_NEEDED)
    module = deepcopy(module).cpu().eval()
    program = lowering.to_edge_transform_and_lower(
        torch.export.export(module, (torch.zeros(1, *shape),)),
        partitioner=[xnnpack.XnnpackPartitioner()],
        constant_methods={"metadata": json.dumps(dict(metadata), ensure_ascii=False)},
    )
    write_bytes(path, program.to_executorch().buffer)
    runtime: Any = imported("executorch.runtime", **_NEEDED).Runtime.get()
    forward = runtime.load_program(path).load_method("forward")

    def answer(images: Tensor) -> Tensor:
        return torch.as_tensor(forward.execute([images])[0])

    return check_answers(path, answer, module, shape=shape, batches=(1,))
