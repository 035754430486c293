"""`cheapsearch predict`: a trained network on images it has never seen."""

import argparse
import csv
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...space import shown
from .exits import EXIT_FAILED, complain
from .parser import add_ops, loaded_ops

if TYPE_CHECKING:
    from ..training.predictions import Accuracy, Prediction

_WIDEST_CLASS = 24


def add(commands: Any) -> None:
    """Declare the command's flags."""
    predict = commands.add_parser(
        "predict",
        usage="%(prog)s [options] WEIGHTS IMAGES ...",
        help="class and probability of images, by weights that training left",
        description="Print the class and its probability for images, by weights that `cheapsearch train` or "
        "`retrain` left. For a data set, and where images lie in folders that are classes, the accuracy too.",
        examples=(
            "cheapsearch predict runs/cheap_v2-digits photo.jpg folder/of/photos",
            "cheapsearch predict runs/cheap_v2-digits digits --split test --csv",
        ),
    )
    predict.add_argument(
        "weights", metavar="WEIGHTS", type=Path, help="a best.safetensors, or the folder of a training"
    )
    predict.add_argument(
        "images",
        metavar="IMAGES",
        nargs="+",
        help="files and folders of images, or one data set as for train",
    )
    predict.add_argument(
        "--split",
        metavar="SPLIT",
        help="test or val: take that split of a data set (default: a folder's images as they are, and test "
        "for a data set that is no folder)",
    )
    predict.add_argument("--data-dir", type=Path, metavar="DIR", help="as for train")
    predict.add_argument("--skip-corrupt", action="store_true", help="as for train, of a split")
    predict.add_argument(
        "--seed", type=int, default=0, help="of the validation split, as in training (default 0)"
    )
    add_ops(predict)
    predict.add_argument("--device", default="auto", help="auto (default), cpu, cuda, cuda:N, mps")
    form = predict.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON, with the accuracy of each class")
    form.add_argument("--csv", action="store_true", help="print CSV")


def perform(options: argparse.Namespace) -> int:
    """Print a line for each image as its batch is done, then the accuracy; 1 where some cannot be read."""
    from ..training.predict import find_images, known, load_trained, predictions
    from ..training.predictions import Predictions
    from ..workers.devices import available_cores, prepare_process, resolve_device
    from .console import busy, print_json

    loaded_ops(options)
    device = resolve_device(options.device)
    network = load_trained(options.weights)
    classes, _ = known(network)
    part = find_images(
        network,
        options.images,
        split=options.split,
        data_dir=options.data_dir,
        skip_corrupt=options.skip_corrupt,
        seed=options.seed,
        say=lambda line: print(line, file=sys.stderr),
    )
    prepare_process(device, threads=available_cores())
    write = _writer(options, classes)
    done = []
    # Lines that somebody sees are progress enough.
    seen = sys.stdout.isatty() and not options.json
    with nullcontext() if seen else busy("predicting") as at:
        for prediction in predictions(network, part, device=device):
            write(prediction)
            done.append(prediction)
            if at is not None:
                at(len(done), len(part.labels))
    found = Predictions(classes, tuple(done))
    if options.json:
        print_json(found.to_dict())
    elif not options.csv and (accuracy := found.accuracy) is not None:
        print(accuracy_line(accuracy))
    if found.failed:
        return complain(f"{len(found.failed):,} of {len(done):,} images cannot be read", EXIT_FAILED)
    return 0


def prediction_line(prediction: "Prediction", widest: int) -> str:
    """One image on one line; `widest` is how long the name of a class gets."""
    image = shown(prediction.image)
    if prediction.probability is None:
        return f" failed  {image}: {prediction.error}"
    wrong = prediction.label not in (None, prediction.class_name)
    return (
        f"{100 * prediction.probability:5.1f} %  {prediction.class_name:{widest}}  {image}"
        f"{f'  (is {prediction.label})' if wrong else ''}"
    )


def accuracy_line(accuracy: "Accuracy") -> str:
    """The accuracy on one line."""
    return (
        f"accuracy {accuracy.top1:.2f} %, {accuracy.right:,} of {accuracy.images:,} images right; "
        f"top-5 {accuracy.top5:.2f} %"
    )


def prediction_row(prediction: "Prediction", count: int) -> Iterator[tuple[str, str]]:
    """The columns of one image in CSV: its `count` most probable classes are in as many pairs of columns."""
    yield "image", shown(prediction.image)
    yield "class", prediction.class_name or ""
    yield "probability", _share(prediction.probability)
    yield "label", prediction.label or ""
    yield "error", prediction.error or ""
    for place in range(2, count + 1):
        name, share = prediction.top[place - 1] if prediction.top else ("", None)
        yield f"class_{place}", name
        yield f"probability_{place}", _share(share)


def _writer(options: argparse.Namespace, classes: tuple[str, ...]) -> Callable[["Prediction"], None]:
    """What prints an image as soon as it is predicted."""
    if options.json:
        return lambda prediction: None
    if not options.csv:
        widest = min(max(map(len, classes)), _WIDEST_CLASS)
        return lambda prediction: print(prediction_line(prediction, widest))
    count = min(5, len(classes))
    writer = csv.writer(sys.stdout, lineterminator="\n")
    rows = 0

    def write(prediction: "Prediction") -> None:
        nonlocal rows
        row = dict(prediction_row(prediction, count))
        if rows == 0:
            writer.writerow(row)
        writer.writerow(row.values())
        rows += 1

    return write


def _share(probability: float | None) -> str:
    return "" if probability is None else f"{probability:.6f}"
