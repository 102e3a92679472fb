"""Yes and no: eight words a recording, with CTC over words from samples."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pyseq import audio, data
from pyseq.recipes.recipe import option
from pyseq.recipes.spoken_digits import FILE, RATE, features, loud, varied
from pyseq.recipes.transcription import BLANK, TranscriptionConfig, TranscriptionRecipe, Utterance
from pyseq.text import Vocabulary

HELD_OUT = 12  # recordings
WORDS = ("no", "yes")


@dataclass(frozen=True)
class YesNoConfig(TranscriptionConfig):
    """Options of the recipe `yesno`."""

    max_steps: int | None = option(900, "Updates at most.")
    evaluate_every: int = option(150, "Updates between evaluations.")
    batch_size: int = option(8, "Recordings in a batch.")
    learning_rate: float = option(4e-3, "Learning rate at the top of the schedule.")
    average_decay: float = option(0.98, "Exponential average of the weights; 0: none.")
    num_filters: int = option(40, "Mel filters.")
    channels: int = option(64, "Channels of the convolution.")
    hidden_size: int = option(48, "Units of each direction.")
    num_layers: int = option(1, "Recurrent layers.")
    noise: float = option(0.5, "Share of recordings that are heard over noise.")


class YesNo(TranscriptionRecipe):
    """Yes and no: eight words a recording, with CTC over words from samples."""

    Config = YesNoConfig
    data_name = "yesno"
    monitor = "loss"  # there are few words to make mistakes in

    config: YesNoConfig

    def prepare(self, path: Path | None = None) -> None:
        """Read the recordings; twelve of them, at random, are held out."""
        utterances = read_recordings(data.find("yesno", path) / FILE)
        order = np.random.default_rng(0).permutation(len(utterances))
        held_out = min(HELD_OUT, len(order) // 3)
        self.use(
            Vocabulary([BLANK, *WORDS], "word"),
            [utterances[index] for index in order[held_out:]],
            [utterances[index] for index in order[:held_out]],
            features(self.config.num_filters),
        )

    def vary(self, utterance: Utterance, chance: np.random.Generator) -> Utterance:
        """Louder or softer, over noise or not."""
        return Utterance(varied(utterance.signal, chance, self.config.noise), utterance.text)


def read_recordings(file: Path) -> list[Utterance]:
    """The recordings of the archive, whose names are their transcripts."""
    utterances = []
    with zipfile.ZipFile(file) as archive:
        for name in sorted(archive.namelist()):
            if name.endswith(".wav"):
                text = " ".join(WORDS[int(word)] for word in Path(name).stem.split("_"))
                utterances.append(Utterance(loud(audio.read(archive.read(name), RATE).samples), text))
    return utterances


RECIPE = YesNo
