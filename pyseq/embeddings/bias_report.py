"""What debiasing changed, in numbers: before and after."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import numpy as np

from pyseq import _core
from pyseq.embeddings.association import weat
from pyseq.embeddings.debiasing import leanings
from pyseq.embeddings.evaluation import evaluate_similarity
from pyseq.embeddings.word_lists import EQUAL_PAIRS, WEAT_TESTS
from pyseq.embeddings.word_vectors import Vector, WordVectors


def bias_report(
    before: WordVectors,
    after: WordVectors,
    direction: Vector,
    neutral: Iterable[str],
    *,
    similarity: str | os.PathLike[str] | None = None,
) -> dict[str, Any]:
    """Measure two sets of vectors with the same words.

    Args:
        before: as they were.
        after: as they are.
        direction: of the bias; positive leanings are towards its first words.
        neutral: words that should not lean; the direct bias is their mean |cos|.
        similarity: pairs of words with scores, which should not suffer.

    Returns:
        JSON values: "direct_bias" [before, after], "leanings" {word: [before, after]}, "pairs": mean difference of the
        cosines of neutral words with the two words of equal pairs, "weat" {test: [before, after]} of (effect, p-value),
        and "similarity" with a file.
    """
    words = [word for word in neutral if word in before]
    pairs = [(a, b) for a, b in EQUAL_PAIRS if a in before and b in before]
    both = (before, after)
    lean = [leanings(vectors, direction, words) for vectors in both]
    report: dict[str, Any] = {
        "direct_bias": [float(np.mean([abs(v) for v in found.values()])) if found else 0.0 for found in lean],
        "leanings": {word: [lean[0][word], lean[1][word]] for word in sorted(words, key=lambda w: lean[0][w])},
        "pairs": [_pair_gap(vectors, words, pairs) for vectors in both],
        "weat": {},
    }
    for name, sets in WEAT_TESTS.items():
        try:
            results = [weat(vectors, *sets) for vectors in both]
        except _core.ArgumentError:
            continue  # too few of its words have vectors
        report["weat"][name] = [[result.effect, result.p_value] for result in results]
    if similarity is not None:
        scores = [evaluate_similarity(vectors, similarity, lowercase=True).spearman for vectors in both]
        report["similarity"] = scores
    return report


def _pair_gap(vectors: WordVectors, words: list[str], pairs: list[tuple[str, str]]) -> float:
    """How differently neutral words stand to the two words of a pair."""
    if not words or not pairs:
        return 0.0
    units = vectors.unit_vectors
    neutral = units[[vectors.place(word) for word in words]]
    first, second = (units[[vectors.place(pair[i]) for pair in pairs]] for i in (0, 1))
    return float(np.abs(neutral @ (first - second).T).mean())


def bias_rows(report: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The report as rows: what, before, after."""
    rows = [("direct bias: mean |cos| of neutral words with the direction", *_numbers(report["direct_bias"]))]
    rows.append(("neutral words: mean difference of their cosines with pairs", *_numbers(report["pairs"])))
    for name, (before, after) in report["weat"].items():
        rows.append((f"WEAT {name}: effect", *_numbers([before[0], after[0]])))
        rows.append((f"WEAT {name}: p", *_numbers([before[1], after[1]])))
    if "similarity" in report:
        rows.append(("word similarity: Spearman", *_numbers(report["similarity"])))
    for word, values in report["leanings"].items():
        rows.append((word, *_numbers(values)))
    return rows


def _numbers(values: list[float]) -> tuple[str, str]:
    return f"{values[0]:.3f}", f"{values[1]:.3f}"
