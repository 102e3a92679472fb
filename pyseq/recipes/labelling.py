"""What a label is given to: texts, or words within texts."""

from __future__ import annotations

import gzip
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pyseq import data, metrics
from pyseq.data import IGNORED
from pyseq.models import BertClassifier, BertOptions, BertTagger
from pyseq.program import Program
from pyseq.tasks import TokenizedClassifier, TokenizedTagger
from pyseq.text import SubwordTokenizer

OUTSIDE = "O"

Ids = NDArray[np.int64]


class Example(NamedTuple):
    """Tokens of a text, and what they are: one label, or one per token (IGNORED: none)."""

    tokens: list[int]
    target: Any


class LabellingTask(ABC):
    """What sentences and tokens do not share.

    Args:
        rows: all texts, with their labels.
        tokenizer: of the encoder.
        limit: tokens of a text at most.
    """

    kind: str
    function: str

    def __init__(self, rows: list[tuple[Any, Any]], tokenizer: SubwordTokenizer, limit: int) -> None:
        self.rows, self.tokenizer, self.limit = rows, tokenizer, limit
        self.labels = sorted({label for row in rows for label in self.labels_of(row)})
        self.numbers = {label: number for number, label in enumerate(self.labels)}

    @staticmethod
    @abstractmethod
    def labels_of(row: Any) -> Iterable[str]:
        """The labels of a text."""

    @abstractmethod
    def example(self, row: Any) -> Example:
        """Tokens and target of a text."""

    @abstractmethod
    def new_model(self, options: BertOptions, pooling: str) -> Any:
        """The model that goes on from an encoder."""

    @abstractmethod
    def targets(self, examples: Sequence[Example]) -> Ids:
        """Targets of a batch."""

    @abstractmethod
    def figures(self, predicted: list[Ids], rows: list[Any]) -> dict[str, float]:
        """Metrics of the labels that were found for the tokens of some texts."""

    @abstractmethod
    def program_figures(self, program: Program, rows: list[Any]) -> dict[str, float]:
        """The same of an exported model."""


class SentenceTask(LabellingTask):
    """A label for a text."""

    kind, function = "classifier", "classify"

    @staticmethod
    def labels_of(row: Any) -> Iterable[str]:
        """Its label, or those of its words."""
        return [row[1]]

    def example(self, row: Any) -> Example:
        """Tokens and target of a text."""
        return Example(_cut(self.tokenizer.encode(row[0]), self.limit), self.numbers[row[1]])

    def new_model(self, options: BertOptions, pooling: str) -> BertClassifier:
        """The model that goes on from an encoder."""
        return BertClassifier(options, len(self.labels), pooling=pooling)

    def targets(self, examples: Sequence[Example]) -> Ids:
        """Targets of a batch."""
        return np.array([one.target for one in examples], np.int64)

    def figures(self, predicted: list[Ids], rows: list[Any]) -> dict[str, float]:
        """Metrics of what was found for some texts."""
        return {"accuracy": metrics.exact_match([self.labels[int(one)] for one in predicted], [row[1] for row in rows])}

    def program_figures(self, program: Program, rows: list[Any]) -> dict[str, float]:
        """The same of an exported model."""
        found = TokenizedClassifier(program).classify_batch([row[0] for row in rows])
        return {"accuracy": metrics.exact_match([one.label for one in found], [row[1] for row in rows])}


class WordTask(LabellingTask):
    """A label for every word: that of its first token."""

    kind, function = "tagger", "tag"

    @staticmethod
    def labels_of(row: Any) -> Iterable[str]:
        """Its label, or those of its words."""
        labels: list[str] = row[1]
        return labels

    def example(self, row: Any) -> Example:
        """Tokens and target of a text."""
        text = " ".join(row[0])
        words = self._words_at(self.tokenizer.offsets(text), row[0])
        target = [IGNORED if word is None else self.numbers[row[1][word]] for word in words]
        return Example(_cut(self.tokenizer.encode(text), self.limit), target[: self.limit])

    @staticmethod
    def _words_at(offsets: list[tuple[int, int]], words: list[str]) -> list[int | None]:
        """Per token the word that begins with it."""
        begins = np.cumsum([0, *(len(word) + 1 for word in words)]).tolist()
        places = {begin: number for number, begin in enumerate(begins[:-1])}
        found: list[int | None] = []
        for begin, end in offsets:
            found.append(places.pop(begin, None) if end > begin else None)
        return found

    def new_model(self, options: BertOptions, pooling: str) -> BertTagger:
        """The model that goes on from an encoder."""
        return BertTagger(options, len(self.labels))

    def targets(self, examples: Sequence[Example]) -> Ids:
        """Targets of a batch."""
        targets: Ids = data.pad([one.target for one in examples], IGNORED)[0]
        return targets

    def figures(self, predicted: list[Ids], rows: list[Any]) -> dict[str, float]:
        """Metrics of what was found for some texts."""
        found = []
        for numbers, (words, _) in zip(predicted, rows, strict=True):
            offsets = self.tokenizer.offsets(" ".join(words))
            labels = [self.labels[int(number)] for number in numbers]
            found.append(self._by_word(offsets, labels, words))
        return self._figures(found, rows)

    def program_figures(self, program: Program, rows: list[Any]) -> dict[str, float]:
        """The same of an exported model."""
        found = []
        tags = TokenizedTagger(program).tag_batch([" ".join(words) for words, _ in rows])
        for (words, _), row in zip(rows, tags, strict=True):
            offsets = [(tag.begin, tag.end) for tag in row]
            found.append(self._by_word(offsets, [tag.label for tag in row], words))
        return self._figures(found, rows)

    def _by_word(self, offsets: list[tuple[int, int]], labels: list[str], words: list[str]) -> list[str]:
        """Labels of tokens as labels of words; words without a token of their own are outside."""
        at = zip(self._words_at(offsets, words), labels, strict=False)
        by_word = {word: label for word, label in at if word is not None}
        return [by_word.get(word, OUTSIDE) for word in range(len(words))]

    @staticmethod
    def _figures(found: list[list[str]], rows: list[Any]) -> dict[str, float]:
        references = [labels for _, labels in rows]
        words = metrics.exact_match(
            [label for one in found for label in one], [label for one in references for label in one]
        )
        return {"f1": metrics.span_f1(found, references), "accuracy": words}


def read_sentences(folder: Path) -> list[tuple[str, str]]:
    """Texts and labels of train.tsv.gz: label, tab, text, behind a line of titles."""
    with gzip.open(folder / "train.tsv.gz", "rt", encoding="utf-8", newline="") as lines:
        next(lines)
        rows = (line.rstrip("\n").split("\t") for line in lines)
        return [(text, label) for label, text in rows]


def read_words(folder: Path) -> list[tuple[list[str], list[str]]]:
    """Words and labels of every sentence of train.conll.gz: a word and its label a line, empty lines between."""
    with gzip.open(folder / "train.conll.gz", "rt", encoding="utf-8") as lines:
        blocks = lines.read().split("\n\n")
    sentences = []
    for block in blocks:
        rows = [line.split() for line in block.splitlines() if line.strip()]
        if rows:
            sentences.append(([row[0] for row in rows], [row[-1] for row in rows]))
    return sentences


def _cut(ids: list[int], limit: int) -> list[int]:
    """The first tokens, the mark at the end kept."""
    return ids if len(ids) <= limit else [*ids[: limit - 1], ids[-1]]
