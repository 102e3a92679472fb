"""Corpora as numbers: read once, whatever they are made of, and kept in memory or in a file."""

from __future__ import annotations

import gzip
import os
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from pyseq import _core

Tokens = NDArray[np.int32]
Sentence = str | Sequence[str]
Texts = str | os.PathLike[str] | Iterable[Sentence]
Tokenize = Callable[[str], Iterable[str]]

BLOCK = 1 << 22  # bytes of a file that are read at a time
SENTENCES = 10_000  # of an iterable that are handed over together
_LEFT_OUT = -2
_WORD = re.compile(r"\w+(?:['’]\w+)*")


class Corpus:
    """The numbers of all words of a corpus, sentence after sentence, with -1 behind each.

    Args:
        words: the vocabulary, the most frequent words first.
        counts: how often each occurs in what was counted.
        tokens: [n] int32.
    """

    def __init__(self, words: tuple[str, ...], counts: NDArray[np.int64], tokens: Tokens) -> None:
        self.words, self.counts, self.tokens = words, counts, tokens

    @classmethod
    def read(
        cls,
        texts: Texts,
        *,
        tokenize: Tokenize | None = None,
        min_count: int = 5,
        max_words: int | None = None,
        words: Sequence[str] | None = None,
        memory_limit: int = 1 << 30,
        progress: Callable[[int], object] | None = None,
    ) -> Corpus:
        """Count and number a corpus in one pass.

        Args:
            texts: a text file (also .gz, .xz or .bz2) with a sentence per line, or any iterable, read once, of
                sentences: texts, which are split at spaces, or lists of words.
            tokenize: cuts a text into words in place of `str.split`.
            min_count: rarer words are left out.
            max_words: only the most frequent ones are kept.
            words: a vocabulary to keep instead; other words are left out.
            memory_limit: bytes of numbers; more are kept in a temporary file, mapped into memory.
            progress: called with the number of words of every block.

        Returns:
            the corpus.

        Raises:
            FormatError: the text is not UTF-8. ArgumentError: no word is frequent enough.

        Example:
            >>> from pyseq.embeddings import Corpus
            >>> corpus = Corpus.read(["a b a", "b a c"], min_count=2)
            >>> corpus.words, corpus.counts.tolist(), corpus.tokens.tolist()
            (('a', 'b'), [3, 2], [0, 1, 0, -1, 1, 0, -1])
        """
        counter = _core.WordCounter()
        store = _TokenStore(memory_limit)
        for block in _blocks(texts, counter, tokenize):
            store.append(block)
            if progress is not None:
                progress(int(np.count_nonzero(block >= 0)))
        numbered, counts = counter.words, np.asarray(counter.counts)
        order = _order(numbered, counts, min_count, max_words, words)
        new_numbers = np.full(len(numbered) + 1, _LEFT_OUT, np.int32)
        new_numbers[-1] = -1  # the end of a sentence
        known = order >= 0
        new_numbers[order[known]] = np.flatnonzero(known)
        found = np.where(known, counts[order] if len(counts) else 0, 0)
        tokens = store.renumbered(new_numbers)
        names = tuple(words) if words is not None else tuple(numbered[i] for i in order)
        return cls(names, found.astype(np.int64), tokens)

    @property
    def num_words(self) -> int:
        """Words of the vocabulary in the corpus, every one as often as it occurs."""
        return int(self.counts.sum())


def _order(
    numbered: Sequence[str],
    counts: NDArray[np.int64],
    min_count: int,
    max_words: int | None,
    words: Sequence[str] | None,
) -> NDArray[np.int64]:
    """The first numbers of the words to keep, in their new order; -1 for words that do not occur."""
    if words is not None:
        table = {word: number for number, word in enumerate(numbered)}
        return np.array([table.get(word, -1) for word in words], np.int64)
    kept = [i for i, count in enumerate(counts.tolist()) if count >= min_count]
    kept.sort(key=lambda i: (-counts[i], numbered[i]))
    if max_words is not None:
        kept = kept[:max_words]
    if not kept:
        raise _core.ArgumentError(f"corpus: none of {len(numbered)} words occurs min_count = {min_count} times")
    return np.array(kept, np.int64)


