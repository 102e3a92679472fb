"""Pos: parts of speech of words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pyseq import _core, data
from pyseq.recipes.recipe import option
from pyseq.recipes.sequence_labels import SequenceLabels, SequenceLabelsConfig

HELD_OUT_SHARE = 0.1


@dataclass(frozen=True)
class PosConfig(SequenceLabelsConfig):
    """Options of the recipe `pos`."""

    epochs: int | None = option(2, "Passes over the data at most.")
    batch_size: int = option(32, "Sentences in a batch.")
    learning_rate: float = option(4e-3, "Learning rate at the top of the schedule.")
    min_count: int = option(2, "Words with fewer occurrences are unknown.")
    dropout: float = option(0.2, "Share of values left out while training.")
    average_decay: float = option(0.99, "Exponential average of the weights; 0: none.")


class Pos(SequenceLabels):
    """Parts of speech: the Penn tag of every word."""

    Config = PosConfig
    data_name = "pos_masc"
    monitor = "accuracy"

    config: PosConfig

    def prepare(self, path: Path | None = None) -> None:
        """Read the documents; a tenth of the sentences (at random) is held out."""
        place = data.find("pos_masc", path)
        file = next(iter(sorted(place.glob("train.txt*"))), None) if place.is_dir() else place
        if file is None:
            raise _core.FormatError(f"{place}: no file train.txt")
        sentences = [sentence for document in data.read_tagged(file) for sentence in document]
        order = np.random.default_rng(0).permutation(len(sentences))
        count = max(1, round(len(sentences) * HELD_OUT_SHARE))
        held_out, training = ([sentences[number] for number in part] for part in (order[:count], order[count:]))
        self.use(training, held_out)


RECIPE = Pos
