"""Dates: written in any way, in 55 languages and regions, to ISO form, with attention."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import pyseq
from pyseq import data, ops
from pyseq.data.written_dates import Example, WrittenDates
from pyseq.models import AttentionEncoderDecoder, AttentionOptions
from pyseq.program import Program
from pyseq.recipes.recipe import Recipe, RecipeConfig, option
from pyseq.tasks import Translator
from pyseq.tensor import Tensor
from pyseq.text import Vocabulary
from pyseq.train import AdamW, Cosine, FlatParameters, Optimizer, Warmup

START, END, UNKNOWN = "<s>", "</s>", "<unk>"
TARGETS = Vocabulary([START, END, "-", *"0123456789"], unit="character")
TARGET_LENGTH = 11  # "1969-07-20" and the end mark
SURVEY = 50_000  # examples that the characters are collected from
RARE = 3  # a character that they have fewer times is unknown
HELD_OUT_SEED = 1 << 20  # no training seed
WARMUP_STEPS = 100
DEFAULT_STEPS = 3000  # of the schedule of a run that only time limits


@dataclass(frozen=True)
class DatesConfig(RecipeConfig):
    """Options of the recipe `dates`."""

    max_steps: int | None = option(2600, "Updates.")
    batch_size: int = option(64, "Dates in a batch.")
    learning_rate: float = option(4e-3, "Learning rate at the top of the schedule.")
    average_decay: float = option(0.99, "Exponential average of the weights; 0: none.")
    evaluate_every: int = option(1000, "Updates between evaluations.")
    evaluation_size: int = option(2000, "Dates of an evaluation.")
    cell: str = option("gru", "rnn, gru or lstm.")
    source_embedding: int = option(48, "Size of a source character's vector.")
    encoder_size: int = option(96, "Units of each direction of the encoder.")
    decoder_size: int = option(128, "Units of the decoder.")
    attention_size: int = option(64, "Units of the attention network.")


class DateBatches:
    """An endless source of new dates; every batch follows from the seed and its number."""

    epoch = 0

    def __init__(self, vocabulary: Vocabulary, batch_size: int, seed: int) -> None:
        self.vocabulary, self.batch_size, self.seed = vocabulary, batch_size, seed
        self._number = 0

    def __len__(self) -> int:
        return 0  # no epochs

    def __iter__(self) -> DateBatches:
        return self

    def __next__(self) -> Any:
        self._number += 1
        return collate(self.vocabulary, WrittenDates((self.seed << 32) + self._number).sample(self.batch_size))

    def state(self) -> dict[str, Any]:
        """Where the next batch stands."""
        return {"number": self._number}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""
        self._number = int(state["number"])


def collate(vocabulary: Vocabulary, examples: list[Example]) -> tuple[Any, Any, Any, Any]:
    """Source tokens [batch, time], lengths [batch], target inputs and outputs [batch, 11]."""
    tokens, lengths = data.pad([vocabulary.encode(example.text) for example in examples])
    targets = np.array([TARGETS.encode(example.iso) for example in examples], np.int64)
    start, end = (np.full((len(examples), 1), TARGETS.id(mark), np.int64) for mark in (START, END))
    return tokens, lengths, np.hstack([start, targets]), np.hstack([targets, end])


class Dates(Recipe):
    """Dates written in any way, in 55 languages and regions, to ISO form, with attention."""

    Config = DatesConfig
    monitor = "accuracy"
    mode = "max"

    config: DatesConfig
    module: AttentionEncoderDecoder

    def prepare(self, path: Path | None = None) -> None:
        """Collect the characters of written dates; examples are made on the way."""
        survey = (example.text for example in WrittenDates(0).sample(SURVEY))
        self.vocabulary = Vocabulary.build(survey, unit="character", min_count=RARE)
        self.held_out = WrittenDates(HELD_OUT_SEED).sample(self.config.evaluation_size)
        self.batches = data.Prefetch(DateBatches(self.vocabulary, self.config.batch_size, self.config.seed))
        self.module = AttentionEncoderDecoder(
            AttentionOptions(
                len(self.vocabulary),
                len(TARGETS),
                source_embedding=self.config.source_embedding,
                encoder_size=self.config.encoder_size,
                decoder_size=self.config.decoder_size,
                attention_size=self.config.attention_size,
                cell=self.config.cell,
            )
        )

    def loss(self, batch: Any) -> tuple[Any, float]:
        """Cross-entropy of every target character, and their number."""
        tokens, lengths, inputs, outputs = batch
        logits = self.module(Tensor(tokens), Tensor(lengths), Tensor(inputs))
        return ops.cross_entropy(logits, Tensor(outputs)), outputs.size

    def optimizer(self) -> Optimizer:
        """AdamW, warmed up, with a cosine down to nothing at the last step."""
        steps = self.planned_steps() or DEFAULT_STEPS
        schedule = Warmup(Cosine(self.config.learning_rate, steps), WARMUP_STEPS)
        return AdamW(FlatParameters(self.module), schedule, weight_decay=self.config.weight_decay)

    def evaluate(self) -> dict[str, float]:
        """Share of dates that are right in every character, each given the ones before it, and the mean loss."""
        right, loss, count = 0, 0.0, 0
        for begin in range(0, len(self.held_out), 256):
            tokens, lengths, inputs, outputs = collate(self.vocabulary, self.held_out[begin : begin + 256])
            logits = self.module(Tensor(tokens), Tensor(lengths), Tensor(inputs))
            right += int((logits.data.argmax(-1) == outputs).all(axis=1).sum())
            loss += float(ops.cross_entropy(logits, Tensor(outputs)).data.sum(dtype=np.float64))
            count += outputs.size
        return {"accuracy": right / len(self.held_out), "loss": loss / count}

    def evaluate_program(self, program: Program) -> dict[str, float]:
        """Share of dates that an exported model reads right."""
        found = Translator(program).translate_batch([example.text for example in self.held_out])
        right = sum(one[0].text == example.iso for one, example in zip(found, self.held_out, strict=True))
        return {"accuracy": right / len(self.held_out)}

    def export(self, file: Path) -> None:
        """Write a translator."""
        tokens, lengths = data.pad([[1, 2, 3], [4]])
        task = {
            "kind": "translator",
            "source_vocabulary": "text",
            "target_vocabulary": "iso",
            "source_suffix": [],
            "start": TARGETS.id(START),
            "end": TARGETS.id(END),
            "max_length": TARGET_LENGTH + 1,
            "attention": {"path": self.module.attention.attention.path, "head": 0},
            **self.origin(),
        }
        examples = {"encode": {"tokens": tokens, "lengths": lengths}, "step": {"tokens": np.zeros((2, 1), np.int64)}}
        pyseq.export(self.module, file, examples, task=task, vocabularies={"text": self.vocabulary, "iso": TARGETS})


RECIPE = Dates
