"""WordVectors: what one does with trained vectors."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pyseq import _core, ops
from pyseq.embeddings.subwords import Subwords

Vector = NDArray[np.float32]
Word = str | Vector
Neighbor = tuple[str, float]
Objective = Literal["add", "multiply"]
Metric = Literal["cosine", "euclidean"]

SCORES = 1 << 23  # that a batch of queries has at a time
EPSILON = 1e-3  # of 3CosMul


class WordVectors:
    """Words and their vectors.

    Args:
        words: all different, the most frequent ones first where `restrict` is to mean anything.
        vectors: [words, width] float32; not copied, it may be mapped from a file.
        counts: how often each occurs, or None.
        subwords: what makes vectors of other words, or None.

    Raises:
        ArgumentError: words that are there twice. ShapeError: not one row per word.

    Example:
        >>> import numpy as np
        >>> from pyseq.embeddings import WordVectors
        >>> vectors = np.array([[1, 0], [1, 0.1], [0, 1], [0.1, 1]], np.float32)
        >>> words = WordVectors(["king", "queen", "apple", "pear"], vectors)
        >>> words.neighbors("king", 1)[0][0]
        'queen'
        >>> words.odd_one_out(["king", "queen", "pear"])
        'pear'
    """

    def __init__(
        self,
        words: Sequence[str],
        vectors: NDArray[Any],
        *,
        counts: NDArray[np.int64] | None = None,
        subwords: Subwords | None = None,
    ) -> None:
        self.words = tuple(words)
        self.vectors = vectors
        self.counts = counts
        self.subwords = subwords
        if vectors.ndim != 2 or len(vectors) != len(self.words):
            raise _core.ShapeError(f"WordVectors: vectors {vectors.shape}, expected [{len(self.words)}, width]")
        self._places = {word: place for place, word in enumerate(self.words)}
        if len(self._places) != len(self.words):
            seen: set[str] = set()
            twice = next(word for word in self.words if word in seen or seen.add(word))  # type: ignore[func-returns-value]
            raise _core.ArgumentError(f"WordVectors: {twice!r} is there twice")
        self._unit: Vector | None = None
        self._packed: tuple[int, _core.PackedWeight] | None = None

    @property
    def width(self) -> int:
        """Values of a vector."""
        return int(self.vectors.shape[1])

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self.words)

    def place(self, word: str) -> int:
        """Which row a word has.

        Raises:
            OutOfRangeError: the word is not there.
        """
        if word not in self._places:
            raise _core.OutOfRangeError(f"WordVectors: {word!r} is not among the {len(self)} words")
        return self._places[word]

    def __getitem__(self, word: str) -> Vector:
        """The vector of a word; of one that is not there, made of its subwords.

        Raises:
            OutOfRangeError: the word is not there, and there are no subwords to make it of.
        """
        place = self._places.get(word)
        if place is not None:
            return np.asarray(self.vectors[place], np.float32)
        made = None if self.subwords is None else self.subwords.vector(word)
        if made is None:
            raise _core.OutOfRangeError(f"WordVectors: {word!r} is not among the {len(self)} words")
        return made

    def get(self, word: str) -> Vector | None:
        """The vector of a word, or None."""
        try:
            return self[word]
        except _core.OutOfRangeError:
            return None

    def matrix(self, words: Iterable[Word]) -> NDArray[np.float32]:
        """The vectors of some words, or vectors as they are: [n, width]."""
        return np.stack([self[word] if isinstance(word, str) else np.asarray(word, np.float32) for word in words])

    @property
    def unit_vectors(self) -> Vector:
        """The vectors, each of length 1 (or 0)."""
        if self._unit is None:
            self._unit = unit_rows(np.asarray(self.vectors, np.float32))
        return self._unit

    def similarity(self, first: Word, second: Word) -> float:
        """The cosine of the angle between two vectors."""
        a, b = unit_rows(self.matrix([first, second]))
        return float(a @ b)

    def distance(self, first: Word, second: Word, metric: Metric = "cosine") -> float:
        """How far two vectors are apart: 1 - cosine, or the length of their difference."""
        if metric == "euclidean":
            a, b = self.matrix([first, second])
            return float(np.linalg.norm(a - b))
        if metric != "cosine":
            raise _core.ArgumentError(f"WordVectors: metric is {metric!r}, expected 'cosine' or 'euclidean'")
        return 1.0 - self.similarity(first, second)

    def neighbors(
        self, word: Word, k: int = 10, *, restrict: int | None = None, metric: Metric = "cosine"
    ) -> list[Neighbor]:
        """The words nearest to a word or a vector.

        Args:
            word: a word, which is left out of the result, or a vector.
            k: how many.
            restrict: only the first so many words are looked at.
            metric: "cosine": similarities, largest first; "euclidean": distances, smallest first.

        Returns:
            (word, similarity or distance) pairs.

        Raises:
            OutOfRangeError: a word that is not there. ArgumentError: another metric, or k below 1.
        """
        return self.neighbors_of([word], k, restrict=restrict, metric=metric)[0]

    def neighbors_of(
        self, words: Sequence[Word], k: int = 10, *, restrict: int | None = None, metric: Metric = "cosine"
    ) -> list[list[Neighbor]]:
        """The neighbours of many words, in one product of matrices per batch."""
        queries = self.matrix(words)
        left_out = [[self._places[word]] if isinstance(word, str) and word in self._places else [] for word in words]
        if metric == "euclidean":
            return [self._nearest(query, out, k, restrict) for query, out in zip(queries, left_out, strict=True)]
        if metric != "cosine":
            raise _core.ArgumentError(f"WordVectors: metric is {metric!r}, expected 'cosine' or 'euclidean'")
        return self._best(unit_rows(queries), left_out, k, restrict)

    def _nearest(self, query: Vector, left_out: list[int], k: int, restrict: int | None) -> list[Neighbor]:
        distances = np.linalg.norm(np.asarray(self.vectors[:restrict], np.float32) - query, axis=1)
        distances[[place for place in left_out if place < len(distances)]] = np.inf
        order = np.argsort(distances, kind="stable")[: min(k, len(distances) - len(left_out))]
        return [(self.words[place], float(distances[place])) for place in order]

    def _best(
        self, queries: Vector, left_out: Sequence[Sequence[int]], k: int, restrict: int | None
    ) -> list[list[Neighbor]]:
        """The k highest products of every query [n, width] with the unit vectors."""
        if k < 1:
            raise _core.ArgumentError(f"WordVectors: k is {k}, expected at least 1")
        count, packed = self._packed_units(restrict)
        most = min(count, k + max(map(len, left_out), default=0))
        rows = max(1, SCORES // count)
        found: list[list[Neighbor]] = []
        for begin in range(0, len(queries), rows):
            scores = ops.linear(np.ascontiguousarray(queries[begin : begin + rows]), packed)
            values, places = ops.top_k(scores, most)
            for value, place, out in zip(values.tolist(), places.tolist(), left_out[begin : begin + rows], strict=True):
                pairs = [(self.words[p], v) for p, v in zip(place, value, strict=True) if p not in out]
                found.append(pairs[:k])
        return found

    def _packed_units(self, restrict: int | None) -> tuple[int, Any]:
        """The unit vectors of the words to look at, in the layout of the kernels."""
        count = len(self) if restrict is None else min(restrict, len(self))
        if count < 1:
            raise _core.ArgumentError(f"WordVectors: restrict is {restrict}, of {len(self)} words")
        if self._packed is None or self._packed[0] != count:
            self._packed = (count, _core.pack_weight(np.ascontiguousarray(self.unit_vectors[:count])))
        return self._packed

    def analogy(
        self,
        positive: Sequence[Word],
        negative: Sequence[Word] = (),
        k: int = 10,
        *,
        objective: Objective = "add",
        restrict: int | None = None,
    ) -> list[Neighbor]:
        """Words that are like the positive and unlike the negative ones: man is to king as woman is to ….

        3CosAdd ranks by cos(x, Σ p - Σ n), 3CosMul by Π cos(x, p) / (Π cos(x, n) + ε) with cosines moved to 0 … 1.

        Args:
            positive: ["king", "woman"].
            negative: ["man"].
            k: how many.
            objective: "add" or "multiply".
            restrict: only the first so many words are looked at.

        Returns:
            (word, score) pairs without the words of the question.

        Raises:
            OutOfRangeError: a word that is not there. ArgumentError: no positive word, or another objective.

        Source:
            Levy, Goldberg: Linguistic Regularities in Sparse and Explicit Word Representations (2014).
        """
        if not positive:
            raise _core.ArgumentError("WordVectors: an analogy needs positive words")
        asked = [
            self._places[word] for word in (*positive, *negative) if isinstance(word, str) and word in self._places
        ]
        if objective == "multiply":
            return self._multiplied(
                self._cosines(positive, restrict).prod(axis=0)
                / (self._cosines(negative, restrict).prod(axis=0) + EPSILON),
                asked,
                k,
            )
        if objective != "add":
            raise _core.ArgumentError(f"WordVectors: objective is {objective!r}, expected 'add' or 'multiply'")
        query = unit_rows(self.matrix(positive)).sum(axis=0)
        if negative:
            query -= unit_rows(self.matrix(negative)).sum(axis=0)
        return self._best(unit_rows(query[None]), [asked], k, restrict)[0]

    def _cosines(self, words: Sequence[Word], restrict: int | None) -> NDArray[np.float32]:
        """Cosines [n, words to look at] moved to 0 … 1; of no words a row of ones."""
        count, packed = self._packed_units(restrict)
        if not words:
            return np.ones((1, count), np.float32)
        moved: NDArray[np.float32] = (1 + ops.linear(unit_rows(self.matrix(words)), packed)) / 2
        return moved

    def _multiplied(self, scores: NDArray[np.float32], asked: Sequence[int], k: int) -> list[Neighbor]:
        values, places = ops.top_k(np.ascontiguousarray(scores, np.float32), min(len(scores), k + len(asked)))
        pairs = zip(places.tolist(), values.tolist(), strict=True)
        return [(self.words[place], value) for place, value in pairs if place not in asked][:k]

    def analogies(
        self,
        questions: Sequence[tuple[str, str, str]],
        k: int = 1,
        *,
        objective: Objective = "add",
        restrict: int | None = None,
    ) -> list[list[Neighbor]]:
        """Answers to many questions (a, b, c), a is to b as c is to …, in one product of matrices per batch.

        Args:
            questions: triples of words.
            k: answers to each.
            objective: as `analogy` takes it.
            restrict: likewise.

        Returns:
            for every question (word, score) pairs.

        Raises:
            OutOfRangeError: a word that is not there.
        """
        if not questions:
            return []
        a, b, c = (np.array([self.place(question[i]) for question in questions]) for i in range(3))
        asked = np.stack([a, b, c], axis=1).tolist()
        unit = self.unit_vectors
        if objective == "add":
            return self._best(unit_rows(unit[b] - unit[a] + unit[c]), asked, k, restrict)
        if objective != "multiply":
            raise _core.ArgumentError(f"WordVectors: objective is {objective!r}, expected 'add' or 'multiply'")
        count, packed = self._packed_units(restrict)
        # Every word that occurs in a question once, whatever the number of questions.
        used, where = np.unique(np.concatenate([a, b, c]), return_inverse=True)
        rows = max(1, SCORES // count)
        if len(used) <= 4 * rows:
            cosines = (1 + ops.linear(np.ascontiguousarray(unit[used]), packed)) / 2
            first, second, third = where.reshape(3, -1)
            return [
                self._multiplied(cosines[q] * cosines[r] / (cosines[p] + EPSILON), out, k)
                for p, q, r, out in zip(first, second, third, asked, strict=True)
            ]
        half = len(questions) // 2
        parts = (questions[:half], questions[half:])
        return [answer for part in parts for answer in self.analogies(part, k, objective=objective, restrict=restrict)]

    def odd_one_out(self, words: Sequence[Word]) -> Word:
        """The word that is least like the mean of all.

        Raises:
            OutOfRangeError: a word that is not there. ArgumentError: no words.
        """
        if not words:
            raise _core.ArgumentError("WordVectors: odd_one_out of no words")
        unit = unit_rows(self.matrix(words))
        return words[int(np.argmin(unit @ unit.mean(axis=0)))]

    def save(self, file: str | os.PathLike[str], format: str | None = None) -> None:
        """Write the vectors.

        Args:
            file: where to.
            format: "safetensors", "word2vec" (text), "word2vec-binary", "glove" or "fasttext" (.vec); by default what
                the ending of the file says (.safetensors, .txt, .bin, .glove, .vec).

        Raises:
            ArgumentError: another format, or words that it cannot hold.
        """
        from pyseq.embeddings.vector_files import save_vectors

        save_vectors(self, file, format)

    @classmethod
    def load(
        cls,
        file: str | os.PathLike[str],
        format: str | None = None,
        *,
        limit: int | None = None,
        mmap: bool = True,
    ) -> WordVectors:
        """Read vectors.

        Args:
            file: safetensors, word2vec text or binary, GloVe text, fastText .vec or .bin; also .gz of the texts.
            format: "safetensors", "word2vec", "word2vec-binary", "glove", "fasttext" (.vec) or "fasttext-bin"; by
                default what the file looks like.
            limit: the first so many words alone.
            mmap: map safetensors and fastText .bin into memory, so that only what is used is read.

        Returns:
            the vectors; those of fastText .bin with their subwords.

        Raises:
            FormatError: the file is damaged, cut short, or nothing that is known here.
        """
        from pyseq.embeddings.vector_files import load_vectors

        return load_vectors(file, format, limit=limit, mmap=mmap)


def unit_rows(rows: NDArray[Any]) -> Vector:
    """Rows of length 1; those of length 0 stay."""
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))[:, None]
    scaled: Vector = np.ascontiguousarray(rows / np.where(lengths == 0, 1, lengths), np.float32)
    return scaled
