"""The parts of the site that are made from the code, and that nothing in it is copied or left out."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest
import yaml

import cheapsearch
from cheapsearch.search.training.policy import Policy
from cheapsearch.space import BACKBONES, PRESETS, RunSettings
from cheapsearch.space.costs import COSTS
from cheapsearch.space.operations import OPERATIONS
from cheapsearch.space.records import TrialRecord

DOCS = Path(__file__).parents[1] / "docs"
PAGES = {path.relative_to(DOCS).as_posix(): path.read_text("utf-8") for path in DOCS.rglob("*.md")}


@pytest.fixture(scope="module")
def made() -> ModuleType:
    """The hook, which is no part of the package."""
    spec = importlib.util.spec_from_file_location("made", DOCS / "made.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows(markdown: str) -> list[list[str]]:
    """The cells of the tables of a page."""
    lines = [line for line in markdown.splitlines() if line.startswith("| ")]
    return [line.removeprefix("| ").removesuffix(" |").split(" | ") for line in lines]


def firsts(markdown: str) -> set[str]:
    """What stands in the first column."""
    return {row[0].strip("`") for row in rows(markdown)}


def test_everything_that_is_made_stands_in_one_page(made: ModuleType) -> None:
    asked = [name for text in PAGES.values() for name in re.findall(r"<!-- made: (\w+) -->", text)]
    assert sorted(asked) == sorted(made.MAKERS)
    page = PAGES["reference/space.md"]
    assert "<!-- made" not in made.on_page_markdown(page)


def test_commands_have_every_flag(made: ModuleType) -> None:
    page = made.MAKERS["commands"]()
    sections = dict(
        zip(re.findall(r"^## (.*)$", page, re.M), re.split(r"^## .*$", page, flags=re.M)[1:], strict=True)
    )
    parsers = made.parsers()
    assert list(sections) == list(parsers)
    for name, parser in parsers.items():
        listed = {flag for row in rows(sections[name]) for flag in re.findall(r"--?[a-z][\w-]*", row[0])}
        assert listed == {flag for action in parser._actions for flag in action.option_strings} - {
            "-h",
            "--help",
        }
        assert "%(" not in sections[name]
        assert re.match(r"\n+[A-Z`]", sections[name]), name
        assert "\nNone\n" not in sections[name], name
    # The flag of a policy's field says what the field does.
    weight_decay = [row for row in rows(sections["train"]) if "--weight-decay" in row[0]]
    assert [row[1] for row in weight_decay] == ["Of every parameter."]
    assert "weight_decay: Of every parameter." in str(Policy.__doc__)


def test_tables_have_every_row_of_the_registries(made: ModuleType) -> None:
    makers = {name: maker() for name, maker in made.MAKERS.items()}
    assert [tuple(cell.strip("`") for cell in row[:2]) for row in rows(makers["operations"])[2:]] == [
        (row.site, row.name) for row in OPERATIONS
    ]
    assert firsts(makers["presets"]) >= set(PRESETS)
    assert firsts(makers["backbones"]) >= set(BACKBONES)
    assert firsts(makers["costs"]) >= set(COSTS)
    assert firsts(makers["settings"]) >= set(RunSettings.declared())
    stay = {row[0].strip("`") for row in rows(makers["settings"]) if row[3] == "yes"}
    assert {"backbone", "ops", "seed"} <= stay
    assert not stay & {"budget", "workers", "dataset"}
    assert firsts(makers["trials"]) >= set(TrialRecord.columns())
    for name, text in makers.items():
        assert len({len(row) for row in rows(text)}) <= 2 or name in ("commands", "blocks"), name


def test_every_public_name_is_in_the_reference(made: ModuleType) -> None:
    names = re.findall(r"^      heading: cheapsearch\.(\w+)$", made.MAKERS["python"](), re.M)
    assert set(names) == set(cheapsearch.__all__) - {"__version__"}


def test_a_page_that_asks_for_what_is_not_made_is_refused(made: ModuleType) -> None:
    with pytest.raises(KeyError):
        made.on_page_markdown("<!-- made: nothing -->")


def test_drawings_are_drawn_in_the_page_and_say_what_they_show(made: ModuleType) -> None:
    drawings = sorted((DOCS / "drawings").glob("*.svg"))
    shown = {name for text in PAGES.values() for name in re.findall(r"\]\(drawings/(\w+\.svg)\)", text)}
    assert {path.name for path in drawings} == shown
    for path in drawings:
        root = ElementTree.parse(path).getroot()
        assert root.get("aria-label")
        assert "\n\n" not in path.read_text("utf-8")  # Markdown would end the element there
        assert "<svg" in made.on_page_markdown(f"Before.\n\n![It](drawings/{path.name})\n\nAfter.")
    operations = {row.name for row in OPERATIONS} - {"none"}
    text = "".join(path.read_text("utf-8") for path in drawings)
    assert operations <= set(re.findall(r'class="name"[^>]*>(\w+)<', text))


def test_site_asks_nothing_of_the_network() -> None:
    config = yaml.safe_load((DOCS.parent / "mkdocs.yml").read_text("utf-8"))
    assert config["theme"]["font"] is False
    assert "http" not in (DOCS.parent / "mkdocs.yml").read_text("utf-8")
    assert all("://" not in path.read_text("utf-8") for path in DOCS.rglob("*.css"))
