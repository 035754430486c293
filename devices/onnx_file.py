"""A network as an ONNX file, which is run against the network once it is written."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..space.extras import imported
from ..space.files import write_bytes
from .checking import check_answers

INPUT, OUTPUT = "images", "scores"

_NEEDED = {"extra": "deploy", "argument": "--format onnx"}


def write_onnx(
    module: nn.Module,
    path: Path,
    *,
    shape: tuple[int, int, int],
    metadata: Mapping[str, str],
    dynamic_batch: bool = True,
) -> float:
    """Write a module as an ONNX file, and run that in ONNX Runtime against it.

    The graph is that of eval mode: batch norms are folded, `images` is (N, *shape) float32 and `scores` what
    the module gives. Traces that the exporter leaves at every node, with paths of this machine, are removed.

    Args:
        module: With one input and one output; it is left as it is.
        shape: Of one image: channels, height, width.
        metadata: What the file says of itself.
        dynamic_batch: Whether the file takes any number of images at once, or one.

    Returns:
        The largest difference of an output between file and module, as a share of the largest output.

    Raises:
        UserError: If a package is missing.
        MismatchError: If the difference is more than rounding; no file is left.
        OSError: If the file cannot be written.
    """
    for package in ("onnx", "onnxscript", "onnxruntime"):
        imported(package, **_NEEDED)
    module = deepcopy(module).cpu().eval()
    write_bytes(path, _exported(module, shape, metadata, dynamic_batch))
    return check_onnx(path, module, shape=shape, batches=(1, 3) if dynamic_batch else (1,))


def check_onnx(
    path: Path, module: nn.Module, *, shape: tuple[int, int, int], batches: tuple[int, ...] = (1, 3)
) -> float:
    """Run a file in ONNX Runtime against a module; arguments and result are those of `check_answers`.

    Raises:
        UserError: If ONNX Runtime is missing.
        MismatchError: If they differ; the file is removed.
    """
    session = open_session(path)
    name = session.get_inputs()[0].name

    def answer(images: Tensor) -> Tensor:
        return torch.from_numpy(session.run(None, {name: images.numpy()})[0])

    return check_answers(path, answer, module, shape=shape, batches=batches)


def open_session(path: Path, *, threads: int = 1) -> Any:
    """A file in ONNX Runtime, on the CPU.

    Args:
        threads: That compute one answer; 0 for all cores.

    Raises:
        UserError: If ONNX Runtime is missing.
    """
    imported("onnxruntime", **_NEEDED)
    from .measure import open_session as opened

    return opened(path, threads=threads)


def read_metadata(path: Path) -> dict[str, str]:
    """What an ONNX file says of itself.

    Raises:
        UserError: If the package onnx is missing.
    """
    model = imported("onnx", **_NEEDED).load(path)
    return {one.key: one.value for one in model.metadata_props}


def write_metadata(path: Path, metadata: Mapping[str, str]) -> None:
    """Have an ONNX file say this of itself and no more; errors are those of `read_metadata`."""
    model = imported("onnx", **_NEEDED).load(path)
    _say(model, metadata)
    write_bytes(path, model.SerializeToString())


def _say(model: Any, metadata: Mapping[str, str]) -> None:
    graph = model.graph
    named = (*graph.node, *graph.value_info, *graph.initializer, *graph.input, *graph.output)
    for holder in (model, graph, *named):
        holder.ClearField("metadata_props")
        holder.ClearField("doc_string")
    for key, value in metadata.items():
        model.metadata_props.add(key=key, value=value)


def onnx_models(modules: Sequence[nn.Module], shapes: Sequence[tuple[int, ...]]) -> list[bytes]:
    """Several modules as ONNX, each what a file would hold, by one export.

    An export takes about a second, however small the module.

    Args:
        modules: With one input and one output each, in eval mode.
        shapes: Of their inputs, the number of images among it.

    Raises:
        UserError: If a package is missing.
    """
    utils = imported("onnx.utils", **_NEEDED)
    imported("onnxscript", **_NEEDED)
    model = _model(_SideBySide(modules).eval(), ([torch.zeros(shape) for shape in shapes],), {})
    whole = utils.Extractor(model)
    ends = zip(model.graph.input, model.graph.output, strict=True)
    return [whole.extract_model([x.name], [y.name]).SerializeToString() for x, y in ends]


class _SideBySide(nn.Module):
    def __init__(self, modules: Sequence[nn.Module]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(modules)

    def forward(self, inputs: list[Tensor]) -> list[Tensor]:
        return [part(x) for part, x in zip(self.parts, inputs, strict=True)]


def _exported(
    module: nn.Module, shape: tuple[int, int, int], metadata: Mapping[str, str], dynamic_batch: bool
) -> bytes:
    """The bytes of the file."""
    images = torch.zeros(2 if dynamic_batch else 1, *shape)
    model = _model(
        module,
        (images,),
        metadata,
        input_names=[INPUT],
        output_names=[OUTPUT],
        dynamic_shapes=({0: torch.export.Dim("batch")},) if dynamic_batch else None,
    )
    return bytes(model.SerializeToString())


def _model(module: nn.Module, inputs: tuple[Any, ...], metadata: Mapping[str, str], **options: Any) -> Any:
    """The graph of a module, without traces of the exporter."""
    program = torch.onnx.export(module, inputs, dynamo=True, optimize=True, verbose=False, **options)
    assert program is not None
    model: Any = program.model_proto
    _say(model, metadata)
    return model
