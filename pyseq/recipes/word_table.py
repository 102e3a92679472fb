"""WordTable: every word of a data set once, with its id, its characters, and a vector to begin with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pyseq import _core
from pyseq.text import Vocabulary
from pyseq.text.vocabulary import UNKNOWN

Ids = NDArray[np.int64]
RARE_CHARACTER = 3  # one that occurs fewer times is unknown
_SMALL = {ord(letter): ord(letter.lower()) for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}


def folded(word: str) -> str:
    """The capital letters of ASCII as small ones, as the core does it ("fold_case" of a tagger)."""
    return word.translate(_SMALL)


class GivenVectors(Protocol):
    """Vectors by word: a dict, or `pyseq.embeddings.WordVectors`."""

    def __contains__(self, word: object, /) -> bool:
        """Whether a word has one."""

    def __getitem__(self, word: str, /) -> Any:
        """The vector of a word."""


class WordTable:
    """The words of training and held-out sequences.

    Args:
        training: words of every sequence to learn from; the vocabularies are theirs.
        held_out: words of the others; those with a given vector join the vocabulary.
        min_count: words with fewer occurrences are unknown.
        fold_case: whether words that differ in capitals alone have one id.
        most_characters: of a word that are looked at; 0: words have no characters.
        vectors: word vectors.
        vectors_file: a file of them, when `vectors` is None; empty: none.

    Attributes:
        words: the vocabulary of words.
        characters: that of their characters.
        rare: for every row whether its word occurs but once in training.
    """

    def __init__(
        self,
        training: Iterable[Sequence[str]],
        held_out: Iterable[Sequence[str]],
        *,
        min_count: int = 1,
        fold_case: bool = False,
        most_characters: int = 0,
        vectors: GivenVectors | None = None,
        vectors_file: str = "",
    ) -> None:
        self._fold = folded if fold_case else str
        sequences = list(training)
        counts: dict[str, int] = {}
        for sequence in sequences:
            for word in sequence:
                key = self._fold(word)
                counts[key] = counts.get(key, 0) + 1
        further = [word for sequence in held_out for word in sequence]
        self._vectors = read_vectors(vectors_file) if vectors is None and vectors_file else vectors
        kept = sorted((w for w, count in counts.items() if count >= min_count), key=lambda w: (-counts[w], w))
        if self._vectors is not None:
            given = self._vectors
            kept += sorted({self._fold(word) for word in further if self._fold(word) in given} - set(kept))
        self.words = Vocabulary([UNKNOWN, *kept], "word", unknown=0)
        spellings = sorted({word for sequence in sequences for word in sequence} | set(further))
        self._rows = {word: row for row, word in enumerate(spellings)}
        self._ids = np.array([self.words.find(self._fold(word)) or 0 for word in spellings], np.int64)
        self.rare = np.array([counts.get(self._fold(word), 0) <= 1 for word in spellings])
        texts = ("".join(sequence) for sequence in sequences)
        self.characters = Vocabulary.build(texts, "character", min_count=RARE_CHARACTER)
        self._letters, self._lengths = self.characters.encode_batch(w[:most_characters] for w in spellings)

    def rows(self, words: Sequence[str]) -> Ids:
        """The rows of the words of a sequence."""
        return np.array([self._rows[word] for word in words], np.int64)

    def lookup(self, rows: Ids) -> tuple[Ids, Ids, Ids, Ids]:
        """What a `WordEncoder` reads for rows [batch, time]: tokens, letters, letters_lengths, spellings."""
        spelled, places = np.unique(rows, return_inverse=True)
        lengths = self._lengths[spelled]
        letters = np.ascontiguousarray(self._letters[spelled, : lengths.max(initial=0)])
        return self._ids[rows], letters, lengths, places.reshape(rows.shape).astype(np.int64)

    def vectors(self, size: int) -> NDArray[np.float32] | None:
        """[words, size]: the given vectors in the order of the vocabulary, NaN for words without; None: none given.

        Raises:
            ShapeError: given vectors have another size.
        """
        if self._vectors is None:
            return None
        table = np.full((len(self.words), size), np.nan, np.float32)
        for id, word in enumerate(self.words.tokens):
            if word in self._vectors:
                vector = np.asarray(self._vectors[word])
                if vector.shape != (size,):
                    raise _core.ShapeError(f"word vectors have {vector.size} values, expected {size} (word_size)")
                table[id] = vector
        return table

    def known_share(self) -> float:
        """The share of the vocabulary that has a given vector."""
        if self._vectors is None:
            return 0.0
        return sum(word in self._vectors for word in self.words.tokens) / len(self.words)


def read_vectors(file: str) -> GivenVectors:
    """The word vectors of a file."""
    from pyseq.embeddings import WordVectors

    return WordVectors.load(file)
