"""What MkDocs calls while it builds the site: examples are run, equations drawn, tables filled in."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import equations
import pages
import tables
from mkdocs.structure.files import File

LOG = logging.getLogger("mkdocs.hooks.site")
RUNS: dict[str, pages.PageRun] = {}


def on_files(files: Any, config: Any) -> Any:
    """Run all pages; their figures become files of the site, beside the pages."""
    for page in pages.pages():
        name = page.relative_to(pages.DOCS).as_posix()
        RUNS[name] = pages.run(page)
        LOG.info("%s: %.1f s", name, RUNS[name].seconds)
        for figure, content in RUNS[name].figures.items():
            files.append(File.generated(config, (Path(name).parent / figure).as_posix(), content=content))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Add what the blocks printed, tables and equations."""
    name = page.file.src_uri
    if name in RUNS:
        markdown = pages.with_outputs(markdown, RUNS[name])
    if name.startswith(("course/", "guides/", "index")):
        markdown = equations.with_mathml(markdown)
    return tables.with_tables(markdown)
