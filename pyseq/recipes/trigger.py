"""Trigger: when a chosen digit is said in a noisy stream of others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import pyseq
from pyseq import data, ops
from pyseq.models import TriggerModel, TriggerOptions
from pyseq.program import Program
from pyseq.recipes.recipe import Recipe, RecipeConfig, option
from pyseq.recipes.spoken_digits import (
    RATE,
    WORDS,
    Array,
    Recording,
    colored_noise,
    features,
    read_recordings,
    speeds,
    split,
)
from pyseq.recipes.transcription import drawn_generator
from pyseq.tasks.trigger_detector import Debounce
from pyseq.tensor import Tensor
from pyseq.train import AdamW, Cosine, FlatParameters, Optimizer, Warmup

WARMUP_STEPS = 50
DEFAULT_STEPS = 1000  # of the schedule of a run that only time limits
CLIP = 5 * RATE  # samples of an example
TEST_CLIPS, TEST_CLIP = 120, 10 * RATE  # 20 minutes
TOLERANCE = 1.0  # seconds after a word in which an event counts as its detection
DEBOUNCE_FRAMES, PAUSE = 2, 1.0  # steps in a row above the threshold, seconds until the next event
ALARMS_PER_MINUTE = 0.1  # allowed by the threshold of the exported model
THRESHOLDS = np.concatenate([np.linspace(0.02, 0.98, 49), 1 - np.geomspace(0.015, 0.0005, 12)])


@dataclass(frozen=True)
class TriggerConfig(RecipeConfig):
    """Options of the recipe `trigger`."""

    digit: int = option(7, "The trigger word, 0 to 9.")
    max_steps: int | None = option(900, "Updates at most.")
    evaluate_every: int = option(300, "Updates between evaluations.")
    batch_size: int = option(16, "Clips of five seconds in a batch.")
    learning_rate: float = option(4e-3, "Learning rate at the top of the schedule.")
    weight_decay: float = option(0.01, "Weight decay of matrices.")
    average_decay: float = option(0.99, "Exponential average of the weights; 0: none.")
    num_filters: int = option(40, "Mel filters.")
    channels: int = option(64, "Channels of the convolution.")
    hidden_size: int = option(64, "Units of each GRU.")
    num_layers: int = option(2, "GRUs.")
    dropout: float = option(0.2, "Share of values left out while training.")
    positive_weight: float = option(3.0, "How much more a step after the word counts than another.")
    label_seconds: float = option(0.5, "How long after the word labels are 1.")
    share: float = option(0.3, "Share of the trigger word among the words of training clips.")
    snr: float = option(10.0, "Decibels between words and noise in the evaluation; in training 5 less to 15 more.")


class Clip(NamedTuple):
    """Samples [time], and where the trigger word ends, in samples."""

    samples: Array
    ends: list[int]


class TriggerRecipe(Recipe):
    """Trigger word: when a chosen digit is said in a noisy stream of others."""

    Config = TriggerConfig
    data_name = "fsdd"
    monitor = "detected"
    mode = "max"

    config: TriggerConfig
    module: TriggerModel

    def prepare(self, path: Path | None = None) -> None:
        """Read the recordings; clips are drawn anew for every batch, those held out once."""
        config = self.config
        training, held_out = split(read_recordings(path), "none")
        self.recordings, self.pieces = training, speeds(training, (0.9, 1.0, 1.1))
        chance = np.random.default_rng(1)
        own = [[recording.samples] for recording in held_out]
        self.test = [
            drawn_clip(held_out, own, config.digit, 0.15, TEST_CLIP, (config.snr, config.snr), chance)
            for _ in range(TEST_CLIPS)
        ]
        self.batches = data.Batches(range(len(training)), list, config.batch_size, seed=config.seed)
        self.module = TriggerModel(
            TriggerOptions(
                features(config.num_filters),
                channels=config.channels,
                hidden_size=config.hidden_size,
                num_layers=config.num_layers,
                dropout=config.dropout,
            )
        )
        self.module.front_end.normalize_like([self.clip(chance).samples for _ in range(20)])

    def clip(self, chance: np.random.Generator) -> Clip:
        """A new clip to learn from."""
        config = self.config
        snr = (config.snr - 5, config.snr + 15)
        return drawn_clip(self.recordings, self.pieces, config.digit, config.share, CLIP, snr, chance)

    def labels(self, ends: list[int], steps: int) -> NDArray[np.float32]:
        """1 for a while after each word."""
        wanted = np.zeros(steps, np.float32)
        size = self.module.step_samples
        for end in ends:
            begin = end // size + 1
            wanted[begin : begin + round(self.config.label_seconds * RATE / size)] = 1
        return wanted

    def loss(self, batch: Any) -> tuple[Any, float]:
        """Binary cross-entropy of every step, and their number."""
        chance = drawn_generator()
        clips = [self.clip(chance) for _ in batch]
        x, lengths = data.pad([clip.samples for clip in clips])
        extracted, frames = self.module.front_end(Tensor(x), Tensor(lengths))
        logits, _ = self.module.frame_logits(extracted.detach(), frames.detach())
        targets = np.stack([self.labels(clip.ends, logits.data.shape[1]) for clip in clips])
        weight = np.full(targets.shape[1], self.config.positive_weight, np.float32)
        losses: Tensor = ops.binary_cross_entropy(logits, Tensor(targets), Tensor(weight))
        return losses, targets.size

    def optimizer(self) -> Optimizer:
        """AdamW, warmed up, with a cosine down to nothing at the last planned step."""
        schedule = Warmup(Cosine(self.config.learning_rate, self.planned_steps() or DEFAULT_STEPS), WARMUP_STEPS)
        return AdamW(FlatParameters(self.module), schedule, weight_decay=self.config.weight_decay)

    def evaluate(self) -> dict[str, float]:
        """Share of the words detected at the threshold with one false alarm in ten minutes, and that threshold."""
        probabilities = [self._probabilities(clip) for clip in self.test]
        curve = roc(probabilities, [clip.ends for clip in self.test], self.module.step_samples)
        allowed = [point for point in curve if point.alarms_per_minute <= ALARMS_PER_MINUTE]
        best = max(allowed, key=lambda point: point.detected, default=curve[-1])
        self.threshold = best.threshold
        return {"detected": best.detected, "alarms_per_minute": best.alarms_per_minute, "threshold": best.threshold}

    def _probabilities(self, clip: Clip) -> Array:
        lengths = np.array([len(clip.samples)])
        logits = self.module.detect(Tensor(clip.samples[None]), Tensor(lengths))["logits"].data[0]
        result: Array = (1 / (1 + np.exp(-logits.astype(np.float64)))).astype(np.float32)
        return result

    def evaluate_program(self, program: Program) -> dict[str, float]:
        """The same of an exported model, at its own threshold."""
        from pyseq.tasks import TriggerDetector

        detector = TriggerDetector(program)
        probabilities = [detector.probabilities(clip.samples) for clip in self.test]
        ends = [clip.ends for clip in self.test]
        point = judged(probabilities, ends, detector.step_samples, detector.threshold)
        return {"detected": point.detected, "alarms_per_minute": point.alarms_per_minute}

    def export(self, file: Path) -> None:
        """Write a trigger-word detector."""
        self.module.eval()
        figures = self.evaluate()
        size = self.module.step_samples
        task = {
            "kind": "trigger_detector",
            "word": WORDS[self.config.digit],
            "rate": RATE,
            "step_samples": size,
            "threshold": figures["threshold"],
            "debounce_frames": DEBOUNCE_FRAMES,
            "pause_seconds": PAUSE,
            **self.origin(),
        }
        x = np.stack([clip.samples[: 8 * size] for clip in self.test[:2]])
        lengths = np.array([8 * size, 3 * size])
        examples = {
            "detect": {"x": x, "lengths": lengths},
            "step": {"hops": pyseq.Input(np.ascontiguousarray(x.reshape(2, 8, size)))},
        }
        pyseq.export(self.module, file, examples, task=task)


class RocPoint(NamedTuple):
    """What a threshold gives."""

    threshold: float
    detected: float  # share of the words
    alarms_per_minute: float  # events that no word explains


def roc(probabilities: list[Array], ends: list[list[int]], step_samples: int) -> list[RocPoint]:
    """Detections and false alarms for thresholds from low to high."""
    return [judged(probabilities, ends, step_samples, float(threshold)) for threshold in THRESHOLDS]


def judged(probabilities: list[Array], ends: list[list[int]], step_samples: int, threshold: float) -> RocPoint:
    """Detections and false alarms of events as the detector makes them."""
    seconds = step_samples / RATE
    found = alarms = words = 0
    for clip, clip_ends in zip(probabilities, ends, strict=True):
        debounce = Debounce(threshold, DEBOUNCE_FRAMES, round(PAUSE / seconds))
        events = [(step + 1) * seconds for step, p in enumerate(clip) if debounce.push(float(p))]
        times = [end / RATE for end in clip_ends if end / RATE + TOLERANCE <= len(clip) * seconds]
        words += len(times)
        found += sum(any(-0.2 <= event - time <= TOLERANCE for event in events) for time in times)
        alarms += sum(not any(-0.2 <= event - end / RATE <= TOLERANCE for end in clip_ends) for event in events)
    minutes = sum(map(len, probabilities)) * seconds / 60
    return RocPoint(threshold, found / max(words, 1), alarms / minutes)


def drawn_clip(
    recordings: list[Recording],
    pieces: list[list[Array]],
    digit: int,
    share: float,
    size: int,
    snr: tuple[float, float],
    chance: np.random.Generator,
) -> Clip:
    """Words of all speakers with pauses over noise; the trigger word with a probability."""
    chosen = [index for index, recording in enumerate(recordings) if recording.digit == digit]
    others = [index for index, recording in enumerate(recordings) if recording.digit != digit]
    samples, ends = np.zeros(size, np.float32), []
    place = int(chance.uniform(0, 0.8) * RATE)
    while True:
        is_trigger = chance.random() < share
        index = int(chance.choice(chosen if is_trigger else others))
        piece = pieces[index][int(chance.integers(len(pieces[index])))]
        if place + len(piece) > size:
            break
        samples[place : place + len(piece)] += piece * np.float32(10 ** chance.uniform(-0.15, 0.15))
        place += len(piece)
        if is_trigger:
            ends.append(place)
        place += int(chance.uniform(0.1, 1.0) * RATE)
    noise = colored_noise(size, chance)
    level = 0.1 * 10 ** (-chance.uniform(*snr) / 20)  # words have a root mean square of 0.1
    noise *= np.float32(level / np.sqrt(np.square(noise).mean()))
    return Clip(samples + noise, ends)


RECIPE = TriggerRecipe
