"""Speech: the AN4 set, spelled names, numbers and commands, from cepstra to characters: CTC, or attention and CTC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pyseq import _core, audio, ctc, data, nn
from pyseq.models import ListenAttendSpell, ListenOptions
from pyseq.program import Program
from pyseq.recipes import spelling
from pyseq.recipes.recipe import option
from pyseq.recipes.spelling import END, START, Spelling
from pyseq.recipes.transcription import BLANK, Array, TranscriptionConfig, TranscriptionRecipe, Utterance
from pyseq.tasks import SpeechRecognizer
from pyseq.tasks.joint_search import Speller
from pyseq.tensor import Tensor
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
    model: str = option("ctc", "ctc, or attention: listen, attend and spell, with CTC beside it.")
    pyramid: int = option(1, "Of attention: layers of the encoder on half as many frames as the one below.")
    decoder_size: int = option(192, "Of attention: units of the decoder.")
    ctc_weight: float = option(0.3, "Of attention: share of CTC in loss and search.")
    label_smoothing: float = option(0.1, "Of attention: share of every target that is spread over the other tokens.")
    beam_size: int = option(4, "Of attention: hypotheses of an evaluation.")


class Speech(TranscriptionRecipe):
    """Speech: spelled names, numbers and commands (AN4), from cepstra to characters, with CTC or attention."""

    Config = SpeechConfig
    data_name = "an4"

    config: SpeechConfig

    def prepare(self, path: Path | None = None) -> None:
        """Read the features; eight speakers, at random, are held out."""
        utterances, speakers = read_utterances(data.find("an4", path) / FILE)
        names = sorted(set(speakers))
        is_attentive = self._check_model()
        held_out = set(np.random.default_rng(0).permutation(names)[:SPEAKERS_HELD_OUT].tolist())
        tokens = sorted({character for utterance in utterances for character in utterance.text})
        self.use(
            Vocabulary([BLANK, *([START, END] if is_attentive else []), *tokens], "character"),
            [utterance for utterance, speaker in zip(utterances, speakers, strict=True) if speaker not in held_out],
            [utterance for utterance, speaker in zip(utterances, speakers, strict=True) if speaker in held_out],
            None,
        )

    def _check_model(self) -> bool:
        """Whether the model has a decoder with attention."""
        if self.config.model not in ("ctc", "attention"):
            raise _core.ArgumentError(f"speech: model is {self.config.model!r}, expected 'ctc' or 'attention'")
        return self.config.model == "attention"

    def make_module(self, outputs: int, features: audio.FeatureOptions | None, feature_size: int) -> Any:
        """The model, before it has its initial values."""
        config = self.config
        if config.model == "ctc":
            return super().make_module(outputs, features, feature_size)
        module = ListenAttendSpell(
            ListenOptions(
                vocabulary=outputs,
                features=features,
                feature_size=feature_size,
                channels=config.channels,
                kernel=config.kernel,
                stride=max(1, config.stride >> config.pyramid),
                encoder_size=config.hidden_size,
                pyramid=config.pyramid,
                decoder_size=config.decoder_size,
                dropout=config.dropout,
            )
        )
        longest = max(len(self.vocabulary.encode(utterance.text)) for utterance in self.training_set)
        marks = {"start": self.vocabulary.id(START), "end": self.vocabulary.id(END), "blank": 0}
        speller = Speller(**marks, max_length=2 * longest, ctc_weight=config.ctc_weight)
        self.spelling = Spelling(module, speller, config.label_smoothing, config.beam_size)
        return module

    def initialize(self) -> None:
        """Initial values with which the model hears something from the beginning."""
        super().initialize()
        nn.initialization.keep_signals(self.module, self.config.seed)

    def losses(self, features: Tensor, frames: Tensor, texts: Sequence[Sequence[int]]) -> Tensor:
        """Losses of texts for features [batch, frames, width], frames [batch]; to be added up."""
        if self.config.model == "attention":
            return self.spelling.losses(features, frames, texts)
        return super().losses(features, frames, texts)

    def written(
        self, features: Tensor, frames: Tensor, texts: Sequence[Sequence[int]]
    ) -> tuple[Tensor, list[list[int]]]:
        """Losses of texts for features [batch, frames, width], and what the model writes."""
        if self.config.model == "attention":
            return self.spelling.written(features, frames, texts)
        return super().written(features, frames, texts)

    def task_fields(self) -> dict[str, Any]:
        """The decoder, where the model has one."""
        if self.config.model == "ctc":
            return {}
        speller = self.spelling.speller
        names = ("start", "end", "max_length", "ctc_weight")
        return {"decoder": {name: getattr(speller, name) for name in names}}

    def example_inputs(self, x: Array, lengths: Any) -> dict[str, Any]:
        """The functions of the exported model, with example inputs."""
        if self.config.model == "attention":
            return spelling.example_inputs(x, lengths)
        return super().example_inputs(x, lengths)

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
