"""SoundClassifier: a label for a sound."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike

import numpy as np

from pyseq import _core
from pyseq.program import Program
from pyseq.tasks.classifier import Classification
from pyseq.tasks.sounds import SoundLike, batches, field, samples_of


class SoundClassifier:
    """Puts sounds into classes with a program whose task is "sound_classifier". Made by `pyseq.load`.

    Usable from many threads at once. The result for a sound does not depend on the sounds beside it.

    Args:
        program: the program.

    Raises:
        FormatError: the program has another task.
    """

    def __init__(self, program: Program) -> None:
        task = program.task
        if task.get("kind") != "sound_classifier":
            raise _core.FormatError(f"sound_classifier: the program's task is {task.get('kind')!r}")
        self.program = program
        self.labels: list[str] = [str(label) for label in field(task, "labels", list)]
        self.rate: int = field(task, "rate", int)
        self._loudness = float(task.get("loudness", 0.0))

    def classify(self, sound: SoundLike) -> Classification:
        """The class of one sound; see `classify_batch`."""
        return self.classify_batch([sound])[0]

    def classify_batch(self, sounds: Sequence[SoundLike]) -> list[Classification]:
        """The classes of sounds: P(label | sound) = softmax(logits).

        Args:
            sounds: files, `audio.Sound`s, or samples [time] at the model's `rate`.

        Raises:
            ShapeError: samples that are not [time]. FormatError: not a sound file.
        """
        signals = [samples_of(sound, self.rate, self._loudness) for sound in sounds]
        found: list[Classification | None] = [None] * len(signals)
        for places, inputs in batches(signals):
            logits = self.program.run("classify", **inputs)["logits"].astype(np.float64)
            shares = np.exp(logits - logits.max(-1, keepdims=True))
            shares /= shares.sum(-1, keepdims=True)
            for row, place in enumerate(places):
                order = np.argsort(-shares[row], kind="stable")
                ranking = [(self.labels[label], float(shares[row, label])) for label in order]
                found[place] = Classification(*ranking[0], ranking)
        return [one for one in found if one is not None]

    def save(self, file: str | PathLike[str]) -> None:
        """Write the program file."""
        self.program.save(file)
