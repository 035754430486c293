"""`cheapsearch data`: what a data set is understood to be, and which files of it cannot be read."""

import argparse
from pathlib import Path
from typing import Any

from ...space import UserError


def add(commands: Any) -> None:
    """Declare the command's flags."""
    data = commands.add_parser(
        "data",
        help="what a data set is understood to be, its unreadable files, and a contact sheet",
        description="Print classes, splits, sizes and what is left out of a data set; every file is checked.",
        examples=("cheapsearch data digits", "cheapsearch data path/to/images -o sheet.html"),
    )
    data.add_argument("dataset", metavar="DATASET", help="as --dataset of run")
    data.add_argument("--data-dir", type=Path, metavar="DIR", help="as for run")
    data.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE.html",
        help="also write a page with some images of each class, as the network sees them",
    )
    data.add_argument(
        "--skip-corrupt", action="store_true", help="unreadable files are no mistake, but left out"
    )
    data.add_argument("--json", action="store_true", help="print JSON")


def perform(options: argparse.Namespace) -> int:
    """Print it, and write the page.

    Raises:
        UserError: If the data set cannot be used, or files of it cannot be read; after all else.
    """
    from ...reports import write_contact_sheet
    from ...space import shown
    from ..data import contact_sheet, dataset_name, survey
    from .console import make_console, print_json, print_prose

    aside = make_console(stderr=True, markup=False)

    def say(line: str) -> None:
        aside.print(line, style="dim")

    found = survey(options.dataset, data_dir=options.data_dir, progress=say)
    summary = found.summary
    if options.json:
        print_json(summary.to_dict())
    else:
        console = make_console(markup=False)
        for line in summary.lines():
            print_prose(console, line)
        for file in summary.skipped:
            print(f"unreadable {shown(file.name)} ({file.reason})")
    if options.output is not None:
        rows = [(row.name, row.counts, row.images) for row in contact_sheet(found, progress=say)]
        title = dataset_name(options.dataset)
        where = write_contact_sheet(rows, options.output, title=title, lines=summary.lines())
        say(f"contact sheet in {shown(where)}")
    if summary.skipped and not options.skip_corrupt:
        first = summary.skipped[0]
        raise UserError(
            f"DATASET: every image must be readable, {len(summary.skipped):,} are not, the first: "
            f"'{shown(first.name)}' ({first.reason}); replace or delete them, or leave them out with "
            "--skip-corrupt"
        )
    return 0
