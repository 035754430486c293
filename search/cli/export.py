"""`cheapsearch export`: an architecture as a config that builds it anywhere."""

import argparse
from pathlib import Path
from typing import Any

from ...space import PICKS, ArchitectureConfig, UserError, write_text
from ...space.saved_run import load_run
from .parser import add_network, given_architecture


def add(commands: Any) -> None:
    """Declare the command's flags."""
    export = commands.add_parser("export", help="export an architecture as a config that builds it anywhere")
    export.add_argument(
        "source", metavar="RUN|ARCH", help="a run folder, a preset's name or an exported YAML"
    )
    export.add_argument("--pick", metavar="RULE", help=f"of a run: {', '.join(PICKS)}")
    export.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="where to write it (default: print it)"
    )
    add_network(export, default=None)


def perform(options: argparse.Namespace) -> int:
    """Print the config, or write it and print where it is."""
    path = Path(options.source)
    config = _from_run(path, options) if path.is_dir() else _from_architecture(options)
    if options.output is None:
        print(config.to_yaml(), end="")
    else:
        write_text(options.output, config.to_yaml())
        print(options.output)
    return 0


def _from_run(path: Path, options: argparse.Namespace) -> ArchitectureConfig:
    from ..study.export import export_trial

    for name in ("num_classes", "input_size"):
        if getattr(options, name) is not None:
            raise UserError(f"--{name.replace('_', '-')}: is the run's own; leave it out for a run folder")
    run = load_run(path)
    return export_trial(run.record, run.trials, options.pick, run_name=path.resolve().name)


def _from_architecture(options: argparse.Namespace) -> ArchitectureConfig:
    from ... import __version__
    from ...models import describe

    if options.pick is not None:
        raise UserError(f"--pick: chooses from a run folder, {options.source} is none; leave it out")
    architecture, num_classes, input_size = given_architecture(options.source, options)
    return describe(
        architecture,
        num_classes=num_classes,
        input_size=input_size,
        version=__version__,
        origin={"source": options.source},
    )
