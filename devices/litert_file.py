"""A network as a LiteRT file, which was TensorFlow Lite's."""

import io
import json
from collections.abc import Mapping
from contextlib import redirect_stdout
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

import torch
from torch import Tensor, nn
from torch._decomp import get_decompositions

from ..space.extras import imported
from ..space.files import write_bytes
from .checking import check_answers

METADATA = "metadata.json"

_NEEDED = {"extra": "litert", "argument": "--format litert"}


def write_litert(
    module: nn.Module, path: Path, *, shape: tuple[int, int, int], metadata: Mapping[str, str]
) -> float:
    """Write a module as a LiteRT file, and run that in LiteRT's interpreter against it.

    The file takes one image at a time, (1, *shape). As usual for such files, what belongs to it is a zip
    archive at its end: `unzip -p FILE metadata.json` gives the metadata.

    Args:
        module: With one input and one output; it is left as it is.
        shape: Of one image: channels, height, width.
        metadata: What the file says of itself.

    Returns:
        The largest difference of an output between file and module, as a share of the largest output.

    Raises:
        UserError: If a package is missing.
        MismatchError: If the difference is more than rounding; no file is left.
        OSError: If the file cannot be written.
    """
    converter = imported("litert_torch", **_NEEDED)
    runtime = imported("ai_edge_litert.interpreter", **_NEEDED)
    module = deepcopy(module).cpu().eval()
    program = torch.export.export(module, (torch.zeros(1, *shape),))
    # The converter does not know operators with several outputs; as slices it does.
    splits = [torch.ops.aten.split.Tensor, torch.ops.aten.split_with_sizes.default]
    program = program.run_decompositions(get_decompositions(splits))
    with TemporaryDirectory() as folder:
        made = Path(folder) / "network.tflite"
        with redirect_stdout(io.StringIO()):  # of its progress
            converter.convert(program.module(), (torch.zeros(1, *shape),)).export(str(made))
        with ZipFile(made, "a") as archive:
            archive.writestr(METADATA, json.dumps(dict(metadata), ensure_ascii=False))
        write_bytes(path, made.read_bytes())
    interpreter = runtime.Interpreter(str(path))
    interpreter.allocate_tensors()
    (asked,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()

    def answer(images: Tensor) -> Tensor:
        interpreter.set_tensor(asked["index"], images.numpy())
        interpreter.invoke()
        return torch.as_tensor(interpreter.get_tensor(given["index"]))

    return check_answers(path, answer, module, shape=shape, batches=(1,))
