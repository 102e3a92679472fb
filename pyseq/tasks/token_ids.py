"""Texts as token ids in batches for programs that read (tokens, lengths)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyseq import _core
from pyseq.program import Program
from pyseq.text import SubwordTokenizer

Array = NDArray[Any]

MAX_TOKENS = 4096  # in a batch, padding counted: bounds memory


def tokenizer_of(program: Program, kind: str | None = None) -> SubwordTokenizer:
    """The tokenizer of a program's task.

    Raises:
        FormatError: the task has none, or is not of the kind.
    """
    task = program.task
    if kind is not None and task.get("kind") != kind:
        raise _core.FormatError(f"{kind}: a program with the task {task.get('kind')!r}")
    if not isinstance(task.get("tokenizer"), dict) or not isinstance(task.get("vocabulary"), str):
        raise _core.FormatError(f"{task.get('kind')}: the task has no tokenizer or no vocabulary")
    return SubwordTokenizer(task["tokenizer"], program.vocabulary(task["vocabulary"]).tokens)


def batches(rows: Sequence[Sequence[int]]) -> Iterator[tuple[list[int], dict[str, Any]]]:
    """Rows of like length together: which rows, and their inputs tokens [batch, time] and lengths [batch]."""
    order = sorted(range(len(rows)), key=lambda row: -len(rows[row]))
    begin = 0
    while begin < len(order):
        longest = max(len(rows[order[begin]]), 1)
        chosen = order[begin : begin + max(MAX_TOKENS // longest, 1)]
        begin += len(chosen)
        tokens = np.zeros((len(chosen), longest), np.int64)
        for place, row in enumerate(chosen):
            tokens[place, : len(rows[row])] = rows[row]
        yield chosen, {"tokens": tokens, "lengths": np.array([len(rows[row]) for row in chosen], np.int64)}
