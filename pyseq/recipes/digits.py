"""Digits: which digit is said, many frames to one label."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import pyseq
from pyseq import audio, data, ops
from pyseq.models import AcousticModel, AcousticOptions
from pyseq.program import Program
from pyseq.recipes.recipe import Recipe, RecipeConfig, option
from pyseq.recipes.spoken_digits import RATE, WORDS, features, read_recordings, speeds, split, varied
from pyseq.recipes.transcription import drawn_generator
from pyseq.tasks import SoundClassifier
from pyseq.tensor import Tensor
from pyseq.train import AdamW, Cosine, FlatParameters, Optimizer, Warmup

WARMUP_STEPS = 50
DEFAULT_STEPS = 1000  # of the schedule of a run that only time limits
EVALUATED = 64  # recordings at once


@dataclass(frozen=True)
class DigitsConfig(RecipeConfig):
    """Options of the recipe `digits`."""

    epochs: int | None = option(14, "Passes over the data at most.")
    batch_size: int = option(32, "Recordings in a batch.")
    learning_rate: float = option(4e-3, "Learning rate at the top of the schedule.")
    weight_decay: float = option(0.02, "Weight decay of matrices.")
    average_decay: float = option(0.98, "Exponential average of the weights; 0: none.")
    num_filters: int = option(40, "Mel filters.")
    channels: int = option(96, "Channels of the convolution.")
    hidden_size: int = option(96, "Units of each direction.")
    num_layers: int = option(1, "Recurrent layers.")
    dropout: float = option(0.3, "Share of values left out while training.")
    label_smoothing: float = option(0.1, "Share of every label that is spread over the others.")
    noise: float = option(0.5, "Share of recordings that are heard over noise.")
    time_width: int = option(8, "Frames of the widest stripe that is left out.")
    frequency_width: int = option(8, "Features of the widest stripe that is left out.")
    held_out_speaker: str = option("none", "Whose recordings are held out; none: a tenth of everybody's.")


class Digits(Recipe):
    """Spoken digits: which of ten is said, from samples."""

    Config = DigitsConfig
    data_name = "fsdd"
    monitor = "accuracy"
    mode = "max"

    config: DigitsConfig
    module: AcousticModel

    def prepare(self, path: Path | None = None) -> None:
        """Read the recordings."""
        config = self.config
        self.training, self.held_out = split(read_recordings(path), config.held_out_speaker)
        self.pieces = speeds(self.training, (0.85, 0.92, 1.0, 1.08, 1.16))
        self.batches = data.Batches(
            range(len(self.training)),
            list,
            config.batch_size,
            lengths=[len(recording.samples) for recording in self.training],
            seed=config.seed,
            pool=8,
        )
        self.module = AcousticModel(
            AcousticOptions(
                outputs=10,
                features=features(config.num_filters),
                channels=config.channels,
                kernel=5,
                stride=2,
                cell="gru",
                hidden_size=config.hidden_size,
                num_layers=config.num_layers,
                dropout=config.dropout,
            )
        )
        assert self.module.front_end is not None
        self.module.front_end.normalize_like([recording.samples for recording in self.training])

    def loss(self, batch: Any) -> tuple[Any, float]:
        """Cross-entropy of the digits, and the number of recordings."""
        chance, config = drawn_generator(), self.config
        sounds = [varied(self.pieces[index][chance.integers(5)], chance, config.noise) for index in batch]
        signals, lengths = data.pad(sounds)
        extracted, frames = self.module.extract(Tensor(signals), Tensor(lengths))
        masked = extracted.data.copy()
        for row, count in enumerate(frames.data):
            masked[row, :count] = audio.spec_augment(
                masked[row, :count],
                chance,
                time_masks=1,
                time_width=config.time_width,
                frequency_width=config.frequency_width,
                value=0.0,
            )
        digits = np.array([self.training[index].digit for index in batch])
        logits = self.module.whole_logits(Tensor(masked), frames)
        losses: Tensor = ops.cross_entropy(logits, Tensor(digits), label_smoothing=config.label_smoothing)
        return losses, len(batch)

    def optimizer(self) -> Optimizer:
        """AdamW, warmed up, with a cosine down to nothing at the last planned step."""
        steps = self.planned_steps() or DEFAULT_STEPS
        schedule = Warmup(Cosine(self.config.learning_rate, steps), WARMUP_STEPS)
        return AdamW(FlatParameters(self.module), schedule, weight_decay=self.config.weight_decay)

    def evaluate(self) -> dict[str, float]:
        """Accuracy on the recordings held out."""
        right = 0
        for begin in range(0, len(self.held_out), EVALUATED):
            chosen = self.held_out[begin : begin + EVALUATED]
            signals, lengths = data.pad([recording.samples for recording in chosen])
            logits = self.module.classify(Tensor(signals), Tensor(lengths))["logits"].data
            right += int((logits.argmax(-1) == [recording.digit for recording in chosen]).sum())
        return {"accuracy": right / len(self.held_out)}

    def evaluate_program(self, program: Program) -> dict[str, float]:
        """Accuracy of an exported model on the recordings held out."""
        found = SoundClassifier(program).classify_batch([recording.samples for recording in self.held_out])
        right = sum(one.label == WORDS[r.digit] for one, r in zip(found, self.held_out, strict=True))
        return {"accuracy": right / len(self.held_out)}

    def export(self, file: Path) -> None:
        """Write a classifier of sounds."""
        x, lengths = data.pad([recording.samples for recording in self.held_out[:2]])
        task = {"kind": "sound_classifier", "rate": RATE, "labels": list(WORDS), **self.origin()}
        pyseq.export(self.module, file, {"classify": {"x": x, "lengths": lengths}}, task=task)


RECIPE = Digits
