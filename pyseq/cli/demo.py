"""``pyseq demo [TEXT ...]``: the model that comes with the package reads dates; its attention as a picture."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import pyseq
from pyseq.cli.run import standard_input
from pyseq.viz import AttentionMap, attention_page, attention_text

if TYPE_CHECKING:
    from pyseq.tasks import Translator

EXAMPLES = ("20th of July 1969", "5 de juliol del 1998", "Sunday, April 23, 1564", "2026年11月24日")
INVITATION = "Write a date in any way (an empty line ends): "


def demo(
    texts: Annotated[
        list[str] | None, typer.Argument(help="Dates; without any, lines of standard input, or examples in a terminal.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write the attention as a page to this file.")] = None,
    picture: Annotated[bool, typer.Option("--picture/--no-picture", help="Draw the attention in the terminal.")] = True,
) -> None:
    """Turn dates, written in any way, into ISO form, and show what the model looked at."""
    translator = pyseq.load("dates")
    colour = sys.stdout.isatty()
    maps = []
    for text in _texts(texts):
        found = read(translator, text)
        maps.append(found)
        print(found.title)
        if picture and found.rows:
            print(attention_text(found.rows, found.columns, found.weights, colour), end="\n\n", flush=True)
    if html is not None:
        html.write_text(attention_page(maps, "Dates: what the model looked at"), encoding="utf-8")


def read(translator: Translator, text: str) -> AttentionMap:
    """One date, read."""
    hypothesis = translator.translate(text, return_attention=True)
    assert hypothesis.attention is not None
    return AttentionMap(f"{text} → {hypothesis.text}", hypothesis.tokens, list(text), hypothesis.attention)


def _texts(texts: list[str] | None) -> Iterator[str]:
    if texts:
        yield from texts
    elif not sys.stdin.isatty():
        yield from standard_input()
    else:
        yield from EXAMPLES
        while text := input(INVITATION).strip():
            yield text
