import gzip
from base64 import b64decode
from dataclasses import replace

import pandas as pd

from cheapsearch.reports.html_table import Cell, Column, sortable_table
from cheapsearch.reports.template import environment

FRAME = pd.DataFrame(
    {"name": ["a<b>", "conv"], "cost": [1234.5, float("nan")], "note": ["−1 %", ""], "number": [7, 8]}  # noqa: RUF001
)
COLUMNS = [
    Column("name", "na<me", muted="conv"),
    Column("cost", "cost", lambda value: f"{value:.0f}", numeric=True, note="note"),
]
TRIAL = Column("number", "trial", numeric=True, trial=True)


def table(columns=COLUMNS, **changes):
    settings = {"ident": "front", "caption": "a & b", "sorted_by": "cost"} | changes
    return sortable_table(FRAME, columns, **settings)


def html(found, plotly="packed"):
    parts = environment().get_template("parts.html.j2").make_module({"plotly": plotly})
    return str(parts.table(found))


def test_sortable_table_sorts_by_the_number_and_shows_the_text():
    name, cost = table().rows[0].cells
    assert name == Cell("a<b>")
    assert cost == Cell("1234", 1234.5, "−1 %")  # noqa: RUF001


def test_sortable_table_shows_a_missing_number_without_a_value():
    assert table().rows[1].cells[1] == Cell("–")  # noqa: RUF001


def test_sortable_table_mutes_what_is_as_usual():
    assert [row.cells[0].muted for row in table().rows] == [False, True]


def test_sortable_table_sets_off_rows_and_keeps_the_footer_apart():
    found = table(strong=[1], footer=FRAME.head(1))
    assert [row.strong for row in found.rows] == [False, True]
    assert len(found.footer) == 1
    shown = html(found)
    assert shown.count('class="strong"') == 1
    assert shown.index("<tfoot>") < shown.rindex("a&lt;b&gt;")
    assert "<tfoot>" not in html(table(footer=FRAME.head(0)))


def test_table_escapes_text():
    shown = html(table())
    assert "a&lt;b&gt;" in shown
    assert "na&lt;me" in shown
    assert "a &amp; b" in shown
    assert "<b>" not in shown


def test_table_says_by_which_column_it_is_sorted():
    shown = html(table())
    assert '<th scope="col" aria-sort="none"><button type="button">na&lt;me' in shown
    assert '<th scope="col" aria-sort="ascending" class="number"><button type="button">cost' in shown
    assert "ascending" not in html(table(sorted_by=None))


def test_table_can_be_scrolled_by_the_keyboard():
    assert (
        html(table())
        .lstrip()
        .startswith('<div class="scroll" tabindex="0" role="region" aria-label="a &amp; b">')
    )


def test_table_selects_trials_by_buttons():
    assert table().rows[0].trial is None
    found = table([TRIAL])
    assert [row.trial for row in found.rows] == [7, 8]
    assert '<tr data-trial="7">' in html(found)
    assert 'aria-pressed="false">7</button>' in html(found)


def test_table_keeps_what_is_beyond_the_first_rows_for_its_script():
    found = replace(table(), plain=1, shown=1)
    shown, beyond = html(found).split('<script type="application/gzip" data-rows="front">')
    assert 'data-most="1"' in shown
    assert shown.partition("<tbody>")[2].count("<tr>") == 1
    rows = gzip.decompress(b64decode(beyond.partition("<")[0])).decode()
    assert rows.count("<tr>") == len(FRAME) - 1
    shown, beyond = html(found, "full").split("<template>")
    assert shown.partition("<tbody>")[2].count("<tr>") == 1
    assert beyond.count("<tr>") == len(FRAME) - 1
