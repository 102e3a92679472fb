"""Metrics: beside sacrebleu and jiwer on random tokens, and by hand."""

from __future__ import annotations

import math
import random
from functools import lru_cache

import numpy as np
import pytest
import sacrebleu
from jiwer import process_words
from sacrebleu.metrics import BLEU

import pyseq
from pyseq import metrics
from pyseq.metrics.ngrams import closest_length

WORDS = ["a", "b", "c", "d", "e", "f"]


def sentences(generator: random.Random, count: int, longest: int, shortest: int = 1) -> list[list[str]]:
    return [generator.choices(WORDS, k=generator.randint(shortest, longest)) for _ in range(count)]


@pytest.mark.parametrize("smoothing", ["none", "exp"])
@pytest.mark.parametrize("seed", range(30))
def test_bleu_of_tokens_agrees_with_sacrebleu(seed: int, smoothing: str) -> None:
    generator = random.Random(seed)
    count, number = generator.randint(1, 6), generator.randint(1, 3)
    hypotheses = sentences(generator, count, 9)
    references = [sentences(generator, number, 9) for _ in range(count)]
    judge = BLEU(tokenize="none", smooth_method=smoothing, force=True)
    streams = [[" ".join(one[n]) for one in references] for n in range(number)]
    expected = judge.corpus_score([" ".join(one) for one in hypotheses], streams)
    assert metrics.bleu_of_tokens(hypotheses, references, smoothing=smoothing) == pytest.approx(expected.score, 1e-9)
    pairs = [metrics.modified_precision(hypotheses, references, n) for n in (1, 2, 3, 4)]
    assert [list(column) for column in zip(*pairs, strict=True)] == [expected.counts, expected.totals]
    length = sum(map(len, hypotheses))
    nearest = sum(closest_length(len(a), b) for a, b in zip(hypotheses, references, strict=True))
    assert (length, nearest) == (expected.sys_len, expected.ref_len)
    assert metrics.brevity_penalty(length, nearest) == pytest.approx(expected.bp, 1e-12)


def test_statistics_of_sentences_add_up() -> None:
    generator = random.Random(3)
    hypotheses, references = sentences(generator, 5, 12, 6), [sentences(generator, 2, 12, 6) for _ in range(5)]
    parts = [metrics.BleuStatistics.of(a, b) for a, b in zip(hypotheses, references, strict=True)]
    total = parts[0] + parts[1] + parts[2] + parts[3] + parts[4]
    assert total.score("exp") == metrics.bleu_of_tokens(hypotheses, references, smoothing="exp")
    rows = np.array([part.row() for part in parts])
    found = metrics.bootstrap_interval(
        rows, lambda sums, _: metrics.BleuStatistics.from_row(sums).score("exp"), samples=50
    )
    assert found.value == total.score("exp")
    assert found.low < found.value < found.high


def test_sacrebleus_scores_and_signatures() -> None:
    hypotheses, references = ["The cat sat.", "A dog ran home."], [["A cat sat.", "The cat sat down."], ["A dog ran."]]
    bleu = metrics.bleu(hypotheses, references)
    judge = BLEU()
    streams = [["A cat sat.", "A dog ran."], ["The cat sat down.", None]]
    assert bleu.value == judge.corpus_score(hypotheses, streams).score
    assert bleu.signature == str(judge.get_signature())
    assert f"version:{sacrebleu.__version__}" in bleu.signature
    assert metrics.chrf(hypotheses, ["The cat sat.", "A dog ran home."]).value == pytest.approx(100)
    assert metrics.chrf(hypotheses, references, word_order=2).signature.startswith(
        "nrefs:var|case:mixed|eff:yes|nc:6|nw:2"
    )
    assert metrics.ter(hypotheses, ["The cat sat.", "A dog ran home."]).value == 0


def distance_by_definition(a: list[str], b: list[str]) -> int:
    @lru_cache(None)
    def d(i: int, j: int) -> int:
        if not i or not j:
            return i + j
        return min(d(i - 1, j) + 1, d(i, j - 1) + 1, d(i - 1, j - 1) + (a[i - 1] != b[j - 1]))

    return d(len(a), len(b))