class _TokenStore:
    """Numbers in memory, or in a temporary file once they are too many."""

    def __init__(self, memory_limit: int) -> None:
        self._limit = memory_limit
        self._blocks: list[Tokens] = []
        self._held = 0
        self._file: IO[bytes] | None = None

    def append(self, block: Tokens) -> None:
        """Keep another block."""
        if self._file is None and self._held + block.nbytes > self._limit:
            self._file = tempfile.TemporaryFile(prefix="pyseq-corpus-")  # noqa: SIM115, lives as long as the numbers
            for held in self._blocks:
                self._file.write(held.tobytes())
            self._blocks = []
        if self._file is not None:
            self._file.write(block.tobytes())
        else:
            self._blocks.append(block)
            self._held += block.nbytes

    def renumbered(self, new_numbers: Tokens) -> Tokens:
        """All numbers, exchanged, without those that are left out."""
        if self._file is None:
            blocks = [_renumbered(block, new_numbers) for block in self._blocks]
            return np.concatenate(blocks) if blocks else np.zeros(0, np.int32)
        self._file.flush()
        written = 0
        source = np.memmap(self._file, np.int32, "r+")
        for begin in range(0, len(source), BLOCK):  # in place: what is kept never gets longer
            block = _renumbered(np.array(source[begin : begin + BLOCK]), new_numbers)
            source[written : written + len(block)] = block
            written += len(block)
        return source[:written]


def _renumbered(block: Tokens, new_numbers: Tokens) -> Tokens:
    exchanged = new_numbers[block]
    kept: Tokens = exchanged[exchanged != _LEFT_OUT]
    return kept


def _blocks(texts: Texts, counter: _core.WordCounter, tokenize: Tokenize | None) -> Iterator[Tokens]:
    if isinstance(texts, str | os.PathLike):
        if tokenize is None:
            for text in _read_blocks(Path(texts)):
                yield counter.add_text(text)
            return
        texts = _lines(Path(texts))
    lines: list[str] = []
    lists: list[Tokens] = []
    for sentence in texts:
        if isinstance(sentence, str) and tokenize is None:
            lines.append(sentence.replace("\n", " "))
        else:
            if lines:  # keep the order
                lists.append(counter.add_text("\n".join(lines).encode()))
                lines = []
            words = list(tokenize(sentence)) if tokenize is not None and isinstance(sentence, str) else list(sentence)
            lists.append(counter.add_words(words))
        if len(lines) + len(lists) >= SENTENCES:
            if lines:
                lists.append(counter.add_text("\n".join(lines).encode()))
            yield np.concatenate(lists)
            lines, lists = [], []
    if lines:
        lists.append(counter.add_text("\n".join(lines).encode()))
    if lists:
        yield np.concatenate(lists)


def open_text(path: Path) -> IO[bytes]:
    """A file of bytes, decompressed by its ending.

    Raises:
        ArgumentError: there is no such file.
    """
    if not path.is_file():
        raise _core.ArgumentError(f"corpus: no file {path}")
    if path.suffix == ".gz":
        return gzip.open(path, "rb")  # type: ignore[return-value]
    if path.suffix == ".xz":
        import lzma

        return lzma.open(path, "rb")
    if path.suffix == ".bz2":
        import bz2

        return bz2.open(path, "rb")
    return path.open("rb")


def _lines(path: Path) -> Iterator[str]:
    with open_text(path) as file:
        for line in file:
            try:
                yield line.decode()
            except UnicodeDecodeError as error:
                raise _core.FormatError(f"{path}: not UTF-8 ({error})") from None


def _read_blocks(path: Path) -> Iterator[bytes]:
    """A file in blocks that end with a line, or where a line is very long with a word."""
    rest = b""
    with open_text(path) as file:
        while True:
            try:
                block = file.read(BLOCK)
            except (EOFError, OSError) as error:
                raise _core.FormatError(f"{path}: cannot be decompressed ({error})") from None
            if not block:
                break
            rest += block
            cut = rest.rfind(b"\n") + 1 or (rest.rfind(b" ") + 1 if len(rest) >= 2 * BLOCK else 0)
            if cut:
                yield rest[:cut]
                rest = rest[cut:]
    if rest:
        yield rest


def count_words(texts: Texts, tokenize: Tokenize | None = None) -> Counter[str]:
    """How often every word of a corpus occurs.

    Args:
        texts: as `Corpus.read` takes them.
        tokenize: likewise.

    Returns:
        a counter.

    Example:
        >>> from pyseq.embeddings import count_words
        >>> count_words(["to be or not to be"]).most_common(2)
        [('to', 2), ('be', 2)]
    """
    counter = _core.WordCounter()
    for _ in _blocks(texts, counter, tokenize):
        pass
    return Counter(dict(zip(counter.words, np.asarray(counter.counts).tolist(), strict=True)))


def simple_words(text: str) -> list[str]:
    """Lower-cased words of letters and digits, for texts that nobody has cut into words yet.

    Example:
        >>> from pyseq.embeddings import simple_words
        >>> simple_words("Don't panic: it's 42!")
        ["don't", 'panic', "it's", '42']
    """
    return _WORD.findall(text.lower())
