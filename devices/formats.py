"""The formats of exported files. No torch, so that the command line can name them at once."""

# Name of the format, which is also the ending of its files -> the function of this package that writes the
# graph of a module; None where the file holds no graph, and so no deploy form either.
FORMATS: dict[str, str | None] = {
    "yaml": None,
    "safetensors": None,
    "onnx": "onnx_file.write_onnx",
    "pt2": "pt2_file.write_pt2",
}

# What the weights of a file are: to classify with, or to measure with.
TRAINED, RANDOM = "trained", "random"
