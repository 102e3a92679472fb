"""`pyseq vectors`: every command on a small corpus."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pyseq.cli import main
from pyseq.embeddings import WordVectors
from pyseq.embeddings.word_lists import EQUAL_PAIRS, NEUTRAL_WORDS

Run = Callable[..., str]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command and gives what it printed; a failure gives what stood on standard error."""

    def call(*arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", ["pyseq", "vectors", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
        printed = capsys.readouterr()
        return printed.out if stopped.value.code in (0, None) else printed.err

    return call


@pytest.fixture
def vectors(tmp_path: Path) -> Path:
    words = list(dict.fromkeys([*(word for pair in EQUAL_PAIRS for word in pair), *NEUTRAL_WORDS]))
    rows = np.random.default_rng(0).normal(size=(len(words), 12)).astype(np.float32)
    for a, b in EQUAL_PAIRS:
        rows[words.index(a)] = rows[words.index(b)] + np.eye(1, 12, dtype=np.float32)[0] * 4
    file = tmp_path / "v.safetensors"
    WordVectors(words, rows).save(file)
    return file


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--method", "cbow", "--loss", "hierarchical", "--fast"],
        ["--subwords", "3-4", "--buckets", "50", "--clean"],
        ["--method", "glove"],
    ],
    ids=str,
)
def test_train(run: Run, tmp_path: Path, options: list[str]) -> None:
    corpus, output = tmp_path / "corpus.txt", tmp_path / "v.txt"
    corpus.write_text("The cat sat on the mat.\nThe dog sat on the log.\n" * 30)
    printed = run("train", corpus, output, "--width", 8, "--min-count", 1, "--epochs", 2, "--quiet", *options)
    assert f"words in {output}" in printed
    assert WordVectors.load(output).width == 8
    assert "cat" in WordVectors.load(output)
    assert ("mat" in WordVectors.load(output)) == ("--clean" in options)


def test_train_goes_on_from_a_checkpoint(run: Run, tmp_path: Path) -> None:
    corpus, state = tmp_path / "corpus.txt", tmp_path / "state.safetensors"
    corpus.write_text("a b c\n" * 30)
    for _ in range(2):
        run("train", corpus, tmp_path / "v.txt", "--min-count", 1, "--quiet", "--width", 4, "--checkpoint", state)
    assert state.exists()
    assert "subwords is 'x'" in run("train", corpus, tmp_path / "v.txt", "--subwords", "x")
    assert "method is 'lsa'" in run("train", corpus, tmp_path / "v.txt", "--method", "lsa")


def test_neighbors_and_analogy(run: Run, vectors: Path) -> None:
    expected = WordVectors.load(vectors)
    found = json.loads(run("neighbors", vectors, "king", "she", "--k", 3, "--json"))
    assert [word for word, _ in found["she"]] == [word for word, _ in expected.neighbors("she", 3)]
    assert run("neighbors", vectors, "king", "--metric", "euclidean").splitlines()[0].split()[-1] == "euclidean"
    answer = json.loads(run("analogy", vectors, "man", "woman", "king", "--json"))
    assert answer[0][0] == "queen"
    assert (
        run("analogy", vectors, "man", "woman", "king", "--objective", "multiply").splitlines()[1].startswith("queen")
    )
    assert "'nobody' is not among" in run("neighbors", vectors, "nobody")
    assert "2 words, expected three" in run("analogy", vectors, "man", "woman")


def test_evaluate(run: Run, vectors: Path, tmp_path: Path) -> None:
    (tmp_path / "q.txt").write_text(": family\nman woman king queen\nman woman boy girl\n")
    (tmp_path / "s.tsv").write_text("king\tqueen\t9\nking\tnurse\t1\nboy\tgirl\t8\n")
    files = ["--analogies", tmp_path / "q.txt", "--similarity", tmp_path / "s.tsv"]
    found = json.loads(run("evaluate", vectors, *files, "--json"))
    assert found["analogies"][-1]["right"] == 2
    assert found["similarity"]["pairs"] == 3
    assert "100.0" in run("evaluate", vectors, *files)
    assert "give --analogies, --similarity" in run("evaluate", vectors)


@pytest.mark.parametrize("method", ["hard", "soft"])
def test_debias(run: Run, vectors: Path, tmp_path: Path, method: str) -> None:
    (tmp_path / "neutral.json").write_text(json.dumps([["doctor", 0.0, 0.4], ["nurse", 0.1, 0.2]]))
    arguments = [vectors, tmp_path / "out.txt", "--method", method, "--neutral", tmp_path / "neutral.json"]
    found = json.loads(run("debias", *arguments, "--html", tmp_path / "r.html", "--json"))
    assert sorted(found["leanings"]) == ["doctor", "nurse"]
    assert found["direct_bias"][1] < found["direct_bias"][0]
    assert "<svg" in (tmp_path / "r.html").read_text()
    assert len(WordVectors.load(tmp_path / "out.txt")) == len(WordVectors.load(vectors))
    assert "direct bias" in run("debias", vectors)
    (tmp_path / "neutral.json").write_text("{}")
    assert "no list of words" in run("debias", *arguments)
    assert "method is 'medium'" in run("debias", vectors, "--method", "medium")


def test_map(run: Run, vectors: Path, tmp_path: Path) -> None:
    files = ["--html", tmp_path / "m.html", "--picture", tmp_path / "m.svg", "--projector", tmp_path / "p"]
    printed = run("map", vectors, *files, "--count", 10, "--arrow", "man:king", "--arrow", "woman:queen")
    assert "words: " in printed
    assert (tmp_path / "m.html").exists()
    assert (tmp_path / "m.svg").exists()
    assert (tmp_path / "p" / "metadata.tsv").exists()
    assert "give --html, --picture or --projector" in run("map", vectors)
    assert "arrow is 'man', expected FROM:TO" in run("map", vectors, *files, "--arrow", "man")
