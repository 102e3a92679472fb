"""TriggerDetector: when a certain word is said."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyseq import _core
from pyseq.program import Program
from pyseq.tasks.sounds import SoundLike, field, samples_of

Array = NDArray[Any]


@dataclass(frozen=True)
class Trigger:
    """The word was heard: when (in seconds from the start of the sound), and how sure the model is."""

    seconds: float
    probability: float


class Debounce:
    """Turns probabilities into events: `frames` in a row at or above the threshold, then a pause.

    Args:
        threshold: least probability.
        frames: how many in a row.
        pause: frames after an event in which there is no other.

    Example:
        >>> from pyseq.tasks.trigger_detector import Debounce
        >>> debounce = Debounce(0.5, frames=2, pause=4)
        >>> [debounce.push(p) for p in (0.6, 0.1, 0.7, 0.9, 0.9, 0.9)]
        [False, False, False, True, False, False]
    """

    def __init__(self, threshold: float, frames: int, pause: int) -> None:
        self.threshold, self.frames, self.pause = threshold, frames, pause
        self._above = self._quiet = 0

    def push(self, probability: float) -> bool:
        """Whether an event begins with this frame."""
        self._above = self._above + 1 if probability >= self.threshold else 0
        if self._quiet > 0:
            self._quiet -= 1
            return False
        if self._above < self.frames:
            return False
        self._quiet = self.pause
        return True


class TriggerDetector:
    """Says when a word is said, with a program whose task is "trigger_detector". Made by `pyseq.load`.

    Args:
        program: the program.

    Raises:
        FormatError: the program has another task.
    """

    def __init__(self, program: Program) -> None:
        task = program.task
        if task.get("kind") != "trigger_detector":
            raise _core.FormatError(f"trigger_detector: the program's task is {task.get('kind')!r}")
        self.program = program
        self.word: str = field(task, "word", str)
        self.rate: int = field(task, "rate", int)
        self.step_samples: int = field(task, "step_samples", int)
        self.threshold = float(field(task, "threshold", (int, float)))
        self.debounce_frames: int = field(task, "debounce_frames", int)
        self.pause_seconds = float(field(task, "pause_seconds", (int, float)))

    @property
    def step_seconds(self) -> float:
        """Seconds from one probability to the next."""
        return self.step_samples / self.rate

    def probabilities(self, sound: SoundLike) -> Array:
        """How likely it is that the word has just been said: [steps] float32, one every `step_seconds`."""
        samples = samples_of(sound, self.rate)
        return self.stream().push(samples)[1]

    def detect(self, sound: SoundLike, threshold: float | None = None) -> list[Trigger]:
        """When the word is said in a sound.

        Args:
            sound: a file, an `audio.Sound`, or samples [time] at the model's `rate`.
            threshold: least probability; None: the model's own.
        """
        return self.stream(threshold).push(samples_of(sound, self.rate))[0]

    def stream(self, threshold: float | None = None) -> TriggerStream:
        """A detector for a sound that comes in pieces."""
        return TriggerStream(self, self.threshold if threshold is None else threshold)

    def debounce(self, threshold: float) -> Debounce:
        """A new turning of probabilities into events."""
        return Debounce(threshold, self.debounce_frames, round(self.pause_seconds / self.step_seconds))

    def save(self, file: str | PathLike[str]) -> None:
        """Write the program file."""
        self.program.save(file)


class TriggerStream:
    """One stream of sound; pieces may have any size."""

    def __init__(self, detector: TriggerDetector, threshold: float) -> None:
        self._detector = detector
        self._debounce = detector.debounce(threshold)
        self._state = detector.program.new_state(1)
        self._rest = np.zeros(0, np.float32)
        self._steps = 0

    def push(self, samples: Array) -> tuple[list[Trigger], Array]:
        """Events within these samples, and the probability of every step that they complete [steps]."""
        detector = self._detector
        known = np.concatenate([self._rest, np.asarray(samples, np.float32)])
        count = len(known) // detector.step_samples
        self._rest = known[count * detector.step_samples :]
        if count == 0:
            return [], np.zeros(0, np.float32)
        hops = known[: count * detector.step_samples].reshape(1, count, detector.step_samples)
        logits = detector.program.run("step", state=self._state, hops=hops)["logits"][0]
        probabilities = (1 / (1 + np.exp(-logits.astype(np.float64)))).astype(np.float32)
        events = []
        for probability in probabilities:
            self._steps += 1
            if self._debounce.push(float(probability)):
                events.append(Trigger(self._steps * detector.step_seconds, float(probability)))
        return events, probabilities
