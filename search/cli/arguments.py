"""What can be typed after `cheapsearch`. Imports nothing heavy, so that --help answers at once."""

import argparse
from collections.abc import Iterable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, NoReturn

from ... import __version__
from ...space import BACKBONES, COSTS, DEFAULT_OBJECTIVES, PICKS, STAGED_SITES, UserError
from ..training.policy import CROPS, POLICIES, Policy, default_policy


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; see `{self.prog} --help`")


def make_parser() -> argparse.ArgumentParser:
    """The parser of every command; a mistake raises `UserError`."""
    parser = _Parser(
        prog="cheapsearch",
        description="Neural architecture search over the modification sites of MobileNetV2 and MobileNetV3.",
        epilog="A first search that needs no network: cheapsearch run --dataset digits --budget 20",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(
        title="commands", dest="command", required=True, metavar="COMMAND", parser_class=_Parser
    )
    _add_run(commands)
    _add_retrain(commands)
    _add_train(commands)

    show = commands.add_parser("show", help="what an architecture is and costs, site by site")
    show.add_argument("arch", metavar="ARCH", help="a preset's name or an exported YAML")
    _add_network(show, default=None)
    _add_json(show)

    space = commands.add_parser("space", help="sites, operations, size and range of costs of a search space")
    space.add_argument("--backbone", default="mobilenet_v2", metavar="NAME", help=_names(BACKBONES))
    space.add_argument("--width", type=float, default=1.0, help="width multiplier (default 1)")
    space.add_argument("--per-stage", type=_words, default=(), metavar="SITES", help=_names(STAGED_SITES))
    _add_network(space, default=(10, 32))
    space.add_argument("-o", "--output", type=Path, metavar="FILE", help="draw it too: an HTML page")
    _add_json(space)

    presets = commands.add_parser("presets", help="the published networks")
    _add_network(presets, default=(100, 32))
    _add_json(presets)

    report = commands.add_parser("report", help="write a run's report.html again")
    report.add_argument("run", metavar="RUN", type=Path, help="a run folder")

    rehearse = commands.add_parser(
        "rehearse",
        help="replay samplers on a table of finished results",
        description="Replay samplers on a CSV with columns choice_*, accuracy_* (percent) and cost_*.",
    )
    rehearse.add_argument(
        "table",
        metavar="TABLE.csv",
        type=Path,
        nargs="?",
        help="default: 512 V2 networks, trained on digits",
    )
    rehearse.add_argument("--budget", type=int, default=100, metavar="N", help="evaluations (default 100)")
    rehearse.add_argument("--seeds", type=int, default=5, metavar="S", help="searches a sampler (default 5)")
    rehearse.add_argument(
        "--sampler",
        type=_words,
        default=("cost_aware", "random"),
        metavar="A,B",
        help="default cost_aware,random",
    )
    rehearse.add_argument(
        "--costs", type=_words, default=(), metavar="A,B", help="only these costs (default all)"
    )
    rehearse.add_argument(
        "--reference-accuracy",
        type=float,
        metavar="A",
        help="of no worth, in percent, as for run (default: score by the 10th percentile)",
    )
    rehearse.add_argument("--in-flight", type=int, default=1, metavar="N", help="as for run (default 1)")
    rehearse.add_argument("--stopping", action="store_true", help="and each with stopping, by curve_*")
    rehearse.add_argument("-o", "--output", type=Path, metavar="FILE", help="write a report, an HTML page")
    _add_json(rehearse)

    export = commands.add_parser("export", help="export an architecture as a config that builds it anywhere")
    export.add_argument(
        "source", metavar="RUN|ARCH", help="a run folder, a preset's name or an exported YAML"
    )
    export.add_argument("--pick", metavar="RULE", help=f"of a run: {', '.join(PICKS)}")
    export.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="where to write it (default: print it)"
    )
    _add_network(export, default=None)
    return parser


