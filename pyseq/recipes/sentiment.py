"""Sentiment: whether a sentence about a film is for or against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import pyseq
from pyseq import data
from pyseq.models import TextClassifier, TextClassifierOptions
from pyseq.program import Program
from pyseq.recipes.labelling import read_sentences
from pyseq.recipes.recipe import Recipe, RecipeConfig, option
from pyseq.recipes.word_table import GivenVectors, WordTable
from pyseq.tasks import Classifier
from pyseq.tensor import Tensor
from pyseq.train import NO_DECAY_OF_VECTORS, AdamW, FlatParameters, Group, Optimizer

Scores = NDArray[np.float32]
HELD_OUT_SHARE = 0.1
NAMES = {"0": "negative", "1": "positive"}
WARMUP_STEPS = 50
SCORES_RATE = 3e-4  # of the scores of words: those of naive Bayes are good
DEFAULT_STEPS = 1000  # of the schedule of a run that only time limits


@dataclass(frozen=True)
class SentimentConfig(RecipeConfig):
    """Options of the recipe `sentiment`."""

    epochs: int | None = option(5, "Passes over the data at most.")
    batch_size: int = option(64, "Sentences in a batch.")
    learning_rate: float = option(2e-3, "Learning rate at the top of the schedule.")
    weight_decay: float = option(0.01, "Weight decay of matrices.")
    average_decay: float = option(0.99, "Exponential average of the weights; 0: none.")
    reader: str = option(
        "rnn+words", "What reads words: average, rnn, cnn, words (a score for each), or some joined by +."
    )
    cell: str = option("lstm", "Of the network: rnn, gru or lstm.")
    word_size: int = option(100, "Size of a word's vector.")
    hidden_size: int = option(64, "Units of each direction of the network.")
    dropout: float = option(0.5, "Share of values left out while training.")
    word_dropout: float = option(0.2, "Share of words left out while training.")
    label_smoothing: float = option(0.1, "Share of every label that is spread over the others.")
    counted: float = option(0.5, "Share of what naive Bayes says that the scores of words begin with.")
    min_count: int = option(2, "Words with fewer occurrences are unknown.")
    share: float = option(1.0, "Share of the sentences to learn from that is used.")
    vectors: str = option("", "A file of word vectors to begin with; empty: at random.")
    frozen: bool = option(False, "Whether the vectors of the file stay as they are.")


class Sentiment(Recipe):
    """Sentences about films: for or against, many words to one label."""

    Config = SentimentConfig
    data_name = "sentiment"
    monitor = "accuracy"
    mode = "max"

    config: SentimentConfig
    module: TextClassifier

    def prepare(self, path: Path | None = None) -> None:
        """Read the sentences; every tenth one (at random) is held out."""
        rows = [(text.split(), NAMES.get(label, label)) for text, label in read_sentences(data.find("sentiment", path))]
        order = np.random.default_rng(0).permutation(len(rows))
        count = max(1, round(len(rows) * HELD_OUT_SHARE))
        self.use([rows[place] for place in order[count:]], [rows[place] for place in order[:count]])

    def use(
        self,
        training: list[tuple[list[str], str]],
        held_out: list[tuple[list[str], str]],
        vectors: GivenVectors | None = None,
    ) -> None:
        """Make batches and the model.

        Args:
            training: words and label of the sentences to learn from.
            held_out: those to look at.
            vectors: word vectors to begin with; None: those of the configuration.
        """
        config, self.held_out = self.config, held_out
        training = training[: max(1, round(len(training) * config.share))]
        self.labels = sorted({label for _, label in training})
        self._numbers = {label: number for number, label in enumerate(self.labels)}
        self.table = WordTable(
            (words for words, _ in training),
            (words for words, _ in held_out),
            min_count=config.min_count,
            vectors=vectors,
            vectors_file=config.vectors,
        )
        lengths = [len(words) for words, _ in training]
        batches = data.Batches(training, self._collate, config.batch_size, lengths=lengths, seed=config.seed)
        self.batches = data.Prefetch(batches)
        options = TextClassifierOptions(
            len(self.table.words),
            len(self.labels),
            config.reader,
            config.word_size,
            config.cell,
            config.hidden_size,
            config.dropout,
            config.word_dropout,
        )
        scores = (
            naive_bayes_scores(
                [self.table.words.encode(" ".join(words)) for words, _ in training],
                [self._numbers[label] for _, label in training],
                len(self.table.words),
                len(self.labels),
            )
            * config.counted
        )
        self.module = TextClassifier(options, self.table.vectors(config.word_size), config.frozen, scores)

    def _collate(self, rows: Sequence[tuple[list[str], str]]) -> tuple[Any, Any, Any]:
        tokens, lengths = self.table.words.encode_batch(" ".join(words) for words, _ in rows)
        return tokens, lengths, np.array([self._numbers[label] for _, label in rows])

    def loss(self, batch: Any) -> tuple[Any, float]:
        """Cross-entropy of the labels, and the number of sentences."""
        tokens, lengths, labels = batch
        losses = self.module.losses(Tensor(tokens), Tensor(lengths), Tensor(labels), self.config.label_smoothing)
        return losses, len(labels)

    def optimizer(self) -> Optimizer:
        """AdamW, warmed up, with a cosine down to nothing at the last planned step; counted scores change little."""
        schedule = self.warm_cosine(WARMUP_STEPS, DEFAULT_STEPS)
        scores = Group("*.scores", learning_rate=SCORES_RATE, weight_decay=0.0)
        decay, groups = self.config.weight_decay, [scores, NO_DECAY_OF_VECTORS]
        return AdamW(FlatParameters(self.module), schedule, weight_decay=decay, groups=groups)

    def evaluate(self) -> dict[str, float]:
        """Accuracy on the sentences held out."""
        right = 0
        rows = sorted(self.held_out, key=lambda row: len(row[0]))
        for begin in range(0, len(rows), 64):
            tokens, lengths, labels = self._collate(rows[begin : begin + 64])
            logits = self.module.classify(Tensor(tokens), Tensor(lengths))["logits"].numpy()
            right += int((logits.argmax(-1) == labels).sum())
        return {"accuracy": right / len(rows)}

    def evaluate_program(self, program: Program) -> dict[str, float]:
        """Accuracy of an exported model on the sentences held out."""
        found = Classifier(program).classify_batch([" ".join(words) for words, _ in self.held_out])
        right = sum(one.label == label for one, (_, label) in zip(found, self.held_out, strict=True))
        return {"accuracy": right / len(self.held_out)}

    def export(self, file: Path) -> None:
        """Write a classifier."""
        tokens, lengths = data.pad([[1, 2, 0], [1]])
        pyseq.export(
            self.module,
            file,
            {"classify": {"tokens": tokens, "lengths": lengths}},
            task={"kind": "classifier", "vocabulary": "words", "labels": self.labels, **self.origin()},
            vocabularies={"words": self.table.words},
        )


def naive_bayes_scores(sentences: Sequence[Sequence[int]], labels: Sequence[int], words: int, count: int) -> Scores:
    """Log P(word | label) − its mean over labels [words, labels]: sentences that have the word, one added to each."""
    having = np.ones((words, count))
    for ids, label in zip(sentences, labels, strict=True):
        having[sorted(set(ids)), label] += 1
    logarithms = np.log(having / having.sum(0))
    scores: Scores = (logarithms - logarithms.mean(1, keepdims=True)).astype(np.float32)
    return scores


RECIPE = Sentiment
