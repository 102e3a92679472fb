"""Trigger: when a chosen digit is said in a noisy stream of others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import pyseq
from pyseq import audio, data, metrics, nn, ops
from pyseq.metrics import Debouncing, RocPoint
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
from pyseq.tensor import Tensor
from pyseq.train import AdamW, Cosine, FlatParameters, Optimizer, Warmup

WARMUP_STEPS = 50
DEFAULT_STEPS = 1000  # of the schedule of a run that only time limits
CLIP = 5 * RATE  # samples of an example
TEST_SECONDS = 10  # of a clip
TEST_SHARE = 0.15  # of the trigger word among their words
VALIDATION_NUMBERS = range(10, 13)  # of every digit and speaker: what threshold and debouncing are chosen by
QUIET = 0.02  # of the largest power in a recording: what is softer is no part of the word
FRAMES, PAUSE = (1, 2, 3, 4, 6), 1.0  # steps in a row above the threshold, seconds until the next event
ALARMS_PER_MINUTE = 0.1  # allowed by the threshold of the exported model
THRESHOLDS = np.concatenate([np.linspace(0.02, 0.98, 49), 1 - np.geomspace(0.015, 1e-5, 24)]).tolist()
SPEEDS = (0.85, 0.92, 1.0, 1.08, 1.16)
NOISES, NOISE_SECONDS = 24, 15  # pieces that training noise is cut from


@dataclass(frozen=True)
class TriggerConfig(RecipeConfig):
    """Options of the recipe `trigger`."""

    digit: int = option(7, "The trigger word, 0 to 9.")
    max_steps: int | None = option(3000, "Updates at most.")
    evaluate_every: int = option(1000, "Updates between evaluations.")
    batch_size: int = option(16, "Clips of five seconds in a batch.")
    learning_rate: float = option(3e-3, "Learning rate at the top of the schedule.")
    weight_decay: float = option(0.02, "Weight decay of matrices.")
    average_decay: float = option(0.998, "Exponential average of the weights; 0: none.")
    num_filters: int = option(40, "Mel filters.")
    channels: int = option(96, "Channels of the convolution.")
    hidden_size: int = option(96, "Units of each GRU.")
    num_layers: int = option(2, "GRUs.")
    dropout: float = option(0.25, "Share of values left out while training.")
    positive_weight: float = option(1.0, "How much more a step after the word counts than another.")
    label_seconds: float = option(0.5, "How long after the word labels are 1.")
    minutes: float = option(20.0, "Length of what is drawn for validation, and for the test.")
    share: float = option(0.3, "Share of the trigger word among the words of training clips.")
    snr: float = option(10.0, "Decibels between words and noise in the evaluation; in training 5 less to 15 more.")
    time_masks: int = option(6, "Stripes of frames left out of each training clip.")
    time_width: int = option(6, "Frames of the widest of them.")
    frequency_masks: int = option(1, "Stripes of filters left out of each training clip.")
    frequency_width: int = option(6, "Filters of the widest of them.")


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
        """Read the recordings; clips are drawn anew for every batch, those of validation and test once."""
        config = self.config
        known, held_out = split(read_recordings(path), "none")
        training = [recording for recording in known if recording.number not in VALIDATION_NUMBERS] or known
        validation = [recording for recording in known if recording.number in VALIDATION_NUMBERS] or known
        self.recordings, self.pieces = training, speeds(training, SPEEDS)
        chance = np.random.default_rng(1)
        self.test = self._drawn_once(held_out, chance)
        self.validation = self._drawn_once(validation, np.random.default_rng(2))
        self.noises = [colored_noise(NOISE_SECONDS * RATE, chance) for _ in range(NOISES)]
        self.rule = Debouncing(0.0)
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

    def _drawn_once(self, recordings: list[Recording], chance: np.random.Generator) -> list[Clip]:
        config, own = self.config, [[recording.samples] for recording in recordings]
        snr = (config.snr, config.snr)
        return [
            drawn_clip(recordings, own, config.digit, TEST_SHARE, TEST_SECONDS * RATE, snr, chance)
            for _ in range(round(config.minutes * 60 / TEST_SECONDS))
        ]

    def initialize(self) -> None:
        """Initial values with which the model hears something from the beginning."""
        super().initialize()
        nn.initialization.keep_signals(self.module, self.config.seed)

    def clip(self, chance: np.random.Generator) -> Clip:
        """A new clip to learn from."""
        config = self.config
        snr = (config.snr - 5, config.snr + 15)
        noise = self.noises[int(chance.integers(len(self.noises)))]
        return drawn_clip(self.recordings, self.pieces, config.digit, config.share, CLIP, snr, chance, noise)

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
        masked = np.stack([self._masked(row, chance) for row in extracted.data])
        logits, _ = self.module.frame_logits(Tensor(masked), frames.detach())
        targets = np.stack([self.labels(clip.ends, logits.data.shape[1]) for clip in clips])
        weight = np.full(targets.shape[1], self.config.positive_weight, np.float32)
        losses: Tensor = ops.binary_cross_entropy(logits, Tensor(targets), Tensor(weight))
        return losses, targets.size

    def _masked(self, extracted: Array, chance: np.random.Generator) -> Array:
        config = self.config
        return audio.spec_augment(
            extracted,
            chance,
            time_masks=config.time_masks,
            time_width=config.time_width,
            frequency_masks=config.frequency_masks,
            frequency_width=config.frequency_width,
            value=0.0,
        )

    def optimizer(self) -> Optimizer:
        """AdamW, warmed up, with a cosine down to nothing at the last planned step."""
        schedule = Warmup(Cosine(self.config.learning_rate, self.planned_steps() or DEFAULT_STEPS), WARMUP_STEPS)
        return AdamW(FlatParameters(self.module), schedule, weight_decay=self.config.weight_decay)

    def evaluate(self) -> dict[str, float]:
        """Share of the words detected where thresholds allow one false alarm in ten minutes.

        `validation` is that share on clips of recordings kept for it: its threshold and debouncing are those of the
        exported model. `detected` is the share on the test clips, at the point of their curve that the target allows.
        """
        chosen = self._choose([self._probabilities(clip) for clip in self.validation])
        point = metrics.operating_point(self.roc(), ALARMS_PER_MINUTE)
        return {
            "detected": point.detected,
            "alarms_per_minute": point.alarms_per_minute,
            "validation": chosen.detected,
            "threshold": chosen.threshold,
        }

    def _choose(self, probabilities: list[Array]) -> RocPoint:
        """The best operating point of the validation clips, over the ways of debouncing too."""
        ends, seconds = ends_of(self.validation), self.module.step_samples / RATE
        best = None
        for frames in FRAMES:
            rule = Debouncing(seconds, frames, PAUSE)
            point = metrics.operating_point(metrics.roc(probabilities, ends, rule, THRESHOLDS), ALARMS_PER_MINUTE)
            if best is None or point.detected > best.detected:
                best, self.rule = point, rule
        assert best is not None
        return best

    def roc(self, program: Program | None = None) -> list[RocPoint]:
        """What all thresholds give on the test clips, with the module or with an exported model."""
        from pyseq.tasks import TriggerDetector

        if program is None:
            if self.rule.step_seconds == 0:
                self._choose([self._probabilities(clip) for clip in self.validation])
            probabilities, rule = [self._probabilities(clip) for clip in self.test], self.rule
        else:
            detector = TriggerDetector(program)
            probabilities, rule = [detector.probabilities(clip.samples) for clip in self.test], rule_of(detector)
        return metrics.roc(probabilities, ends_of(self.test), rule, THRESHOLDS)

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
        point = metrics.detections(probabilities, ends_of(self.test), detector.threshold, rule_of(detector))
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
            "debounce_frames": self.rule.frames,
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


def drawn_clip(
    recordings: list[Recording],
    pieces: list[list[Array]],
    digit: int,
    share: float,
    size: int,
    snr: tuple[float, float],
    chance: np.random.Generator,
    noise: Array | None = None,
) -> Clip:
    """Words of all speakers with pauses, over noise (pieces of this, if given); at times the trigger word."""
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
        if is_trigger:
            ends.append(place + spoken(piece))
        place += len(piece)
        place += int(chance.uniform(0.1, 1.0) * RATE)
    if noise is None:
        piece = colored_noise(size, chance)
    else:
        begin = int(chance.integers(len(noise) - size + 1))
        piece = noise[begin : begin + size]
    level = 0.1 * 10 ** (-chance.uniform(*snr) / 20)  # words have a root mean square of 0.1
    return Clip(samples + piece * np.float32(level / np.sqrt(np.square(piece).mean())), ends)


def spoken(samples: Array) -> int:
    """Where the word in a recording ends: silence may follow in which it has been heard already."""
    size = RATE // 50
    powers = np.convolve(np.square(samples, dtype=np.float64), np.ones(size), "same")
    return int(np.flatnonzero(powers > QUIET * powers.max())[-1]) + 1


def ends_of(clips: list[Clip]) -> list[list[float]]:
    """Seconds at which the trigger words of clips end."""
    return [[end / RATE for end in clip.ends] for clip in clips]


def rule_of(detector: Any) -> Debouncing:
    """How a `TriggerDetector` turns probabilities into events."""
    return Debouncing(detector.step_seconds, detector.debounce_frames, detector.pause_seconds)


RECIPE = TriggerRecipe
