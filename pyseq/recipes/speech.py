"""Speech: the AN4 set, spelled names, numbers and commands, from cepstra to characters with CTC."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pyseq import audio, ctc, data
from pyseq.program import Program
from pyseq.recipes.recipe import option
from pyseq.recipes.transcription import BLANK, TranscriptionConfig, TranscriptionRecipe, Utterance
from pyseq.tasks import SpeechRecognizer
from pyseq.text import Vocabulary

FILE = "train.npz"
SPEAKERS_HELD_OUT = 8
NGRAM_ORDER, NGRAM_BEAM = 3, 50
ALPHA, BETA = 0.3, 2.0  # of the n-gram model: spelled words follow from one another only a little
ABOUT = "CMU AN4's 13 cepstra at 100 frames a second, each with mean 0 and variance 1 over the utterance"


@dataclass(frozen=True)
class SpeechConfig(TranscriptionConfig):
    """Options of the recipe `speech`."""

    epochs: int | None = option(16, "Passes over the data at most.")
    batch_size: int = option(8, "Utterances in a batch.")
    learning_rate: float = option(2e-3, "Learning rate at the top of the schedule.")
    average_decay: float = option(0.99, "Exponential average of the weights; 0: none.")
    channels: int = option(192, "Channels of the convolution.")
    hidden_size: int = option(192, "Units of each direction.")
    dropout: float = option(0.3, "Share of values left out while training.")
    time_width: int = option(12, "Frames of the widest stripe that is left out.")
    frequency_masks: int = option(1, "Stripes of features left out of each example.")
    frequency_width: int = option(2, "Features of the widest of them.")


class Speech(TranscriptionRecipe):
    """Speech: spelled names, numbers and commands (AN4), from cepstra to characters with CTC."""

    Config = SpeechConfig
    data_name = "an4"

    config: SpeechConfig

    def prepare(self, path: Path | None = None) -> None:
        """Read the features; eight speakers, at random, are held out."""
        utterances, speakers = read_utterances(data.find("an4", path) / FILE)
        names = sorted(set(speakers))
        held_out = set(np.random.default_rng(0).permutation(names)[:SPEAKERS_HELD_OUT].tolist())
        tokens = sorted({character for utterance in utterances for character in utterance.text})
        self.use(
            Vocabulary([BLANK, *tokens], "character"),
            [utterance for utterance, speaker in zip(utterances, speakers, strict=True) if speaker not in held_out],
            [utterance for utterance, speaker in zip(utterances, speakers, strict=True) if speaker in held_out],
            None,
        )

    def evaluate_program(self, program: Program) -> dict[str, float]:
        """Error rates of an exported model on what is held out; also with an n-gram model of the training texts."""
        model = SpeechRecognizer(program)
        texts = [utterance.text for utterance in self.training_set]
        decoder = model.decoder(
            language_model=ctc.NgramModel.parse(ctc.estimate(texts, NGRAM_ORDER)),
            lexicon=sorted({word for text in texts for word in text.split()}),
            beam_size=NGRAM_BEAM,
            alpha=ALPHA,
            beta=BETA,
        )
        found = model.transcribe_batch([utterance.signal for utterance in self.held_out], decoder)
        rates = self.error_rates([transcript.text for transcript in found])
        return {**super().evaluate_program(program), **{f"{name}_with_ngrams": rate for name, rate in rates.items()}}

    def signal_fields(self) -> dict[str, Any]:
        """Which features the model takes."""
        return {"width": self.module.options.feature_size, "frame_seconds": 0.01, "about": ABOUT}


def read_utterances(file: Path) -> tuple[list[Utterance], list[str]]:
    """Features and texts, and who speaks."""
    with np.load(file) as arrays:
        ends = np.cumsum(arrays["lengths"])
        pieces = np.split(arrays["mfcc"].astype(np.float32), ends[:-1])
        texts, speakers = arrays["text"].tolist(), arrays["speaker"].tolist()
    signals = [audio.normalized(piece) for piece in pieces]
    return [Utterance(signal, text) for signal, text in zip(signals, texts, strict=True)], speakers


RECIPE = Speech
