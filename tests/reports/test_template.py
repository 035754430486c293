import gzip
import json
from base64 import b64decode, b64encode
from hashlib import sha256

import numpy as np
import plotly.graph_objects as go
import pytest
from plotly.offline import get_plotlyjs

from cheapsearch.reports import write_report
from cheapsearch.reports.template import TEMPLATES, data_json, render
from cheapsearch.space import UserError


def test_data_json_rounds_to_six_digits_and_has_null_for_what_is_no_number():
    found = json.loads(data_json({"a": np.array([1 / 3, np.nan]), "b": (np.int64(2_296_490), True, "x")}))
    assert found == {"a": [0.333333, None], "b": [2_296_490, True, "x"]}


def test_data_json_has_the_arrays_of_a_figure_as_lists():
    # plotly keeps an array as a text of bytes; the page's script looks up where points are.
    table = np.array([[1, 2, 3], [4, 5, 6]])
    figure = go.Figure(go.Scatter(x=np.array([1, 2]), y=np.array([0.5, np.nan]), customdata=table))
    (trace,) = json.loads(data_json(figure.to_plotly_json()))["data"]
    assert (trace["x"], trace["y"], trace["customdata"]) == ([1, 2], [0.5, None], table.tolist())


def test_render_refuses_another_way_to_hold_plotly():
    with pytest.raises(UserError, match="plotly: must be one of packed, full, cdn, got 'zip'"):
        render("report.html.j2", plotly="zip")


def test_packed_page_holds_the_whole_plotly_in_less_than_half(make_run):
    page = write_report(make_run()).read_text(encoding="utf-8")
    packed = page.partition('id="plotly">')[2].partition("</script>")[0]
    assert gzip.decompress(b64decode(packed)).decode() == get_plotlyjs()
    assert len(packed) < len(get_plotlyjs()) / 2
    assert get_plotlyjs() not in page


def test_page_is_the_same_every_time(make_run):
    folder = make_run()
    assert write_report(folder).read_bytes() == write_report(folder).read_bytes()


def test_full_page_packs_nothing(make_run):
    page = write_report(make_run(), plotly="full").read_text(encoding="utf-8")
    assert get_plotlyjs() in page
    assert 'type="application/gzip"' not in page


def test_cdn_page_refers_to_plotly_by_its_hash(make_run):
    page = write_report(make_run(), plotly="cdn").read_text(encoding="utf-8")
    digest = b64encode(sha256(get_plotlyjs().encode()).digest()).decode()
    assert f'integrity="sha256-{digest}"' in page
    assert "script-src 'unsafe-inline' https://cdn.plot.ly;" in page
    assert len(page) < 300_000


def test_every_template_is_in_the_package():
    # pyproject.toml names the two folders; another would be left out of the package.
    assert {path.name for path in TEMPLATES.rglob("*") if path.is_dir()} == {"report"}
