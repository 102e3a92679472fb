"""Handwriting: lines of handwritten digits, read from left to right with CTC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyseq import data
from pyseq.recipes.recipe import option
from pyseq.recipes.transcription import BLANK, TranscriptionConfig, TranscriptionRecipe, Utterance
from pyseq.text import Vocabulary

FILE = "train.npz"
VALIDATION_SHARE = 0.15
SHORTEST, LONGEST = 3, 8  # digits of a line
LINES = 400  # of what is held out
LARGEST = 16.0  # the darkest value
ABOUT = "columns of lines of handwriting, 8 pixels from top to bottom, 0 (white) to 1 (black)"


@dataclass(frozen=True)
class HandwritingConfig(TranscriptionConfig):
    """Options of the recipe `handwriting`."""

    max_steps: int | None = option(800, "Updates at most.")
    evaluate_every: int = option(200, "Updates between evaluations.")
    batch_size: int = option(32, "Lines in a batch.")
    learning_rate: float = option(4e-3, "Learning rate at the top of the schedule.")
    average_decay: float = option(0.99, "Exponential average of the weights; 0: none.")
    channels: int = option(128, "Channels of the convolution.")
    kernel: int = option(8, "Columns that the convolution sees.")
    stride: int = option(2, "Columns that become one.")
    hidden_size: int = option(96, "Units of each direction.")
    num_layers: int = option(1, "Recurrent layers.")
    dropout: float = option(0.3, "Share of values left out while training.")
    time_masks: int = option(0, "Stripes of columns left out of each line.")
    frequency_masks: int = option(0, "Stripes of rows left out of each line.")


class Handwriting(TranscriptionRecipe):
    """Handwriting: lines of handwritten digits, read from left to right with CTC."""

    Config = HandwritingConfig
    data_name = "digits"

    config: HandwritingConfig

    def prepare(self, path: Path | None = None) -> None:
        """Read the digits; lines are drawn anew for every batch, those of digits held out once."""
        with np.load(data.find("digits", path) / FILE) as arrays:
            images, labels = arrays["image"].astype(np.float32) / np.float32(LARGEST), arrays["label"]
        order = np.random.default_rng(0).permutation(len(images))
        held_out = max(1, round(len(images) * VALIDATION_SHARE))
        self.images, self.labels = images[order[held_out:]], labels[order[held_out:]]
        chance = np.random.default_rng(1)
        self.use(
            Vocabulary([BLANK, *map(str, range(10))], "character"),
            [
                Utterance(line_of([image], [0, 0]), str(label))
                for image, label in zip(self.images, self.labels, strict=True)
            ],
            [drawn_line(images[order[:held_out]], labels[order[:held_out]], chance, False) for _ in range(LINES)],
            None,
        )

    def vary(self, utterance: Utterance, chance: np.random.Generator) -> Utterance:
        """A new line, whose digits are moved, thicker or thinner."""
        return drawn_line(self.images, self.labels, chance, True)

    def signal_fields(self) -> dict[str, Any]:
        """What the model takes."""
        return {"width": 8, "frame_seconds": 0.0, "about": ABOUT}


def drawn_line(
    images: NDArray[np.float32], labels: NDArray[Any], chance: np.random.Generator, varied: bool
) -> Utterance:
    """A line of random digits with random gaps."""
    chosen = chance.integers(0, len(images), chance.integers(SHORTEST, LONGEST + 1))
    digits = [moved(images[index], chance) if varied else images[index] for index in chosen]
    gaps = chance.integers(0, 4, len(digits) + 1)
    return Utterance(line_of(digits, gaps), "".join(str(labels[index]) for index in chosen))


def line_of(digits: Sequence[NDArray[np.float32]], gaps: Sequence[int] | NDArray[Any]) -> NDArray[np.float32]:
    """Digits [rows, columns] side by side with empty columns between: [columns, rows]."""
    parts = [np.zeros((8, int(gaps[0])), np.float32)]
    for digit, gap in zip(digits, gaps[1:], strict=True):
        parts += [digit, np.zeros((8, int(gap)), np.float32)]
    return np.ascontiguousarray(np.concatenate(parts, axis=1).T)


def moved(image: NDArray[np.float32], chance: np.random.Generator) -> NDArray[np.float32]:
    """A digit turned, sheared, stretched and moved a little, darker or lighter, with bilinear interpolation."""
    angle, shear = chance.uniform(-0.2, 0.2), chance.uniform(-0.2, 0.2)
    stretch = np.exp(chance.uniform(-0.12, 0.12, 2))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ np.array([[1, shear], [0, 1]])
    rows, columns = np.mgrid[0:8, 0:8] - 3.5
    places = (turn / stretch) @ np.stack([rows.ravel(), columns.ravel()]) + 3.5 + chance.uniform(-0.7, 0.7, (2, 1))
    padded = np.pad(image, 2)
    y, x = np.clip(places + 2, 0, 10.999)
    top, left = y.astype(int), x.astype(int)
    down, right = y - top, x - left
    values = (
        padded[top, left] * (1 - down) * (1 - right)
        + padded[top + 1, left] * down * (1 - right)
        + padded[top, left + 1] * (1 - down) * right
        + padded[top + 1, left + 1] * down * right
    )
    result: NDArray[np.float32] = np.clip(values * chance.uniform(0.8, 1.2), 0, 1).reshape(8, 8).astype(np.float32)
    return result


RECIPE = Handwriting
