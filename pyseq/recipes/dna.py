"""Dna: which letters of a genome belong to genes, and of which kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import pyseq
from pyseq import _core, data, nn
from pyseq.models import GeneTagger, GeneTaggerOptions
from pyseq.program import Program
from pyseq.recipes.gene_states import (
    LABELS,
    OTHER_STRAND,
    STATE_LABELS,
    STATES,
    Ids,
    annotated,
    other_strand,
)
from pyseq.recipes.gene_variants import GeneVariants
from pyseq.recipes.recipe import Recipe, RecipeConfig, option
from pyseq.recipes.transcription import drawn_generator
from pyseq.tasks import Tagger
from pyseq.tensor import Tensor
from pyseq.text import Vocabulary
from pyseq.text.vocabulary import UNKNOWN
from pyseq.train import Optimizer

FILE = "chloroplast_train.npz"
BLOCK = 5000  # letters that are held out together
EVERY = 5  # of so many blocks one is held out
WARMUP_STEPS = 30
DEFAULT_STEPS = 450  # of the schedule of a run that only time limits


@dataclass(frozen=True)
class DnaConfig(RecipeConfig):
    """Options of the recipe `dna`."""

    max_steps: int | None = option(450, "Updates at most.")
    evaluate_every: int = option(150, "Updates between evaluations.")
    batch_size: int = option(16, "Stretches in a batch.")
    learning_rate: float = option(5e-3, "Learning rate at the top of the schedule.")
    weight_decay: float = option(0.01, "Weight decay of matrices.")
    average_decay: float = option(0.99, "Exponential average of the weights; 0: none.")
    letter_size: int = option(8, "Size of a letter's vector.")
    window: int = option(9, "Letters that the first convolution sees at once.")
    channels: int = option(64, "Values that describe a letter.")
    frame_layers: int = option(5, "Convolutions over letters 3, 6, 12, ... apart.")
    mixing_layers: int = option(3, "Convolutions over neighbours behind these.")
    scales: int = option(8, "Stop codons are looked for 1, 2, 4, ... codons away: how many such distances.")
    dropout: float = option(0.2, "Share of values left out while training.")
    stretch: int = option(1000, "Letters of a stretch to learn from.")
    stride: int = option(250, "Letters from the beginning of a stretch to that of the next one.")
    synonyms: float = option(0.4, "Share of codons that become one of the same amino acid, anew in every pass.")
    other_codons: float = option(0.1, "Share of codons that become any other.")
    other_letters: float = option(0.2, "Share of letters outside of genes that become any other.")
    held_out: int = option(2, "Which block of every five is held out, 0 to 4.")


class Part(NamedTuple):
    """Letters that follow each other, as ids, and the states of each."""

    letters: Ids  # [length]
    states: Ids  # [length]


class Dna(Recipe):
    """Genes: the kind of gene that every letter of a genome belongs to, and its strand."""

    Config = DnaConfig
    data_name = "dna"
    monitor = "accuracy"
    mode = "max"

    config: DnaConfig
    module: GeneTagger

    def prepare(self, path: Path | None = None) -> None:
        """Read the genome; one of five blocks of 5,000 letters is held out. The other strand is learnt from too."""
        config, place = self.config, data.find("dna", path)
        with np.load(place / FILE if place.is_dir() else place) as arrays:
            letters, numbers = str(arrays["sequence"]), arrays["label"]
        if len(letters) != len(numbers):
            raise _core.FormatError(f"{place}: {len(letters)} letters, but {len(numbers)} labels")
        self.letters = Vocabulary([UNKNOWN, *"acgt"], "character", unknown=0)
        self.held_out: list[tuple[str, NDArray[np.uint8]]] = []
        self._parts: list[Part] = []
        for begin, end, is_held_out in blocks(len(letters), config.held_out):
            if is_held_out:
                self.held_out.append((letters[begin:end], numbers[begin:end]))
            else:
                self._parts += self._strands(letters[begin:end], numbers[begin:end])
        pairs = [(part.letters - 1, part.states) for part in self._parts]
        self._variants = GeneVariants(pairs, config.synonyms, config.other_codons, config.other_letters)
        stretches = [
            (number, begin)
            for number, part in enumerate(self._parts)
            for begin in range(0, max(1, len(part.letters) - config.stretch + config.stride), config.stride)
        ]
        self.batches = data.Batches(stretches, self._collate, config.batch_size, seed=config.seed)
        options = GeneTaggerOptions(
            self.letters.tokens,
            STATE_LABELS,
            config.letter_size,
            config.window,
            config.channels,
            config.frame_layers,
            config.mixing_layers,
            config.scales,
            config.dropout,
        )
        self.module = GeneTagger(options)

    def _strands(self, letters: str, numbers: NDArray[np.uint8]) -> list[Part]:
        states = annotated(letters, numbers)
        other = np.array(self.letters.encode(other_strand(letters)), np.int64)
        return [
            Part(np.array(self.letters.encode(letters), np.int64), states),
            Part(other, OTHER_STRAND[states[::-1]]),
        ]

    def _collate(self, stretches: Sequence[tuple[int, int]]) -> tuple[Ids, Ids, Ids]:
        """Letters [batch, time], lengths [batch] and states [batch, time]."""
        parts = [(self._parts[part], slice(begin, begin + self.config.stretch)) for part, begin in stretches]
        states, lengths = data.pad([part.states[place] for part, place in parts], data.IGNORED)
        random = drawn_generator()
        drawn = [self._variants.draw(part.letters[place] - 1, part.states[place], random) + 1 for part, place in parts]
        letters, _ = data.pad(drawn)
        return letters, lengths, states

    def initialize(self) -> None:
        """Biases from how often states occur."""
        self.module.initialize(self.config.seed)
        counts = sum(np.bincount(part.states, minlength=len(STATES)) for part in self._parts)
        nn.initialization.log_frequencies(self.module.output.bias, counts)

    def loss(self, batch: Any) -> tuple[Any, float]:
        """−ln P of the states, and the number of letters."""
        letters, lengths, states = batch
        return self.module.losses(Tensor(letters), Tensor(lengths), Tensor(states)), float(lengths.sum())

    def optimizer(self) -> Optimizer:
        """AdamW, warmed up, with a cosine down to nothing at the last planned step."""
        return self.warm_adamw(WARMUP_STEPS, DEFAULT_STEPS)

    def evaluate(self) -> dict[str, float]:
        """The share of letters with the right label, of the blocks held out."""
        found = []
        for letters, _ in self.held_out:
            tokens, lengths = data.pad([self.letters.encode(letters)])
            found.append(self.module.tag(Tensor(tokens), Tensor(lengths))["labels"].numpy()[0])
        return self._score(found)

    def evaluate_program(self, program: Program) -> dict[str, float]:
        """The same for an exported model, which reads texts."""
        tags = Tagger(program).tag_batch([letters for letters, _ in self.held_out])
        return self._score([np.array([LABELS.index(tag.label) for tag in row]) for row in tags])

    def _score(self, found: Sequence[NDArray[Any]]) -> dict[str, float]:
        right = sum(int((row == labels).sum()) for row, (_, labels) in zip(found, self.held_out, strict=True))
        return {"accuracy": right / max(1, sum(len(labels) for _, labels in self.held_out))}

    def export(self, file: Path) -> None:
        """Write a tagger of letters."""
        tokens, lengths = data.pad([[1, 2, 0], [1]])
        task = {"kind": "tagger", "vocabulary": "letters", "labels": list(LABELS), "fold_case": True, **self.origin()}
        pyseq.export(
            self.module,
            file,
            {"tag": {"tokens": tokens, "lengths": lengths}},
            task=task,
            vocabularies={"letters": self.letters},
        )


def blocks(length: int, number: int = EVERY // 2) -> Iterator[tuple[int, int, bool]]:
    """Parts of a genome: begin, end, and whether it is held out; what lies between two of these is one part.

    Args:
        length: of the genome, in letters.
        number: which one of every five blocks is held out.
    """
    begin = 0
    for held_out in range(number * BLOCK, length, EVERY * BLOCK):
        if begin < held_out:
            yield begin, held_out, False
        begin = min(held_out + BLOCK, length)
        yield held_out, begin, True
    if begin < length:
        yield begin, length, False


RECIPE = Dna
