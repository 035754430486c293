"""What a reader of a watched report has set, and who can read it."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Frame, Page, Route, expect

from cheapsearch.reports import LiveReport, ReportServer

SOON = 60_000  # a loaded machine draws a report in seconds


@pytest.fixture
def run(make_run: Callable[..., Path]) -> Path:
    """A run of which no trial is written yet; `grow` adds them."""
    folder = make_run()
    (folder / "trials.csv").rename(folder / "whole.csv")
    return folder


def grow(run: Path, rows: int) -> None:
    lines = (run / "whole.csv").read_text().splitlines(keepends=True)
    (run / "trials.csv").write_text("".join(lines[: rows + 1]))


@pytest.fixture
def server(run: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ReportServer]:
    monkeypatch.setattr("cheapsearch.reports.watch._SHARE", 1e9)
    monkeypatch.setattr("cheapsearch.reports.watch._POLL_MS", 50)
    with ReportServer(LiveReport(run, least_seconds=0.0)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def watched(browser: Browser, server: ReportServer) -> Iterator[Page]:
    """The page that watches; it has logged nothing and asked nobody else in the end."""
    context = browser.new_context(viewport={"width": 1280, "height": 700})
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: said.append(f"error: {error}"))
    page.on("request", lambda asked: said.append(asked.url) if not asked.url.startswith(server.url) else None)
    page.goto(server.url)
    yield page
    assert said == []
    context.close()


def shown(page: Page, text: str) -> Frame:
    """The report that says so, once it is the one and only that is shown."""
    report = page.frame_locator("iframe:not(.coming)")
    expect(report.locator("body")).to_contain_text(text, timeout=SOON)
    expect(page.locator("iframe")).to_have_count(1)
    frame = page.locator("iframe").element_handle().content_frame()
    assert frame is not None
    return frame


def test_watched_page_keeps_what_a_reader_set_until_asked(
    watched: Page, run: Path, server: ReportServer
) -> None:
    grow(run, 3)
    frame = shown(watched, "3 trials: 3 complete.")
    words = frame.locator("input[data-filters]").first
    words.fill("reuse")
    grow(run, 4)
    button = watched.get_by_role("button", name="Show new results")
    expect(button).to_be_visible(timeout=SOON)
    assert words.input_value() == "reuse"
    button.click()
    shown(watched, "4 trials: 4 complete.")
    expect(button).to_be_hidden()


def test_watched_page_stays_where_the_reader_was(watched: Page, run: Path) -> None:
    grow(run, 3)
    shown(watched, "3 trials: 3 complete.").evaluate("scrollTo(0, 700)")
    grow(run, 4)
    assert shown(watched, "4 trials: 4 complete.").evaluate("scrollY") == 700


def test_watching_page_is_usable_by_everyone_and_fits_a_phone(watched: Page, run: Path) -> None:
    grow(run, 3)
    shown(watched, "3 trials: 3 complete.")
    assert Axe().run(watched, options={"iframes": False}).violations_count == 0
    watched.set_viewport_size({"width": 390, "height": 800})
    assert watched.evaluate("document.documentElement.scrollWidth") == 390


def test_watching_page_says_an_end_only_after_several_failures(
    browser: Browser, run: Path, server: ReportServer
) -> None:
    grow(run, 3)
    page = browser.new_page()
    left = 0

    def answer(route: Route) -> None:
        nonlocal left
        left -= 1
        if left >= 0:
            route.abort()
        else:
            route.continue_()

    page.route("**/version", answer)
    page.goto(server.url)
    status = page.get_by_role("status")
    expect(status).to_contain_text("updated ", timeout=SOON)
    page.evaluate(
        """() => {
          window.said = [];
          const status = document.querySelector('[role=status]');
          new MutationObserver(() => said.push(status.textContent)).observe(status, {childList: true});
        }"""
    )
    left = 2
    while left >= 0:  # until one was answered again
        page.wait_for_timeout(50)
    assert all(text.startswith("updated ") for text in page.evaluate("said"))
    left = 3
    while left >= 0:
        page.wait_for_timeout(50)
    assert "no longer watched: the command has ended" in page.evaluate("said")
    expect(status).to_contain_text("updated ", timeout=SOON)
    page.route("**/version", lambda route: route.fulfill(status=500, body="the report cannot be made (odd)"))
    expect(status).to_have_text("the report cannot be made (odd)", timeout=SOON)
    page.close()