@pytest.mark.parametrize("seed", range(30))
def test_edits_agree_with_their_definition_and_jiwer(seed: int) -> None:
    generator = random.Random(seed)
    a, b = sentences(generator, 2, 12)
    distance = metrics.edit_distance(a, b)
    assert distance == distance_by_definition(a, b)
    found = metrics.edits(a, b)
    assert found.distance == distance
    assert found.hits + found.substitutions + found.insertions == len(a)
    assert found.hits + found.substitutions + found.deletions == len(b)
    judge = process_words(" ".join(b), " ".join(a))
    assert distance == judge.substitutions + judge.insertions + judge.deletions


def test_edits_of_nothing() -> None:
    assert metrics.edit_distance([], []) == 0
    assert metrics.edits([], ["a", "b"]) == metrics.Edits(0, 0, 2, 0)
    assert metrics.edits(["a"], []) + metrics.edits(["a"], ["a"]) == metrics.Edits(0, 1, 0, 1)


def test_error_rates() -> None:
    generator = random.Random(1)
    a, b = sentences(generator, 20, 8), sentences(generator, 20, 8)
    joined = [" ".join(one) for one in a], [" ".join(one) for one in b]
    assert metrics.token_error_rate(a, b) == pytest.approx(metrics.word_error_rate(*joined))
    assert metrics.token_error_rate(*joined) == pytest.approx(metrics.character_error_rate(*joined))


def test_matches() -> None:
    assert metrics.exact_match([1, "b"], [1, "c"]) == 0.5
    assert metrics.token_f1([["a", "a"], [], ["a"]], [["a"], [], ["b"]]) == pytest.approx((2 / 3 + 1 + 0) / 3)


def test_bootstrap_is_seeded_and_follows_theory() -> None:
    right = np.random.default_rng(0).random(2000) < 0.7
    found = metrics.bootstrap_interval(right, samples=2000)
    error = 1.96 * math.sqrt(found.value * (1 - found.value) / 2000)
    assert found.low == pytest.approx(found.value - error, abs=2e-3)
    assert found.high == pytest.approx(found.value + error, abs=2e-3)
    assert found == metrics.bootstrap_interval(right, samples=2000)
    assert found != metrics.bootstrap_interval(right, samples=2000, seed=1)
    edits = np.array([[1, 4], [0, 6], [2, 10]])
    assert metrics.bootstrap_interval(edits, metrics.ratio).value == 3 / 20


def test_paired_bootstrap() -> None:
    generator = np.random.default_rng(0)
    system = generator.random(500) < 0.7
    same = metrics.paired_bootstrap(system, system)
    assert (same.difference.value, same.p_value, same.larger) == (0.0, 1.0, 0.0)
    # Under the null hypothesis a p-value below 0.1 is seen about once in ten times.
    low = 0
    for seed in range(100):
        draws = np.random.default_rng(seed).random((2, 200)) < 0.7
        low += metrics.paired_bootstrap(draws[0], draws[1], samples=200, seed=seed).p_value < 0.1
    assert 3 <= low <= 20


def test_what_is_refused() -> None:
    for function in (metrics.bleu, metrics.exact_match, metrics.token_f1, metrics.token_error_rate):
        with pytest.raises(pyseq.ArgumentError, match="1 hypotheses and 2 references"):
            function(["a"], ["a", "b"])
        with pytest.raises(pyseq.ArgumentError, match="no hypotheses"):
            function([], [])
    with pytest.raises(pyseq.ArgumentError, match="references have no tokens"):
        metrics.token_error_rate([["a"]], [[]])
    with pytest.raises(pyseq.ArgumentError, match="word_error_rate: the references are empty"):
        metrics.word_error_rate(["a"], [""])
    with pytest.raises(pyseq.ArgumentError, match="has no reference"):
        metrics.bleu_of_tokens([["a"]], [[]])
    with pytest.raises(pyseq.ArgumentError, match="smoothing is 'floor'"):
        metrics.bleu_of_tokens([["a"]], [[["a"]]], smoothing="floor")
    with pytest.raises(pyseq.ArgumentError, match="confidence is 95"):
        metrics.bootstrap_interval([1.0], confidence=95)
    with pytest.raises(pyseq.ArgumentError, match=r"statistics \[2, 1\] and \[1, 1\]"):
        metrics.paired_bootstrap([1, 0], [1])
    with pytest.raises(pyseq.ArgumentError, match="samples is 0"):
        metrics.bootstrap_interval([1.0], samples=0)


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "sacrebleu.metrics", None)
    with pytest.raises(pyseq.UnsupportedError, match=r'pip install "pyseq\[metrics\]"'):
        metrics.bleu(["a"], ["a"])
