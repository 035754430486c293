"""The pages of the site in a browser, as files: they ask nothing of the network, and nothing runs over."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

ROOT = Path(__file__).parents[1]
# Of the theme: every copy button is a landmark; what scrolls has no tab index, and browsers need none now.
THEIRS = ("landmark-unique", "scrollable-region-focusable")
AXE = {"preload": False, "rules": {name: {"enabled": False} for name in THEIRS}}


@pytest.fixture(scope="module")
def site(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built with warnings as errors, where there is a browser."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    built = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True
    )
    assert built.returncode == 0, built.stderr
    return folder


@contextmanager
def opened(browser: Browser, **settings: Any) -> Iterator[Page]:
    """A page that may log no error and ask the network for nothing."""
    wrong: list[str] = []
    context = browser.new_context(**settings)
    page = context.new_page()
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith("file:") else wrong.append(request.url))
    yield page
    context.close()
    assert [what for what in wrong if not what.startswith("data:")] == []


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_no_page_asks_the_network_or_runs_over(browser: Browser, site: Path, width: int, scheme: Any) -> None:
    pages = [path for path in sorted(site.rglob("*.html")) if path.name != "404.html"]  # that is a server's
    assert len(pages) > 25
    with opened(browser, viewport={"width": width, "height": 900}, color_scheme=scheme) as page:
        for path in pages:
            page.goto(path.as_uri())
            over = page.evaluate("document.scrollingElement.scrollWidth - innerWidth")
            assert over <= 0, f"{path.name} is {over} pixels too wide"
            cut = page.locator(".language-text code").evaluate_all(
                "all => all.filter(one => one.scrollWidth > one.clientWidth).map(one => one.textContent)"
            )
            assert cut == [], path.name
            covered = page.locator(".highlight pre:has(.md-code__nav)").evaluate_all(
                """all => all.filter(one => one.querySelector('code').getBoundingClientRect().right >
                    one.querySelector('.md-code__nav').getBoundingClientRect().left).length"""
            )
            assert covered == 0, f"{path.name}: an icon covers what it copies"


def test_search_finds_a_page_where_pages_are_files(browser: Browser, site: Path) -> None:
    with opened(browser, viewport={"width": 1280, "height": 900}) as page:
        page.goto((site / "index.html").as_uri())
        page.keyboard.press("/")
        page.keyboard.type("squeeze")
        page.locator(".md-search-result__link").first.wait_for()
        assert "sites.html" in page.inner_html(".md-search-result__list")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_can_be_read_by_everyone(browser: Browser, site: Path, scheme: Any) -> None:
    with opened(browser, viewport={"width": 1280, "height": 900}, color_scheme=scheme) as page:
        for name in ("index.html", "sites.html", "tutorial.html", "reference/space.html"):
            page.goto((site / name).as_uri())
            violations = Axe().run(page, context=".md-content", options=AXE).response["violations"]
            assert [
                (rule["id"], node["html"], node["failureSummary"])
                for rule in violations
                for node in rule["nodes"]
            ] == []
