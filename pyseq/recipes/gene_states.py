"""What a letter of a genome can be, finer than its label: states, and a grammar of genes that finds them from labels.

A coding letter has a place in its codon: in the first one, the last one or between. Introns remember at which place the
gene goes on. The parts of a tRNA follow each other. What may follow what keeps reading frames.
"""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray

from pyseq import ops

LABELS = ("O", "CDS+", "CDS-", "tRNA+", "tRNA-", "rRNA+", "rRNA-")  # the sign: the strand
COMPLEMENT = str.maketrans("acgt", "tgca")
SWAPPED = str.maketrans("+-", "-+")
STOPS = frozenset(("taa", "tag", "tga"))
STARTS = {"atg": 0.0, "acg": -3.0, "gtg": -3.0}  # and what a gene that begins otherwise costs:
OTHER_START = -8.0
STOP_INSIDE = -20.0  # of a gene; also a gene's end without a stop
CUT = -10.0  # a gene begins or ends in its middle
SPLICE = -4.0  # an intron begins or ends
NEIGHBOURS = -1.0  # genes without a letter between them
TRNA_PARTS = 5
SHORT = 60  # letters: the exons of a tRNA are shorter, whole ones longer
GAP = 3000  # letters between the exons of a tRNA at most

Ids = NDArray[np.int64]
Scores = NDArray[np.float32]


def _strand_states(sign: str) -> list[str]:
    codons = [f"CDS{sign}{part}{place}" for part, place in product(("start", "", "stop", "intron"), range(3))]
    return [*codons, *(f"tRNA{sign}{part}" for part in range(TRNA_PARTS)), f"rRNA{sign}"]


STATES = ("O", *_strand_states("+"), *_strand_states("-"))
NUMBERS = {state: number for number, state in enumerate(STATES)}


def label_of(state: str) -> str:
    """The label that a state has in the world: introns are nothing."""
    return "O" if "intron" in state else next(label for label in LABELS if state.startswith(label))


STATE_LABELS = np.array([LABELS.index(label_of(state)) for state in STATES])
OTHER_STRAND = np.array([NUMBERS[state.translate(SWAPPED)] for state in STATES])


def other_strand(letters: str) -> str:
    """The reverse complement of a strand, read in its own direction."""
    return letters.translate(COMPLEMENT)[::-1]


def transition_scores() -> Scores:
    """[states, states]: how likely (row) one state is followed by (column) the next; −∞: never."""
    forward, entries, exits = _forward_scores()
    scores = {**forward, ("O", "O"): 0.0}
    for (a, b), score in forward.items():  # the other strand is read backwards
        scores[b.translate(SWAPPED), a.translate(SWAPPED)] = score
    starts = {**entries, **{state.translate(SWAPPED): score for state, score in exits.items()}}
    ends = {**exits, **{state.translate(SWAPPED): score for state, score in entries.items()}}
    scores.update({("O", state): score for state, score in starts.items()})
    scores.update({(state, "O"): score for state, score in ends.items()})
    for (a, end), (b, start) in product(ends.items(), starts.items()):
        scores.setdefault((a, b), end + start + NEIGHBOURS)
    table = np.full((len(STATES), len(STATES)), -np.inf, np.float32)
    for (a, b), score in scores.items():
        table[NUMBERS[a], NUMBERS[b]] = score
    return table


def _forward_scores() -> tuple[dict[tuple[str, str], float], dict[str, float], dict[str, float]]:
    """Of the forward strand: what follows within a gene, how genes begin, how they end."""
    codons = [f"CDS+{part}{place}" for part in ("start", "", "stop") for place in range(3)]
    scores = dict.fromkeys(pairwise(codons), 0.0)
    scores.update({("CDS+start2", "CDS+stop0"): 0.0, ("CDS+2", "CDS+0"): 0.0})
    for place in range(3):
        coding, intron = f"CDS+{place}", f"CDS+intron{place}"
        scores[f"CDS+{(place + 2) % 3}", intron] = scores[intron, coding] = SPLICE
        scores[intron, intron] = 0.0
    trna = [f"tRNA+{part}" for part in range(TRNA_PARTS)]
    scores.update(dict.fromkeys([*pairwise(trna), *zip(trna, trna, strict=True), ("rRNA+", "rRNA+")], 0.0))
    cut = {f"CDS+{place}": CUT for place in range(3)}
    entries = {"CDS+start0": 0.0, **cut, **dict.fromkeys(trna, CUT), trna[0]: 0.0, "rRNA+": 0.0}
    exits = {"CDS+stop2": 0.0, **cut, **dict.fromkeys(trna, CUT), trna[-1]: 0.0, "rRNA+": 0.0}
    return scores, entries, exits


def annotated(letters: str, numbers: NDArray[np.uint8]) -> Ids:
    """The most likely states of letters whose labels are known (as numbers of `LABELS`), one per letter."""
    backwards = np.empty((len(letters), len(STATES)), np.float32)
    backwards[:, OTHER_STRAND] = _codon_scores(other_strand(letters))[::-1]
    scores = _codon_scores(letters) + backwards
    scores[STATE_LABELS[None] != numbers[:, None]] = -np.inf
    for begin, end, first, last, kind in _trna_runs(numbers):
        parts = np.arange(end - begin) * (last - first) // (end - begin) + first
        if LABELS[kind].endswith("-"):
            parts = TRNA_PARTS - 1 - parts
        chosen = [NUMBERS[f"{LABELS[kind]}{part}"] for part in parts]
        scores[begin:end] = -np.inf
        scores[np.arange(begin, end), chosen] = 0
    path, _ = ops.viterbi(scores[None], transition_scores())
    states: Ids = path[0]
    return states


def _codon_scores(strand: str) -> Scores:
    """[letters, states]: what codons say about where genes of the forward strand begin, go on and end."""
    scores = np.zeros((len(strand), len(STATES)), np.float32)
    for place in range(len(strand) - 2):
        codon = strand[place : place + 3]
        scores[place, NUMBERS["CDS+start0"]] = STARTS.get(codon, OTHER_START)
        scores[place, NUMBERS["CDS+0" if codon in STOPS else "CDS+stop0"]] = STOP_INSIDE
    return scores


def _trna_runs(numbers: NDArray[np.uint8]) -> list[tuple[int, int, int, int, int]]:
    """Begin, end, first part and the one behind the last, and label of every run of letters of a tRNA."""
    edges = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(numbers)]
    runs = [(a, b, int(numbers[a])) for a, b in pairwise(edges) if a < b and LABELS[numbers[a]].startswith("tRNA")]
    found, half = [], TRNA_PARTS // 2 + 1
    for place, (begin, end, kind) in enumerate(runs):
        follows = place > 0 and _are_exons(runs[place - 1], runs[place])
        goes_on = place + 1 < len(runs) and _are_exons(runs[place], runs[place + 1])
        found.append((begin, end, half if follows else 0, half if goes_on and not follows else TRNA_PARTS, kind))
    return found


def _are_exons(a: tuple[int, int, int], b: tuple[int, int, int]) -> bool:
    return a[2] == b[2] and b[0] - a[1] <= GAP and a[1] - a[0] < SHORT and b[1] - b[0] < SHORT
