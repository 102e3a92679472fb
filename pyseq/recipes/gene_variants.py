"""Variants of genes: other codons for the same amino acids, other letters between genes, as evolution makes them.

A genome is small enough to be learnt by heart; variants leave what is common to genes.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from pyseq.recipes.gene_states import NUMBERS, STATE_LABELS, STATES, Ids

BASES = "acgt"
_ORDER = "tcag"  # of the standard table (NCBI translation table 1; plastids, table 11, differ in starts alone)
_AMINO_ACIDS = "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG"
CODE = dict(zip(map("".join, product(_ORDER, repeat=3)), _AMINO_ACIDS, strict=True))
CODONS = ["".join(codon) for codon in product(BASES, repeat=3)]
_AMINO = np.array([CODE[codon] for codon in CODONS])
_PLACES = np.array([16, 4, 1])
_FREE = np.array([state == "O" or "intron" in state for state in STATES])
_BETWEEN = np.array([label > 2 for label in STATE_LABELS])  # tRNA and rRNA


class GeneVariants:
    """Draws variants of sequences whose states are known.

    Args:
        sequences: letters (0 to 3 in the order acgt) and states of all, from which usage is counted.
        synonyms: the share of codons that become one of the same amino acid.
        codons: the share of codons that become any other one but a stop.
        letters: the share of the letters outside of genes that become any other; in RNA a third of it.
    """

    def __init__(
        self, sequences: list[tuple[Ids, Ids]], synonyms: float = 0.4, codons: float = 0.1, letters: float = 0.2
    ) -> None:
        usage, bases = np.zeros(64), np.zeros(4)
        for sequence, states in sequences:
            places = codon_places(states)
            usage += np.bincount(_codons(sequence, places), minlength=64)
            bases += np.bincount(sequence[_FREE[states]].clip(0), minlength=4)
        usage[_AMINO == "*"] = 0
        same = (_AMINO[:, None] == _AMINO[None]) * (usage + 1e-6)
        same /= same.sum(1, keepdims=True)
        table = (1 - synonyms - codons) * np.eye(64) + synonyms * same + codons * usage / max(usage.sum(), 1)
        self._codons = np.cumsum(table, 1)
        self._bases = np.cumsum(bases / max(bases.sum(), 1))
        self._shares = np.where(_FREE, letters, np.where(_BETWEEN, letters / 3, 0))

    def draw(self, letters: Ids, states: Ids, random: np.random.Generator) -> Ids:
        """One variant; unknown letters (−1) and what stands with them stay."""
        varied = letters.copy()
        chosen = np.flatnonzero((random.random(len(letters)) < self._shares[states]) & (letters >= 0))
        varied[chosen] = _drawn(np.broadcast_to(self._bases, (len(chosen), 4)), random)
        places = codon_places(states)
        places = places[(letters[places] >= 0).all(1)]
        new = _drawn(self._codons[_codons(letters, places)], random)
        backwards = _is_backwards(places)
        digits = new[:, None] // _PLACES % 4
        varied[places] = np.where(backwards[:, None], 3 - digits, digits)
        return varied


def codon_places(states: Ids) -> Ids:
    """[codons, 3]: where the letters of every whole codon inside a gene stand, in the order of its own strand."""
    found = []
    for sign, step in (("+", 1), ("-", -1)):
        first = np.flatnonzero(states == NUMBERS[f"CDS{sign}0"])
        whole = (first + 2 * step >= 0) & (first + 2 * step < len(states))
        places = first[whole][:, None] + step * np.arange(3)
        kinds = [NUMBERS[f"CDS{sign}{place}"] for place in range(3)]
        found.append(places[(states[places] == kinds).all(1)])
    return np.concatenate(found)


def _is_backwards(places: Ids) -> NDArray[np.bool_]:
    return places[:, 0] > places[:, 2]


def _codons(letters: Ids, places: Ids) -> Ids:
    digits = letters[places]
    digits = np.where(_is_backwards(places)[:, None], 3 - digits, digits)
    numbers: Ids = digits.clip(0, 3) @ _PLACES
    return numbers


def _drawn(cumulative: NDArray[np.float64], random: np.random.Generator) -> Ids:
    """An index per row of cumulative probabilities."""
    numbers: Ids = (cumulative < random.random((len(cumulative), 1))).sum(1).clip(0, cumulative.shape[1] - 1)
    return numbers
