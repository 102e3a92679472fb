"""Pages in a real browser: Debian's Chromium, driven headless by Playwright."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


class Browser:
    """Opens files; what a page complains about on its console is an error."""

    def __init__(self, chromium: Any) -> None:
        self._chromium = chromium

    @contextmanager
    def open(self, file: Path, width: int = 1200, height: int = 800) -> Iterator[Any]:
        """The page of a file while the block runs; anything on its console or from the network is an error."""
        page = self._chromium.new_page(viewport={"width": width, "height": height})
        complaints: list[str] = []
        requests: list[str] = []
        page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(f"uncaught: {error}"))
        page.on("request", lambda request: requests.append(request.url))
        try:
            page.goto(file.as_uri())
            yield page
        finally:
            page.close()
        assert complaints == []
        assert requests == [file.as_uri()], "a page needs nothing but itself"


def screenshot(page: Any, name: str) -> None:
    """The page as a picture in the folder PYSEQ_SCREENSHOTS, if there is one: for people to look at."""
    folder = os.environ.get("PYSEQ_SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def missing() -> str | None:
    """Why there is no browser here, with what would help."""
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "playwright is not installed: pip install playwright (no browser download is needed)"
    if not CHROMIUM.exists():
        return f"{CHROMIUM} does not exist: apt-get install chromium"
    return None


@contextmanager
def start() -> Iterator[Browser]:
    """A browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        try:
            yield Browser(chromium)
        finally:
            chromium.close()
