"""Joined digits: strings of spoken digits to text, with CTC from samples."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pyseq.recipes.recipe import option
from pyseq.recipes.spoken_digits import Array, Recording, features, joined, read_recordings, speeds, split, varied
from pyseq.recipes.transcription import BLANK, TranscriptionConfig, TranscriptionRecipe, Utterance
from pyseq.text import Vocabulary

SHORTEST, LONGEST = 2, 6  # digits of a string
PAUSE = 0.25  # seconds at most between digits
STRINGS = 200  # of what is held out


@dataclass(frozen=True)
class JoinedDigitsConfig(TranscriptionConfig):
    """Options of the recipe `joined-digits`."""

    max_steps: int | None = option(540, "Updates at most.")
    evaluate_every: int = option(180, "Updates between evaluations.")
    batch_size: int = option(16, "Strings in a batch.")
    learning_rate: float = option(4e-3, "Learning rate at the top of the schedule.")
    average_decay: float = option(0.99, "Exponential average of the weights; 0: none.")
    num_filters: int = option(40, "Mel filters.")
    noise: float = option(0.5, "Share of digits that are heard over noise.")
    held_out_speaker: str = option("none", "Whose recordings are held out; none: a tenth of everybody's.")


class JoinedDigits(TranscriptionRecipe):
    """Joined digits: strings of spoken digits to text, with CTC from samples."""

    Config = JoinedDigitsConfig
    data_name = "fsdd"

    config: JoinedDigitsConfig

    def prepare(self, path: Path | None = None) -> None:
        """Read the recordings; strings are drawn anew for every batch, those held out once."""
        recordings = read_recordings(path)
        training, held_out = split(recordings, self.config.held_out_speaker)
        self.recordings = training
        self.pieces = speeds(training, (0.9, 1.0, 1.1))
        self.by_speaker = indices_by_speaker(training)
        chance = np.random.default_rng(1)
        others = indices_by_speaker(held_out)
        self.use(
            Vocabulary([BLANK, *map(str, range(10))], "character"),
            [Utterance(recording.samples, str(recording.digit)) for recording in training],
            [self.string_of(held_out, others, chance) for _ in range(STRINGS)],
            features(self.config.num_filters),
        )

    def string_of(
        self, recordings: list[Recording], by_speaker: dict[str, list[int]], chance: np.random.Generator
    ) -> Utterance:
        """A string of one speaker's digits, as they are."""
        own = by_speaker[str(chance.choice(sorted(by_speaker)))]
        chosen = [
            recordings[own[place]] for place in chance.integers(0, len(own), chance.integers(SHORTEST, LONGEST + 1))
        ]
        samples = joined([recording.samples for recording in chosen], chance, PAUSE)
        return Utterance(samples, "".join(str(recording.digit) for recording in chosen))

    def vary(self, utterance: Utterance, chance: np.random.Generator) -> Utterance:
        """A new string of one speaker's digits, faster or slower, over noise or not."""
        own = self.by_speaker[str(chance.choice(sorted(self.by_speaker)))]
        places = [own[place] for place in chance.integers(0, len(own), chance.integers(SHORTEST, LONGEST + 1))]
        pieces: list[Array] = [self.pieces[place][chance.integers(3)] for place in places]
        samples = varied(joined(pieces, chance, PAUSE), chance, self.config.noise)
        return Utterance(samples, "".join(str(self.recordings[place].digit) for place in places))


def indices_by_speaker(recordings: list[Recording]) -> dict[str, list[int]]:
    """Where each speaker's recordings stand."""
    found: dict[str, list[int]] = {}
    for index, recording in enumerate(recordings):
        found.setdefault(recording.speaker, []).append(index)
    return found


RECIPE = JoinedDigits
