"""Maps of words: their vectors in two dimensions."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pyseq import _core
from pyseq.embeddings.word_vectors import WordVectors


@dataclass(frozen=True)
class WordMap:
    """Words and where they stand.

    Args:
        words: of the map.
        points: [words, 2].
        units: [words, width] their vectors, of length 1.
        method: "pca" or "tsne".
    """

    words: tuple[str, ...]
    points: NDArray[np.float32]
    units: NDArray[np.float32]
    method: str


def word_map(
    vectors: WordVectors,
    words: Sequence[str] | int = 500,
    *,
    method: Literal["pca", "tsne"] = "pca",
    perplexity: float = 30.0,
    seed: int = 0,
) -> WordMap:
    """Put words on a plane: the two principal components of their unit vectors, or t-SNE (openTSNE).

    Args:
        vectors: of the words.
        words: which words, or how many of the first ones.
        method: "pca", which keeps directions (and so analogies), or "tsne", which keeps neighbourhoods.
        perplexity: of t-SNE: how many neighbours a word has, roughly.
        seed: of t-SNE.

    Returns:
        the map.

    Raises:
        OutOfRangeError: a word that is not there. ArgumentError: fewer than three words, or another method.
        UnsupportedError: t-SNE without openTSNE.

    Example:
        >>> import numpy as np
        >>> from pyseq.embeddings import WordVectors, word_map
        >>> words = WordVectors(list("abcd"), np.eye(4, dtype=np.float32))
        >>> word_map(words, ["a", "b", "d"]).points.shape
        (3, 2)
    """
    chosen = tuple(vectors.words[:words]) if isinstance(words, int) else tuple(dict.fromkeys(words))
    if len(chosen) < 3:
        raise _core.ArgumentError(f"word_map: {len(chosen)} words, expected at least 3")
    units = vectors.unit_vectors[[vectors.place(word) for word in chosen]]
    if method == "pca":
        points = principal_components(units, 2)
    elif method == "tsne":
        points = _tsne(units, perplexity, seed)
    else:
        raise _core.ArgumentError(f"word_map: method is {method!r}, expected 'pca' or 'tsne'")
    return WordMap(chosen, points, units, method)


def principal_components(rows: NDArray[Any], count: int) -> NDArray[np.float32]:
    """Rows in the directions of their largest variance; signs are such that the largest value is positive."""
    centred = rows.astype(np.float64) - rows.mean(axis=0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    points = centred @ directions[:count].T
    largest = points[np.abs(points).argmax(axis=0), np.arange(points.shape[1])]
    scaled: NDArray[np.float32] = (points * np.where(largest < 0, -1.0, 1.0)).astype(np.float32)
    if scaled.shape[1] < count:
        scaled = np.pad(scaled, ((0, 0), (0, count - scaled.shape[1])))
    return scaled


def _tsne(units: NDArray[np.float32], perplexity: float, seed: int) -> NDArray[np.float32]:
    try:
        opentsne: Any = importlib.import_module("openTSNE")
    except ImportError:
        raise _core.UnsupportedError('t-SNE needs openTSNE: pip install "pyseq[maps]"') from None
    fitted = opentsne.TSNE(
        perplexity=min(perplexity, (len(units) - 1) / 3),
        metric="cosine",
        initialization="pca",
        random_state=seed,
        n_jobs=1,
        neighbors="exact",
    ).fit(units)
    return np.asarray(fitted, np.float32)


def save_projector(
    vectors: WordVectors, folder: str | os.PathLike[str], limit: int | None = 10_000
) -> tuple[Path, Path]:
    """Write vectors.tsv and metadata.tsv, as the Embedding Projector of TensorFlow reads them.

    Args:
        vectors: to write.
        folder: is made if need be.
        limit: words.

    Returns:
        the two files.
    """
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    words = vectors.words[:limit]
    rows = np.asarray(vectors.vectors[: len(words)], np.float32)
    table, metadata = place / "vectors.tsv", place / "metadata.tsv"
    table.write_text("".join("\t".join(f"{v:.6g}" for v in row) + "\n" for row in rows.tolist()), encoding="utf-8")
    labels = [" ".join(word.split()) or "␣" for word in words]
    if vectors.counts is None:
        metadata.write_text("".join(f"{label}\n" for label in labels), encoding="utf-8")
    else:
        counts = vectors.counts[: len(words)].tolist()
        lines = [f"{label}\t{count}\n" for label, count in zip(labels, counts, strict=True)]
        metadata.write_text("word\tcount\n" + "".join(lines), encoding="utf-8")
    return table, metadata
