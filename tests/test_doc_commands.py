"""Every command and every piece of Python in the README and in docs/ is run, on images of a few pixels.

A block that cannot be says why, in a comment just above it: `<!-- not run: REASON -->`. What would take long
is shortened there: `<!-- in tests: WHAT STANDS IN THE BLOCK => WHAT IS RUN ;; AND => SO ON -->`. Pages share
one folder, in which the tutorial has been followed before.
"""

import os
import re
import shlex
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from cheapsearch.search.cli.main import main, make_parser

ROOT = Path(__file__).parents[1]
PAGES = {"README.md": ROOT / "README.md"} | {
    path.relative_to(ROOT).as_posix(): path for path in sorted((ROOT / "docs").rglob("*.md"))
}
TUTORIAL = "docs/tutorial.md"
NOT_RUN = re.compile(r"<!-- not run: (.*?) -->", re.S)
IN_TESTS = re.compile(r"<!-- in tests: (.*?) -->", re.S)
MOST_NOT_RUN = 27  # to be raised knowingly, if at all
SHELL = re.compile(r"[$|&><;`]")  # a line with one of these needs one


@dataclass(frozen=True)
class Block:
    """A fenced block: its language and text, and the comment above it."""

    page: str
    language: str
    text: str
    comment: str

    @property
    def runs(self) -> bool:
        return NOT_RUN.search(self.comment) is None and "<!-- tests -->" not in self.comment

    def shortened(self) -> str:
        """The text that is run."""
        text = self.text
        for changes in IN_TESTS.findall(self.comment):
            for change in changes.split(" ;; "):
                before, after = change.split(" => ")
                assert before.strip() in text, f"{self.page}: {before!r} is not in the block below"
                text = text.replace(before.strip(), after.strip())
        return text

    def lines(self, *, shortened: bool) -> Iterator[str]:
        """Commands of a shell, one at a time, without comments."""
        text = self.shortened() if shortened else self.text
        for line in text.replace("\\\n", " ").splitlines():
            words = re.sub(r"\s#.*$|^#.*$", "", line).strip()
            if words:
                yield words


def blocks_of(page: str) -> list[Block]:
    found = re.findall(
        r"((?:^<!--(?:(?!-->).)*-->\n)*)^```(sh|python)\n(.*?)^```$",
        PAGES[page].read_text("utf-8"),
        re.S | re.M,
    )
    return [Block(page, language, text, comment) for comment, language, text in found]


BLOCKS = [block for page in PAGES for block in blocks_of(page)]


# --- what is not run --------------------------------------------------------------------------------


def test_what_is_not_run_says_why_and_is_little() -> None:
    left_out = [block for block in BLOCKS if NOT_RUN.search(block.comment)]
    assert len(left_out) <= MOST_NOT_RUN
    for block in left_out:
        (reason,) = NOT_RUN.findall(block.comment)
        for path in re.findall(r"\btests/[\w/]+(?:\.py)?", reason):
            assert (ROOT / path).exists(), f"{block.page}: {path}"
    assert sum(block.runs for block in BLOCKS) > len(left_out)


def test_every_shell_block_is_marked_as_one() -> None:
    for page, path in PAGES.items():
        fences = [line for line in path.read_text("utf-8").splitlines() if line.lstrip().startswith("```")]
        assert set(fences[::2]) <= {"```sh", "```python", "```yaml", "```text"}, page
        assert set(fences[1::2]) <= {"```"}, page


def test_commands_that_are_not_run_parse() -> None:
    for block in BLOCKS:
        if block.language == "sh" and not block.runs:
            for line in block.lines(shortened=False):
                for command in re.split(r" && | & ", line):
                    if re.match(r"(\S*/)?cheapsearch ", command):
                        make_parser().parse_args(shlex.split(command)[1:])


def test_commands_in_sentences_parse() -> None:
    for page, path in PAGES.items():
        prose = re.sub(r"^```.*?^```$", "", path.read_text("utf-8"), flags=re.S | re.M)
        for command in re.findall(r"`(cheapsearch [a-z][^`]*)`", prose):
            words = shlex.split(command)[1:]
            if len(words) > 1 and "..." not in words:
                try:
                    make_parser().parse_args(words)
                except Exception as error:
                    pytest.fail(f"{page}: `{command}`: {error}")


