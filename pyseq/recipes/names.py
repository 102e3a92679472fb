"""Names: which of 18 languages a family name comes from, many characters to one label."""

from __future__ import annotations

import csv
import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import pyseq
from pyseq import data, nn, ops
from pyseq.program import Program
from pyseq.recipes.recipe import Recipe, RecipeConfig, option
from pyseq.tasks import Classifier
from pyseq.tensor import Tensor
from pyseq.text import Vocabulary
from pyseq.train import AdamW, Cosine, FlatParameters, Optimizer, Warmup

FILE = "train.tsv.gz"
VALIDATION_SHARE = 0.1
WARMUP_STEPS = 50
DEFAULT_STEPS = 2000  # of the schedule of a run that only time limits


@dataclass(frozen=True)
class NamesConfig(RecipeConfig):
    """Options of the recipe `names`."""

    epochs: int | None = option(18, "Passes over the data at most.")
    batch_size: int = option(64, "Names in a batch.")
    learning_rate: float = option(4e-3, "Learning rate at the top of the schedule.")
    weight_decay: float = option(0.02, "Weight decay of matrices.")
    average_decay: float = option(0.99, "Exponential average of the weights; 0: none.")
    embedding_size: int = option(48, "Size of a character's vector.")
    hidden_size: int = option(128, "Units of each direction.")
    num_layers: int = option(1, "Layers of the network.")
    dropout: float = option(0.4, "Share of values left out while training.")
    label_smoothing: float = option(0.1, "Share of every label that is spread over the others.")


class Name(NamedTuple):
    """One example."""

    characters: list[int]
    language: int


class NameClassifier(nn.Module):
    """A bidirectional GRU over characters; its last states tell the language.

    Args:
        characters: entries of the vocabulary.
        languages: labels.
        config: sizes.
    """

    def __init__(self, characters: int, languages: int, config: NamesConfig) -> None:
        self.embedding = nn.Embedding(characters, config.embedding_size)
        self.encoder = nn.GRU(config.embedding_size, config.hidden_size, config.num_layers, bidirectional=True)
        self.dropout = nn.Dropout(config.dropout)
        self.output = nn.Linear(2 * config.hidden_size, languages)

    def classify(self, tokens: Tensor, lengths: Tensor) -> dict[str, Tensor]:
        """Tokens [batch, time], lengths [batch] -> logits [batch, languages]."""
        _, finals = self.encoder(self.dropout(self.embedding(tokens)), lengths)
        return {"logits": self.output(self.dropout(finals[-1]))}


class Names(Recipe):
    """Names by language: which of 18 languages a family name comes from."""

    Config = NamesConfig
    data_name = "names"
    monitor = "accuracy"
    mode = "max"

    config: NamesConfig
    module: NameClassifier

    def prepare(self, path: Path | None = None) -> None:
        """Read the names; every tenth one (at random) is held out."""
        rows = read_names(data.find("names", path) / FILE)
        self.labels = sorted({language for language, _ in rows})
        order = np.random.default_rng(0).permutation(len(rows))
        held_out = max(1, round(len(rows) * VALIDATION_SHARE))
        training = [rows[index] for index in order[held_out:]]
        self.vocabulary = Vocabulary.build((name for _, name in training), unit="character")
        self.validation = [rows[index] for index in order[:held_out]]
        examples = self._encoded(training)
        self.batches = data.Batches(
            examples,
            self._collate,
            self.config.batch_size,
            lengths=[len(example.characters) for example in examples],
            seed=self.config.seed,
        )
        self.module = NameClassifier(len(self.vocabulary), len(self.labels), self.config)

    def _encoded(self, rows: list[tuple[str, str]]) -> list[Name]:
        numbers = {label: index for index, label in enumerate(self.labels)}
        return [Name(self.vocabulary.encode(name), numbers[language]) for language, name in rows]

    def _collate(self, examples: list[Name]) -> tuple[Any, Any, Any]:
        tokens, lengths = data.pad([example.characters for example in examples])
        return tokens, lengths, np.array([example.language for example in examples])

    def loss(self, batch: Any) -> tuple[Any, float]:
        """Cross-entropy of the languages, and the number of names."""
        tokens, lengths, languages = batch
        logits = self.module.classify(Tensor(tokens), Tensor(lengths))["logits"]
        losses = ops.cross_entropy(logits, Tensor(languages), label_smoothing=self.config.label_smoothing)
        return losses, len(languages)

    def optimizer(self) -> Optimizer:
        """AdamW, warmed up, with a cosine down to nothing at the last planned step."""
        steps = self.planned_steps() or DEFAULT_STEPS
        schedule = Warmup(Cosine(self.config.learning_rate, steps), WARMUP_STEPS)
        return AdamW(FlatParameters(self.module), schedule, weight_decay=self.config.weight_decay)

    def evaluate(self) -> dict[str, float]:
        """Accuracy on the names held out."""
        right = 0
        for begin in range(0, len(self.validation), 256):
            tokens, lengths, languages = self._collate(self._encoded(self.validation[begin : begin + 256]))
            logits = self.module.classify(Tensor(tokens), Tensor(lengths))["logits"]
            right += int((logits.data.argmax(-1) == languages).sum())
        return {"accuracy": right / len(self.validation)}

    def evaluate_program(self, program: Program) -> dict[str, float]:
        """Accuracy of an exported model on the names held out."""
        found = Classifier(program).classify_batch([name for _, name in self.validation])
        right = sum(one.label == language for one, (language, _) in zip(found, self.validation, strict=True))
        return {"accuracy": right / len(self.validation)}

    def export(self, file: Path) -> None:
        """Write a classifier."""
        tokens, lengths = data.pad([[1, 2, 3], [4]])
        pyseq.export(
            self.module,
            file,
            {"classify": {"tokens": tokens, "lengths": lengths}},
            task={"kind": "classifier", "vocabulary": "text", "labels": self.labels, **self.origin()},
            vocabularies={"text": self.vocabulary},
        )


def read_names(file: Path) -> list[tuple[str, str]]:
    """Pairs of language and name."""
    with gzip.open(file, "rt", encoding="utf-8", newline="") as lines:
        rows = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        next(rows)  # the titles
        return [(language, name) for language, name in rows]


RECIPE = Names
