"""What recipes with CTC share: sounds (or frames) and the tokens that they say, a recognizer in the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import pyseq
from pyseq import audio, data, metrics, ops, random
from pyseq.models import AcousticModel, AcousticOptions
from pyseq.program import Program
from pyseq.recipes.recipe import Recipe, RecipeConfig, option
from pyseq.tasks import SpeechRecognizer
from pyseq.tasks.speech_recognizer import collapsed
from pyseq.tensor import Tensor
from pyseq.text import Vocabulary
from pyseq.train import AdamW, Cosine, FlatParameters, Optimizer, Warmup

Array = NDArray[np.float32]
BLANK = "<blank>"
WARMUP_STEPS = 50
DEFAULT_STEPS = 1000  # of the schedule of a run that only time limits
EVALUATED = 32  # examples at once


@dataclass(frozen=True)
class TranscriptionConfig(RecipeConfig):
    """Options of recipes with CTC."""

    weight_decay: float = option(0.01, "Weight decay of matrices.")
    channels: int = option(128, "Channels of the convolution.")
    kernel: int = option(8, "Frames that the convolution sees.")
    stride: int = option(4, "Frames that become one.")
    cell: str = option("lstm", "lstm or gru.")
    hidden_size: int = option(128, "Units of each direction.")
    num_layers: int = option(2, "Recurrent layers.")
    dropout: float = option(0.2, "Share of values left out while training.")
    time_masks: int = option(2, "Stripes of frames left out of each example.")
    time_width: int = option(10, "Frames of the widest of them.")
    frequency_masks: int = option(2, "Stripes of features left out of each example.")
    frequency_width: int = option(6, "Features of the widest of them.")


class Utterance(NamedTuple):
    """Samples [time], or frames [frames, features], and the text that they say."""

    signal: Array
    text: str


class TranscriptionRecipe(Recipe):
    """Sounds and texts; subclasses read them in `prepare`, which ends with `use`."""

    Config = TranscriptionConfig
    monitor = "token_error_rate"
    mode = "min"

    config: TranscriptionConfig
    module: Any  # AcousticModel, or what `make_module` gives

    def use(
        self,
        vocabulary: Vocabulary,
        training: Sequence[Utterance],
        held_out: Sequence[Utterance],
        features: audio.FeatureOptions | None,
    ) -> None:
        """Make batches and the model.

        Args:
            vocabulary: tokens; the first one is the blank.
            training: examples to learn from.
            held_out: examples to look at.
            features: what is computed of samples; None: signals are frames.
        """
        config = self.config
        self.vocabulary, self.training_set, self.held_out = vocabulary, training, held_out
        self.batches = data.Batches(
            range(len(training)),
            list,
            config.batch_size,
            lengths=[len(utterance.signal) for utterance in training],
            seed=config.seed,
        )
        self.module = self.make_module(len(vocabulary), features, 0 if features else training[0].signal.shape[1])
        if self.module.front_end is not None:
            self.module.front_end.normalize_like([utterance.signal for utterance in training])

    def make_module(self, outputs: int, features: audio.FeatureOptions | None, feature_size: int) -> Any:
        """The model, before it has its initial values."""
        config = self.config
        return AcousticModel(
            AcousticOptions(
                outputs=outputs,
                features=features,
                feature_size=feature_size,
                channels=config.channels,
                kernel=config.kernel,
                stride=config.stride,
                cell=config.cell,
                hidden_size=config.hidden_size,
                num_layers=config.num_layers,
                dropout=config.dropout,
            )
        )

    def vary(self, utterance: Utterance, chance: np.random.Generator) -> Utterance:
        """An example as training sees it this time."""
        return utterance

    def loss(self, batch: Any) -> tuple[Any, float]:
        """CTC loss of every example, and the number of tokens."""
        chance = drawn_generator()
        examples = [self.vary(self.training_set[index], chance) for index in batch]
        signals, lengths = data.pad([example.signal for example in examples])
        texts = [self.vocabulary.encode(example.text) for example in examples]
        features, frames = self.module.extract(Tensor(signals), Tensor(lengths))
        masked = Tensor(self._masked(features.data, frames.data, chance))
        return self.losses(masked, frames, texts), float(sum(map(len, texts)))

    def losses(self, features: Tensor, frames: Tensor, texts: Sequence[Sequence[int]]) -> Tensor:
        """CTC loss of texts for features [batch, frames, width], frames [batch]; to be added up."""
        logits, counts = self.module.frame_logits(features, frames)
        return frame_losses(logits, counts, texts)

    def _masked(self, features: Array, frames: Any, chance: np.random.Generator) -> Array:
        config, masked = self.config, features.copy()
        for row, count in enumerate(frames):
            masked[row, :count] = audio.spec_augment(
                features[row, :count],
                chance,
                time_masks=config.time_masks,
                time_width=config.time_width,
                frequency_masks=config.frequency_masks,
                frequency_width=config.frequency_width,
                value=0.0,
            )
        return masked

    def optimizer(self) -> Optimizer:
        """AdamW, warmed up, with a cosine down to nothing at the last planned step."""
        steps = self.planned_steps() or DEFAULT_STEPS
        schedule = Warmup(Cosine(self.config.learning_rate, steps), WARMUP_STEPS)
        return AdamW(FlatParameters(self.module), schedule, weight_decay=self.config.weight_decay)

    def evaluate(self) -> dict[str, float]:
        """Loss per token and error rates of transcripts of what is held out: those of the likeliest tokens."""
        found, loss, count = [""] * len(self.held_out), 0.0, 0
        order = np.argsort([len(utterance.signal) for utterance in self.held_out], kind="stable")
        for begin in range(0, len(order), EVALUATED):
            chosen = order[begin : begin + EVALUATED]
            signals, lengths = data.pad([self.held_out[index].signal for index in chosen])
            texts = [self.vocabulary.encode(self.held_out[index].text) for index in chosen]
            features, frames = self.module.extract(Tensor(signals), Tensor(lengths))
            losses, written = self.written(features, frames, texts)
            loss, count = loss + float(losses.data.sum(dtype=np.float64)), count + sum(map(len, texts))
            for ids, index in zip(written, chosen, strict=True):
                found[index] = self.vocabulary.decode(ids)
        return {"loss": loss / max(count, 1), **self.error_rates(found)}

    def written(
        self, features: Tensor, frames: Tensor, texts: Sequence[Sequence[int]]
    ) -> tuple[Tensor, list[list[int]]]:
        """CTC losses of texts for features [batch, frames, width], and what the likeliest tokens say."""
        logits, counts = self.module.frame_logits(features, frames)
        best = logits.data.argmax(-1)
        ids = [collapsed(row[: int(count)], blank=0)[0] for row, count in zip(best, counts.data, strict=True)]
        return frame_losses(logits, counts, texts), ids

    def error_rates(self, found: Sequence[str]) -> dict[str, float]:
        """Edits over the tokens of the references, and over their words where those are something else."""
        wanted = [utterance.text for utterance in self.held_out]
        if " " in self.vocabulary.tokens:  # as transcripts are written: one space between words, none around them
            found = [" ".join(text.split()) for text in found]
        encode = self.vocabulary.encode
        rates = {"token_error_rate": metrics.token_error_rate([*map(encode, found)], [*map(encode, wanted)])}
        if " " in self.vocabulary.tokens:
            rates["word_error_rate"] = metrics.token_error_rate(
                [text.split() for text in found], [text.split() for text in wanted]
            )
        return rates

    def evaluate_program(self, program: Program) -> dict[str, float]:
        """Error rates of an exported model on what is held out."""
        found = SpeechRecognizer(program).transcribe_batch([utterance.signal for utterance in self.held_out])
        return self.error_rates([transcript.text for transcript in found])

    def signal_fields(self) -> dict[str, Any]:
        """What the task of the exported model says about its input: here of frames, for models that take them."""
        return {"width": self.module.options.feature_size, "frame_seconds": None}

    def task_fields(self) -> dict[str, Any]:
        """What else the task of the exported model says."""
        return {}

    def example_inputs(self, x: Array, lengths: Any) -> dict[str, Any]:
        """The functions of the exported model, with example inputs."""
        return {"recognize": {"x": x, "lengths": lengths}}

    def export(self, file: Path) -> None:
        """Write a speech recognizer."""
        options = self.module.options
        shortest = sorted(self.held_out, key=lambda utterance: len(utterance.signal))[:2]
        x, lengths = data.pad([utterance.signal for utterance in shortest])
        if options.features is not None:
            signal: dict[str, Any] = {"samples": {"rate": options.features.rate}}
            seconds = options.features.hop * options.frames_per_step / options.features.rate
        else:
            fields = self.signal_fields()
            signal = {"features": {key: value for key, value in fields.items() if value is not None}}
            seconds = (fields.get("frame_seconds") or 0.0) * options.frames_per_step
        task: dict[str, Any] = {
            "kind": "speech_recognizer",
            "vocabulary": "tokens",
            "blank": 0,
            "input": signal,
            "frame_seconds": seconds,
            **self.origin(),
            **self.task_fields(),
        }
        examples = self.example_inputs(x, lengths)
        pyseq.export(self.module, file, examples, task=task, vocabularies={"tokens": self.vocabulary})


def frame_losses(logits: Tensor, counts: Tensor, texts: Sequence[Sequence[int]]) -> Tensor:
    """CTC loss [batch] of texts for logits [batch, frames, tokens], of which counts [batch] are valid."""
    targets, target_lengths = data.pad(texts)
    losses: Tensor = ops.ctc_loss(logits, Tensor(targets), counts, Tensor(target_lengths), zero_infinity=True)
    return losses


def drawn_generator() -> np.random.Generator:
    """Random numbers of NumPy from the stream that dropout draws from: a resumed run repeats them."""
    draw = random.active().draw()
    return np.random.Generator(np.random.Philox(key=draw.seed, counter=[0, 1, draw.stream, draw.step]))