def test_extras_that_are_named_exist() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    for page, path in PAGES.items():
        for named in re.findall(r"'(?:cheapsearch|\.)\[([\w,]+)\]'", path.read_text("utf-8")):
            assert set(named.split(",")) <= set(extras), page


# --- what is run ------------------------------------------------------------------------------------


def draw_photographs(place: Path) -> None:
    """Photographs of 10 x 12 pixels, of three classes that a colour tells apart, and some without a class."""
    for part, count in (("train", 8), ("validation", 4), ("test", 3)):
        for channel, name in enumerate(("hat", "shirt", "shoes")):
            folder = place / "clothing" / part / name
            folder.mkdir(parents=True)
            for number in range(count):
                colour = [20 + 5 * number] * 3
                colour[channel] = 220 - number
                Image.new("RGB", (10, 12), tuple(colour)).save(folder / f"{part}{number}.jpg")
    (place / "path" / "to").mkdir(parents=True)
    (place / "path" / "to" / "images").symlink_to(place / "clothing" / "train")
    (place / "path" / "to" / "checkout").symlink_to(ROOT)
    (place / "examples").symlink_to(ROOT / "examples")
    (place / "holiday").mkdir()
    for name in ("photo.jpg", "holiday/1.jpg"):
        Image.new("RGB", (12, 10), (220, 30, 30)).save(place / name)


def perform(block: Block, place: Path) -> None:
    """Run a block as it is typed, commands of ours in this process."""
    if block.language == "python":
        exec(compile(block.shortened(), block.page, "exec"), {"__name__": "__main__"})
        return
    for line in block.lines(shortened=True):
        if line.startswith("pip install "):
            continue  # the extra is there, by the test above; what it brings the tests have
        if line.startswith("cheapsearch ") and not SHELL.search(line):
            assert main(shlex.split(line)[1:]) == 0, f"{block.page}: {line}"
        else:
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", line],
                cwd=place,
                env=os.environ | {"PATH": f"{place / 'bin'}:{os.environ['PATH']}"},
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, f"{block.page}: {line}\n{done.stderr}"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, own_of_a_module: None) -> Iterator[Path]:
    """A folder in which the tutorial has been followed, and is the present one."""
    place = tmp_path_factory.mktemp("documents")
    draw_photographs(place)
    (place / "bin").mkdir()
    for name, words in (("python", ""), ("cheapsearch", " -m cheapsearch")):
        script = place / "bin" / name
        script.write_text(f'#!/bin/sh\nexec {sys.executable}{words} "$@"\n', "utf-8")
        script.chmod(0o755)
    handler = signal.getsignal(signal.SIGTERM)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(place / "cache"))
        patch.chdir(place)
        patch.syspath_prepend(place)  # as for a script that lies here
        for block in blocks_of(TUTORIAL):
            if block.runs:
                perform(block, place)
        (place / "best.yaml").write_bytes((place / "runs/mobilenet_v2-clothing/best.yaml").read_bytes())
        trained = place / "runs/cheap_v2-clothing/best.safetensors"
        (place / "best.safetensors").write_bytes(trained.read_bytes())
        yield place
    signal.signal(signal.SIGTERM, handler)


def test_tutorial_ends_with_a_labelled_photograph(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    labelled = subprocess.run(
        [sys.executable, "label.py", "clothing.onnx", "photo.jpg"], cwd=place, capture_output=True, text=True
    )
    assert labelled.returncode == 0, labelled.stderr
    assert any(name in labelled.stdout for name in ("hat", "shirt", "shoes"))
    assert (place / "sheet.html").is_file()
    assert (place / "runs/mobilenet_v2-clothing/report.html").is_file()


@pytest.mark.parametrize("page", sorted({block.page for block in BLOCKS if block.runs} - {TUTORIAL}))
def test_page_does_what_it_says(page: str, place: Path) -> None:
    for block in blocks_of(page):
        if block.runs:
            perform(block, place)
