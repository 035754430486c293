"""`cheapsearch train`: one network under a full policy."""

import argparse
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...space import METRIC_TITLES, text
from ...space.training_folder import TrainingFolder
from .exits import EXIT_FAILED, EXIT_INTERRUPTED, complain
from .parser import add_ops, add_training, given_training, loaded_ops

if TYPE_CHECKING:
    from ..training.loop import Epoch
    from ..training.policy import Policy


def add(commands: Any) -> None:
    """Declare the command's flags."""
    train = commands.add_parser(
        "train",
        usage="%(prog)s [options] ARCH",
        help="train one network under a full policy; again: go on",
        description="Train a preset or an exported architecture. With the same --out it goes on. Under "
        "torchrun several processes train it together.",
        examples=(
            "cheapsearch train cheap_v2 --dataset digits --epochs 30",
            "cheapsearch train runs/mobilenet_v2-digits/best.yaml --dataset digits --seeds 3",
        ),
    )
    train.add_argument("arch", metavar="ARCH", help="a preset's name or an exported YAML")
    train.add_argument("--dataset", default="cifar10", metavar="DATA", help="as for run (default cifar10)")
    train.add_argument("--data-dir", type=Path, metavar="DIR", help="as for run")
    train.add_argument(
        "--input-size", type=int, metavar="PIXELS", help="of the network (default: the data set's)"
    )
    train.add_argument("--skip-corrupt", action="store_true", help="leave images out that cannot be read")
    train.add_argument(
        "--threads", type=int, metavar="N", help="that compute on a CPU (default: one per core)"
    )
    train.add_argument("--seed", type=int, default=0, help="of weights and images (default 0)")
    train.add_argument(
        "--out", type=Path, metavar="DIR", help="where its files go (default runs/ARCH-DATASET)"
    )
    add_ops(train)
    add_training(train, pretrained="none", begins="default none")


def perform(options: argparse.Namespace) -> int:
    """Train, printing every epoch, then the results."""
    from .. import api
    from ..training.loop import DivergedError
    from ..training.team import speaks
    from .console import make_console, print_json, print_line, print_prose, print_table
    from .retrain_display import results_table

    console = make_console(stderr=options.json, markup=False)
    # A polite `kill` ends a training as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    loaded_ops(options)
    options.out = options.out or api.default_training_folder(options.arch, options.dataset)
    names = ("dataset", "data_dir", "input_size", "skip_corrupt", "seed", "out", "threads")
    given = {name: getattr(options, name) for name in names}
    try:
        result = api.train(
            options.arch,
            **given,
            **given_training(options),
            progress=False,
            on_epoch=lambda epoch, policy: print_prose(console, epoch_line(epoch, policy)),
            say=lambda line: print_prose(console, line),
        )
    except KeyboardInterrupt:
        return complain(
            "interrupted; every epoch that ended is kept, the same command goes on", EXIT_INTERRUPTED
        )
    except DivergedError as error:
        return complain(f"{error}; try a lower --learning-rate in another --out", EXIT_FAILED)
    if not speaks():
        return 0
    if options.json:
        print_json(result.to_dict())
    else:
        print_table(console, results_table(result.results))
        folder = TrainingFolder(result.folder)
        # Weights hold no code: what loads them has to know operations of a user's own.
        for kept in sorted(folder.ops_path.glob("*")):
            print_line(console, f'first    cheapsearch.load_operations("{kept}")')
        print_line(console, f'load     cheapsearch.load("{folder.weights_path}")')
        print_line(console, f'predict  cheapsearch predict "{folder.path}" IMAGE|FOLDER')
    return 0


def epoch_line(epoch: "Epoch", policy: "Policy") -> str:
    """One epoch on one line."""
    scored = ""
    if policy.metric != "accuracy":
        scored = f"{METRIC_TITLES[policy.metric]} {text.percent(epoch.val.score)} %  "
    return (
        f"epoch {epoch.epoch} of {policy.epochs}  loss {epoch.train_loss:.4f}  {scored}"
        f"validation {text.percent(epoch.val.top1)} % (top-5 {text.percent(epoch.val.top5)} %)  "
        f"lr {epoch.learning_rate:.4g}"
    )
