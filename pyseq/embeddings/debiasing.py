"""Taking a direction of bias out of word vectors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from pyseq import _core
from pyseq.embeddings.word_vectors import Vector, WordVectors, unit_rows

Basis = NDArray[np.float32]


def bias_directions(
    vectors: WordVectors, pairs: Iterable[Sequence[str]], count: int = 1
) -> tuple[Basis, NDArray[np.float64]]:
    """The directions along which the words of defining pairs differ: PCA of their unit vectors minus each pair's mean.

    Args:
        vectors: where words are looked up; pairs with a word that is not there are left out.
        pairs: ("she", "he"), …; the first direction points to the first words.
        count: directions.

    Returns:
        [count, width] orthogonal unit vectors, and the share of the variance that each of them explains.

    Raises:
        ArgumentError: fewer pairs with vectors than directions.

    Source:
        Bolukbasi et al.: Man is to Computer Programmer as Woman is to Homemaker? (2016).
    """
    known = [pair for pair in pairs if all(word in vectors for word in pair)]
    if not 1 <= count <= len(known):
        raise _core.ArgumentError(f"bias_directions: {count} directions of {len(known)} pairs with vectors")
    units = [unit_rows(vectors.matrix(pair)) for pair in known]
    centred = np.concatenate([unit - unit.mean(axis=0) for unit in units]).astype(np.float64)
    _, values, directions = np.linalg.svd(centred, full_matrices=False)
    leaning = sum(float((unit[0] - unit[1]) @ directions[0]) for unit in units)
    if leaning < 0:
        directions[0] = -directions[0]
    shares = values**2 / np.sum(values**2)
    return np.ascontiguousarray(directions[:count], np.float32), shares[:count]


def neutralized(vectors: WordVectors, directions: Basis, keep: Iterable[str] = ()) -> WordVectors:
    """Unit vectors without their part in the directions: v ← (v - v_B) / |v - v_B|.

    Args:
        vectors: to change; the result is a copy.
        directions: [n, width] orthogonal unit vectors.
        keep: words that the directions belong to: their unit vectors stay.

    Returns:
        new vectors, all of length 1.
    """
    units = vectors.unit_vectors.copy()
    changed = np.ones(len(units), bool)
    changed[[vectors.place(word) for word in keep if word in vectors]] = False
    units[changed] = unit_rows(units[changed] - units[changed] @ directions.T @ directions)
    return WordVectors(vectors.words, units, counts=vectors.counts)


def equalized(vectors: WordVectors, directions: Basis, pairs: Iterable[Sequence[str]]) -> WordVectors:
    """Pairs that differ along the directions alone, symmetrically, so that neutral words are as near to the one as to
    the other: ν = μ - μ_B, w ← ν + √(1 - |ν|²) (w_B - μ_B) / |w_B - μ_B|.

    Args:
        vectors: unit vectors, as `neutralized` gives them.
        directions: [n, width] orthogonal unit vectors.
        pairs: sets of words; those with a word that is not there are left out.

    Returns:
        new vectors.
    """  # noqa: D205
    units = vectors.unit_vectors.copy()
    for words in pairs:
        if not all(word in vectors for word in words):
            continue
        places = [vectors.place(word) for word in words]
        mean = units[places].mean(axis=0)
        mean_part = mean @ directions.T @ directions
        rest = mean - mean_part
        parts = units[places] @ directions.T @ directions - mean_part
        units[places] = rest + np.sqrt(max(0.0, 1.0 - float(rest @ rest))) * unit_rows(parts)
    return WordVectors(vectors.words, units, counts=vectors.counts)


def hard_debiased(
    vectors: WordVectors,
    directions: Basis,
    gendered: Iterable[str],
    equal_pairs: Iterable[Sequence[str]],
) -> WordVectors:
    """Neutralise all words but the gendered ones, then equalise pairs."""
    return equalized(neutralized(vectors, directions, gendered), directions, equal_pairs)


def soft_debiased(
    vectors: WordVectors,
    directions: Basis,
    neutral: Iterable[str],
    *,
    tuning: float = 0.2,
    steps: int = 200,
    learning_rate: float = 0.1,
) -> WordVectors:
    """A linear map that keeps products between words and shrinks the part of neutral words in the directions.

    min_T ‖(T W)ᵀ (T W) - Wᵀ W‖² / n² + λ ‖(T N)ᵀ (T B)‖² / m, where W are all n words, N the m neutral ones, B the
    directions. All that the words bring in is W Wᵀ [width, width]; T is found by gradient descent with momentum.

    Args:
        vectors: to change; the result is a copy.
        directions: [n, width] unit vectors.
        neutral: words; those that are not there are left out.
        tuning: λ.
        steps: of gradient descent.
        learning_rate: relative to the curvature of the problem.

    Returns:
        new vectors, all of length 1.

    Raises:
        ArgumentError: no neutral word has a vector.
    """
    units = vectors.unit_vectors.astype(np.float64)
    places = [vectors.place(word) for word in neutral if word in vectors]
    if not places:
        raise _core.ArgumentError("soft_debiased: no neutral word has a vector")
    basis = directions.astype(np.float64)
    covariance = units.T @ units / len(units)  # [width, width]
    biased = units[places].T @ units[places] / len(places)
    width = units.shape[1]
    inner = basis.T @ basis
    transform, velocity = np.eye(width), np.zeros((width, width))
    scale = float(np.linalg.norm(covariance, 2)) ** 2 + tuning * float(np.linalg.norm(biased, 2))
    for _ in range(steps):
        gram = transform.T @ transform
        kept = covariance @ (gram - np.eye(width)) @ covariance
        shrunk = inner @ gram @ biased
        gradient = 4 * transform @ kept + 2 * tuning * transform @ (shrunk + shrunk.T)
        velocity = 0.9 * velocity - learning_rate / (4 * scale) * gradient
        transform += velocity
    moved = unit_rows((units @ transform.T).astype(np.float32))
    return WordVectors(vectors.words, moved, counts=vectors.counts)


def leanings(vectors: WordVectors, direction: Vector, words: Iterable[str]) -> dict[str, float]:
    """Cosines of words with a direction; words that are not there are left out."""
    return {word: vectors.similarity(word, direction) for word in words if word in vectors}
