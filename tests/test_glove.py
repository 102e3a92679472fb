"""GloVe: exact counts, AdaGrad against float64, the same bits whatever the threads and the memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyseq
from pyseq import _core
from pyseq.embeddings import Corpus, Glove, count_cooccurrences


def corpus(words: int = 40, count: int = 3000) -> Corpus:
    random = np.random.default_rng(0)
    tokens = (words * random.random(count) ** 2).astype(np.int32)
    tokens[random.random(count) < 0.1] = -1
    counts = np.bincount(tokens[tokens >= 0], minlength=words)
    return Corpus(tuple(f"w{i}" for i in range(words)), counts, tokens)


def counted_plainly(corpus: Corpus, window: int, symmetric: bool, weigh: bool) -> dict[tuple[int, int], float]:
    pairs: dict[tuple[int, int], float] = {}
    tokens = corpus.tokens.tolist()
    for i, word in enumerate(tokens):
        for distance in range(1, window + 1):
            if word < 0 or i < distance or tokens[i - distance] < 0:
                break
            pair = (word, tokens[i - distance])
            pair = (min(pair), max(pair)) if symmetric else pair
            pairs[pair] = pairs.get(pair, 0.0) + (1 / distance if weigh else 1)
    return pairs


@pytest.mark.parametrize("window", [1, 5, 30])
@pytest.mark.parametrize(("symmetric", "weigh"), [(True, True), (False, True), (True, False)])
def test_cooccurrences(window: int, symmetric: bool, weigh: bool) -> None:
    source = corpus()
    found = count_cooccurrences(source, window, symmetric=symmetric, weigh_distance=weigh)
    expected = counted_plainly(source, window, symmetric, weigh)
    pairs = list(zip(found.rows.tolist(), found.columns.tolist(), strict=True))
    assert pairs == sorted(expected)
    np.testing.assert_allclose(found.counts, [expected[pair] for pair in pairs], rtol=1e-6)


def test_counts_beyond_the_memory_limit_are_the_same(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    words = 60_000
    tokens = random.integers(0, words, 150_000).astype(np.int32)
    source = Corpus(tuple(map(str, range(words))), np.ones(words, np.int64), tokens)
    whole = count_cooccurrences(source, 3)
    counter = _core.CooccurrenceCounter(words, 3, True, True, 1 << 20, tmp_path)
    counter.add(tokens, 0, len(tokens))
    assert counter.runs_written > 1
    limited = count_cooccurrences(source, 3, memory_limit=1 << 20, folder=tmp_path)
    for name in ("rows", "columns", "counts"):
        assert np.array_equal(getattr(whole, name), getattr(limited, name))
    assert list(tmp_path.iterdir()) == []


class Reference:
    """GloVe in float64 on the rows of `_core.GloveTrainer`, entry by entry in the order of its blocks."""

    def __init__(self, tables: Any) -> None:
        self.w, self.c, self.gw, self.gc = (table.astype(np.float64) for table in tables)

    def train(self, entries: Any, rate: float, clip: float) -> float:
        loss = 0.0
        for row, column, log_count, weight in entries:
            difference = self.w[row] @ self.c[column] - log_count
            loss += 0.5 * weight * difference**2
            error = weight * difference
            moves = [rate * np.clip(error * v, -clip, clip) for v in (self.c[column], self.w[row])]
            self.w[row] -= moves[0] / np.sqrt(self.gw[row])
            self.c[column] -= moves[1] / np.sqrt(self.gc[column])
            self.gw[row] += moves[0] ** 2
            self.gc[column] += moves[1] ** 2
        return loss


@pytest.mark.parametrize("isa", pyseq.available_isas())
@pytest.mark.parametrize("symmetric", [True, False])
def test_training_equals_the_float64_reference(isa: str, symmetric: bool) -> None:
    pairs = count_cooccurrences(corpus(), 4, symmetric=symmetric)
    model = Glove(width=19, symmetric=symmetric, x_max=20.0, clip=0.5, learning_rate=0.2, min_count=1)
    tables = model._new_tables(len(pairs.words))
    reference = Reference(tables)
    trainer = _core.GloveTrainer(symmetric, *model._options)
    directions = sum(2 if symmetric and r != c else 1 for r, c in zip(pairs.rows, pairs.columns, strict=True))
    entries = np.empty((directions, 4), np.int32)
    trainer.arrange(len(pairs.words), pairs.rows, pairs.columns, pairs.counts, entries)
    record = entries.view(np.dtype([("r", "<i4"), ("c", "<i4"), ("x", "<f4"), ("f", "<f4")]))[:, 0]
    seen = sorted((int(r), int(c)) for r, c, _, _ in record)
    both = {(int(r), int(c)) for r, c in zip(pairs.rows, pairs.columns, strict=True)}
    assert seen == sorted(both | {(c, r) for r, c in both if symmetric})
    for _, _, x, f in record[:50]:
        assert f == pytest.approx(min(1.0, (np.exp(x) / 20) ** 0.75), rel=1e-5)
    before = pyseq.active_isa()
    pyseq.set_isa(isa)
    try:
        loss = trainer.train(*tables, 0)
    finally:
        pyseq.set_isa(before)
    ordered = blocks_in_the_order_of_training(record)
    assert loss == pytest.approx(reference.train(ordered, float(np.float32(0.2)), 0.5), rel=1e-4)
    np.testing.assert_allclose(tables[0], reference.w, atol=1e-4)
    np.testing.assert_allclose(tables[1], reference.c, atol=1e-4)


def blocks_in_the_order_of_training(record: Any) -> list[Any]:
    """Blocks of a round share no row, so their order does not matter; rounds are drawn as the core draws them."""
    from reference_word2vec import SliceRandom

    random = SliceRandom(0, 1, 0)
    shifts = list(range(16))
    for i in range(16, 1, -1):
        j = random.below(i)
        shifts[i - 1], shifts[j] = shifts[j], shifts[i - 1]

    def part(word: int) -> int:
        return word % 16 if word // 16 % 2 == 0 else 15 - word % 16

    rounds: dict[int, list[Any]] = {shift: [] for shift in shifts}
    for entry in record.tolist():
        rounds[(part(entry[1]) - part(entry[0])) % 16].append(entry)
    return [entry for shift in shifts for entry in rounds[shift]]


def test_a_seed_gives_the_same_bits_on_any_number_of_threads() -> None:
    results = []
    before = pyseq.num_threads()
    try:
        for threads in (1, 2, 3):
            pyseq.set_num_threads(threads)
            model = Glove(width=12, min_count=1, seed=4)
            model.fit(corpus(), epochs=3)
            results.append(model.vectors().vectors.tobytes())
    finally:
        pyseq.set_num_threads(before)
    assert results[0] == results[1] == results[2]


def test_training_goes_on_and_memory_changes_nothing() -> None:
    whole = Glove(width=8, min_count=1)
    whole.fit(corpus(), epochs=4)
    parts = Glove(width=8, min_count=1, memory_limit=1 << 20)
    first = parts.fit(corpus(), epochs=1)
    second = parts.fit(corpus(), epochs=3)
    assert second.losses[-1] < first.losses[0]
    assert np.array_equal(whole.vectors().vectors, parts.vectors().vectors)


def test_sum_average_and_word() -> None:
    made = {}
    for combine in ("sum", "average", "word"):
        model = Glove(width=8, min_count=1, combine=combine)  # type: ignore[arg-type]
        model.fit(corpus(), epochs=1)
        made[combine] = model.vectors().vectors
    np.testing.assert_allclose(made["sum"], 2 * made["average"], rtol=1e-6)
    assert not np.allclose(made["sum"], 2 * made["word"])


def test_what_is_refused() -> None:
    with pytest.raises(pyseq.ArgumentError, match="combine is 'product'"):
        Glove(combine="product")  # type: ignore[arg-type]
    with pytest.raises(pyseq.ArgumentError, match="nothing has been trained"):
        Glove().vectors()
    with pytest.raises(pyseq.ArgumentError, match="no two words meet"):
        Glove(min_count=1).fit(["a", "b"])
    with pytest.raises(pyseq.ArgumentError, match="window is 0"):
        count_cooccurrences(corpus(), 0)
    trainer = _core.GloveTrainer(False, 1.0, 0.75, 0.1, 1.0, 0)
    ids = np.array([5], np.int32)
    with pytest.raises(pyseq.OutOfRangeError, match=r"pair \(5, 5\), expected words below 3"):
        trainer.arrange(3, ids, ids, np.ones(1, np.float32), np.empty((1, 4), np.int32))
    with pytest.raises(pyseq.ShapeError, match=r"entries has shape \[2, 4\], expected \[1, 4\]"):
        trainer.arrange(9, ids, ids, np.ones(1, np.float32), np.empty((2, 4), np.int32))
