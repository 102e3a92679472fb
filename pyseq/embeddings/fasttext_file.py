"""fastText's .bin files: words, their counts, and the rows of words and of n-gram buckets."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyseq import _core
from pyseq.embeddings.subwords import Subwords
from pyseq.embeddings.word_vectors import WordVectors

MAGIC = struct.pack("<i", 793712314)
VERSION = 12
ARGUMENTS = "<12id"  # dim, ws, epoch, minCount, neg, wordNgrams, loss, model, bucket, minn, maxn, lrUpdateRate, t
WORD, LABEL = 0, 1


class _Reader:
    """Values of a file one after the other."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bytes = np.memmap(path, np.uint8, "r")
        self.offset = 0

    def take(self, format: str) -> tuple[Any, ...]:
        size = struct.calcsize(format)
        self.check(size)
        values = struct.unpack(format, self.bytes[self.offset : self.offset + size].tobytes())
        self.offset += size
        return values

    def check(self, size: int) -> None:
        if size < 0 or self.offset + size > len(self.bytes):
            raise _core.FormatError(f"{self.path}: cut short at byte {len(self.bytes)}")

    def text(self) -> str:
        """Bytes up to the next zero."""
        end = self.offset
        block = 64
        while True:
            found = np.flatnonzero(self.bytes[end : end + block] == 0)
            if len(found):
                end += int(found[0])
                break
            end += block
            if end >= len(self.bytes):
                raise _core.FormatError(f"{self.path}: cut short within a word")
            block *= 2
        letters = self.bytes[self.offset : end].tobytes()
        self.offset = end + 1
        try:
            return letters.decode()
        except UnicodeDecodeError as error:
            raise _core.FormatError(f"{self.path}: a word is not UTF-8 ({error})") from None

    def matrix(self) -> NDArray[np.float32]:
        """int64 rows, int64 columns, float32 values: a view of the file."""
        rows, columns = self.take("<qq")
        if rows < 0 or columns < 1 or rows > len(self.bytes) or columns > len(self.bytes):
            raise _core.FormatError(f"{self.path}: a matrix of {rows} rows and {columns} columns")
        self.check(4 * rows * columns)
        values = self.bytes[self.offset : self.offset + 4 * rows * columns]
        self.offset += 4 * rows * columns
        return values.view("<f4").reshape(rows, columns)


def read_fasttext(path: Path, limit: int | None = None, mmap: bool = True) -> WordVectors:
    """Read a fastText model: the vectors of its words, which are means of rows, and the rows of n-grams.

    Raises:
        FormatError: the file is damaged, cut short or of another version. UnsupportedError: it is quantised.
    """
    reader = _Reader(path)
    magic, version = reader.take("<4si")
    if magic != MAGIC or version != VERSION:
        raise _core.FormatError(f"{path}: no fastText model of version {VERSION}")
    (width, *_, buckets, shortest, longest, _, _) = reader.take(ARGUMENTS)
    words, counts = _dictionary(reader)
    (quantised,) = reader.take("<b")
    if quantised:
        raise _core.UnsupportedError(f"{path}: quantised fastText models are not read, only .bin")
    rows = reader.matrix()
    has_subwords = longest > 0 and buckets > 0
    if rows.shape[1] != width or len(rows) < len(words) + (buckets if has_subwords else 0):
        raise _core.FormatError(f"{path}: a matrix {rows.shape} for {len(words)} words and {buckets} buckets")
    reader.take("<b")
    reader.matrix()  # of the outputs: not used, but it must be there
    rows = rows if mmap else np.array(rows)
    kept = words[:limit]
    table = np.array(counts[:limit], np.int64)
    if not has_subwords:
        return WordVectors(kept, rows[: len(kept)], counts=table)
    subwords = Subwords(shortest, longest, rows[len(words) : len(words) + buckets])
    return WordVectors(kept, _means(rows, words, len(kept), subwords), counts=table, subwords=subwords)


def _dictionary(reader: _Reader) -> tuple[list[str], list[int]]:
    size, num_words, _, _, pruned = reader.take("<iiiqq")
    if size < num_words or num_words < 0:
        raise _core.FormatError(f"{reader.path}: {num_words} words of {size} entries")
    words, counts = [], []
    for _ in range(size):
        word = reader.text()
        count, kind = reader.take("<qb")
        if kind == WORD:
            words.append(word)
            counts.append(count)
    if pruned > 0:
        raise _core.UnsupportedError(f"{reader.path}: a pruned fastText model, only whole ones are read")
    if len(words) != num_words:
        raise _core.FormatError(f"{reader.path}: {len(words)} words, expected {num_words}")
    return words, counts


def _means(rows: NDArray[np.float32], words: list[str], count: int, subwords: Subwords) -> NDArray[np.float32]:
    """The vectors of words: means of a word's own row and those of its n-grams ("</s>" has none)."""
    vectors = np.empty((count, rows.shape[1]), np.float32)
    for place, word in enumerate(words[:count]):
        buckets = [] if word == "</s>" else subwords.buckets(word)
        vectors[place] = rows[[place, *(len(words) + bucket for bucket in buckets)]].mean(axis=0, dtype=np.float32)
    return vectors
