"""``pyseq data list`` and ``pyseq data get NAME``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pyseq.cli.table import print_table

app = typer.Typer(help="Data sets: what there is, and fetching it.", no_args_is_help=True)
Registry = Annotated[Path | None, typer.Option(help="Another list of data sets than the library's own (JSON).")]


@app.command("list")
def list_sets(registry: Registry = None) -> None:
    """List the data sets of the recipes, with their licences."""
    from pyseq.data.finding import find
    from pyseq.data.registry import data_sets

    rows = []
    for found in data_sets(registry).values():
        try:
            place = str(find(found.name))
        except FileNotFoundError:
            place = "pyseq data get" if found.can_be_fetched else "by hand"
        rows.append([found.name, found.licence, place, found.title])
    print_table(["name", "licence", "here, or how", "what it is"], rows)


@app.command("get")
def get(
    name: Annotated[str, typer.Argument(help="The data set.")],
    to: Annotated[Path | None, typer.Option(help="The folder that gets its files (default: the cache).")] = None,
    registry: Registry = None,
) -> None:
    """Fetch a data set, or tell how to make it by hand."""
    from pyseq.data.fetching import get as fetch

    print(fetch(name, to, registry))
