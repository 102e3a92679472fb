"""Tagger: a label for every token of a text, and the spans that they mark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np

from pyseq import _core
from pyseq.program import Program
from pyseq.tasks.token_ids import batches, tokenizer_of

OUTSIDE = "O"


@dataclass(frozen=True)
class Tag:
    """The label of one token."""

    label: str
    probability: float
    begin: int  # where the token stands in the text
    end: int


@dataclass(frozen=True)
class Span:
    """Neighbouring tokens with one label."""

    label: str  # without B- and I-
    text: str
    begin: int
    end: int
    probability: float  # the least of its tokens


class Tagger:
    """Labels tokens with a program whose task is "tagger". Made by `pyseq.load`.

    Usable from many threads at once. The result for a text does not depend on the texts beside it.

    Args:
        program: the program.

    Raises:
        FormatError: the program has another task. UnsupportedError: the tokenizer's library is not installed.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.tokenizer = tokenizer_of(program, "tagger")
        self.labels: list[str] = [str(label) for label in program.task["labels"]]

    def tag(self, text: str) -> list[Tag]:
        """The labels of one text; see `tag_batch`."""
        return self.tag_batch([text])[0]

    def tag_batch(
        self, texts: Sequence[str], *, deadline: float | None = None, cancel: _core.CancelToken | None = None
    ) -> list[list[Tag]]:
        """The label of every token but marks: P(label | text) = softmax(logits).

        Args:
            texts: the texts; what is longer than the model reads is cut.
            deadline: seconds after which a batch gives up.
            cancel: a token that makes the call stop.

        Raises:
            DeadlineError, CancelledError.
        """
        ids = [self.tokenizer.encode(text) for text in texts]
        found: list[Any] = [None] * len(ids)
        for rows, inputs in batches(ids):
            logits = self.program.run("tag", deadline=deadline, cancel=cancel, **inputs)["logits"]
            for place, row in enumerate(rows):
                found[row] = self._tags(logits[place], self.tokenizer.offsets(texts[row]))
        return found

    def spans(self, text: str) -> list[Span]:
        """What the labels B-X, I-X mark (or X alone), in the order of the text."""
        spans: list[Span] = []
        open_label = OUTSIDE
        for tag in self.tag(text):
            prefix, _, label = tag.label.rpartition("-")
            if tag.label == OUTSIDE:
                open_label = OUTSIDE
                continue
            if label == open_label and prefix != "B":
                before = spans.pop()
                probability = min(before.probability, tag.probability)
                spans.append(Span(label, text[before.begin : tag.end], before.begin, tag.end, probability))
            else:
                spans.append(Span(label, text[tag.begin : tag.end], tag.begin, tag.end, tag.probability))
            open_label = label
        return spans

    def _tags(self, logits: Any, offsets: list[tuple[int, int]]) -> list[Tag]:
        weights = np.exp(logits - logits.max(-1, keepdims=True))
        best = logits.argmax(-1)
        return [
            Tag(self.labels[label], float(weight[label] / weight.sum()), begin, end)
            for label, weight, (begin, end) in zip(best, weights, offsets, strict=False)
            if end > begin
        ]

    def save(self, file: str | PathLike[str]) -> None:
        """Write the program file: what `pyseq.load` and C++ open."""
        self.program.save(file)
