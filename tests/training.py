"""A tiny language model and its run: what the tests of training share, and what they start in processes of their own.

`python tests/training.py FOLDER STEPS` trains to a step, from the last checkpoint in the folder if there is one.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from pyseq import data, nn, ops, random, train
from pyseq.tensor import Tensor

CLASSES, WIDTH = 11, 16
TEXTS = [np.random.default_rng(n).integers(0, CLASSES, 3 + n % 9) for n in range(60)]


class Model(nn.Module):
    """Predicts the next token from the last two."""

    def __init__(self, noisy: bool = True) -> None:
        self.noisy = noisy
        self.embedding = nn.Embedding(CLASSES, WIDTH)
        self.hidden = nn.Linear(WIDTH, 24)
        self.output = nn.Linear(24, CLASSES)

    def forward(self, tokens: Tensor) -> Any:
        hidden = ops.tanh(self.hidden(self.embedding(tokens)))
        return self.output(ops.multiply(hidden, noise(hidden.shape[-1])) if self.training and self.noisy else hidden)

    def loss(self, batch: Any) -> tuple[Any, float]:
        tokens, targets = batch
        losses = ops.cross_entropy(self(tokens), targets)
        return losses, int((targets >= 0).sum())


def noise(width: Any) -> Any:
    """Factors near 1 that depend on the random stream of the run, as dropout does."""
    draw = random.active().draw()
    philox = np.random.Philox(key=draw.seed, counter=[0, 0, draw.stream, draw.step])
    return np.random.Generator(philox).uniform(0.9, 1.1, width).astype(np.float32)


def collate(texts: list[Any]) -> tuple[Any, Any]:
    padded, lengths = data.pad(texts)
    targets = np.where(np.arange(padded.shape[1] - 1) < lengths[:, None] - 1, padded[:, 1:], -100)
    return np.ascontiguousarray(padded[:, :-1]), targets


def make_batches(prefetch: bool = False) -> Any:
    batches = data.Batches(TEXTS, collate, max_tokens=60, lengths=[len(text) for text in TEXTS], seed=3, pool=2)
    return data.Prefetch(batches) if prefetch else batches


def make_trainer(folder: Path | None, steps: int, prefetch: bool = False, **settings: Any) -> train.Trainer:
    """A trainer with everything that a checkpoint has to hold: moments, averages, a schedule that listens."""
    model = Model().initialize(5)
    flat = train.FlatParameters(model)
    optimizer = train.AdamW(
        flat, train.Warmup(train.Plateau(0.02, factor=0.5, patience=0), 4), groups=[train.NO_DECAY_OF_VECTORS]
    )
    held_out = collate(TEXTS[:7])

    def evaluate() -> dict[str, float]:
        losses, count = model.loss(held_out)
        return {"loss": float(losses.numpy().sum(dtype=np.float64)) / count}

    options = {
        "clip_norm": 0.5,
        "average_decay": 0.9,
        "evaluate_every": 7,
        "log_every": 1,
        "quiet": True,
        "max_steps": steps,
        **settings,
    }
    return train.Trainer(
        model, make_batches(prefetch), optimizer, train.Settings(**options), evaluate=evaluate, folder=folder
    )


def main() -> None:
    folder, steps = Path(sys.argv[1]), int(sys.argv[2])
    trainer = make_trainer(folder, steps, checkpoint_every=1)
    if (folder / "last.safetensors").exists():
        trainer.resume(folder / "last.safetensors")
    print("started", flush=True)
    print(trainer.run().reason, flush=True)


if __name__ == "__main__":
    main()
