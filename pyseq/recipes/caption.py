"""Captions: what an emoji shows, in words, with attention over the picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import pyseq
from pyseq import data, decode, metrics, nn, ops
from pyseq.models import CaptionOptions, ShowAndTell, ShowAttendTell, doubly_stochastic_penalty
from pyseq.nn.loss import total
from pyseq.program import Program
from pyseq.recipes.recipe import Recipe, RecipeConfig, option
from pyseq.tasks import Captioner
from pyseq.tensor import Tensor
from pyseq.text import Vocabulary
from pyseq.train import AdamW, Cosine, FlatParameters, Optimizer, Warmup

FILE = "train.npz"
START, END, UNKNOWN = "<s>", "</s>", "<unk>"
WARMUP_STEPS = 50
DEFAULT_STEPS = 2000  # of the schedule of a run that only time limits
IGNORED = -100  # targets behind the end of a caption
Images = NDArray[np.uint8]


@dataclass(frozen=True)
class CaptionConfig(RecipeConfig):
    """Options of the recipe `caption`."""

    epochs: int | None = option(70, "Passes over the pictures at most.")
    batch_size: int = option(32, "Pictures in a batch.")
    learning_rate: float = option(4e-3, "Learning rate at the top of the schedule.")
    weight_decay: float = option(0.05, "Weight decay of matrices.")
    average_decay: float = option(0.99, "Exponential average of the weights; 0: none.")
    evaluate_every: int = option(1460, "Updates between evaluations; 0: after every epoch.")
    attend: bool = option(True, "Show, Attend and Tell; without: Show and Tell.")
    width: int = option(32, "Channels of the first stage of the encoder; each further one has twice as many.")
    stages: int = option(3, "Stages of the encoder.")
    depth: int = option(2, "Convolutions of a stage.")
    embedding_size: int = option(64, "Size of a word's vector.")
    hidden_size: int = option(256, "Units of the decoder.")
    attention_size: int = option(128, "Units of the attention network.")
    dropout: float = option(0.2, "Share of values left out while training.")
    label_smoothing: float = option(0.05, "Share of every target that is spread over the other words.")
    coverage: float = option(0.0, "Weight of the doubly stochastic penalty.")
    shift: int = option(1, "Pictures are moved by up to so many pixels while training.")
    held_out: float = option(0.15, "Share of the composed pictures that is held out.")
    beam_size: int = option(1, "Hypotheses of an evaluation.")


class Pictures:
    """An endless source of batches: pictures, moved a little, with their captions.

    Args:
        images: [count, height, width, 3].
        captions: token ids of each.
        config: batch size, seed and the largest shift.
        marks: ids of the start and the end mark.
    """

    def __init__(
        self, images: Images, captions: Sequence[Sequence[int]], config: CaptionConfig, marks: tuple[int, int]
    ) -> None:
        self.images, self.captions, self.config, self.marks = images, captions, config, marks
        self._rows = data.Batches(range(len(images)), np.asarray, config.batch_size, seed=config.seed, drop_last=True)
        self._number = 0

    @property
    def epoch(self) -> int:
        """Passes that have been given out completely."""
        return self._rows.epoch

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Pictures:
        return self

    def __next__(self) -> Any:
        rows = next(self._rows)
        random = nn.initialization.generator(self.config.seed, self._number)
        self._number += 1
        return collate(
            moved(self.images[rows], self.config.shift, random), [self.captions[row] for row in rows], self.marks
        )

    def state(self) -> dict[str, Any]:
        """Where the next batch stands."""
        return {"rows": self._rows.state(), "number": self._number}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""
        self._rows.restore(state["rows"])
        self._number = int(state["number"])


def moved(images: Images, shift: int, random: np.random.Generator) -> Images:
    """Every picture moved by up to `shift` pixels in both directions; what comes in is white."""
    if shift == 0:
        return images
    height, width = images.shape[1:3]
    frame = ((0, 0), (shift, shift), (shift, shift), (0, 0))
    wide = np.pad(images, frame, constant_values=255)
    places = random.integers(0, 2 * shift + 1, (len(images), 2))
    return np.stack([one[y : y + height, x : x + width] for one, (y, x) in zip(wide, places.tolist(), strict=True)])


def prepared(images: Images) -> NDArray[np.float32]:
    """Values from 0 to 1."""
    return images.astype(np.float32) / np.float32(255)


def collate(images: Images, captions: Sequence[Sequence[int]], marks: tuple[int, int]) -> tuple[Any, Any, Any, Any]:
    """Pictures [batch, height, width, 3], target inputs and outputs [batch, time], mask of outputs [batch, 1, time]."""
    start, end = marks
    inputs, lengths = data.pad([[start, *caption] for caption in captions])
    outputs, _ = data.pad([[*caption, end] for caption in captions])
    mask = np.arange(inputs.shape[1]) < lengths[:, None]
    outputs[~mask] = IGNORED
    return prepared(images), inputs, outputs, np.ascontiguousarray(mask[:, None], np.float32)


class Caption(Recipe):
    """Captions of emoji: what a picture shows, in words, with attention over the picture."""

    Config = CaptionConfig
    data_name = "emoji_captions"
    monitor = "f1"
    mode = "max"

    config: CaptionConfig
    module: Any

    def prepare(self, path: Path | None = None) -> None:
        """Read the pictures; a part of those that are composed (a person, a skin tone, …) is held out."""
        pictures = read_pictures(data.find("emoji_captions", path) / FILE)
        training, held_out = split(pictures.composed, self.config.held_out)
        self.images, self.names = pictures.images[held_out], [pictures.names[row] for row in held_out]
        names = [pictures.names[row] for row in training]
        self.vocabulary = Vocabulary.build(names, unit="word", specials=(START, END, UNKNOWN))
        self.marks = self.vocabulary.id(START), self.vocabulary.id(END)
        self.longest = max(len(name.split()) for name in pictures.names)
        captions = [self.vocabulary.encode(name) for name in names]
        self.batches = Pictures(pictures.images[training], captions, self.config, self.marks)
        options = CaptionOptions(
            len(self.vocabulary),
            channels=tuple(self.config.width << stage for stage in range(self.config.stages)),
            depth=self.config.depth,
            embedding_size=self.config.embedding_size,
            hidden_size=self.config.hidden_size,
            attention_size=self.config.attention_size,
            dropout=self.config.dropout,
        )
        self.module = (ShowAttendTell if self.config.attend else ShowAndTell)(options)

    def loss(self, batch: Any) -> tuple[Any, float]:
        """Cross-entropy of every word with the penalty of uneven attention, and the number of words."""
        images, inputs, outputs, mask = batch
        found = self.module(Tensor(images), Tensor(inputs))
        logits = found["logits"] if self.config.attend else found
        losses = ops.cross_entropy(logits, Tensor(outputs), label_smoothing=self.config.label_smoothing)
        if self.config.attend and self.config.coverage > 0:
            penalty = total(doubly_stochastic_penalty(found["attention"], Tensor(mask)))
            losses = total(losses) + ops.multiply(penalty, Tensor(np.array(self.config.coverage, np.float32)))
        return losses, float(mask.sum())

    def optimizer(self) -> Optimizer:
        """AdamW, warmed up, with a cosine down to nothing at the last planned step."""
        steps = self.planned_steps() or DEFAULT_STEPS
        schedule = Warmup(Cosine(self.config.learning_rate, steps), WARMUP_STEPS)
        return AdamW(FlatParameters(self.module), schedule, weight_decay=self.config.weight_decay)

    def evaluate(self) -> dict[str, float]:
        """Share of captions that are right in every word, and F1 of their words."""
        written: list[str] = []
        for begin in range(0, len(self.images), 64):
            images = self.images[begin : begin + 64]
            found = decode.search(
                _LogitsOnly(self.module, self.module.encode(Tensor(prepared(images)))),
                len(images),
                start=self.marks[0],
                end=self.marks[1],
                beam_size=self.config.beam_size,
                max_length=self.longest + 1,
            )
            written += [self.vocabulary.decode(one[0].ids) for one in found]
        return judged(written, self.names)

    def evaluate_program(self, program: Program) -> dict[str, float]:
        """The same of an exported model."""
        found = Captioner(program).caption_batch(self.images, beam_size=self.config.beam_size)
        return judged([one[0].text for one in found], self.names)

    def export(self, file: Path) -> None:
        """Write a captioner."""
        size = self.images.shape[1:]
        task: dict[str, Any] = {
            "kind": "captioner",
            "vocabulary": "text",
            "image": list(size),
            "start": self.marks[0],
            "end": self.marks[1],
            "max_length": self.longest + 1,
            **self.origin(),
        }
        if self.config.attend:
            task.update(attention={"output": "attention"}, grid=list(self.module.encoder.grid(*size[:2])))
        images = pyseq.Input(prepared(self.images[:2]), dims=("batch", *size))
        examples = {"encode": {"images": images}, "step": {"tokens": np.zeros((2, 1), np.int64)}}
        pyseq.export(self.module, file, examples, task=task, vocabularies={"text": self.vocabulary})


class _LogitsOnly(decode.EagerStepModel):
    """A captioning model without its attention."""

    def step(self, tokens: Any) -> Any:
        """Tokens [rows, time] -> logits [rows, time, vocabulary]."""
        found = self.module.step(Tensor(tokens), self.state)
        return (found["logits"] if isinstance(found, dict) else found).numpy()


def judged(written: list[str], names: list[str]) -> dict[str, float]:
    """Share of captions that are right in every word, and mean F1 of the words."""
    return {
        "exact": metrics.exact_match(written, names),
        "f1": metrics.token_f1([one.split() for one in written], [one.split() for one in names]),
    }


@dataclass(frozen=True)
class PictureSet:
    """Pictures with their names."""

    images: Images
    names: list[str]
    composed: NDArray[np.bool_]  # whether the code has several parts


def split(composed: NDArray[np.bool_], share: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows for training, and those held out: a share of the composed pictures, at random."""
    rows = np.flatnonzero(composed)
    chosen = np.random.default_rng(0).permutation(rows)[: max(1, round(len(rows) * share))]
    held_out = np.sort(chosen)
    return np.setdiff1d(np.arange(len(composed)), held_out), held_out


def read_pictures(file: Path) -> PictureSet:
    """The pictures of an .npz file with image, name and code."""
    with np.load(file, allow_pickle=False) as arrays:
        composed = np.array([len(code.split()) > 1 for code in arrays["code"]])
        return PictureSet(arrays["image"], [str(name) for name in arrays["name"]], composed)


RECIPE = Caption
