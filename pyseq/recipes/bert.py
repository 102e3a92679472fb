"""Bert: pre-training on plain text, to fill in masked tokens and to tell whether one piece follows another."""

from __future__ import annotations

import lzma
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import pyseq
from pyseq import data, nn, ops
from pyseq.data import MaskedTokens, mask_tokens
from pyseq.models import BertOptions, BertPretraining
from pyseq.program import Program
from pyseq.recipes.recipe import Recipe, RecipeConfig, option
from pyseq.tensor import Tensor
from pyseq.text import SubwordTokenizer, train_word_pieces
from pyseq.train import Optimizer

DATA_SETS = ("novels", "wikipedia")
HELD_OUT = 1024  # examples, or a tenth of a small corpus
MARKS = 3  # [CLS], and [SEP] behind each of two pieces
MASK = "[MASK]"
EVALUATION_ROWS = 64
WARMUP_STEPS = 200
DEFAULT_STEPS = 3000  # of the schedule of a run that only time limits
BETAS = (0.9, 0.98)
_MASKING = 4  # keeps these random numbers apart from those of other uses of a seed

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class BertConfig(RecipeConfig):
    """Options of the recipe `bert`."""

    epochs: int | None = option(1, "Passes over the texts at most.")
    batch_size: int = option(32, "Pairs of pieces in a batch.")
    time: int = option(64, "Tokens of an example: two pieces of text, and marks.")
    vocabulary_size: int = option(8000, "Word pieces.")
    mask_share: float = option(0.15, "Share of the tokens that are to be guessed.")
    learning_rate: float = option(2e-3, "Learning rate at the top of the schedule.")
    weight_decay: float = option(0.01, "Weight decay of matrices.")
    average_decay: float = option(0.99, "Exponential average of the weights; 0: none.")
    width: int = option(192, "Size of the vectors.")
    num_heads: int = option(6, "Heads of every attention.")
    num_layers: int = option(4, "Layers.")
    feed_forward: int = option(768, "Inner size of the feed-forward networks.")
    positions: int = option(128, "The longest text that the encoder reads, in tokens.")
    dropout: float = option(0.0, "Share of values left out while training.")


class Example(NamedTuple):
    """Two pieces of text: the second follows the first, or does not."""

    first: Ids
    second: Ids
    follows: int


class PretrainingBatch(NamedTuple):
    """What `BertPretraining` reads."""

    masked: MaskedTokens
    lengths: Ids
    segments: Ids
    follows: Ids


