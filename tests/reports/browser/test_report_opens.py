"""Reports of whatever runs open: drawn, silent, within the window, and usable by everyone."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from plotly.offline import get_plotlyjs

from cheapsearch.reports import (
    write_comparison,
    write_contact_sheet,
    write_rehearsal,
    write_report,
    write_space,
)
from cheapsearch.reports.html_table import PLAIN, SHOWN
from cheapsearch.space import get_backbone

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}&amp;'\"" + "x" * 300
OLD = "delete globalThis.DecompressionStream"  # a browser of before 2023


def many(make, count):
    """Trials of random networks, every seventeenth failed."""
    rng = random.Random(0)
    names = {site: found for site, found in get_backbone("mobilenet_v2").operations.items() if len(found) > 1}
    trials = [make(0, 72.0, 2_000_000, 90_000_000, origin="unmodified")]
    for number in range(1, count):
        sites = {site: rng.choice(found) for site, found in names.items()}
        sites["expand"] = tuple(rng.choice(names["expand"]) for _ in range(7))
        accuracy = None if number % 17 == 0 else 40 + 35 * rng.random()
        costs = rng.randrange(200_000, 2_500_000), rng.randrange(10_000_000, 140_000_000)
        why = {"predicted": 70.123, "deviation": 1.234, "gain": 0.0123, "origin": "cost_aware"}
        reason = "" if accuracy else "loss was not a number"
        trials.append(make(number, accuracy, *costs, reason=reason, **sites, **why))
    return trials


CASES = {
    "none": lambda make: [],
    "one": lambda make: [make(0, 72.0, 20, 30, origin="unmodified")],
    "three": lambda make: [
        make(n, 70.0 + n, 20 + n, 30 - n, expand=operation)
        for n, operation in enumerate(("conv", "reuse", "ghost"))
    ],
    "failed": lambda make: [make(n, None, 5, 9, reason="out of memory") for n in range(3)],
    "constant": lambda make: [
        make(n, 70.0, 20, 30 - n, expand=operation) for n, operation in enumerate(("conv", "reuse", "ghost"))
    ],
    "hostile": lambda make: [
        make(0, 72.0, 20, 30, origin=HOSTILE),
        make(1, 70.0, 10, 20, origin=HOSTILE, expand="reuse"),
        make(2, None, 5, 9, reason=HOSTILE, origin=HOSTILE),
    ],
}


@pytest.fixture
def report(make_run):
    return write_report(make_run())


def is_drawn(page):
    return page.evaluate(
        "[...document.querySelectorAll('.plot')].every(plot => plot.querySelector('svg .infolayer'))"
    )


def runs_over(page):
    return page.evaluate("document.documentElement.scrollWidth > innerWidth")


def shrink(page):
    """To a phone's width; figures follow a little later."""
    page.set_viewport_size({"width": 390, "height": 800})
    page.wait_for_function("() => document.documentElement.scrollWidth <= innerWidth")


def violations(page):
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [(one["id"], [node["target"] for node in one["nodes"]][:3]) for one in found]


@pytest.mark.parametrize("case", CASES)
def test_report_of_any_run_opens_at_any_width(open_page, make_run, make_trial, case):
    changes = dict.fromkeys(("dataset", "device", "data_dir"), HOSTILE) if case == "hostile" else {}
    page = open_page(write_report(make_run(CASES[case](make_trial), **changes)))
    figures = 0 if case in ("none", "failed") else 3 if case == "one" else 4
    assert page.locator(".plot").count() == figures
    assert is_drawn(page)
    assert not runs_over(page)
    shrink(page)


def test_report_of_2000_trials_is_small_and_has_every_trial(open_page, make_run, make_trial):
    path = write_report(make_run(many(make_trial, 2000), per_stage=("expand",)))
    assert path.stat().st_size < 3e6
    page = open_page(path)
    assert is_drawn(page)
    rows = page.locator("#trials tbody tr")
    assert rows.count() == SHOWN
    page.fill("#filter", "complete 1999")  # one beyond those that the file has unpacked
    assert PLAIN < 1999
    assert page.locator("#trials tbody tr[data-trial='1999']").is_visible()
    assert f"{rows.count()} of 2,000 shown" == page.inner_text("#trials-shown")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_report_can_be_used_by_everyone(open_page, retrained, write_insight, width, scheme):
    write_insight(retrained)  # so that it has every section
    page = open_page(write_report(retrained), width=width, color_scheme=scheme, has_touch=width < 500)
    assert not runs_over(page)
    assert violations(page) == []
    page.click("#front tbody button.pick")
    page.select_option("select[data-site=expand]", "reuse")
    page.wait_for_selector("#within button:visible")
    assert not runs_over(page)
    assert violations(page) == []


