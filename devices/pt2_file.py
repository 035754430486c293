"""A network as a program of torch.export, which torch opens without any code of this package."""

import io
import json
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path

import torch
from torch import nn

from ..space.files import write_bytes
from .checking import check_answers

METADATA = "metadata.json"


def write_pt2(
    module: nn.Module, path: Path, *, shape: tuple[int, int, int], metadata: Mapping[str, str]
) -> float:
    """Write a module as `torch.export.save` does, load it again and run it against the module.

    The program takes any number of images at once. `torch.export.load` puts the metadata, as JSON, into the
    dict {"metadata.json": ""} that it is given as `extra_files`.

    Args:
        module: With one input and one output; it is left as it is.
        shape: Of one image: channels, height, width.
        metadata: What the file says of itself.

    Returns:
        The largest difference of an output between file and module, as a share of the largest output.

    Raises:
        MismatchError: If the difference is more than rounding; no file is left.
        OSError: If the file cannot be written.
    """
    module = deepcopy(module).cpu().eval()
    batch = torch.export.Dim("batch")
    program = torch.export.export(module, (torch.zeros(2, *shape),), dynamic_shapes=({0: batch},))
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # with paths of this machine
    file = io.BytesIO()
    torch.export.save(program, file, extra_files={METADATA: json.dumps(dict(metadata), ensure_ascii=False)})
    write_bytes(path, file.getvalue())
    written = torch.export.load(path).module()
    return check_answers(path, written, module, shape=shape, batches=(1, 3))
