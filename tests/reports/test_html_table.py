import pandas as pd

from cheapsearch.reports.html_table import Column, sortable_table

FRAME = pd.DataFrame({"name": ["a<b>", "conv"], "cost": [1234.5, float("nan")], "note": ["−1 %", ""]})  # noqa: RUF001
COLUMNS = [
    Column("name", "na<me", muted="conv"),
    Column("cost", "cost", lambda value: f"{value:.0f}", numeric=True, note="note"),
]


def table(**changes):
    settings = {"ident": "front", "caption": "a & b", "sorted_by": "cost"} | changes
    return sortable_table(FRAME, COLUMNS, **settings)


def test_sortable_table_escapes_text():
    html = table()
    assert "a&lt;b&gt;" in html
    assert "na&lt;me" in html
    assert "a &amp; b" in html
    assert "<b>" not in html


def test_sortable_table_says_by_which_column_it_is_sorted():
    html = table()
    assert '<th scope="col" aria-sort="none"><button type="button">na&lt;me' in html
    assert '<th scope="col" aria-sort="ascending" class="number"><button type="button">cost' in html
    assert "ascending" not in table(sorted_by=None)


def test_sortable_table_sorts_by_the_number_and_shows_the_text():
    html = table()
    assert '<td class="number" data-value="1234.5">1234 <small>−1 %</small></td>' in html  # noqa: RUF001


def test_sortable_table_shows_a_missing_number_without_a_value():
    assert '<td class="number">–</td>' in table()  # noqa: RUF001


def test_sortable_table_mutes_what_is_as_usual():
    assert '<td class="muted">conv</td>' in table()


def test_sortable_table_sets_off_rows_and_keeps_the_footer_apart():
    html = table(strong=[1], footer=FRAME.head(1))
    assert html.count('<tr class="strong">') == 1
    assert html.index("</tbody><tfoot>") < html.rindex("a&lt;b&gt;")
    assert "<tfoot>" not in table(footer=FRAME.head(0))


def test_sortable_table_can_be_scrolled_by_the_keyboard():
    assert table().startswith('<div class="scroll" tabindex="0" role="region" aria-label="a &amp; b">')


def test_sortable_table_keeps_what_is_beyond_the_first_rows_for_its_script(monkeypatch):
    monkeypatch.setattr("cheapsearch.reports.html_table.SHOWN", 1)
    html = table()
    shown, beyond = html.split("<template>")
    assert 'data-most="1"' in shown
    assert shown.partition("<tbody>")[2].count("<tr>") == 1
    assert beyond.count("<tr>") == len(FRAME) - 1
    assert beyond.endswith("</template></tbody></table></div>")