def test_report_without_scripts_has_its_tables_and_nothing_that_needs_them(open_page, report):
    page = open_page(report, java_script_enabled=False)
    assert page.locator("#trials tbody tr").count() == 7
    assert page.get_by_role("button", name="Copy").count() == 0
    assert page.locator("#filter").is_hidden()


def test_report_says_what_an_old_browser_needs_and_full_is_that(open_page, make_run):
    folder = make_run()
    page = open_page(write_report(folder), before=OLD)
    assert "--full" in page.inner_text("main > p.caution")
    page = open_page(write_report(folder, plotly="full"), before=OLD)
    assert page.locator("main > p.caution").count() == 0
    assert is_drawn(page)


def test_cdn_report_takes_what_has_the_right_hash_alone(browser, make_run):
    path = write_report(make_run(), plotly="cdn")
    for body, drawn in ((get_plotlyjs(), True), (get_plotlyjs() + ";", False)):
        context = browser.new_context()
        headers = {"Access-Control-Allow-Origin": "*", "Content-Type": "text/javascript"}
        context.route(
            "https://cdn.plot.ly/*", lambda route, _, b=body, h=headers: route.fulfill(body=b, headers=h)
        )
        page = context.new_page()
        page.goto(path.as_uri())
        page.wait_for_selector("main:not([aria-busy])")
        assert bool(page.locator(".plot svg").count()) is drawn
        context.close()


def test_report_fits_on_paper(open_page, make_run, write_insight):
    folder = make_run()
    write_insight(folder)
    page = open_page(write_report(folder), color_scheme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    widths = page.evaluate("[...document.querySelectorAll('.main-svg')].map(drawn => drawn.clientWidth)")
    assert max(widths) <= 700  # pixels, A4 without its margins
    page.set_viewport_size({"width": 700, "height": 900})
    assert page.locator(".network svg.wide").is_visible()  # a screen as narrow shows the other one
    text = page.evaluate("getComputedStyle(document.body).color")
    assert text == "rgb(28, 36, 48)"  # dark, as on any paper
    page.emulate_media(media="screen")
    page.evaluate("dispatchEvent(new Event('afterprint'))")


def test_other_pages_open(open_page, tmp_path: Path, pages: list[Callable[[Path], Path]]):
    for number, write in enumerate(pages):
        page = open_page(write(tmp_path / f"{number}.html"))
        assert is_drawn(page)
        assert violations(page) == []
        shrink(page)


@pytest.fixture
def pages(make_run, tmp_path):
    runs = [make_run().rename(tmp_path / name) for name in ("one", "other")]
    costs = {
        "params": {"least": 1, "unmodified": 9, "most": 9},
        "flops": {"least": 2, "unmodified": 8, "most": 8},
    }
    facts = {
        **{"backbone": "mobilenet_v2", "width": 1.0, "size": 4, "distinct": 2, "num_classes": 10},
        **{"input_size": 32, "ranges": costs},
        "sites": {"expand": {"operations": {name: {"params": 5, "flops": 4} for name in ("conv", "reuse")}}},
    }
    shares = {"5": {"mean": 0.8, "min": 0.7, "std": 0.05}, "10": {"mean": 0.9, "min": 0.8, "std": 0.04}}
    return [
        lambda path: write_space(facts, [{"params": 1, "flops": 2}, {"params": 9, "flops": 8}], path),
        lambda path: write_rehearsal({"tpe": {"share": shares, "share_tried": shares}}, path, title="a.csv"),
        lambda path: write_comparison(runs, path),
        lambda path: write_contact_sheet(
            [("cat", {"train": 5}, [])], path, title="pets", lines=["2 classes", "x" * 300]
        ),
    ]
