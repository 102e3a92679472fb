"""Dna: which letters of a genome belong to genes, and of which kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pyseq import _core, data
from pyseq.data import Labelled
from pyseq.recipes.recipe import option
from pyseq.recipes.sequence_labels import SequenceLabels, SequenceLabelsConfig
from pyseq.text import TagConstraints

FILE = "chloroplast_train.npz"
LABELS = ("O", "CDS+", "CDS-", "tRNA+", "tRNA-", "rRNA+", "rRNA-")  # by the numbers of the file; the sign: the strand
COMPLEMENT = str.maketrans("acgt", "tgca")
STOPS = ("taa", "tag", "tga")
BLOCK = 5000  # letters that are held out together
EVERY = 5  # of so many blocks the third one is held out


@dataclass(frozen=True)
class DnaConfig(SequenceLabelsConfig):
    """Options of the recipe `dna`."""

    epochs: int | None = option(6, "Passes over the data at most.")
    batch_size: int = option(16, "Stretches in a batch.")
    learning_rate: float = option(5e-3, "Learning rate at the top of the schedule.")
    weight_decay: float = option(0.01, "Weight decay of matrices.")
    average_decay: float = option(0.99, "Exponential average of the weights; 0: none.")
    word_size: int = option(16, "Size of a letter's vector.")
    filters: int = option(0, "Letters have no characters of their own: 0.")
    window: int = option(9, "Letters that a convolution before the LSTM sees at once; 0: none.")
    window_size: int = option(128, "Values that this convolution gives.")
    dropout: float = option(0.1, "Share of values left out while training.")
    crf: bool = option(True, "Whether the labels of a stretch are chosen together (conditional random field).")
    stretch: int = option(600, "Letters of a stretch to learn from.")
    stride: int = option(100, "Letters from the beginning of a stretch to that of the next one.")


class Dna(SequenceLabels):
    """Genes: the kind of gene that every letter of a genome belongs to, and its strand.

    Inside, the label of a coding letter tells its place in the codon as well ("CDS+0", "CDS+1", "CDS+2"): a CRF then
    keeps the reading frame.
    """

    Config = DnaConfig
    data_name = "dna"
    monitor = "accuracy"
    unit = "character"

    config: DnaConfig

    def prepare(self, path: Path | None = None) -> None:
        """Read the genome; one of five blocks of 5,000 letters is held out. The other strand is learnt from too."""
        place = data.find("dna", path)
        with np.load(place / FILE if place.is_dir() else place) as arrays:
            letters, numbers = str(arrays["sequence"]), arrays["label"]
        if len(letters) != len(numbers):
            raise _core.FormatError(f"{place}: {len(letters)} letters, but {len(numbers)} labels")
        names, framed = [LABELS[number] for number in numbers], framed_labels(letters, numbers)
        held_out: list[Labelled] = []
        training: list[Labelled] = []
        for begin, end, is_held_out in blocks(len(letters)):
            if is_held_out:
                held_out.append(Labelled(list(letters[begin:end]), names[begin:end]))
            else:
                training += self._stretches(letters[begin:end], framed[begin:end])
        self.use(training, held_out, frame_constraints(training))

    def _stretches(self, letters: str, labels: list[str]) -> Iterator[Labelled]:
        length, stride = self.config.stretch, self.config.stride
        for strand, kinds in ((letters, labels), other_strand(letters, labels)):
            for begin in range(0, max(1, len(strand) - length + stride), stride):
                yield Labelled(list(strand[begin : begin + length]), kinds[begin : begin + length])

    def shown(self, label: str) -> str:
        """The label without the place in the codon."""
        return label.rstrip("012")

    def joined(self, words: Sequence[str]) -> str:
        """Letters stand side by side."""
        return "".join(words)


def blocks(length: int) -> Iterator[tuple[int, int, bool]]:
    """Parts of a genome: begin, end, and whether it is held out; what lies between two of these is one part."""
    begin = 0
    for held_out in range((EVERY // 2) * BLOCK, length, EVERY * BLOCK):
        yield begin, held_out, False
        begin = min(held_out + BLOCK, length)
        yield held_out, begin, True
    if begin < length:
        yield begin, length, False


def framed_labels(letters: str, numbers: NDArray[np.uint8]) -> list[str]:
    """The names of labels, those of coding letters with their place in the codon.

    Where a run of coding letters begins within a codon is not known: it is read in the frame with the fewest stops.
    """
    names = [LABELS[number] for number in numbers]
    edges = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(numbers)]
    for begin, end in pairwise(edges):
        name = names[begin] if begin < end else LABELS[0]
        if not name.startswith("CDS"):
            continue
        places = codon_places(letters[begin:end] if name.endswith("+") else reverse_complement(letters[begin:end]))
        names[begin:end] = [f"{name}{place}" for place in (places if name.endswith("+") else places[::-1])]
    return names


def codon_places(coding: str) -> list[int]:
    """The place of every letter in its codon."""
    stops = [sum(coding[n : n + 3] in STOPS for n in range(-first % 3, len(coding) - 3, 3)) for first in range(3)]
    first = int(np.argmin(stops))
    return [(first + n) % 3 for n in range(len(coding))]


def reverse_complement(letters: str) -> str:
    """The other strand, read in its own direction."""
    return letters.translate(COMPLEMENT)[::-1]


def other_strand(letters: str, labels: Sequence[str]) -> tuple[str, list[str]]:
    """The reverse complement; what lay on the forward strand now lies on the reverse one."""
    swapped = str.maketrans("+-", "-+")
    return reverse_complement(letters), [label.translate(swapped) for label in reversed(labels)]


def frame_constraints(sequences: Sequence[Labelled]) -> TagConstraints:
    """What may follow what: within a strand's coding letters the next place of the codon, and whatever was seen."""
    labels = sorted({label for sequence in sequences for label in sequence.labels})
    seen = {pair for one in sequences for pair in pairwise(one.labels)}
    allowed = np.array([[(a, b) in seen or _keeps_frame(a, b) for b in labels] for a in labels])
    everything = np.ones(len(labels), bool)
    return TagConstraints(allowed, everything, everything)


def _keeps_frame(before: str, label: str) -> bool:
    if before[:-1] != label[:-1] or not before.startswith("CDS"):
        return True
    step = 1 if before[3] == "+" else -1
    return (int(before[-1]) + step) % 3 == int(label[-1])


RECIPE = Dna