class Bert(Recipe):
    """Encoder of texts: pre-training on novels and Wikipedia, by masked tokens and next pieces."""

    Config = BertConfig

    config: BertConfig
    module: BertPretraining

    def prepare(self, path: Path | None = None) -> None:
        """Read the texts, learn word pieces, cut the texts into pieces; some examples at random are held out."""
        texts = [list(text) for text in read_texts(path)]
        description, self.vocabulary = train_word_pieces(
            (line for text in texts for line in text), self.config.vocabulary_size
        )
        self.tokenizer = {**description, "max_length": self.config.positions}
        runner = SubwordTokenizer(description, self.vocabulary.tokens)
        self.mask = self.vocabulary.id(MASK)
        self.first, self.last = runner.encode("")  # [CLS], [SEP]
        pieces = [_cut(runner, text, (self.config.time - MARKS) // 2) for text in texts]
        examples = list(pairs_of(pieces, np.random.default_rng(0)))
        order = np.random.default_rng(1).permutation(len(examples))
        count = min(HELD_OUT, max(1, len(examples) // 10))
        self.held_out = [examples[place] for place in order[:count]]
        training = [examples[place] for place in order[count:]]
        self.counts = np.bincount(np.concatenate([one.first for one in training]), minlength=len(self.vocabulary))
        inner = data.Batches(training, list, self.config.batch_size, seed=self.config.seed)
        self.batches = data.Prefetch(_MaskedBatches(inner, self.collate, self.config.seed))
        self.options = BertOptions(
            len(self.vocabulary),
            self.config.width,
            self.config.num_heads,
            self.config.num_layers,
            self.config.feed_forward,
            positions=self.config.positions,
            dropout=self.config.dropout,
        )
        self.module = BertPretraining(self.options)

    def initialize(self) -> None:
        """Random weights, but what counting knows of single tokens is known from the beginning."""
        super().initialize()
        nn.initialization.log_frequencies(self.module.projection.bias, self.counts)

    def collate(self, examples: list[Example], random: np.random.Generator) -> PretrainingBatch:
        """[CLS] first [SEP] second [SEP], with gaps."""
        tokens = self._marked([one.first for one in examples], [one.second for one in examples])
        boundary = len(examples[0].first) + 2
        segments = np.zeros_like(tokens)
        segments[:, boundary:] = 1
        lengths = np.full(len(tokens), tokens.shape[1])
        follows = np.array([one.follows for one in examples])
        return PretrainingBatch(self._with_gaps(tokens, random), lengths, segments, follows)

    def _marked(self, *columns: list[Ids]) -> Ids:
        """[CLS], then the pieces of each example with [SEP] behind every one: [batch, time]."""
        count = len(columns[0])
        parts = [np.full((count, 1), self.first)]
        for pieces in columns:
            parts += [np.stack(pieces), np.full((count, 1), self.last)]
        return np.concatenate(parts, axis=1)

    def _with_gaps(self, tokens: Ids, random: np.random.Generator) -> MaskedTokens:
        candidates = (tokens != self.first) & (tokens != self.last)
        return mask_tokens(tokens, candidates, self.mask, len(self.vocabulary), random, self.config.mask_share)

    def loss(self, batch: PretrainingBatch) -> tuple[Any, float]:
        """Mean loss of the masked tokens plus that of the next pieces, as one unit."""
        gaps, follows = self._logits(batch)
        masked = ops.cross_entropy(gaps, Tensor(batch.masked.originals))  # [n]
        told = ops.cross_entropy(follows, Tensor(batch.follows))  # [batch]
        shares = [np.full(part.shape[0], 1 / part.shape[0], np.float32) for part in (masked, told)]
        return ops.multiply(ops.concat(masked, told), Tensor(np.concatenate(shares))), 1.0

    def _logits(self, batch: PretrainingBatch) -> tuple[Tensor, Tensor]:
        inputs = (batch.masked.tokens, batch.lengths, batch.segments, batch.masked.places)
        return self.module.pretrain(*map(Tensor, inputs))

    def optimizer(self) -> Optimizer:
        """AdamW, warmed up, with a cosine down to nothing at the last planned step."""
        return self.warm_adamw(WARMUP_STEPS, DEFAULT_STEPS, BETAS)

    def evaluate(self) -> dict[str, float]:
        """Mean loss of masked tokens and share of them that are guessed; share of pieces told right."""
        losses, hits, right = [], [], []
        random = np.random.default_rng(2)
        for examples in self._held_out_examples():
            batch = self.collate(examples, random)
            gaps, follows = self._logits(batch)
            losses.append(ops.cross_entropy(gaps, Tensor(batch.masked.originals)).data)
            hits.append(gaps.data.argmax(-1) == batch.masked.originals)
            right.append(follows.data.argmax(-1) == batch.follows)
        loss, masked, next_piece = (float(np.concatenate(part).mean()) for part in (losses, hits, right))
        return {"loss": loss, "masked_accuracy": masked, "next_accuracy": next_piece}

    def evaluate_program(self, program: Program) -> dict[str, float]:
        """Mean loss of masked tokens and share of them that an exported model guesses, in single pieces of text."""
        losses, hits = [], []
        random = np.random.default_rng(2)
        for examples in self._held_out_examples():
            masked = self._with_gaps(self._marked([one.first for one in examples]), random)
            lengths = np.full(len(examples), masked.tokens.shape[1])
            vectors = program.run("encode", tokens=masked.tokens, lengths=lengths)["output"]
            chosen = np.ascontiguousarray(vectors.reshape(-1, vectors.shape[-1])[masked.places])
            logits = program.run("predict", vectors=chosen)["logits"]
            losses.append(ops.cross_entropy(Tensor(logits), Tensor(masked.originals)).data)
            hits.append(logits.argmax(-1) == masked.originals)
        return {
            "loss": float(np.concatenate(losses).mean()),
            "masked_accuracy": float(np.concatenate(hits).mean()),
        }

    def _held_out_examples(self) -> Iterator[list[Example]]:
        for begin in range(0, len(self.held_out), EVALUATION_ROWS):
            yield self.held_out[begin : begin + EVALUATION_ROWS]

    def export(self, file: Path) -> None:
        """Write a model that fills gaps; `pyseq train finetune --model FILE` goes on with its encoder."""
        tokens, lengths = data.pad([[1, 2, 3, 4], [2, 3]])
        vectors = pyseq.Input(np.ones((2, self.config.width), np.float32), dims=("places", self.config.width))
        task = {
            "kind": "fill_mask",
            "vocabulary": "tokens",
            "tokenizer": self.tokenizer,
            "mask": MASK,
            "encoder": asdict(self.options),
            **self.origin(),
        }
        examples = {"encode": {"tokens": tokens, "lengths": lengths}, "predict": {"vectors": vectors}}
        pyseq.export(self.module, file, examples, task=task, vocabularies={"tokens": self.vocabulary})


class _MaskedBatches:
    """Batches of examples with gaps that seed and number of the batch decide."""

    def __init__(self, inner: data.Batches, collate: Any, seed: int) -> None:
        self.inner, self.collate, self.seed, self.given = inner, collate, seed, 0

    @property
    def epoch(self) -> int:
        return self.inner.epoch

    def __len__(self) -> int:
        return len(self.inner)

    def __next__(self) -> PretrainingBatch:
        random = np.random.Generator(np.random.Philox(key=self.seed, counter=[0, 0, _MASKING, self.given]))
        self.given += 1
        batch: PretrainingBatch = self.collate(next(self.inner), random)
        return batch

    def state(self) -> dict[str, Any]:
        return {**self.inner.state(), "given": self.given}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.given = int(state["given"])
        self.inner.restore(state)


def pairs_of(texts: list[Ids], random: np.random.Generator) -> Iterator[Example]:
    """Every piece but the last of a text, with the one behind it, or as often with one of any text.

    Args:
        texts: pieces [count, length] of each text.
        random: where the numbers come from.
    """
    everything = np.concatenate(texts)
    for text in texts:
        for place in range(len(text) - 1):
            follows = int(random.integers(2))
            second = text[place + 1] if follows else everything[random.integers(len(everything))]
            yield Example(text[place], second, follows)


def read_texts(path: Path | None) -> Iterator[Iterator[str]]:
    """The lines of every novel, and of all articles together."""
    for name in DATA_SETS:
        for file in sorted(data.find(name, None if path is None else path / name).glob("*.txt.xz")):
            with lzma.open(file, "rt", encoding="utf-8") as lines:
                yield (line for line in lines if line.strip())


def _cut(tokenizer: SubwordTokenizer, lines: list[str], length: int) -> Ids:
    """The tokens of a text in pieces [count, length]; what is left at the end is not used."""
    ids = [id for line in lines for id in tokenizer.encode(line, with_marks=False)]
    return np.array(ids[: len(ids) // length * length], np.int64).reshape(-1, length)


RECIPE = Bert
