"""Where the tests find data, and the tiny model folders that stand in for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import browser as browsers
import pytest

ROOT = Path(__file__).resolve().parent.parent


def data_folder() -> Path | None:
    """PYSEQ_DATA_DIR, else `shared/data` beside the checkout when it exists."""
    named = os.environ.get("PYSEQ_DATA_DIR")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    return folder if folder.is_dir() else None


def skip_or_fail(reason: str) -> None:
    """Skip a test for want of data; with PYSEQ_REQUIRE_DATA=1 that is a failure."""
    if os.environ.get("PYSEQ_REQUIRE_DATA") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder with real data and models."""
    folder = data_folder()
    if folder is None:
        skip_or_fail("no data folder: set PYSEQ_DATA_DIR")
    assert folder is not None
    return folder


@pytest.fixture(scope="session")
def browser() -> Iterator[browsers.Browser]:
    """A real browser; where there is none the test is skipped, or fails with PYSEQ_REQUIRE_BROWSER=1."""
    reason = browsers.missing()
    if reason is not None:
        if os.environ.get("PYSEQ_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    with browsers.start() as started:
        yield started
