"""What networks are and take in training and deploy form: ours, and torchvision's and timm's.

    python docs/deploy_table.py [--results FILE] [--rows NAME,...]

Measures the rows that the file of results (docs/deploy_table.csv) does not have, each in about ten seconds,
and prints the tables of docs/deploy.md. Times are milliseconds of one image on one thread, measured as
`devices/measure.py` does it, side by side with torchvision's mobilenet_v2 in ONNX Runtime; a row that was
measured while the machine did something else is comparable all the same. Needs cheapsearch[deploy] and timm.
"""

import argparse
import csv
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import timm
import torch
import torchvision
from torch import nn

from cheapsearch.devices import measure
from cheapsearch.devices.onnx_file import write_onnx
from cheapsearch.devices.quantise import quantise
from cheapsearch.models import Network, build, count, deploy
from cheapsearch.models.cost import count_flops, count_params
from cheapsearch.space import PRESETS, Architecture
from cheapsearch.space.text import MISSING

SETTINGS = ((100, 32), (1000, 224))  # classes and pixels
TITLES = (
    *("network", "parameters", "multiply-adds", "torch, ms", "ONNX Runtime, ms", "int8, ms"),
    *("file, MB", "int8, MB"),
)
SECONDS = 6.0  # of timing for a row
RESULTS = Path(__file__).with_suffix(".csv")

OTHERS: dict[str, Callable[[int], nn.Module]] = {
    "torchvision mobilenet_v2": lambda classes: torchvision.models.mobilenet_v2(num_classes=classes),
    "torchvision mobilenet_v3_large": lambda classes: torchvision.models.mobilenet_v3_large(
        num_classes=classes
    ),
    "timm mobilenetv2_100": lambda classes: timm.create_model("mobilenetv2_100", num_classes=classes),
    "timm mobilenetv3_large_100": lambda classes: timm.create_model(
        "mobilenetv3_large_100", num_classes=classes
    ),
}
REFERENCE = next(iter(OTHERS))
UNMODIFIED = ("mobilenet_v3_small",)  # backbones that are no preset as they are
NAMES = (*OTHERS, *PRESETS, *UNMODIFIED)


@dataclass(frozen=True)
class Row:
    """One network at one size; what does not apply or was not measured is empty.

    Attributes:
        file_mb, int8_mb: Of the ONNX file, of the deploy form where there is one.
        reference_ms: What the reference takes, by which all times are scaled.
    """

    name: str
    classes: int
    pixels: int
    params: int
    flops: int
    deploy_params: int | None
    deploy_flops: int | None
    file_mb: float
    int8_mb: float | None
    torch_ms: float
    torch_deploy_ms: float | None
    onnx_ms: float
    onnx_deploy_ms: float | None
    int8_ms: float | None
    largest_spread: float
    reference_ms: float


def network_of(name: str, classes: int, pixels: int) -> nn.Module:
    torch.manual_seed(0)
    if name in OTHERS:
        return OTHERS[name](classes).eval()
    architecture = Architecture(name) if name in UNMODIFIED else PRESETS[name]
    return build(architecture, num_classes=classes, input_size=pixels).eval()


