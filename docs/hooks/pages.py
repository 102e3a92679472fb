"""Runs the Python blocks of a page, one after the other, as a reader would, and keeps what they print and save."""

from __future__ import annotations

import io
import logging
import os
import re
import tempfile
import time
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BLOCK = re.compile(r"^```python\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
DOCS = Path(__file__).resolve().parent.parent
RUN_FOLDERS = ("course", "guides")
SAVED = {".svg", ".png"}


@dataclass(frozen=True)
class PageRun:
    """What the blocks of a page printed, block by block, the figures they saved, and the time they took."""

    outputs: list[str]
    figures: dict[str, bytes]
    seconds: float


def pages() -> list[Path]:
    """The pages whose blocks are run: first steps, the course, the guides."""
    found = [page for folder in RUN_FOLDERS for page in sorted((DOCS / folder).glob("*.md"))]
    return [page for page in [DOCS / "index.md", *found] if BLOCK.search(page.read_text(encoding="utf-8"))]


def run(page: Path) -> PageRun:
    """Run a page's blocks in one name space and an empty folder; what they raise names the page and its line."""
    text = page.read_text(encoding="utf-8")
    space: dict[str, Any] = {"__name__": "__page__"}
    outputs = []
    begin, before = time.perf_counter(), Path.cwd()
    shown = page.relative_to(DOCS) if page.is_relative_to(DOCS) else page  # the site holds no names of this machine
    root, library = logging.getLogger(), logging.getLogger("pyseq")
    handlers, level = list(root.handlers), library.level
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            plain_pictures()
            for block in BLOCK.finditer(text):
                # Empty lines in front: line numbers in a traceback are those of the page.
                lines = "\n" * (text.count("\n", 0, block.start()) + 1)
                printed = io.StringIO()
                with redirect_stdout(printed):
                    exec(compile(lines + block.group(1), str(shown), "exec"), space)
                outputs.append(printed.getvalue())
            figures = {file.name: file.read_bytes() for file in Path(folder).iterdir() if file.suffix in SAVED}
        finally:
            os.chdir(before)
            root.handlers[:] = handlers
            library.setLevel(level)
    return PageRun(outputs, figures, time.perf_counter() - begin)


def plain_pictures() -> None:
    """Figures without a window, with the same bytes in every run."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams.update(matplotlib.rcParamsDefault)
    matplotlib.rcParams.update(
        {
            "svg.hashsalt": "pyseq",
            "figure.figsize": (6.4, 3.2),
            "figure.constrained_layout.use": True,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "font.size": 9,
        }
    )


def with_outputs(text: str, found: PageRun) -> str:
    """The page with what each block printed below it."""
    outputs = iter(found.outputs)

    def add(block: re.Match[str]) -> str:
        printed = next(outputs).rstrip()
        return block.group(0) + (f"\n``` {{ .text .printed }}\n{printed}\n```\n" if printed else "")

    return BLOCK.sub(add, text)
