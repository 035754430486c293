"""The formats of exported files. No torch, so that the command line can name them at once."""

from typing import NamedTuple


class Format(NamedTuple):
    """One format.

    Attributes:
        ending: Of its files.
        writer: The function of this package that writes the graph of a module; None where the file holds no
            graph, and so no deploy form either.
    """

    ending: str
    writer: str | None = None


FORMATS: dict[str, Format] = {
    "yaml": Format("yaml"),
    "safetensors": Format("safetensors"),
    "onnx": Format("onnx", "onnx_file.write_onnx"),
    "pt2": Format("pt2", "pt2_file.write_pt2"),
    "executorch": Format("pte", "executorch_file.write_executorch"),
    "litert": Format("tflite", "litert_file.write_litert"),
}

# What the weights of a file are: to classify with, or to measure with.
TRAINED, RANDOM = "trained", "random"
