"""Finetune: an encoder that was trained before learns to label texts or words."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import pyseq
from pyseq import _core, data, ops
from pyseq.data import IGNORED
from pyseq.models import BertMaskedLanguageModel, BertOptions
from pyseq.nn import Module
from pyseq.program import Program
from pyseq.recipes.labelling import Example, Ids, LabellingTask, SentenceTask, WordTask, read_sentences, read_words
from pyseq.recipes.recipe import Recipe, RecipeConfig, option
from pyseq.tensor import Tensor
from pyseq.text import SubwordTokenizer, Vocabulary
from pyseq.train import Optimizer

HELD_OUT_SHARE = 0.1
WARMUP_STEPS = 100
DEFAULT_STEPS = 500  # of the schedule of a run that only time limits
TASKS = {"sentence": "sentiment", "tokens": "ner_wikigold"}  # and the data set of each
POOLINGS = ("first", "mean", "max")
ENCODER = "encoder."  # what the names of its parameters begin with in all models


@dataclass(frozen=True)
class FinetuneConfig(RecipeConfig):
    """Options of the recipe `finetune`."""

    model: str = option("", "The encoder: a folder of BERT, RoBERTa or DistilBERT, or a file of pyseq train bert.")
    task: str = option("sentence", "sentence: a label per text (sentiment); tokens: one per word (ner_wikigold).")
    fresh: bool = option(False, "Begin with random weights in an encoder of the same sizes, to compare.")
    epochs: int | None = option(3, "Passes over the data at most.")
    max_tokens: int = option(1000, "Positions of a batch at most, padding included.")
    batch_size: int = option(0, "Texts in a batch; 0: as many as max_tokens allows.")
    max_length: int = option(64, "What is longer than this many tokens is cut while training.")
    learning_rate: float = option(1e-4, "Learning rate at the top of the schedule.")
    weight_decay: float = option(0.01, "Weight decay of matrices.")
    pooling: str = option("mean", "What stands for a text: the mean or max over its tokens, or the first one.")
    dropout: float = option(0.1, "Share of values left out while training.")


class Finetune(Recipe):
    """Fine-tuning: a pre-trained encoder learns to label texts (sentiment) or words (names of things)."""

    Config = FinetuneConfig
    monitor, mode = "accuracy", "max"

    config: FinetuneConfig

    def prepare(self, path: Path | None = None) -> None:
        """Open the encoder and read the texts; every tenth one (at random) is held out."""
        config = self.config
        if config.task not in TASKS or config.pooling not in POOLINGS:
            raise _core.ArgumentError(
                f"finetune: task is {config.task!r} and pooling {config.pooling!r}, expected one of {tuple(TASKS)} and "
                f"one of {POOLINGS}"
            )
        if not config.model:
            raise _core.ArgumentError("finetune: no model; give --model PATH, an encoder that pyseq.load opens")
        self.source = opened_encoder(config.model)
        task = self.source.task
        self.options = dataclasses.replace(BertOptions(**task["encoder"]), dropout=config.dropout)
        tokenizer = SubwordTokenizer(task["tokenizer"], self.source.vocabulary(task["vocabulary"]).tokens)
        folder = data.find(TASKS[config.task], path)
        limit = min(config.max_length, self.options.positions - self.options.position_start)
        self.task: LabellingTask = (
            SentenceTask(read_sentences(folder), tokenizer, limit)
            if config.task == "sentence"
            else WordTask(read_words(folder), tokenizer, limit)
        )
        rows = self.task.rows
        order = np.random.default_rng(0).permutation(len(rows))
        count = max(1, round(len(rows) * HELD_OUT_SHARE))
        self.held_out = [rows[place] for place in order[:count]]
        examples = [self.task.example(rows[place]) for place in order[count:]]
        self.batches = data.Batches(
            examples,
            self.collate,
            config.batch_size,
            config.max_tokens,
            [len(example.tokens) for example in examples],
            config.seed,
        )
        self.module = self.task.new_model(self.options, config.pooling)

    def initialize(self) -> None:
        """Random weights; the encoder's are those that were trained, unless `fresh` says otherwise."""
        super().initialize()
        if self.config.fresh:
            # As pre-training begins: embeddings are those of a projection.
            start: Module = BertMaskedLanguageModel(self.options).initialize(self.config.seed)
            arrays = start.state_dict()
        else:
            names = [tensor["name"] for tensor in self.source.tensors]
            arrays = {name: np.asarray(self.source.tensor(name)) for name in names if name.startswith(ENCODER)}
        self.module.load_state_dict(
            {**self.module.state_dict(), **{name: a for name, a in arrays.items() if name.startswith(ENCODER)}}
        )

    def collate(self, examples: Sequence[Example]) -> tuple[Ids, Ids, Ids]:
        """Tokens, lengths and targets of a batch."""
        tokens, lengths = data.pad([one.tokens for one in examples])
        return tokens, lengths, self.task.targets(examples)

    def loss(self, batch: Any) -> tuple[Any, float]:
        """Cross-entropy of all labels, and their number."""
        tokens, lengths, targets = batch
        logits = self.module(Tensor(tokens), Tensor(lengths))
        return ops.cross_entropy(logits, Tensor(targets)), int((targets != IGNORED).sum())

    def optimizer(self) -> Optimizer:
        """AdamW, warmed up, with a cosine down to nothing at the last planned step."""
        return self.warm_adamw(WARMUP_STEPS, DEFAULT_STEPS)

    def evaluate(self) -> dict[str, float]:
        """Accuracy on the texts held out; of words also F1 of the spans that they mark."""
        rows = sorted(self.held_out, key=lambda row: len(row[0]))
        predicted: list[Ids] = []
        for begin in range(0, len(rows), 64):
            tokens, lengths, _ = self.collate([self.task.example(row) for row in rows[begin : begin + 64]])
            predicted.extend(self.module(Tensor(tokens), Tensor(lengths)).data.argmax(-1))
        return self.task.figures(predicted, rows)

    def evaluate_program(self, program: Program) -> dict[str, float]:
        """The same of an exported model."""
        return self.task.program_figures(program, self.held_out)

    def export(self, file: Path) -> None:
        """Write a classifier or a tagger."""
        tokens, lengths = data.pad([[1, 2, 3, 4], [2, 3]])
        source = self.source.task
        task = {
            "kind": self.task.kind,
            "vocabulary": "tokens",
            "tokenizer": source["tokenizer"],
            "labels": self.task.labels,
            "encoder": asdict(self.options),
            **self.origin(),
        }
        vocabulary = Vocabulary(self.source.vocabulary(source["vocabulary"]).tokens, "word")
        pyseq.export(
            self.module,
            file,
            {self.task.function: {"tokens": tokens, "lengths": lengths}},
            task=task,
            vocabularies={"tokens": vocabulary},
        )


def opened_encoder(path: str) -> Program:
    """A model with an encoder of the family of BERT, as a program.

    Raises:
        UnsupportedError: a model without such an encoder, or without a tokenizer.
    """
    program: Program = pyseq.load(path).program
    if "encoder" not in program.task or "tokenizer" not in program.task:
        raise _core.UnsupportedError(
            f"finetune: {path} is a {program.task.get('kind')}; expected an encoder of the family of BERT with its "
            "tokenizer: a Hugging Face folder of bert, roberta or distilbert, or a file that pyseq train bert wrote"
        )
    return program


RECIPE = Finetune
