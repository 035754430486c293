"""`cheapsearch completion`: what a shell asks to complete commands, flags and names."""

import argparse
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from ...devices.formats import FORMATS
from ...space import BACKBONES, COSTS, METRIC_TITLES, PICKS, PRESETS, PRETRAINED, STAGED_SITES
from ..training.proxy import Proxy
from .command_line import Parser

SHELLS = ("bash", "zsh", "fish")

# Names by argument. Those of rooms that load numpy or torch are written out, since a shell waits for the
# answer; a test holds them to the rooms' own.
NAMES: Mapping[str, Iterable[str]] = {
    "arch": PRESETS,
    "backbone": BACKBONES,
    "class_weights": ("none", "balanced"),
    "dataset": ("cifar10", "cifar100", "digits", "imagenet"),
    "device": ("auto", "cpu", "cuda", "mps"),
    "executor": ("local", "ray"),
    "format": FORMATS,
    "images": ("cifar10", "cifar100", "digits", "imagenet"),
    "metric": METRIC_TITLES,
    "order": ("proposal", "arrival"),
    "pick": PICKS,
    "pretrained": PRETRAINED,
    "source": PRESETS,
    "split": ("test", "val"),
}
# The same where several are taken, as A,B,...
LISTS: Mapping[str, Iterable[str]] = {
    "costs": COSTS,
    "objectives": ("accuracy", *COSTS),
    "per_stage": STAGED_SITES,
    "proxy": [f"{field.name}=" for field in fields(Proxy)],
    "sampler": ("cost_aware", "gp", "nsga2", "random", "tpe"),
    "track": ("mlflow", "wandb"),
}
_FILES_TOO = ("arch", "backbone", "dataset", "images", "source")


def add(commands: Any) -> None:
    """Declare the command's arguments."""
    completion = commands.add_parser(
        "completion",
        help="let a shell complete commands, flags and names",
        description="Print what a shell reads to complete what is typed after cheapsearch: for bash in "
        "~/.bashrc, for zsh in ~/.zshrc after compinit, for fish in its folder of completions.",
        examples=(
            "cheapsearch completion bash >> ~/.bashrc",
            "cheapsearch completion zsh >> ~/.zshrc",
            "cheapsearch completion fish > ~/.config/fish/completions/cheapsearch.fish",
        ),
    )
    completion.add_argument("shell", metavar="SHELL", choices=SHELLS, help=", ".join(SHELLS))


def perform(options: argparse.Namespace) -> int:
    """Print it."""
    from argcomplete.shell_integration import shellcode

    print(shellcode(["cheapsearch"], use_defaults=False, shell=options.shell).strip())
    return 0


def answer(parser: Parser) -> None:
    """Answer a shell that asks what could be typed next, and exit."""
    import argcomplete

    for command in parser.commands.values():
        for action in command._actions:
            action.completer = _completer(action)  # type: ignore[attr-defined]
    argcomplete.autocomplete(parser, always_complete_options="long")


def _completer(action: argparse.Action) -> Callable[..., Iterable[str]]:
    """What the words of an argument can be."""
    from argcomplete.completers import FilesCompleter

    files: Callable[..., Iterable[str]] = FilesCompleter()
    if action.choices is not None:
        return lambda prefix, **_: map(str, action.choices or ())
    if action.dest in LISTS:
        return lambda prefix, **_: _continued(prefix, LISTS[action.dest])
    if action.dest in _FILES_TOO:
        return lambda prefix, **more: [*NAMES[action.dest], *files(prefix, **more)]
    if action.dest in NAMES:
        return lambda prefix, **_: NAMES[action.dest]
    names_files = action.type is Path or str(action.metavar).startswith("FILE")
    return files if names_files else lambda prefix, **_: ()


def _continued(prefix: str, names: Iterable[str]) -> list[str]:
    """A list that is being typed, with each name that it has not yet at its end."""
    before = prefix.rpartition(",")[0].split(",") if "," in prefix else []
    return [",".join([*before, name]) for name in names if name not in before]
