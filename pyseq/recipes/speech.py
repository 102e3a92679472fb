"""Speech: the AN4 set, spelled names, numbers and commands, from cepstra to characters: CTC, or attention and CTC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
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
from pyseq.train import AdamW, FlatParameters, Optimizer

FILE = "train.npz"
SPEAKERS_HELD_OUT = 8
NGRAM_ORDER, NGRAM_BEAM = 3, 50
ALPHA, BETA = 0.3, 2.0  # of the n-gram model: spelled words follow from one another only a little
WARMUP_STEPS, DEFAULT_STEPS = 200, 3000  # the latter of the schedule of a run that only time limits
MEL_FILTERS, LOWEST, HIGHEST = 40, 130.0, 6800.0  # that the cepstra were computed from
WARPS = 25  # that a voice is drawn from
ABOUT = "CMU AN4's 13 cepstra at 100 frames a second, each with mean 0 and variance 1 over the utterance"


@dataclass(frozen=True)
class SpeechConfig(TranscriptionConfig):
    """Options of the recipe `speech`."""

    epochs: int | None = option(16, "Passes over the data at most.")
    batch_size: int = option(4, "Utterances in a batch.")
    learning_rate: float = option(3e-3, "Learning rate at the top of the schedule.")
    average_decay: float = option(0.995, "Exponential average of the weights; 0: none.")
    channels: int = option(192, "Channels of the convolution.")
    hidden_size: int = option(192, "Units of each direction.")
    dropout: float = option(0.25, "Share of values left out while training.")
    time_masks: int = option(1, "Stripes of frames left out of each example.")
    frequency_masks: int = option(0, "Stripes of features left out of each example.")
    frequency_width: int = option(2, "Features of the widest of them.")
    speed: float = option(0.08, "Examples are up to this share faster or slower.")
    warp: float = option(0.08, "Their voices are up to this share higher or lower.")
    model: str = option("ctc", "ctc, or attention: listen, attend and spell, with CTC beside it.")
    pyramid: int = option(1, "Of attention: layers of the encoder on half as many frames as the one below.")
    decoder_size: int = option(192, "Of attention: units of the decoder.")
    ctc_weight: float = option(0.3, "Of attention: share of CTC in loss and search.")
    label_smoothing: float = option(0.1, "Of attention: share of every target that is spread over the other tokens.")
    beam_size: int = option(4, "Of attention: hypotheses of a search.")


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
        shares = np.linspace(1 - self.config.warp, 1 + self.config.warp, WARPS)
        self.warps = [warp_matrix(utterances[0].signal.shape[1], float(share)) for share in shares]
        self.use(
            Vocabulary([BLANK, *([START, END] if is_attentive else []), *tokens], "character"),
            [utterance for utterance, speaker in zip(utterances, speakers, strict=True) if speaker not in held_out],
            [
                Utterance(audio.normalized(utterance.signal), utterance.text)
                for utterance, speaker in zip(utterances, speakers, strict=True)
                if speaker in held_out
            ],
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
        speller = Speller(
            start=self.vocabulary.id(START),
            end=self.vocabulary.id(END),
            blank=0,
            max_length=2 * longest,
            beam_size=config.beam_size,
            ctc_weight=config.ctc_weight,
        )
        self.spelling = Spelling(module, speller, config.label_smoothing)
        return module

    def initialize(self) -> None:
        """Initial values with which the model hears something from the beginning."""
        super().initialize()
        nn.initialization.keep_signals(self.module, self.config.seed)

    def optimizer(self) -> Optimizer:
        """AdamW, warmed up, with a cosine down to nothing at the last planned step."""
        schedule = self.warm_cosine(WARMUP_STEPS, DEFAULT_STEPS)
        return AdamW(FlatParameters(self.module), schedule, weight_decay=self.config.weight_decay)

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

    def vary(self, utterance: Utterance, chance: np.random.Generator) -> Utterance:
        """An utterance said faster or slower, by a higher or lower voice."""
        frames = utterance.signal @ self.warps[int(chance.integers(len(self.warps)))]
        pace = float(chance.uniform(1 - self.config.speed, 1 + self.config.speed))
        return Utterance(audio.normalized(stretched(frames, pace)), utterance.text)

    def task_fields(self) -> dict[str, Any]:
        """The decoder, where the model has one."""
        if self.config.model == "ctc":
            return {}
        fields = asdict(self.spelling.speller)
        return {"decoder": {name: value for name, value in fields.items() if name != "blank"}}

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


def warp_matrix(num_cepstra: int, factor: float) -> Array:
    """What cepstra [frames, num_cepstra] are multiplied by so that frequencies become `factor` times as high.

    The cosine transform back to a (smooth) log-mel spectrum, the spectrum read at other frequencies, and the transform
    again: all of that is linear.

    Source:
        Jaitly and Hinton, "Vocal tract length perturbation (VTLP) improves speech recognition" (2013).
    """
    bands = np.arange(MEL_FILTERS)
    cosines = np.cos(np.pi * np.outer(bands + 0.5, np.arange(num_cepstra)) / MEL_FILTERS) * np.sqrt(2 / MEL_FILTERS)
    cosines[:, 0] /= np.sqrt(2)  # [bands, cepstra], orthonormal columns
    low, high = 1127 * np.log1p(np.array([LOWEST, HIGHEST]) / 700)
    mels = np.linspace(low, high, MEL_FILTERS)
    frequencies = 700 * np.expm1(mels / 1127)
    places = np.interp(frequencies / factor, frequencies, bands)  # the band that is read
    below = np.minimum(places.astype(int), MEL_FILTERS - 2)
    share = (places - below)[:, None]
    read = (1 - share) * cosines[below] + share * cosines[below + 1]
    matrix: Array = (read.T @ cosines).astype(np.float32)
    return matrix


def stretched(frames: Array, pace: float) -> Array:
    """Frames [frames, width] of the same at another pace: between two of them, what lies between."""
    count = max(1, round(len(frames) / pace))
    places = np.linspace(0, len(frames) - 1, count)
    below = np.minimum(places.astype(int), max(len(frames) - 2, 0))
    share = (places - below).astype(np.float32)[:, None]
    found: Array = (1 - share) * frames[below] + share * frames[np.minimum(below + 1, len(frames) - 1)]
    return found


def read_utterances(file: Path) -> tuple[list[Utterance], list[str]]:
    """Cepstra and texts, and who speaks."""
    with np.load(file) as arrays:
        ends = np.cumsum(arrays["lengths"])
        pieces = np.split(arrays["mfcc"].astype(np.float32), ends[:-1])
        texts, speakers = arrays["text"].tolist(), arrays["speaker"].tolist()
    return [Utterance(piece, text) for piece, text in zip(pieces, texts, strict=True)], speakers


RECIPE = Speech
