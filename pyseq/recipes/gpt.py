"""Gpt: the next character of Shakespeare, by a Transformer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import pyseq
from pyseq import _core, data, nn, ops
from pyseq.data.streams import StreamBatch
from pyseq.models import Gpt, GptOptions
from pyseq.program import Program
from pyseq.recipes.charlm import read_characters
from pyseq.recipes.recipe import Recipe, RecipeConfig, option
from pyseq.tasks import Generator
from pyseq.tensor import Tensor
from pyseq.text import Vocabulary
from pyseq.train import Optimizer

WARMUP_STEPS = 100
DEFAULT_STEPS = 3000  # of the schedule of a run that only time limits
BETAS = (0.9, 0.98)
EVALUATION_ROWS = 16
POSITIONS = ("rotary", "alibi", "learned", "sinusoidal")
WRITTEN = 500  # characters that an exported model writes by default


@dataclass(frozen=True)
class GptConfig(RecipeConfig):
    """Options of the recipe `gpt`."""

    epochs: int | None = option(5, "Passes over the text at most.")
    batch_size: int = option(4, "Windows of a batch.")
    time: int = option(256, "Characters of a window: what the model sees before it predicts the next one.")
    learning_rate: float = option(3e-3, "Learning rate at the top of the schedule.")
    weight_decay: float = option(0.1, "Weight decay of matrices.")
    average_decay: float = option(0.99, "Exponential average of the weights; 0: none.")
    width: int = option(192, "Size of the vectors.")
    num_heads: int = option(6, "Heads of every attention.")
    num_layers: int = option(4, "Layers.")
    feed_forward: int = option(768, "Inner size of the feed-forward networks.")
    positions: str = option("rotary", "How positions are told: rotary, alibi, learned or sinusoidal.")
    dropout: float = option(0.0, "Share of values left out while training.")


class GptRecipe(Recipe):
    """Language model of characters (Shakespeare) by a Transformer, which writes and judges texts."""

    Config = GptConfig
    data_name = "shakespeare"

    config: GptConfig
    module: Gpt

    def prepare(self, path: Path | None = None) -> None:
        """Read the text; the last tenth is held out."""
        config = self.config
        if config.positions not in POSITIONS:
            raise _core.ArgumentError(f"gpt: positions is {config.positions!r}, expected one of {POSITIONS}")
        training, self.held_out = read_characters(path)
        self.vocabulary = Vocabulary.build([training], "character")
        self.validation: NDArray[np.int64] = np.asarray(self.vocabulary.encode(self.held_out), np.int64)
        ids = np.asarray(self.vocabulary.encode(training), np.int64)
        self.batches = data.Windows(ids, config.batch_size, config.time, config.seed)
        is_rotary = config.positions == "rotary"
        self.module = Gpt(
            GptOptions(
                len(self.vocabulary),
                config.width,
                config.num_heads,
                config.num_layers,
                config.feed_forward,
                positions="none" if is_rotary else config.positions,
                max_positions=config.time,
                scale=math.sqrt(config.width),
                variants=nn.TransformerVariants(rotary=nn.RotaryPositions() if is_rotary else None),
                dropout=config.dropout,
            )
        )

    def loss(self, batch: StreamBatch) -> tuple[Any, float]:
        """Negative log probabilities of all targets [batch, time], and their number."""
        logits = self.module(Tensor(batch.inputs))
        return ops.cross_entropy(logits, Tensor(batch.targets)), batch.targets.size

    def optimizer(self) -> Optimizer:
        """AdamW, warmed up, with a cosine down to nothing at the last planned step."""
        return self.warm_adamw(WARMUP_STEPS, DEFAULT_STEPS, BETAS)

    def evaluate(self) -> dict[str, float]:
        """Mean negative log probability (nats) of a character held out, and exp of it: the perplexity.

        Windows overlap by a half, so that every character has at least half a window before it.
        """
        inputs, counted = self._windows()
        losses = []
        for begin in range(0, len(inputs), EVALUATION_ROWS):
            rows = inputs[begin : begin + EVALUATION_ROWS]
            logits = self.module(Tensor(np.ascontiguousarray(rows[:, :-1])))
            found = ops.cross_entropy(logits, Tensor(np.ascontiguousarray(rows[:, 1:])))
            losses.append(found.data[counted[begin : begin + EVALUATION_ROWS]])
        return _figures(np.concatenate(losses))

    def evaluate_program(self, program: Program) -> dict[str, float]:
        """The same of an exported model."""
        generator = Generator(program)
        inputs, counted = self._windows()
        losses = [
            -np.asarray(generator.score(self.vocabulary.decode(row.tolist())).token_log_probs)[count]
            for row, count in zip(inputs, counted, strict=True)
        ]
        return _figures(np.concatenate(losses))

    def _windows(self) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Windows of the text held out [windows, time + 1], and which of their predictions count [windows, time]."""
        time = min(self.config.time, len(self.validation) - 1)
        step = max(1, time // 2)
        begins = np.arange(0, len(self.validation) - time, step)
        counted = np.ones((len(begins), time), np.bool_)
        counted[1:, : time - step] = False
        return self.validation[begins[:, None] + np.arange(time + 1)], counted

    def export(self, file: Path) -> None:
        """Write a generator."""
        task = {
            "kind": "generator",
            "vocabulary": "text",
            "start": None,
            "end": None,
            "positions": self.config.time if self.config.positions == "learned" else None,
            "max_length": WRITTEN,
            **self.origin(),
        }
        examples = {name: {"tokens": np.zeros((2, 3), np.int64)} for name in ("step", "prefill")}
        pyseq.export(self.module, file, examples, task=task, vocabularies={"text": self.vocabulary})


def _figures(losses: NDArray[Any]) -> dict[str, float]:
    loss = float(losses.mean(dtype=np.float64))
    return {"loss": loss, "perplexity": math.exp(min(loss, 700.0))}


RECIPE = GptRecipe
