"""The pictures of the report in the README and the documents, from the run in docs/clothing_rungs.

    python docs/screenshots.py

writes docs/report.png and docs/report_choices.png, 300 kB each at most. It needs Chromium.
"""

import shutil
from contextlib import chdir
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from cheapsearch.reports import write_report
from cheapsearch.search.insight.writing import write_insight

DOCS = Path(__file__).resolve().parent
RUN = DOCS / "clothing_rungs"
MOST = 300_000  # bytes
Scheme = Literal["light", "dark"]
# By file: width and height of the window, its colours, and the heading at its top.
PICTURES: dict[str, tuple[int, int, Scheme, str]] = {
    "report.png": (1280, 1310, "light", ""),
    "report_choices.png": (1280, 1130, "dark", "What were my choices?"),
}


def narrow(page: Page, heading: str) -> None:
    """What a reader does at a heading: select the cheapest of the front, and set a budget."""
    page.click("#front tbody button.pick")
    page.fill("#budget-params", "0.9")
    page.wait_for_timeout(1000)  # figures follow
    page.locator("h2", has_text=heading).evaluate("heading => heading.scrollIntoView()")


def small(png: bytes) -> bytes:
    """A picture in 256 colours."""
    out = BytesIO()
    Image.open(BytesIO(png)).convert("RGB").quantize(
        256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
    ).save(out, "PNG", optimize=True)
    return out.getvalue()


def main() -> None:
    with TemporaryDirectory() as folder, chdir(folder), sync_playwright() as playwright:
        # From here, for commands in the page name the folder as it was given.
        shutil.copytree(RUN, "runs/clothing")
        write_insight("runs/clothing")
        report = write_report(Path("runs/clothing")).resolve()
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, (width, height, scheme, heading) in PICTURES.items():
            context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
            page = context.new_page()
            page.goto(report.as_uri())
            page.wait_for_selector("main:not([aria-busy])")
            if heading:
                narrow(page, heading)
            picture = small(page.screenshot())
            if len(picture) > MOST:
                raise SystemExit(f"{name}: must be {MOST:,} bytes at most, got {len(picture):,}")
            (DOCS / name).write_bytes(picture)
            print(f"{name} {len(picture):,} bytes")
            context.close()


if __name__ == "__main__":
    main()
