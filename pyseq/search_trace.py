"""What a search did, candidate by candidate: as JSON, as a page."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pyseq import _core


class Trace:
    """Every candidate that the search of one source looked at, with its scores and what became of it.

    `docs/architecture.md` (Traces) has the JSON's fields. Hypotheses of one source share their trace.

    Args:
        core: what the search kept.
        title: what the page calls it.
        tokens: the texts of all tokens, where they are known.
        separator: what stands between two of them.

    Example:
        >>> import pyseq
        >>> found = pyseq.load("dates").translate("May 5, 1998", beam_size=2, trace=True)
        >>> trace = found.trace.as_object()
        >>> trace["format"], len(trace["steps"])
        ('pyseq.beam_trace/1', 11)
        >>> trace["steps"][0]["candidates"][0]["fate"]
        'alive'
    """

    def __init__(
        self, core: _core.SearchTrace, title: str = "", tokens: Sequence[str] | None = None, separator: str = ""
    ) -> None:
        self._core = core
        self._title = title
        self._tokens = tokens
        self._separator = separator

    @classmethod
    def of_vocabulary(cls, core: _core.SearchTrace, title: str, vocabulary: _core.Vocabulary) -> Trace:
        """A trace that shows tokens as a vocabulary writes them."""
        tokens = list(vocabulary.tokens)
        if vocabulary.unit == "subword":
            tokens = [token.replace("\u2581", " ") for token in tokens]
        return cls(core, title, tokens, " " if vocabulary.unit == "word" else "")

    def json(self) -> str:
        """The trace as one JSON object."""
        return self._core.json(self._title, self._separator, None if self._tokens is None else list(self._tokens))

    def as_object(self) -> dict[str, Any]:
        """The JSON object, read."""
        found: dict[str, Any] = json.loads(self.json())
        return found

    def html(self, title: str = "Beam search") -> str:
        """The trace as a self-contained page: the tree of candidates, what was pruned, scores."""
        return _page([self], title)

    def save(self, file: str | os.PathLike[str]) -> None:
        """Write the JSON for a name that ends with .json, else the page."""
        save_traces(file, [self])


def save_traces(file: str | os.PathLike[str], traces: Sequence[Trace]) -> None:
    """Write traces of several sources: a line of JSON each for a name that ends with .json, else one page of all.

    Args:
        file: where to.
        traces: what to write.
    """
    path = Path(file)
    text = "".join(trace.json() + "\n" for trace in traces) if path.suffix == ".json" else _page(traces)
    path.write_text(text, encoding="utf-8")


def _page(traces: Sequence[Trace], title: str = "Beam search") -> str:
    from pyseq.viz import beam_trace_page

    return beam_trace_page([trace.as_object() for trace in traces], title)
