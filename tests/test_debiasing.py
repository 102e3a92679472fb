"""Debiasing and WEAT: properties of the definitions, and the report."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from browser import Browser, screenshot

import pyseq
from pyseq.embeddings import (
    WordVectors,
    bias_directions,
    bias_report,
    bias_rows,
    equalized,
    hard_debiased,
    leanings,
    neutralized,
    soft_debiased,
    weat,
)
from pyseq.embeddings.word_lists import EQUAL_PAIRS, GENDER_PAIRS, GENDERED_WORDS, NEUTRAL_WORDS, WEAT_TESTS
from pyseq.viz import bias_page

WIDTH = 30


@pytest.fixture(scope="module")
def vectors() -> WordVectors:
    """All words of the lists by chance, with a part along the first axis as the lists have it."""
    random = np.random.default_rng(0)
    tests = [word for sets in WEAT_TESTS.values() for words in sets for word in words]
    words = list(dict.fromkeys([*GENDERED_WORDS, *NEUTRAL_WORDS, *tests]))
    rows = random.normal(size=(len(words), WIDTH)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    rows[:, 0] = 0.1 * random.normal(size=len(words))
    for a, b in EQUAL_PAIRS:
        mean = (rows[words.index(a)] + rows[words.index(b)]) / 2
        rows[words.index(a)] = rows[words.index(b)] = mean
        rows[words.index(a), 0], rows[words.index(b), 0] = 0.8, -0.8
    for place, word in enumerate(NEUTRAL_WORDS):
        rows[words.index(word), 0] = 0.05 * (place - 10)
    return WordVectors(words, rows)


def test_the_direction_is_that_of_the_pairs(vectors: WordVectors) -> None:
    directions, shares = bias_directions(vectors, GENDER_PAIRS, 2)
    assert directions[0][0] > 0.99  # towards the first words of the pairs
    assert shares[0] > 0.95 > 0.05 > shares[1]
    np.testing.assert_allclose(directions @ directions.T, np.eye(2), atol=1e-5)
    with pytest.raises(pyseq.ArgumentError, match="1 directions of 0 pairs"):
        bias_directions(vectors, [("x", "y")])


def test_neutral_words_lose_their_part_and_pairs_become_symmetric(vectors: WordVectors) -> None:
    directions, _ = bias_directions(vectors, GENDER_PAIRS)
    neutral = neutralized(vectors, directions, GENDERED_WORDS)
    for word in NEUTRAL_WORDS:
        assert abs(float(neutral[word] @ directions[0])) < 1e-6
    assert np.array_equal(neutral["she"], vectors.unit_vectors[vectors.place("she")])
    np.testing.assert_allclose(np.linalg.norm(neutral.vectors, axis=1), 1, atol=1e-5)
    equal = hard_debiased(vectors, directions, GENDERED_WORDS, EQUAL_PAIRS)
    for word in NEUTRAL_WORDS:
        for a, b in EQUAL_PAIRS:
            assert equal.similarity(word, a) == pytest.approx(equal.similarity(word, b), abs=1e-5)
    she, he = equal["she"], equal["he"]
    np.testing.assert_allclose(she + he - 2 * (she - she @ directions[0] * directions[0]), 0, atol=1e-5)
    assert np.array_equal(equalized(vectors, directions, [("she", "nobody")]).vectors, vectors.unit_vectors)


def test_soft_debiasing_shrinks_the_bias_and_keeps_products(vectors: WordVectors) -> None:
    directions, _ = bias_directions(vectors, GENDER_PAIRS)
    soft = soft_debiased(vectors, directions, NEUTRAL_WORDS, tuning=1.0)
    before, after = (
        np.mean(np.abs(list(leanings(each, directions[0], NEUTRAL_WORDS).values()))) for each in (vectors, soft)
    )
    assert after < 0.5 * before
    kept = np.corrcoef((vectors.unit_vectors @ vectors.unit_vectors.T).ravel(), (soft.vectors @ soft.vectors.T).ravel())
    assert kept[0, 1] > 0.9
    with pytest.raises(pyseq.ArgumentError, match="no neutral word has a vector"):
        soft_debiased(vectors, directions, ["nobody"])


def test_weat_is_its_definition() -> None:
    random = np.random.default_rng(1)
    words = WordVectors(list("abcdefgh") + list("pqrs"), random.normal(size=(12, 5)).astype(np.float32))
    x, y, a, b = list("abcd"), list("efgh"), list("pq"), list("rs")

    def score(word: str) -> float:
        return float(np.mean([words.similarity(word, t) for t in a]) - np.mean([words.similarity(word, t) for t in b]))

    scores = {word: score(word) for word in x + y}
    found = weat(words, x, y, a, b)
    assert found.statistic == pytest.approx(sum(scores[w] for w in x) - sum(scores[w] for w in y), abs=1e-5)
    spread = np.std(list(scores.values()), ddof=1)
    assert found.effect == pytest.approx(found.statistic / 4 / spread, abs=1e-5)
    total = sum(scores.values())
    sums = [2 * sum(scores[w] for w in chosen) - total for chosen in itertools.combinations(x + y, 4)]
    assert found.p_value == pytest.approx(np.mean([s > found.statistic + 1e-5 for s in sums]))
    assert found.words == (4, 4, 2, 2)
    with pytest.raises(pyseq.ArgumentError, match="expected at least 2 of each"):
        weat(words, x, y, ["p"], b)


def test_p_values_of_large_sets_are_sampled() -> None:
    random = np.random.default_rng(1)
    names = [f"w{i}" for i in range(24)]
    rows = random.normal(size=(24, 8)).astype(np.float32)
    rows[:10, 0] += 3
    rows[20:22, 0] += 3
    words = WordVectors(names, rows)
    found = weat(words, names[:10], names[10:20], names[20:22], names[22:], samples=5000)
    assert found.p_value < 0.01
    assert found == weat(words, names[:10], names[10:20], names[20:22], names[22:], samples=5000)


def test_the_report_as_rows_and_as_a_page(vectors: WordVectors, browser: Browser, tmp_path: Path) -> None:
    directions, _ = bias_directions(vectors, GENDER_PAIRS)
    after = hard_debiased(vectors, directions, GENDERED_WORDS, EQUAL_PAIRS)
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("doctor\tnurse\t7\nking\tqueen\t9\nrose\tant\t1\n")
    report = bias_report(vectors, after, directions[0], NEUTRAL_WORDS, similarity=pairs)
    assert report["direct_bias"][0] > 0.1 > 1e-5 > report["direct_bias"][1]
    assert report["pairs"][1] < 0.1 * report["pairs"][0]
    assert set(report["weat"]) == set(WEAT_TESTS)
    assert json.loads(json.dumps(report)) == report
    assert len(bias_rows(report)) == 2 + 2 * len(WEAT_TESTS) + 1 + len(NEUTRAL_WORDS)
    file = tmp_path / "bias.html"
    file.write_text(bias_page(report), encoding="utf-8")
    with browser.open(file) as page:
        assert page.locator("#measures tbody tr").count() == 2 + 2 * len(WEAT_TESTS) + 1
        assert page.locator("g.leaning").count() == len(NEUTRAL_WORDS)
        boxes = page.locator("circle.after").evaluate_all("all => all.map(one => one.getAttribute('cx'))")
        assert len(set(boxes)) == 1  # all neutral words stand on the axis
        screenshot(page, "bias")