def _add_run(commands: Any) -> None:
    run = commands.add_parser(
        "run",
        help="search; again with the same --out: go on",
        description="Search. With the --out of an earlier run it goes on where that one stopped.",
        argument_default=argparse.SUPPRESS,
    )
    run.add_argument("--budget", type=int, metavar="N", help="trainings (default 100)")
    run.add_argument(
        "--repeats", type=int, metavar="N", help="of these, with another seed (default a tenth, 5 at most)"
    )
    run.add_argument(
        "--confirm", type=int, metavar="N", help="repeats beyond the budget, where the front is in doubt"
    )
    run.add_argument(
        "--stopping", action=argparse.BooleanOptionalAction, help="stop what cannot reach the front (default)"
    )
    run.add_argument("--backbone", metavar="NAME", help=f"{_names(BACKBONES)} (default mobilenet_v2)")
    run.add_argument("--width", type=float, help="width multiplier of the full networks (default 1)")
    run.add_argument(
        "--per-stage",
        type=_words,
        metavar="SITES",
        help=f"search these stage by stage: {_names(STAGED_SITES)}",
    )
    run.add_argument(
        "--dataset",
        metavar="DATA",
        help="cifar10 (default), cifar100, digits, imagenet, a MedMNIST-style .npz, or a folder of classes",
    )
    run.add_argument("--data-dir", type=Path, metavar="DIR", help="where the data set lies, or shall lie")
    run.add_argument(
        "--input-size", type=int, metavar="PIXELS", help="of the full networks (default: the data set's)"
    )
    run.add_argument(
        "--objectives",
        type=_words,
        metavar="LIST",
        help=f"accuracy and costs (default {','.join(DEFAULT_OBJECTIVES)})",
    )
    for cost in COSTS:
        run.add_argument(f"--max-{cost}", type=_count, metavar="N", help="refuse anything dearer, e.g. 1.2M")
    run.add_argument("--reference-accuracy", type=float, metavar="A", help="look above it, in percent")
    run.add_argument("--sampler", metavar="NAME", help="cost_aware (default), tpe, gp, nsga2, random")
    run.add_argument("--seed", type=int, help="of weights, images and proposals (default 0)")
    run.add_argument("--workers", type=int, metavar="N", help="processes (default: one per core or GPU)")
    run.add_argument(
        "--in-flight",
        type=int,
        metavar="N",
        help="proposals made before their results are known, the most workers that can help (default 4)",
    )
    run.add_argument("--device", help="auto (default), cpu, cuda, cuda:N, mps")
    run.add_argument("--storage", metavar="URL", help="Optuna storage in place of study.db in the run folder")
    run.add_argument("--epochs", type=int, metavar="N", help="of the proxy, as --proxy epochs=N")
    run.add_argument(
        "--proxy",
        type=_settings,
        metavar="K=V,...",
        help="change the proxy: epochs, width, input_size, images, batch_size, learning_rate",
    )
    run.add_argument(
        "--out", type=Path, default=None, metavar="DIR", help="run folder (default runs/BACKBONE-DATASET)"
    )
    run.add_argument(
        "--retrain",
        action="store_true",
        default=False,
        help="go straight on: train the front under the full policy, as `cheapsearch retrain --yes` does",
    )
    run.add_argument("--json", action="store_true", default=False, help="print the result as JSON")


def _add_retrain(commands: Any) -> None:
    retrain = commands.add_parser(
        "retrain",
        help="train the front of a run under a full policy; again: go on",
        description="Train the front of a run under a full policy. The same command again goes on.",
    )
    retrain.add_argument("run", metavar="RUN", type=Path, help="a run folder")
    which = retrain.add_mutually_exclusive_group()
    which.add_argument(
        "--trial", type=int, nargs="+", default=(), metavar="N", help="these trials in place of the front"
    )
    which.add_argument("--top", type=int, metavar="N", help="the N most accurate trials")
    which.add_argument("--all", action="store_true", dest="everything", help="every complete trial")
    retrain.add_argument(
        "--data-dir", type=Path, metavar="DIR", help="where the data set lies (default: where it did)"
    )
    retrain.add_argument("--workers", type=int, metavar="N", help="networks at a time (default: as for run)")
    retrain.add_argument("--yes", action="store_true", help="begin without asking")
    _add_training(retrain)


