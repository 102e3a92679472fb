"""What recipes of pairs share: sources and targets, a model that reads one and writes the other, a translator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

import pyseq
from pyseq import data, nn, ops
from pyseq.data import Pair, PairBatch, collate_pairs
from pyseq.recipes.recipe import Recipe, RecipeConfig, option
from pyseq.tensor import Parameter, Tensor
from pyseq.text import Vocabulary
from pyseq.train import AdamW, FlatParameters, Optimizer

START, END, UNKNOWN = "<s>", "</s>", "<unk>"
WARMUP_STEPS = 100
DEFAULT_STEPS = 5000  # of the schedule of a run that only time limits


@dataclass(frozen=True)
class SequencePairsConfig(RecipeConfig):
    """Options of recipes of pairs."""

    max_tokens: int = option(0, "Positions of a batch at most, padding included; 0: no limit.")
    dropout: float = option(0.2, "Share of values left out while training.")
    label_smoothing: float = option(0.05, "Share of every label that is spread over the others.")
    beam_size: int = option(4, "Hypotheses kept when an exported model is evaluated.")


class SequencePairs(Recipe):
    """Pairs of sequences; subclasses read them in `prepare`, which ends with `use`, and make the model."""

    Config = SequencePairsConfig

    config: SequencePairsConfig

    def use(self, source: Vocabulary, target: Vocabulary, training: list[Pair], held_out: list[Pair]) -> None:
        """Make batches and the model.

        Args:
            source: vocabulary of the sources.
            target: that of the targets, with start and end mark.
            training: pairs to learn from.
            held_out: pairs to look at.
        """
        self.source, self.target, self.training_pairs, self.held_out_pairs = source, target, training, held_out
        config = self.config
        self.batches = data.Prefetch(
            data.Batches(
                training,
                self.collate,
                config.batch_size,
                config.max_tokens,
                [max(len(pair.source), len(pair.target) + 1) for pair in training],
                config.seed,
                ties=[len(pair.source) for pair in training],
            )
        )
        self.longest = max(len(pair.target) for pair in training)
        self.module = self.new_model(len(source), len(target))

    def new_model(self, sources: int, targets: int) -> Any:
        """The model for vocabularies of these sizes: an encoder-decoder with `encode`, `step` and `forward`."""
        raise NotImplementedError

    @property
    def shown_attention(self) -> dict[str, Any]:
        """The module of the model whose attention is shown, and the head of it; −1: their mean."""
        raise NotImplementedError

    def initialize(self) -> None:
        """Random weights, but what counting knows of target tokens is known from the beginning."""
        super().initialize()
        ids = np.fromiter(chain.from_iterable(pair.target for pair in self.training_pairs), np.int64)
        counts = np.bincount(ids, minlength=len(self.target))
        counts[self.target.id(END)] = len(self.training_pairs)
        nn.initialization.log_frequencies(self.projection_bias, counts)

    @property
    def projection_bias(self) -> Parameter | None:
        """The bias of the projection to logits."""
        raise NotImplementedError

    def collate(self, pairs: Sequence[Pair]) -> PairBatch:
        """A batch of pairs."""
        return collate_pairs(pairs, self.target.id(START), self.target.id(END))

    def loss(self, batch: PairBatch) -> tuple[Any, float]:
        """Cross-entropy of every target token and end mark, and their number."""
        return self._losses(batch, self.config.label_smoothing), batch.num_outputs

    def _losses(self, batch: PairBatch, label_smoothing: float = 0.0) -> Tensor:
        logits = self.module(Tensor(batch.tokens), Tensor(batch.lengths), Tensor(batch.inputs))
        losses: Tensor = ops.cross_entropy(logits, Tensor(batch.outputs), label_smoothing=label_smoothing)
        return losses

    def optimizer(self) -> Optimizer:
        """AdamW, warmed up, with a cosine down to nothing at the last planned step."""
        schedule = self.warm_cosine(WARMUP_STEPS, DEFAULT_STEPS)
        return AdamW(FlatParameters(self.module), schedule, weight_decay=self.config.weight_decay)

    def evaluate(self) -> dict[str, float]:
        """Mean loss of held-out target tokens, each given those before it."""
        loss, count = 0.0, 0
        pairs = sorted(self.held_out_pairs, key=lambda pair: len(pair.target))
        for begin in range(0, len(pairs), 128):
            batch = self.collate(pairs[begin : begin + 128])
            loss += float(self._losses(batch).data.sum(dtype=np.float64))
            count += batch.num_outputs
        return {"loss": loss / count}

    def export(self, file: Path) -> None:
        """Write a translator."""
        tokens, lengths = data.pad([[1, 2, 3], [2]])
        task = {
            "kind": "translator",
            "source_vocabulary": "source",
            "target_vocabulary": "target",
            "source_suffix": [],
            "start": self.target.id(START),
            "end": self.target.id(END),
            "max_length": self.longest + self.longest // 2,
            "attention": self.shown_attention,
            **self.origin(),
        }
        examples = {"encode": {"tokens": tokens, "lengths": lengths}, "step": {"tokens": np.zeros((2, 1), np.int64)}}
        pyseq.export(
            self.module, file, examples, task=task, vocabularies={"source": self.source, "target": self.target}
        )
