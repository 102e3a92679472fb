"""Cython beside the pure Python that it replaces: counting, encoding, bucketing, padding.

``pytest bench/test_text_and_batching.py --benchmark-only --benchmark-group-by=group`` shows both of every pair;
``python bench/test_text_and_batching.py`` prints their ratio.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pyseq.data import _batching
from pyseq.text import _counting

WORDS = [f"word{n}" for n in range(5000)]
TEXTS = [
    " ".join(random.Random(n).choices(WORDS, weights=[1 / (k + 1) for k in range(len(WORDS))], k=12))
    for n in range(5000)
]
WORD_IDS = {word: n for n, word in enumerate(WORDS)}
CHARACTER_IDS = {character: n for n, character in enumerate(sorted(set("".join(TEXTS))))}
LENGTHS = np.random.default_rng(0).integers(1, 60, 20_000)
SEQUENCES = [list(range(length)) for length in LENGTHS[:512].tolist()]


def count(texts: list[str], words: bool) -> dict[str, int]:
    counts: dict[str, int] = {}
    for text in texts:
        for unit in text.split() if words else text:
            counts[unit] = counts.get(unit, 0) + 1
    return counts


def encode(texts: list[str], ids: dict[str, int], words: bool) -> tuple[Any, Any]:
    flat, lengths = [], []
    for text in texts:
        units = text.split() if words else text
        before = len(flat)
        for unit in units:
            if unit not in ids:
                raise KeyError(unit)
            flat.append(ids[unit])
        lengths.append(len(flat) - before)
    return np.array(flat, np.int64), np.array(lengths, np.int64)


def bucket(lengths: list[int], max_tokens: int, pool: int) -> list[list[int]]:
    batches = []
    for begin in range(0, len(lengths), pool):
        batch: list[int] = []
        longest = 0
        for row in sorted(range(begin, min(begin + pool, len(lengths))), key=lengths.__getitem__):
            longest = max(longest, lengths[row])
            if batch and longest * (len(batch) + 1) > max_tokens:
                batches.append(batch)
                batch, longest = [], lengths[row]
            batch.append(row)
        batches.append(batch)
    return batches


def pad(sequences: list[list[int]]) -> Any:
    padded = np.zeros((len(sequences), max(map(len, sequences))), np.int64)
    for row, sequence in enumerate(sequences):
        for column, value in enumerate(sequence):
            padded[row, column] = value
    return padded


def fast_pad(sequences: list[list[int]]) -> Any:
    padded = np.zeros((len(sequences), max(map(len, sequences))), np.int64)
    _batching.fill_padded(sequences, padded)
    return padded


ORDER = np.arange(len(LENGTHS))
PAIRS: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "count words": (lambda: count(TEXTS, True), lambda: _counting.count_units(TEXTS, True)),
    "count characters": (lambda: count(TEXTS, False), lambda: _counting.count_units(TEXTS, False)),
    "encode words": (
        lambda: encode(TEXTS, WORD_IDS, True),
        lambda: _counting.encode_many(TEXTS, WORD_IDS, True, None),
    ),
    "encode characters": (
        lambda: encode(TEXTS, CHARACTER_IDS, False),
        lambda: _counting.encode_many(TEXTS, CHARACTER_IDS, False, None),
    ),
    "bucket": (
        lambda: bucket(LENGTHS.tolist(), 2000, 4000),
        lambda: _batching.plan_batches(ORDER, LENGTHS, 0, 2000, 4000),
    ),
    "pad": (lambda: pad(SEQUENCES), lambda: fast_pad(SEQUENCES)),
}


@pytest.mark.parametrize("kind", ["python", "cython"])
@pytest.mark.parametrize("name", PAIRS)
def test_pair(benchmark: Any, name: str, kind: str) -> None:
    benchmark.group = name
    benchmark(PAIRS[name][kind == "cython"])


def best(run: Callable[[], Any], seconds: float = 0.5) -> float:
    """The shortest of the runs that fit into some time."""
    times = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    return min(times)


if __name__ == "__main__":
    for name, (python, cython) in PAIRS.items():
        slow, fast = best(python), best(cython)
        print(f"{name:18} python {slow * 1e3:7.2f} ms   cython {fast * 1e3:7.2f} ms   {slow / fast:5.1f} x")