def _add_train(commands: Any) -> None:
    train = commands.add_parser(
        "train",
        help="train one network under a full policy; again: go on",
        description="Train a preset or an exported architecture. With the same --out it goes on. Under "
        "torchrun several processes train it together.",
    )
    train.add_argument("arch", metavar="ARCH", help="a preset's name or an exported YAML")
    train.add_argument("--dataset", default="cifar10", metavar="DATA", help="as for run (default cifar10)")
    train.add_argument("--data-dir", type=Path, metavar="DIR", help="as for run")
    train.add_argument(
        "--input-size", type=int, metavar="PIXELS", help="of the network (default: the data set's)"
    )
    train.add_argument("--seed", type=int, default=0, help="of weights and images (default 0)")
    train.add_argument(
        "--out", type=Path, metavar="DIR", help="where its files go (default runs/ARCH-DATASET)"
    )
    _add_training(train)


def _add_training(parser: argparse.ArgumentParser) -> None:
    """Seeds, device and policy, with a flag for each of the policy's fields."""
    parser.add_argument(
        "--seeds", type=int, default=1, metavar="N", help="train each network N times (default 1)"
    )
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda, cuda:N, mps")
    parser.add_argument(
        "--policy", choices=[*POLICIES], metavar="NAME", help=f"{_names(POLICIES)} (default: by the data set)"
    )
    group = parser.add_argument_group("policy", "fields to change, from those of --policy")
    kinds: dict[object, Any] = {int: int, float: float}
    for field in fields(Policy):
        flag = f"--{field.name.replace('_', '-')}"
        where: dict[str, Any] = {"dest": f"policy_{field.name}", "default": argparse.SUPPRESS}
        if field.type is bool:
            group.add_argument(flag, action=argparse.BooleanOptionalAction, **where)
        elif field.type in kinds:
            group.add_argument(flag, type=kinds[field.type], metavar="N", **where)
        else:
            group.add_argument(flag, choices=CROPS, **where)
    _add_json(parser)


def given_policy(options: argparse.Namespace, *, dataset: str, input_size: int) -> Policy:
    """The policy of the command line.

    Raises:
        UserError: If a value is out of range.
    """
    changes = {
        name.removeprefix("policy_"): value
        for name, value in vars(options).items()
        if name.startswith("policy_")
    }
    return replace(POLICIES[options.policy or default_policy(dataset, input_size)], **changes)


def _add_network(parser: argparse.ArgumentParser, *, default: tuple[int, int] | None) -> None:
    classes, size = default or (None, None)
    said = (f" (default {classes})", f" (default {size})") if default else ("", "")
    parser.add_argument("--num-classes", type=int, default=classes, metavar="N", help=f"classes{said[0]}")
    parser.add_argument("--input-size", type=int, default=size, metavar="N", help=f"pixels a side{said[1]}")


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")


def given_settings(options: argparse.Namespace) -> dict[str, Any]:
    """The run settings that were on the command line."""
    given = {
        key: value for key, value in vars(options).items() if key not in ("command", "out", "json", "retrain")
    }
    if "epochs" in given:
        given["proxy"] = {**given.get("proxy", {}), "epochs": given.pop("epochs")}
    return given


def _names(names: Iterable[str]) -> str:
    return ", ".join(names)


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _count(text: str) -> int:
    """A whole number, also as 1.2M or 300k."""
    scale = {"k": 10**3, "m": 10**6, "g": 10**9}.get(text[-1:].lower(), 1)
    try:
        return round(float(text[:-1] if scale > 1 else text.replace(",", "").replace("_", "")) * scale)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"must be a number such as 1200000 or 1.2M, got {text!r}") from None


def _settings(text: str) -> dict[str, int | float]:
    """`name=number,...` as a dict."""
    found: dict[str, int | float] = {}
    for part in _words(text):
        name, _, value = part.partition("=")
        try:
            found[name.strip()] = int(value) if value.strip().isdecimal() else float(value)
        except ValueError:
            raise argparse.ArgumentTypeError(f"must be name=number,..., got {part!r}") from None
    return found
