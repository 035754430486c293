"""What int8 costs: options of ONNX Runtime compared, and each site alone in int8. For docs/export.md.

    python docs/int8_table.py runs/cheap_v2-clothing runs/cheap_v3-clothing

takes trainings whose images are where training.yaml says, and prints a table for each. An error is the mean
difference of a score from float's, as a share of the scores' standard deviation, on validation and test
images; `same` is how often the class is float's. Both are means over three draws of 200 training images.
"""

import argparse
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
import torch
from onnxruntime.quantization import CalibrationMethod, QuantType, quantize_static

from cheapsearch.devices.onnx_file import INPUT, OUTPUT, open_session
from cheapsearch.devices.quantise import BATCH, ENOUGH, OPERATORS, _Reader
from cheapsearch.models import Network, deploy
from cheapsearch.search.data import choose, open_images, open_test
from cheapsearch.search.training.predict import load_trained, scored_batches
from cheapsearch.space.training_folder import TrainingFolder

SEEDS = (1, 2, 3)
UNSIGNED, SIGNED = QuantType.QUInt8, QuantType.QInt8
PRODUCTS = (*OPERATORS, "Mul")
MEAN = {"extra_options": {"CalibMovingAverage": True}}
# As `quantise` has it, but for what is named.
OPTIONS: dict[str, dict[str, Any]] = {
    "as exported": {},
    "range of all images": {"extra_options": {}},
    "range by percentile 99.99": {
        "calibrate_method": CalibrationMethod.Percentile,
        "extra_options": {"CalibPercentile": 99.99},
    },
    "range by entropy": {"calibrate_method": CalibrationMethod.Entropy, "extra_options": {}},
    "a scale for each tensor": {"per_channel": False},
    "weights of 8 bits": {"reduce_range": False},
    "signed activations": {"activation_type": SIGNED, "reduce_range": False},
    "signed, symmetric": {
        "activation_type": SIGNED,
        "reduce_range": False,
        "extra_options": {"CalibMovingAverage": True, "ActivationSymmetric": True},
    },
    "products too": {"op_types_to_quantize": list(PRODUCTS)},
    "convolutions and classifier alone": {"op_types_to_quantize": ["Conv", "Gemm"]},
}
_SITE = re.compile(r"blocks\.\d+\.(expand|depthwise|se|project|shortcut)|(first_conv|last_stage|classifier)")


class Subject:
    """A trained network, its images, and its deploy form as an ONNX file; which site a node is of."""

    def __init__(self, training: Path, folder: Path) -> None:
        self.path, self.out = folder / "float.onnx", folder / "int8.onnx"
        network = load_trained(training)
        record = TrainingFolder(training).read_record()
        assert record is not None
        data_dir = Path(record.data_dir) if record.data_dir else None
        images = open_images(
            record.dataset, data_dir=data_dir, seed=record.data_seed, input_size=record.input_size
        )
        train = images.train
        # More than one calibration takes, or every draw would be of the same images.
        some = np.random.RandomState(0).permutation(len(train.labels))[: 3 * ENOUGH]
        self.train, _ = arrays(network, choose(train, some))
        scored = [
            arrays(network, part) for part in (images.val, open_test(record.dataset, data_dir=data_dir))
        ]
        self.images, self.labels = (np.concatenate(both) for both in zip(*scored, strict=True))
        self.sites = self._write(network)
        self.exact = self.answers(self.path)

    def _write(self, network: Network) -> dict[str, list[str]]:
        """Write the file; the names of nodes by site."""
        size, batch = network.input_size, torch.export.Dim("batch")
        program = torch.onnx.export(
            deploy(network),
            (torch.zeros(2, 3, size, size),),
            dynamo=True,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=({0: batch},),
            verbose=False,
        )
        assert program is not None
        program.save(self.path)
        sites: dict[str, list[str]] = {}
        for node in onnx.load(self.path).graph.node:
            scope = next((one.value for one in node.metadata_props if one.key == "namespace"), "")
            found = _SITE.search(scope)
            name = next(filter(None, found.groups())) if found else f"other {node.op_type}"
            sites.setdefault(name, []).append(node.name)
        return sites

    def answers(self, path: Path) -> Any:
        session = open_session(path)
        parts = np.split(self.images, range(64, len(self.images), 64))
        return np.concatenate([session.run(None, {INPUT: part})[0] for part in parts])

    def milliseconds(self, path: Path) -> float:
        """Of the processor, of one image; the lower decile, since other work only adds."""
        session, times = open_session(path), []
        for _ in range(300):
            start = time.process_time()
            session.run(None, {INPUT: self.images[:1]})
            times.append(time.process_time() - start)
        return 1000 * float(np.quantile(times, 0.1))

    def row(self, name: str, **changes: Any) -> str:
        """A row of the table: error, same, accuracy, milliseconds."""
        found = []
        for seed in SEEDS:
            some = self.train[np.random.RandomState(seed).permutation(len(self.train))[:ENOUGH]]
            given: dict[str, Any] = {
                **{"per_channel": True, "reduce_range": True, "op_types_to_quantize": list(OPERATORS)},
                **{"activation_type": UNSIGNED, "weight_type": SIGNED},
                **MEAN,
            }
            reader = _Reader(INPUT, iter(np.split(some, range(BATCH, ENOUGH, BATCH))))
            quantize_static(self.path, self.out, reader, **given | changes)
            scores = self.answers(self.out)
            classes = scores.argmax(1)
            found.append(
                (
                    np.abs(scores - self.exact).mean() / self.exact.std(),
                    100 * (classes == self.exact.argmax(1)).mean(),
                    100 * (classes == self.labels).mean(),
                )
            )
        error, same, right = np.mean(found, axis=0)
        return f"| {name} | {error:.3f} | {same:.1f} | {right:.1f} | {self.milliseconds(self.out):.2f} |"

    def table(self, options: Mapping[str, Mapping[str, Any]]) -> None:
        right = 100 * (self.exact.argmax(1) == self.labels).mean()
        print("| | error | same, % | accuracy, % | ms |\n|---|---|---|---|---|", flush=True)
        print(f"| float | | | {right:.1f} | {self.milliseconds(self.path):.2f} |", flush=True)
        for name, changes in options.items():
            print(self.row(name, **changes), flush=True)
        for site, nodes in self.sites.items():
            given = {"nodes_to_quantize": nodes, "op_types_to_quantize": list(PRODUCTS)}
            print(self.row(f"`{site}` alone", **given), flush=True)


def arrays(network: Network, part: Any) -> tuple[Any, Any]:
    """Images as the network takes them, and labels."""
    assert network.preprocessing is not None
    batches = list(scored_batches(part, network.preprocessing, torch.device("cpu")))
    images, labels = (torch.cat(parts).contiguous().numpy() for parts in zip(*batches, strict=True))
    return images, labels


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("trainings", type=Path, nargs="+", metavar="TRAINING")
    parser.add_argument("--sites", action="store_true", help="compare sites alone, not the options")
    given = parser.parse_args(arguments)
    options = {"as exported": OPTIONS["as exported"]} if given.sites else OPTIONS
    for training in given.trainings:
        print(f"\n{training.name}\n")
        with TemporaryDirectory() as folder:
            Subject(training, Path(folder)).table(options)


if __name__ == "__main__":
    main()
