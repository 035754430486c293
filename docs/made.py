"""The parts of the site that are made from the code: a hook of MkDocs.

A page says `<!-- made: NAME -->` where the table of that name shall stand, so that no flag, key or operation
is copied by hand. Drawings become part of their page, whose colours they take, light or dark.
"""

import argparse
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import cheapsearch
from cheapsearch.search.cli.main import make_parser
from cheapsearch.search.cli.parser import said_of_fields as _said
from cheapsearch.search.training.policies import POLICIES
from cheapsearch.search.training.policy import Policy
from cheapsearch.search.training.proxy import Proxy
from cheapsearch.space import BACKBONES, PRESETS, SITE_NAMES, RunSettings, SearchSpace, flag, join_choice
from cheapsearch.space.config import ArchitectureConfig
from cheapsearch.space.costs import COSTS
from cheapsearch.space.operations import OPERATIONS
from cheapsearch.space.records import TrialRecord
from cheapsearch.space.run_record import RunRecord
from cheapsearch.space.sites import SITES
from cheapsearch.space.training_records import METRICS, TrainingRecord, TrainingResult

_MADE = re.compile(r"^<!-- made: (\w+) -->$", re.M)
_DRAWING = re.compile(r"^!\[.*\]\((drawings/\w+\.svg)\)$", re.M)
_DOCS = Path(__file__).parent


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Called by MkDocs with every page.

    Raises:
        KeyError: If a page asks for what is not made.
    """
    markdown = markdown.replace("](../examples/", "](examples/")
    drawn = _DRAWING.sub(lambda found: f"<div>\n{(_DOCS / found[1]).read_text('utf-8')}</div>", markdown)
    return _MADE.sub(lambda found: MAKERS[found[1]](), drawn)


def on_files(files: Any, config: Any) -> None:
    """Called by MkDocs with what it found: the examples, which pages link to, go with it."""
    from mkdocs.structure.files import File

    for path in sorted((_DOCS.parent / "examples").iterdir()):
        if path.is_file():
            name = f"examples/{path.name}"
            files.append(File.generated(config, name, abs_src_path=str(path)))


def on_post_build(config: Mapping[str, Any]) -> None:
    """Called by MkDocs at the end: the index as a script, so that search works in pages without a server.

    Material's own plugin for that has every page ask another host for a script, which the theme has in it.
    """
    index = Path(config["site_dir"], "search", "search_index.json")
    index.with_suffix(".js").write_text(f"var __index = {index.read_text('utf-8')}", "utf-8")


# --- tables -----------------------------------------------------------------------------------------


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines) + "\n"


def _cell(value: object) -> str:
    parts = " ".join(str(value).split()).split("`")  # every other one is code, which is taken as it is
    parts[::2] = [part.replace("|", "&#124;").replace("<", "&lt;") for part in parts[::2]]
    return "`".join(parts)


def _code(value: object) -> str:
    return f"`{value}`"


def _type(annotation: object) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation).replace("typing.", "")


# --- commands ---------------------------------------------------------------------------------------


def parsers() -> dict[str, argparse.ArgumentParser]:
    """The parser of each command."""
    subparsers = (a for a in make_parser()._actions if isinstance(a, argparse._SubParsersAction))
    return dict(next(subparsers).choices)


def _commands() -> str:
    return "\n".join(part for name, parser in parsers().items() for part in _command(name, parser))


def _command(name: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    positional = [str(action.metavar or action.dest) for action in parser._get_positional_actions()]
    yield f"## {name}\n\n{parser.description}\n"
    yield f"    {' '.join(['cheapsearch', name, *positional, '[options]'])}\n"
    for group in parser._action_groups:
        shown = [a for a in group._group_actions if a.dest != "help" and a.help != argparse.SUPPRESS]
        if not shown:
            continue
        if group.title not in ("positional arguments", "options"):
            yield f"**{group.title}**{f': {group.description}' if group.description else ''}\n"
        yield _table(
            ("argument", "what it says"), ((_typed(action), _help(parser, action)) for action in shown)
        )
    if examples := getattr(parser, "examples", ()):
        yield "\n".join(["```sh", *examples, "```", ""])


def _typed(action: argparse.Action) -> str:
    """An argument as it is typed."""
    if not action.option_strings:
        return _code(action.metavar or action.dest)
    value = "" if action.nargs == 0 else f" {_metavar(action)}"
    names = [name for name in action.option_strings if len(name) > 2] or action.option_strings
    short = [name for name in action.option_strings if name not in names]
    return ", ".join(_code(f"{name}{value}") for name in [*short, *names])


def _metavar(action: argparse.Action) -> str:
    if action.choices and not action.metavar:
        return "|".join(map(str, action.choices))
    return str(action.metavar or action.dest.upper())


def _help(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    if action.help:
        return parser._get_formatter()._expand_help(action)
    return ""


# --- files ------------------------------------------------------------------------------------------


def _keys(record: type, *, without: Sequence[str] = ()) -> str:
    said = _said(record)
    rows = [(_code(f.name), said.get(f.name, ""), _type(f.type)) for f in fields(record)]
    return _table(("key", "what it is", "type"), (row for row in rows if row[0].strip("`") not in without))


def _settings() -> str:
    rows = (
        (_code(name), declared.help, declared.kind, "yes" if declared.fixed else "")
        for name, declared in RunSettings.declared().items()
    )
    return _table(("key", "what it says", "kind", "stays"), rows)


def _trials() -> str:
    said = _said(TrialRecord) | {"hash": "Of the architecture's canonical form."}
    said |= {name: f"{kind.heading[0].upper()}{kind.heading[1:]}." for name, kind in COSTS.items()}
    said |= {
        name: f"The operation at the site; by stages with `|` between. {SITES[name].where}"
        for name in SITE_NAMES
    }
    return _table(("column", "what it is"), ((_code(name), said[name]) for name in TrialRecord.columns()))


def _metrics() -> str:
    return ", ".join(map(_code, METRICS)) + "\n"


# --- the space --------------------------------------------------------------------------------------


def _operations() -> str:
    rows = (
        (_code(row.site), _code(row.name), row.what, ", ".join(family.upper() for family in row.families))
        for row in OPERATIONS
    )
    return _table(("site", "operation", "what is built", "of"), rows)


def _backbones() -> str:
    rows = [
        (
            _code(name),
            backbone.stages,
            len(backbone.rows),
            f"{(space := SearchSpace(name)).size:,}",
            f"{space.distinct_size:,}",
            backbone.source,
        )
        for name, backbone in BACKBONES.items()
    ]
    return _table(("backbone", "stages", "blocks", "combinations", "distinct", "from"), rows)


def _blocks() -> str:
    header = ("stage", "kernel", "hidden", "out", "gate", "activation", "stride")
    parts = []
    for name, backbone in BACKBONES.items():
        rows = (
            (
                *(row.stage, row.kernel_size, row.hidden, row.out_channels),
                *("yes" if row.squeeze_excitation else "", row.activation, row.stride),
            )
            for row in backbone.rows
        )
        parts.append(
            f"### {name}\n\nStem {backbone.stem_channels} channels, classifier {backbone.last_channels}.\n\n"
            + _table(header, rows)
        )
    return "\n".join(parts)


def _presets() -> str:
    rows = (
        (
            _code(name),
            _code(preset.backbone),
            *(_code(join_choice(getattr(preset, site))) for site in SITE_NAMES),
        )
        for name, preset in PRESETS.items()
    )
    return _table(("preset", "backbone", *map(_code, SITE_NAMES)), rows)


def _costs() -> str:
    rows = (
        (
            _code(name),
            kind.heading,
            "deploy form" if kind.deploy else "as trained",
            _code(flag(f"max_{name}")),
            kind.convention,
        )
        for name, kind in COSTS.items()
    )
    return _table(("cost", "what it is", "of the network", "limit", "what is counted"), rows)


# --- trainings --------------------------------------------------------------------------------------


def _policies() -> str:
    said = _said(Policy)
    rows = (
        (_code(f.name), *(f"{getattr(policy, f.name)}" for policy in POLICIES.values()), said[f.name])
        for f in fields(Policy)
    )
    return _table(("field", *map(_code, POLICIES), "what it is"), rows)


# --- Python -----------------------------------------------------------------------------------------


def _python() -> str:
    return "\n\n".join(map(_documented, sorted(cheapsearch._PUBLIC, key=str.lower))) + "\n"


def _documented(name: str) -> str:
    where = cheapsearch._PUBLIC[name]
    path = f"cheapsearch.{where}.{name}"
    if _DOCS.parent.joinpath(*where.split("."), f"{name}.py").is_file():  # a module, called as what is in it
        path += f".{name}"
    return f"::: {path}\n    options:\n      heading: cheapsearch.{name}\n      toc_label: {name}"


MAKERS: dict[str, Callable[[], str]] = {
    "commands": _commands,
    "settings": _settings,
    "run_record": lambda: _keys(RunRecord, without=("settings",)),
    "trials": _trials,
    "architecture_config": lambda: _keys(ArchitectureConfig),
    "training_record": lambda: _keys(TrainingRecord),
    "training_result": lambda: _keys(TrainingResult),
    "metrics": _metrics,
    "operations": _operations,
    "backbones": _backbones,
    "blocks": _blocks,
    "presets": _presets,
    "costs": _costs,
    "policies": _policies,
    "proxy": lambda: _keys(Proxy),
    "python": _python,
}
