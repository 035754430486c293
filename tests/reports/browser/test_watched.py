"""The report of a run that goes on, as `cheapsearch report --watch` serves it."""

import csv
import threading

import pytest

from cheapsearch.reports import LiveReport, ReportServer
from cheapsearch.space import TrialRecord


@pytest.fixture
def server(make_run):
    with ReportServer(LiveReport(make_run(), least_seconds=0.0)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_watched_report_shows_a_new_trial_where_the_reader_was(browser, server, make_trial):
    page = browser.new_page()
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(server.url)
    page.wait_for_selector("iframe:not(.coming)")
    report = page.frames[1]
    assert report.locator("#trials tbody tr").count() == 7
    report.evaluate("scrollTo(0, 700)")

    with (server.report.folder / "trials.csv").open("a", newline="", encoding="utf-8") as file:
        trial = make_trial(7, 70.0, 1_100_000, 50_000_000, expand="ghost", project="reduce")
        csv.DictWriter(file, TrialRecord.columns()).writerow(trial.to_row())
    page.frame_locator("iframe:not(.coming)").locator("#trials tr[data-trial='7']").wait_for()
    page.wait_for_function("() => document.querySelectorAll('iframe').length === 1")
    assert page.frames[-1].evaluate("scrollY") == 700
    page.context.close()
    assert said == []
