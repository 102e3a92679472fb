"""GloVe: vectors whose products are the logarithms of how often words meet."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from pyseq import _core
from pyseq.embeddings.corpus import Corpus, Texts, Tokenize
from pyseq.embeddings.word2vec import TrainingReport
from pyseq.embeddings.word_vectors import WordVectors

Matrix = NDArray[np.float32]
RECORD = np.dtype([("row", "<i4"), ("column", "<i4"), ("count", "<f4")])
TOKENS = 1 << 22  # counted between two looks at the progress


@dataclass(frozen=True)
class Cooccurrences:
    """How often words meet, each pair once, ascending.

    Args:
        words: of the vocabulary.
        rows: [pairs] int32, a word; with `symmetric` the smaller number of the two.
        columns: [pairs] int32, a word of its context.
        counts: [pairs] float32, sums of 1 / distance.
        symmetric: whether a pair stands for both directions.
    """

    words: tuple[str, ...]
    rows: NDArray[np.int32]
    columns: NDArray[np.int32]
    counts: NDArray[np.float32]
    symmetric: bool

    def __len__(self) -> int:
        return len(self.rows)


def count_cooccurrences(
    corpus: Corpus,
    window: int = 10,
    *,
    symmetric: bool = True,
    weigh_distance: bool = True,
    memory_limit: int = 1 << 30,
    folder: str | Path | None = None,
    progress: bool = False,
) -> Cooccurrences:
    """Count which words stand near each other, exactly, whatever the number of threads.

    Args:
        corpus: the numbered words.
        window: words up to so far away count.
        symmetric: on both sides, else the words before alone.
        weigh_distance: a word at distance d counts 1 / d, else 1.
        memory_limit: bytes of the tables; beyond it sorted parts are written to temporary files and merged at the end,
            and the result is mapped from a file.
        folder: where these files are, by default where the system keeps such.
        progress: show a bar.

    Returns:
        the pairs.

    Raises:
        ArgumentError: a window below 1, or a limit below 1 MiB.

    Example:
        >>> from pyseq.embeddings import Corpus, count_cooccurrences
        >>> pairs = count_cooccurrences(Corpus.read(["a b c"], min_count=1), window=2)
        >>> list(zip(pairs.rows.tolist(), pairs.columns.tolist(), pairs.counts.tolist()))
        [(0, 1, 1.0), (0, 2, 0.5), (1, 2, 1.0)]
    """
    place = Path(folder or tempfile.gettempdir())
    counter = _core.CooccurrenceCounter(len(corpus.words), window, symmetric, weigh_distance, memory_limit, place)
    size = len(corpus.tokens)
    with tqdm(total=size, unit=" words", unit_scale=True, desc="co-occurrences", disable=not progress) as bar:
        for begin in range(0, size, TOKENS):
            end = min(begin + TOKENS, size)
            counter.add(corpus.tokens, begin, end)
            bar.update(end - begin)
    if not counter.runs_written:
        rows, columns, counts = counter.finish()
        return Cooccurrences(corpus.words, rows, columns, counts, symmetric)
    with tempfile.NamedTemporaryFile(prefix="pyseq-cooccurrences-", dir=place) as file:
        counter.finish_to_file(Path(file.name))
        records = np.memmap(file.name, RECORD, "r")  # stays readable when the name is gone
    return Cooccurrences(corpus.words, records["row"], records["column"], records["count"], symmetric)


class Glove:
    """Trains GloVe vectors (Pennington et al. 2014): min Σ f(x_ij) (w_i · c_j + a_i + b_j - log x_ij)².

    f(x) = min(1, (x / x_max)^alpha); AdaGrad. The same bits for any number of threads.

    Args:
        width: of the vectors.
        window: words up to so far away meet.
        symmetric: on both sides, else the words before alone.
        x_max: counts from which on the weight is 1.
        alpha: its exponent below.
        learning_rate: of AdaGrad.
        clip: bound of the gradients.
        combine: what becomes of the two vectors of a word: their "sum" or "average", or the "word" vector alone.
        min_count: rarer words are left out.
        max_words: of the vocabulary.
        memory_limit: bytes for counting, see `count_cooccurrences`; larger tables of pairs are mapped from files.
        seed: of what is left to chance.

    Raises:
        ArgumentError: a width below 1, or another way to combine.

    Example:
        >>> from pyseq.embeddings import Glove
        >>> glove = Glove(width=8, min_count=1)
        >>> report = glove.fit(["the cat sat", "the dog sat"] * 9, epochs=20)
        >>> report.losses[-1] < report.losses[0], glove.vectors().width
        (True, 8)
    """

    def __init__(
        self,
        width: int = 100,
        *,
        window: int = 10,
        symmetric: bool = True,
        x_max: float = 100.0,
        alpha: float = 0.75,
        learning_rate: float = 0.05,
        clip: float = 100.0,
        combine: Literal["sum", "average", "word"] = "sum",
        min_count: int = 5,
        max_words: int | None = None,
        memory_limit: int = 1 << 30,
        seed: int = 0,
    ) -> None:
        if width < 1:
            raise _core.ArgumentError(f"Glove: width is {width}, expected at least 1")
        if combine not in ("sum", "average", "word"):
            raise _core.ArgumentError(f"Glove: combine is {combine!r}, expected 'sum', 'average' or 'word'")
        if not x_max > 0:
            raise _core.ArgumentError(f"Glove: x_max is {x_max}, expected above 0")
        self.width, self.window, self.symmetric = width, window, symmetric
        self.combine: str = combine
        self.min_count, self.max_words, self.memory_limit, self.seed = min_count, max_words, memory_limit, seed
        self._options = (x_max, alpha, learning_rate, clip, seed)
        self.words: tuple[str, ...] = ()
        self.counts: NDArray[np.int64] = np.zeros(0, np.int64)
        self._tables: tuple[Matrix, Matrix, Matrix, Matrix] | None = None  # words, contexts, their sums of squares
        self._epoch = 0

    def fit(
        self,
        texts: Texts | Corpus | Cooccurrences,
        epochs: int = 15,
        *,
        tokenize: Tokenize | None = None,
        progress: bool = False,
    ) -> TrainingReport:
        """Count, if that is not done yet, and go over all pairs some times; called again, it goes on.

        Args:
            texts: what `Corpus.read` takes, a corpus, or counts.
            epochs: times.
            tokenize: as `Corpus.read` takes it.
            progress: show bars.

        Returns:
            what was done; `words` are pairs here, losses are means per pair.

        Raises:
            ArgumentError: nothing to train on, or counts of another vocabulary than before.
        """
        pairs = self._counted(texts, tokenize, progress)
        if not len(pairs):
            raise _core.ArgumentError("Glove: no two words meet")
        if self._tables is None:
            self.words, self._tables = pairs.words, self._new_tables(len(pairs.words))
        if pairs.words != self.words:
            raise _core.ArgumentError("Glove: the counts are of another vocabulary")
        trainer = _core.GloveTrainer(pairs.symmetric, *self._options)
        directions = len(pairs)
        if pairs.symmetric:
            directions += int(np.count_nonzero(pairs.rows != pairs.columns))
        with _EntryFile(directions, self.memory_limit) as entries:
            rows, columns, counts = (np.ascontiguousarray(part) for part in (pairs.rows, pairs.columns, pairs.counts))
            trainer.arrange(len(self.words), rows, columns, counts, entries)
            del rows, columns, counts
            started, losses = time.monotonic(), []
            with tqdm(total=directions * epochs, unit=" pairs", unit_scale=True, disable=not progress) as bar:
                for _ in range(epochs):
                    losses.append(trainer.train(*self._tables, self._epoch) / directions)
                    self._epoch += 1
                    bar.set_postfix(loss=f"{losses[-1]:.4f}", refresh=False)
                    bar.update(directions)
        return TrainingReport(directions * epochs, time.monotonic() - started, tuple(losses))

    def _counted(
        self, texts: Texts | Corpus | Cooccurrences, tokenize: Tokenize | None, progress: bool
    ) -> Cooccurrences:
        if isinstance(texts, Cooccurrences):
            return texts
        if not isinstance(texts, Corpus):
            texts = Corpus.read(
                texts,
                tokenize=tokenize,
                min_count=self.min_count,
                max_words=self.max_words,
                words=self.words or None,
                memory_limit=self.memory_limit,
            )
        if not self.words:
            self.counts = texts.counts
        return count_cooccurrences(
            texts, self.window, symmetric=self.symmetric, memory_limit=self.memory_limit, progress=progress
        )

    def _new_tables(self, words: int) -> tuple[Matrix, Matrix, Matrix, Matrix]:
        """Rows of a vector, a bias and a 1 (for contexts: a 1 and a bias), padded to a multiple of 16."""
        width = self.width
        padded = (width + 2 + 15) // 16 * 16
        generator = np.random.Generator(np.random.Philox(key=[self.seed, 0]))
        tables, sums = [], []
        for bias, one in ((width, width + 1), (width + 1, width)):
            table = np.zeros((words, padded), np.float32)
            table[:, [*range(width), bias]] = generator.uniform(-0.5, 0.5, (words, width + 1)) / (width + 1)
            table[:, one] = 1
            squares = np.ones((words, padded), np.float32)
            squares[:, one] = np.inf  # never moves
            tables.append(table)
            sums.append(squares)
        return tables[0], tables[1], sums[0], sums[1]

    def vectors(self) -> WordVectors:
        """The vectors: of words and contexts together, as `combine` says.

        Raises:
            ArgumentError: nothing has been trained.
        """
        if self._tables is None:
            raise _core.ArgumentError("Glove: nothing has been trained")
        words, contexts = (table[:, : self.width] for table in self._tables[:2])
        combined = words.copy() if self.combine == "word" else words + contexts
        if self.combine == "average":
            combined /= 2
        counts = self.counts if len(self.counts) else None
        return WordVectors(self.words, np.ascontiguousarray(combined), counts=counts)


class _EntryFile:
    """Room for entries: in memory, or in a temporary file when they are too many."""

    def __init__(self, count: int, memory_limit: int) -> None:
        self._shape, self._limit = (count, 4), memory_limit
        self._file: Any = None

    def __enter__(self) -> NDArray[np.int32]:
        if 16 * self._shape[0] <= self._limit:
            return np.empty(self._shape, np.int32)
        self._file = tempfile.TemporaryFile(prefix="pyseq-glove-")
        return np.memmap(self._file, np.int32, "w+", shape=self._shape)

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
