"""An ONNX file in int8 by ONNX Runtime; every setting is what docs/export.md measured to be best."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from ..space import UserError, write_bytes
from ..space.extras import imported
from .onnx_file import read_metadata, write_metadata

Images = npt.NDArray[np.float32]

# Operators in int8. Products stay float: gates and hard swishes lose most, and are no faster.
OPERATORS = (
    *("Conv", "Gemm", "Relu", "Add", "Concat", "AveragePool"),
    *("Slice", "Split", "Gather", "Reshape", "Transpose"),
)
# A range is the mean of those of batches: one image's outlier does not widen it, as it does the range of all.
BATCH = 10
ENOUGH = 200

_NEEDED = {"extra": "deploy", "argument": "--int8"}


def quantise(path: Path, out: Path, images: Images) -> None:
    """Write an ONNX file in int8.

    Weights are signed, with a scale for each channel, and take 7 bits, so that sums do not overflow on
    processors without VNNI; activations are unsigned, with a scale for each tensor. Inputs and outputs stay
    float32, and what the file says of itself stays.

    Args:
        path: The file in float.
        out: Where to write the other.
        images: (N, C, H, W) as the network takes them, in random order; `ENOUGH` of them, or random numbers
            where only the time counts.

    Raises:
        UserError: If there are no images, or packages are missing.
    """
    if len(images) == 0:
        raise UserError("images: must be one or more to calibrate int8 with, got none")
    tools = imported("onnxruntime.quantization", **_NEEDED)
    onnx = imported("onnx", **_NEEDED)
    asked = onnx.load(path).graph.input[0]
    fixed = asked.type.tensor_type.shape.dim[0].dim_value  # 0 where a batch may have any size
    batches = np.split(images, range(fixed or BATCH, len(images), fixed or BATCH))

    with TemporaryDirectory() as folder:
        shaped = Path(folder) / "shaped.onnx"
        # Shapes alone: the exporter left nothing to fold.
        prepare = imported("onnxruntime.quantization.shape_inference", **_NEEDED)
        prepare.quant_pre_process(path, shaped, skip_optimization=True, skip_symbolic_shape=True)
        small = Path(folder) / "int8.onnx"
        tools.quantize_static(
            shaped,
            small,
            _Reader(asked.name, iter(batches)),
            op_types_to_quantize=list(OPERATORS),
            per_channel=True,
            reduce_range=True,
            activation_type=tools.QuantType.QUInt8,
            weight_type=tools.QuantType.QInt8,
            # Of images one by one the mean range is too narrow.
            extra_options={"CalibMovingAverage": not fixed},
        )
        write_metadata(small, read_metadata(path) | {"precision": '"int8"'})
        write_bytes(out, small.read_bytes())


@dataclass(frozen=True)
class _Reader:
    """Batches as ONNX Runtime asks for them."""

    name: str
    batches: Iterator[Images]

    def get_next(self) -> dict[str, Images] | None:
        batch = next(self.batches, None)
        return None if batch is None else {self.name: batch}
