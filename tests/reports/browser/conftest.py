"""Pages in a browser."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

OpenPage = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Opens a page and waits until it is drawn; fails where it logs or asks the network for anything."""
    said: list[str] = []
    contexts = []

    def open_page(path: Path, *, width: int = 1280, before: str = "", **settings: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, **settings)
        contexts.append(context)
        context.set_default_timeout(30_000)
        if before:
            context.add_init_script(before)
        page = context.new_page()
        page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: said.append(f"error: {error}"))
        page.on("request", lambda request: said.append(f"request: {request.url[:200]}"))
        page.goto(path.as_uri())
        page.wait_for_selector("main:not([aria-busy])")
        said.remove(f"request: {path.as_uri()}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert said == []
