"""Tagger: a label for every word, character or token of a text, and the spans that they mark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np

from pyseq import _core
from pyseq.program import Program
from pyseq.tasks.token_ids import batches, tokenizer_of
from pyseq.text import label_spans


@dataclass(frozen=True)
class Tag:
    """The label of one word or token."""

    label: str
    probability: float
    begin: int  # where it stands in the text
    end: int


@dataclass(frozen=True)
class Span:
    """Neighbouring words or tokens with one label."""

    label: str  # without B-, I-, E- and S-
    text: str
    begin: int
    end: int
    probability: float  # the least of its words


class Tagger:
    """Labels texts with a program whose task is "tagger". Made by `pyseq.load`.

    What has a label are the units of the program's vocabulary: words (what stands between spaces) or characters.
    Usable from many threads at once. The result for a text does not depend on the texts beside it.

    Args:
        program: the program.

    Raises:
        FormatError: the program has another task.
    """

    labels: list[str]

    def __init__(self, program: Program) -> None:
        self.program = program
        self._core = _core.Tagger(program.core)
        self.labels = list(self._core.labels)

    def tag(self, text: str) -> list[Tag]:
        """The labels of one text; see `tag_batch`."""
        return self.tag_batch([text])[0]

    def tag_batch(
        self, texts: Sequence[str], *, deadline: float | None = None, cancel: _core.CancelToken | None = None
    ) -> list[list[Tag]]:
        """The label of every word: the model's choice, or argmax_label P(label | text) = softmax(logits).

        Args:
            texts: the texts.
            deadline: seconds after which a batch gives up.
            cancel: a token that makes the call stop.

        Raises:
            OutOfRangeError: a word or character that the model does not know, where it has no unknown token.
            DeadlineError, CancelledError.
        """
        return [[Tag(*word) for word in words] for words in self._core.tag_batch(list(texts), deadline, cancel)]

    def spans(self, text: str) -> list[Span]:
        """What the labels mark, in the order of the text: those of BIO and BIOES, or neighbours with one label X."""
        tags = self.tag(text)
        found = []
        for kind, first, end in label_spans([tag.label for tag in tags]):
            inside = tags[first:end]
            begin, last = inside[0].begin, inside[-1].end
            found.append(Span(kind, text[begin:last], begin, last, min(tag.probability for tag in inside)))
        return found

    def save(self, file: str | PathLike[str]) -> None:
        """Write the program file: what `pyseq.load` and C++ open."""
        self.program.save(file)


class TokenizedTagger(Tagger):
    """A `Tagger` that labels the tokens of a subword tokenizer, run from Python.

    Args:
        program: the program.

    Raises:
        FormatError: the program has another task. UnsupportedError: the tokenizer's library is not installed.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.tokenizer = tokenizer_of(program, "tagger")
        self.labels = [str(label) for label in program.task["labels"]]

    def tag_batch(
        self, texts: Sequence[str], *, deadline: float | None = None, cancel: _core.CancelToken | None = None
    ) -> list[list[Tag]]:
        """The label of every token but marks; see `Tagger`. What is longer than the model reads is cut.

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

    def _tags(self, logits: Any, offsets: list[tuple[int, int]]) -> list[Tag]:
        weights = np.exp(logits - logits.max(-1, keepdims=True))
        best = logits.argmax(-1)
        return [
            Tag(self.labels[label], float(weight[label] / weight.sum()), begin, end)
            for label, weight, (begin, end) in zip(best, weights, offsets, strict=False)
            if end > begin
        ]
