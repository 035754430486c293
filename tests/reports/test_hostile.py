"""Whatever a config, a run folder or a table holds: it is used or refused in one line, and nothing is run.

CHEAPSEARCH_EXAMPLES says how many examples each test draws.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cheapsearch import __version__
from cheapsearch.models import describe
from cheapsearch.reports import write_report
from cheapsearch.search.rehearsal.result_table import load_table
from cheapsearch.space import PRESETS, UserError, read_config
from cheapsearch.space.saved_run import load_run

WAS_RUN = Path(gettempdir()) / f"cheapsearch-test-ran-{os.getpid()}"
SETTINGS = settings(
    max_examples=int(os.environ.get("CHEAPSEARCH_EXAMPLES", "40")),
    deadline=None,
    derandomize="CHEAPSEARCH_EXAMPLES" not in os.environ,  # by default the same draws for everybody
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
HOSTILE = [
    f'!!python/object/apply:os.system ["touch {WAS_RUN}"]',
    *("nan", "-inf", "1e999", "-1", "0", "true", "null", "2026-01-01", "0x10", "1_000", "9" * 400, "''"),
    *("[]", "{}", "[[[[", "&a [*a]", "? x", "- x", "!!binary aGk=", "!!set {a}", "|\n  x", "%TAG", "---"),
    *('"\\uDCFF"', "\ufeff", "\0", "\x1b[31m", "\u202e", "a,b,c", '"', "mobilenet_v9", "reuse|conv", "#"),
]
ROWS = [f"{a},{b},{50 + i},{100 * (i + 1)},{40 + i}" for i, (a, b) in enumerate(product("xyz", "uv"))]
TABLE = "\n".join(["choice_a,choice_b,accuracy_0,cost_params,curve_0", *ROWS])


@st.composite
def changes(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """A few changes of a text: of a value, a line, a run of bytes."""
    steps = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["value", "line", "twice", "cut", "bytes"]),
                st.integers(0, 10**6),
                st.one_of(st.sampled_from([one.encode() for one in HOSTILE]), st.binary(max_size=6)),
            ),
            max_size=3,
        )
    )

    def change(text: bytes) -> bytes:
        for kind, where, what in steps:
            lines = text.split(b"\n")
            at = where % len(lines)
            if kind == "value":
                mark = b"," if b"," in lines[at] else b": "
                cells = lines[at].split(mark)
                cells[where % len(cells)] = what
                lines[at] = mark.join(cells)
            elif kind == "line":
                lines.insert(at, what)
            elif kind == "twice":
                lines.insert(at, lines[at])
            elif kind == "cut":
                del lines[at]
            text = b"\n".join(lines)
            if kind == "bytes":
                at = where % (len(text) + 1)
                text = text[:at] + what + text[at + len(what) :]
        return text

    return change


@contextmanager
def used_or_refused() -> Iterator[None]:
    try:
        yield
    except UserError as error:
        message = error.at_terminal
        assert len(message.splitlines()) == 1, message
    assert not WAS_RUN.exists()


@pytest.fixture
def folder(make_run: Callable[..., Path]) -> Path:
    return make_run()


@SETTINGS
@given(changes(), st.sampled_from(sorted(PRESETS)))
def test_any_config_is_used_or_refused(change: Callable[[bytes], bytes], preset: str) -> None:
    config = describe(PRESETS[preset], num_classes=3, input_size=32, version=__version__, origin={})
    with TemporaryDirectory() as folder:
        path = Path(folder) / "it.yaml"
        path.write_bytes(change(config.to_yaml().encode()))
        with used_or_refused():
            assert read_config(path).num_classes >= 2


@SETTINGS
@given(st.data())
def test_any_run_folder_is_used_or_refused(folder: Path, data: st.DataObject) -> None:
    whole = {name: (folder / name).read_bytes() for name in ("run.yaml", "trials.csv")}
    broken = data.draw(st.sampled_from(sorted(whole)))
    try:
        (folder / broken).write_bytes(data.draw(changes())(whole[broken]))
        with used_or_refused():
            load_run(folder)
        with used_or_refused():
            write_report(folder)
    finally:
        (folder / broken).write_bytes(whole[broken])


@SETTINGS
@given(changes())
def test_any_table_is_used_or_refused(change: Callable[[bytes], bytes]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "it.csv"
        path.write_bytes(change(TABLE.encode()))
        with used_or_refused():
            load_table(path)
