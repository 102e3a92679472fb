"""WordVectors: queries against plain NumPy, phrases, evaluation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import pyseq
from pyseq.embeddings import (
    Phrases,
    Subwords,
    WordVectors,
    evaluate_analogies,
    evaluate_similarity,
)


@pytest.fixture(scope="module")
def vectors() -> WordVectors:
    random = np.random.default_rng(0)
    return WordVectors([f"w{i}" for i in range(200)], random.normal(size=(200, 17)).astype(np.float32))


def cosines(vectors: WordVectors, query: np.ndarray) -> np.ndarray:
    matrix = vectors.vectors.astype(np.float64)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    return matrix @ (query / np.linalg.norm(query))


def test_neighbours_are_the_largest_cosines(vectors: WordVectors) -> None:
    expected = cosines(vectors, vectors["w7"])
    order = [i for i in np.argsort(-expected) if i != 7][:5]
    found = vectors.neighbors("w7", 5)
    assert [word for word, _ in found] == [f"w{i}" for i in order]
    np.testing.assert_allclose([value for _, value in found], expected[order], atol=1e-6)


def test_neighbours_of_many_words_are_those_of_each(vectors: WordVectors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyseq.embeddings.word_vectors.SCORES", 700)  # three queries per batch
    asked = ["w1", vectors["w2"], "w3", "w4", "w5", "w6", "w7"]
    assert vectors.neighbors_of(asked, 3) == [vectors.neighbors(word, 3) for word in asked]
    assert vectors.neighbors(vectors["w2"], 1)[0][0] == "w2"  # a vector leaves no word out


def test_only_the_first_words_are_looked_at(vectors: WordVectors) -> None:
    found = vectors.neighbors("w150", 200, restrict=10)
    assert len(found) == 10
    assert {word for word, _ in found} == {f"w{i}" for i in range(10)}
    with pytest.raises(pyseq.ArgumentError, match="restrict is 0, of 200 words"):
        vectors.neighbors("w1", restrict=0)


def test_euclidean_neighbours(vectors: WordVectors) -> None:
    distances = np.linalg.norm(vectors.vectors - vectors["w3"], axis=1)
    order = np.argsort(distances)[1:4]
    assert [word for word, _ in vectors.neighbors("w3", 3, metric="euclidean")] == [f"w{i}" for i in order]
    assert vectors.distance("w3", "w4", "euclidean") == pytest.approx(distances[4], rel=1e-6)
    assert vectors.distance("w3", "w4") == pytest.approx(1 - vectors.similarity("w3", "w4"))
    with pytest.raises(pyseq.ArgumentError, match="metric is 'manhattan'"):
        vectors.neighbors("w3", metric="manhattan")  # type: ignore[arg-type]


@pytest.mark.parametrize("restrict", [None, 60])
@pytest.mark.parametrize("objective", ["add", "multiply"])
def test_analogies(vectors: WordVectors, objective: str, restrict: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    questions = [(f"w{i}", f"w{i + 1}", f"w{3 * i % 60}") for i in range(4, 40)]
    unit = vectors.vectors.astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    expected = []
    for question in questions:
        a, b, c = (vectors.place(word) for word in question)
        if objective == "add":
            scores = cosines(vectors, unit[b] - unit[a] + unit[c])
        else:
            moved = (1 + unit @ unit.T) / 2
            scores = moved[b] * moved[c] / (moved[a] + 1e-3)
        scores[[a, b, c]] = -np.inf
        expected.append(f"w{np.argmax(scores[:restrict])}")
    for size in (1 << 23, 300):  # all at once, and in many parts
        monkeypatch.setattr("pyseq.embeddings.word_vectors.SCORES", size)
        found = vectors.analogies(questions, objective=objective, restrict=restrict)  # type: ignore[arg-type]
        assert [answer[0][0] for answer in found] == expected
    a, b, c = questions[0]
    single = vectors.analogy([b, c], [a], 1, objective=objective, restrict=restrict)  # type: ignore[arg-type]
    assert single[0][0] == expected[0]
    with pytest.raises(pyseq.ArgumentError, match="objective is 'divide'"):
        vectors.analogies(questions, objective="divide")  # type: ignore[arg-type]


def test_odd_one_out_is_least_like_the_others() -> None:
    words = WordVectors(["a", "b", "c", "d"], np.array([[1, 0], [1, 0.2], [0, 1], [1, -0.1]], np.float32))
    assert words.odd_one_out(["a", "b", "c", "d"]) == "c"


def test_words_that_are_not_there(vectors: WordVectors) -> None:
    with pytest.raises(pyseq.OutOfRangeError, match="'nobody' is not among the 200 words"):
        vectors.neighbors("nobody")
    assert vectors.get("nobody") is None
    assert "nobody" not in vectors
    with pytest.raises(pyseq.ArgumentError, match="'a' is there twice"):
        WordVectors(["a", "b", "a"], np.zeros((3, 2), np.float32))
    with pytest.raises(pyseq.ShapeError, match="expected \\[3, width\\]"):
        WordVectors(["a", "b", "c"], np.zeros((2, 2), np.float32))


def test_unknown_words_are_made_of_their_ngrams() -> None:
    rows = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    subwords = Subwords(2, 3, rows)
    words = WordVectors(["a"], np.ones((1, 4), np.float32), subwords=subwords)
    assert subwords.ngrams("né") == ["<n", "<né", "né", "né>", "é>"]
    assert len(subwords.buckets("né")) == 5
    np.testing.assert_allclose(words["né"], rows[subwords.buckets("né")].mean(axis=0), rtol=1e-6)
    assert Subwords(5, 6, rows).vector("a") is None


def test_phrases_stand_together_more_often_than_chance() -> None:
    sentences = [["new", "york", "is", "big"], ["the", "big", "new", "york", "times"], ["york", "of", "new", "times"]]
    assert Phrases(sentences, 0.9, 2, scoring="npmi").scores == {}
    found = Phrases([*sentences, *[["it", "was", "big"]] * 5], 0.5, 2, scoring="npmi")
    assert ("new", "york") in found.scores
    assert found.join("we like new york times") == ["we", "like", "new_york", "times"]
    common = Phrases([["bank", "of", "england"], ["bank", "of", "england"]], 0.0, 1, common=["of"])
    assert list(common.join_all(["the bank of england"])) == [["the", "bank_of_england"]]
    with pytest.raises(pyseq.ArgumentError, match="scoring is 'pmi'"):
        Phrases([], scoring="pmi")


def test_similarity_is_a_correlation_of_ranks(tmp_path: Path) -> None:
    words = WordVectors(["a", "b", "c", "d"], np.array([[1, 0], [1, 1], [0, 1], [-1, 0.1]], np.float32))
    file = tmp_path / "pairs.tsv"
    file.write_text("# words\na\tb\t9\nA\tc\t4\na\td\t4\nb\tq\t1\n")
    score = evaluate_similarity(words, file, lowercase=True)
    assert (score.pairs, score.missing) == (3, 1)
    assert score.spearman == pytest.approx(np.corrcoef([3, 2, 1], [3, 1.5, 1.5])[0, 1])
    file.write_text("a b 9\n")
    with pytest.raises(pyseq.FormatError, match="line 1 is no pair"):
        evaluate_similarity(words, file)


def test_analogy_questions_by_section(tmp_path: Path) -> None:
    words = WordVectors(
        ["man", "king", "woman", "queen", "boy"], np.array([[1, 0], [1, 5], [-1, 0], [-1, 5], [2, -1]], np.float32)
    )
    file = tmp_path / "questions.txt"
    file.write_text(": family\nMan King Woman Queen\nman king woman boy\n: other\nman king woman nobody\n")
    scores = evaluate_analogies(words, file, lowercase=True)
    assert [(s.name, s.right, s.asked, s.missing) for s in scores] == [
        ("family", 1, 2, 0),
        ("other", 0, 0, 1),
        ("all", 1, 2, 1),
    ]
    assert scores[-1].accuracy == 0.5
    file.write_text("one two three\n")
    with pytest.raises(pyseq.FormatError, match="line 1 has 3 words, expected 4"):
        evaluate_analogies(words, file)
