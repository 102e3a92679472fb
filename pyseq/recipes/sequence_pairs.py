"""What recipes of pairs share: sources and targets, a recurrent model with attention, a translator in the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import pyseq
from pyseq import data, ops
from pyseq.data import Pair, PairBatch, collate_pairs
from pyseq.models import AttentionEncoderDecoder, AttentionOptions
from pyseq.recipes.recipe import Recipe, RecipeConfig, option
from pyseq.tensor import Tensor
from pyseq.text import Vocabulary
from pyseq.train import AdamW, Cosine, FlatParameters, Optimizer, Warmup

START, END, UNKNOWN = "<s>", "</s>", "<unk>"
WARMUP_STEPS = 100
DEFAULT_STEPS = 5000  # of the schedule of a run that only time limits


@dataclass(frozen=True)
class SequencePairsConfig(RecipeConfig):
    """Options of recipes of pairs."""

    max_tokens: int = option(0, "Positions of a batch at most, padding included; 0: no limit.")
    cell: str = option("lstm", "rnn, gru or lstm.")
    embedding_size: int = option(64, "Size of the vectors of source and target tokens.")
    encoder_size: int = option(128, "Units of each direction of the encoder.")
    encoder_layers: int = option(1, "Layers of the encoder.")
    decoder_size: int = option(256, "Units of the decoder.")
    decoder_layers: int = option(1, "Layers of the decoder.")
    attention_size: int = option(96, "Units of the network of additive scores.")
    attentional_size: int = option(0, "Size of the vector that gives the logits; 0: that of the decoder.")
    tied: bool = option(False, "Whether the projection to logits is the target embedding.")
    score: str = option("additive", "Score of the attention: additive, dot or general.")
    feed: str = option("none", "What enters the decoder's recurrence: none, context or attentional.")
    dropout: float = option(0.2, "Share of values left out while training.")
    label_smoothing: float = option(0.05, "Share of every label that is spread over the others.")
    beam_size: int = option(4, "Hypotheses kept when an exported model is evaluated.")


class SequencePairs(Recipe):
    """Pairs of sequences; subclasses read them in `prepare`, which ends with `use`."""

    Config = SequencePairsConfig

    config: SequencePairsConfig
    module: AttentionEncoderDecoder

    def use(self, source: Vocabulary, target: Vocabulary, training: list[Pair], held_out: list[Pair]) -> None:
        """Make batches and the model.

        Args:
            source: vocabulary of the sources.
            target: that of the targets, with start and end mark.
            training: pairs to learn from.
            held_out: pairs to look at.
        """
        self.source, self.target, self.held_out_pairs = source, target, held_out
        config = self.config
        self.batches = data.Prefetch(
            data.Batches(
                training,
                self.collate,
                config.batch_size,
                config.max_tokens,
                [max(len(pair.source), len(pair.target) + 1) for pair in training],
                config.seed,
            )
        )
        self.longest = max(len(pair.target) for pair in training)
        self.module = AttentionEncoderDecoder(
            AttentionOptions(
                len(source),
                len(target),
                source_embedding=config.embedding_size,
                target_embedding=config.embedding_size,
                encoder_size=config.encoder_size,
                decoder_size=config.decoder_size,
                attention_size=config.attention_size,
                cell=config.cell,
                encoder_layers=config.encoder_layers,
                decoder_layers=config.decoder_layers,
                score=config.score,
                feed=config.feed,
                dropout=config.dropout,
                attentional_size=config.attentional_size,
                tied=config.tied,
            )
        )

    def collate(self, pairs: Sequence[Pair]) -> PairBatch:
        """A batch of pairs."""
        return collate_pairs(pairs, self.target.id(START), self.target.id(END))

    def loss(self, batch: PairBatch) -> tuple[Any, float]:
        """Cross-entropy of every target token and end mark, and their number."""
        return self._losses(batch, self.config.label_smoothing), batch.num_outputs

    def _losses(self, batch: PairBatch, label_smoothing: float = 0.0) -> Tensor:
        logits: Tensor = self.module(Tensor(batch.tokens), Tensor(batch.lengths), Tensor(batch.inputs))
        losses: Tensor = ops.cross_entropy(logits, Tensor(batch.outputs), label_smoothing=label_smoothing)
        return losses

    def optimizer(self) -> Optimizer:
        """AdamW, warmed up, with a cosine down to nothing at the last planned step."""
        steps = self.planned_steps() or DEFAULT_STEPS
        schedule = Warmup(Cosine(self.config.learning_rate, steps), WARMUP_STEPS)
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
            "attention": {"path": self.module.attention.attention.path, "head": 0},
            **self.origin(),
        }
        examples = {"encode": {"tokens": tokens, "lengths": lengths}, "step": {"tokens": np.zeros((2, 1), np.int64)}}
        pyseq.export(
            self.module, file, examples, task=task, vocabularies={"source": self.source, "target": self.target}
        )