def measured_row(name: str, classes: int, pixels: int, folder: Path, reference_ms: float | None) -> Row:
    """Build, write and time everything that a network is."""
    network = network_of(name, classes, pixels)
    deployed = deploy(network) if isinstance(network, Network) else None
    shape = (3, pixels, pixels)
    files = {"reference": folder / f"reference-{pixels}.onnx", "onnx": folder / "network.onnx"}
    if not files["reference"].exists():
        write_onnx(
            network_of(REFERENCE, classes, pixels),
            files["reference"],
            shape=shape,
            metadata={},
            dynamic_batch=False,
        )
    write_onnx(network, files["onnx"], shape=shape, metadata={}, dynamic_batch=False)
    if deployed is not None:
        files["onnx_deploy"] = folder / "deployed.onnx"
        write_onnx(deployed, files["onnx_deploy"], shape=shape, metadata={}, dynamic_batch=False)
    image = torch.randn(1, *shape)
    files["int8"] = folder / "int8.onnx"  # calibrated on noise, since only the time counts
    quantise(files.get("onnx_deploy", files["onnx"]), files["int8"], torch.randn(8, *shape).numpy())

    def eager(module: nn.Module) -> Callable[[], Any]:
        def run() -> Any:
            with torch.inference_mode():
                return module(image)

        return run

    calls = {"torch": eager(network)} | ({} if deployed is None else {"torch_deploy": eager(deployed)})
    calls |= {
        form: measure.session_call(measure.open_session(path, threads=1))
        for form, path in files.items()
        if form != "reference"
    }
    reference = measure.session_call(measure.open_session(files["reference"], threads=1))
    # The reference is timed with the others too, so that its own row says what it takes.
    timings = measure.time_calls(
        [reference, *calls.values()],
        reference,
        now=time.thread_time,
        seconds=SECONDS,
        enough=measure.NETWORK_ENOUGH,
        reference_ms=reference_ms,
    )
    own, *rest = timings
    found = dict(zip(calls, rest, strict=True))
    if isinstance(network, Network):
        cost: Mapping[str, float] = count(network)
    else:
        cost = {"params": count_params(network), "flops": count_flops(network, (1, *shape))[""]}

    def megabytes(form: str) -> float | None:
        return files[form].stat().st_size / 1e6 if form in files else None

    def milliseconds(form: str) -> float | None:
        return found[form].median_ms if form in found else None

    file_mb, torch_ms, onnx_ms = megabytes("onnx"), milliseconds("torch"), milliseconds("onnx")
    assert file_mb is not None
    assert torch_ms is not None
    assert onnx_ms is not None
    return Row(
        name,
        classes,
        pixels,
        int(cost["params"]),
        int(cost["flops"]),
        int(cost["deploy_params"]) if "deploy_params" in cost else None,
        int(cost["deploy_flops"]) if "deploy_flops" in cost else None,
        megabytes("onnx_deploy") or file_mb,
        megabytes("int8"),
        torch_ms,
        milliseconds("torch_deploy"),
        onnx_ms,
        milliseconds("onnx_deploy"),
        milliseconds("int8"),
        max(timing.spread_ms / timing.median_ms for timing in rest),
        own.median_ms,
    )


def read_rows(path: Path) -> list[Row]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Row(**{f.name: _read(str(f.type), row[f.name]) for f in fields(Row)})
            for row in csv.DictReader(file)
        ]


def _read(kind: str, text: str) -> Any:
    """A value of a field of `Row`, whose annotation says its kind; nothing where it is empty."""
    if not text:
        return None
    return text if "str" in kind else int(text) if "int" in kind else float(text)


def write_rows(path: Path, rows: list[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [f.name for f in fields(Row)], lineterminator="\n")
        writer.writeheader()
        for row in rows:
            values = asdict(row)
            writer.writerow(
                {k: "" if v is None else f"{v:.5g}" if isinstance(v, float) else v for k, v in values.items()}
            )


def printed(row: Row) -> str:
    """As a row of the document's table."""

    def both(before: str, after: str | None) -> str:
        return before if after is None else f"{before} → {after}"

    def text(value: float | None, unit: str = "", digits: int = 2) -> str | None:
        return None if value is None else f"{value:,.{digits}f}{unit}"

    flops = both(
        f"{row.flops / 1e6:.2f} M",
        text(None if row.deploy_flops is None else row.deploy_flops / 1e6, " M"),
    )
    cells = [
        f"`{row.name}`",
        both(f"{row.params:,}", None if row.deploy_params is None else f"{row.deploy_params:,}"),
        flops,
        both(f"{row.torch_ms:.2f}", text(row.torch_deploy_ms)),
        both(f"{row.onnx_ms:.2f}", text(row.onnx_deploy_ms)),
        text(row.int8_ms) or MISSING,
        f"{row.file_mb:.1f}",
        text(row.int8_mb, digits=1) or MISSING,
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what is missing, and print the tables.")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FILE")
    parser.add_argument("--rows", default=",".join(NAMES), metavar="NAME,...", help="of these networks alone")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = read_rows(options.results)
    with tempfile.TemporaryDirectory() as folder:
        for classes, pixels in SETTINGS:
            for name in options.rows.split(","):
                if any((row.name, row.pixels) == (name, pixels) for row in rows):
                    continue
                scale = next((row.reference_ms for row in rows if row.pixels == pixels), None)
                rows.append(measured_row(name, classes, pixels, Path(folder), scale))
                write_rows(options.results, rows)
                print(
                    f"{name}, {pixels} pixels, spread up to {100 * rows[-1].largest_spread:.1f} %", flush=True
                )
    for classes, pixels in SETTINGS:
        print(f"\n{classes:,} classes, {pixels} x {pixels} pixels:\n")
        print(f"| {' | '.join(TITLES)} |")
        print("|---" * len(TITLES) + "|")
        for row in sorted(
            (row for row in rows if row.pixels == pixels), key=lambda row: NAMES.index(row.name)
        ):
            print(printed(row))


if __name__ == "__main__":
    main()
