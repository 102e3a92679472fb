"""The recipes of labelled sequences and of sentiment for a few steps, on small data that the test writes."""

from __future__ import annotations

import gzip
import lzma
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyseq
from pyseq.data import read_conll, read_tagged
from pyseq.recipes import evaluate, train
from pyseq.recipes.dna import Dna, DnaConfig, blocks, framed_labels, other_strand
from pyseq.recipes.names import Names, NamesConfig
from pyseq.recipes.ner import Ner, NerConfig
from pyseq.recipes.pos import Pos, PosConfig
from pyseq.recipes.sentiment import Sentiment, SentimentConfig
from pyseq.recipes.transfer import compare_vectors
from pyseq.recipes.word_table import WordTable
from pyseq.tasks import Classifier, Tagger

SMALL: dict[str, Any] = {"epochs": None, "batch_size": 16, "hidden_size": 16, "average_decay": 0.9}
NAMES, PLACES, OTHERS = ("Anna", "Bo", "Cem", "Dora"), ("Rome", "Oslo", "Lima"), ("sees", "walks", "to", "and", "now")


def write_sentences(folder: Path, count: int = 200) -> Path:
    """A name, some words, a place of one or two words."""
    random, lines = np.random.default_rng(1), []
    for _ in range(count):
        words = random.choice(OTHERS, random.integers(1, 5))
        place = random.choice(PLACES, random.integers(1, 3))
        lines += [f"{random.choice(NAMES)}\tB-PER", *(f"{word}\tO" for word in words)]
        lines += [f"{word}\t{'BI'[number > 0]}-LOC" for number, word in enumerate(place)]
        lines.append("")
    (folder / "a.conll.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    return folder


@pytest.mark.parametrize(("crf", "scheme"), [(True, "BIOES"), (False, "BIO")])
def test_names_are_found_after_a_few_steps(tmp_path: Path, crf: bool, scheme: str) -> None:
    source = write_sentences(tmp_path)
    config = NerConfig(
        max_steps=60, word_size=8, filters=8, crf=crf, scheme=scheme, learning_rate=0.02, dropout=0.1, **SMALL
    )
    result = train(Ner(config), tmp_path / "run", source, quiet=True)
    assert result.metrics["f1"] > 0.95
    model = tmp_path / "run" / "model.safetensors"
    tagger = pyseq.load(model)
    assert isinstance(tagger, Tagger)
    assert [(span.label, span.text) for span in tagger.spans("Dora walks to Oslo Lima")] == [
        ("PER", "Dora"),
        ("LOC", "Oslo Lima"),
    ]
    assert evaluate(Ner, model, source) == evaluate(Ner, tmp_path / "run" / "best.safetensors", source)


def test_parts_of_speech(tmp_path: Path) -> None:
    line = " ".join([*(f"{name}_NNP" for name in NAMES[:2]), *(f"{word}_VB" for word in OTHERS[:2]), "ing_VB"])
    (tmp_path / "train.txt.xz").write_bytes(lzma.compress(("### a\n" + f"{line}\n" * 60).encode()))
    config = PosConfig(max_steps=30, word_size=8, filters=4, learning_rate=0.02, **SMALL)
    result = train(Pos(config), tmp_path / "run", tmp_path, quiet=True)
    assert result.metrics["accuracy"] > 0.95
    tags = pyseq.load(tmp_path / "run" / "model.safetensors").tag("Anna sees")
    assert [tag.label for tag in tags] == ["NNP", "VB"]


def test_genes(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    kinds = np.repeat(random.integers(0, 2, 260), 50).astype(np.uint8)  # genes are rich in g
    numbers = random.integers(0, 4, 13000)
    letters = "".join(("acgt", "gggt")[kind][number] for number, kind in zip(numbers, kinds, strict=True))
    np.savez(tmp_path / "chloroplast_train.npz", sequence=letters, label=kinds)
    config = DnaConfig(max_steps=25, word_size=4, window=9, window_size=8, stretch=100, learning_rate=0.02, **SMALL)
    result = train(Dna(config), tmp_path / "run", tmp_path, quiet=True)
    assert result.metrics["accuracy"] > 0.8
    spans = pyseq.load(tmp_path / "run" / "model.safetensors").spans("ACACTATCAATC" * 5 + "GGTGGGGTTGGG" * 5)
    assert spans[-1].label == "CDS+"
    assert spans[-1].end == 120


def test_reading_frames_strands_and_blocks() -> None:
    letters, labels = other_strand("aacg", ["O", "CDS+0", "CDS-2", "tRNA-"])
    assert (letters, labels) == ("cgtt", ["tRNA+", "CDS+2", "CDS-0", "O"])
    # c atg aaa taa g, and the same on the other strand; the first letter of the second gene is cut off
    gene = "atgaaataa"
    text = f"c{gene}gg" + other_strand(gene[1:], ["O"] * 8)[0] + "c"
    numbers = np.array([0] + [1] * 9 + [0, 0] + [2] * 8 + [0], np.uint8)
    framed = framed_labels(text, numbers)
    assert [label[-1] for label in framed[1:10]] == list("012012012")
    assert framed[12:20] == [f"CDS-{n}" for n in "21021021"]
    parts = list(blocks(36_000))
    assert [end - begin for begin, end, held_out in parts if held_out] == [5000, 1000]
    assert [part[0] for part in parts[1:]] == [part[1] for part in parts[:-1]]
    assert (parts[0][0], parts[-1][1]) == (0, 36_000)


@pytest.mark.parametrize("reader", ["average", "rnn"])
def test_sentiment_of_words(tmp_path: Path, reader: str) -> None:
    random, lines = np.random.default_rng(1), ["label\tsentence"]
    for number in range(300):
        words = [
            *random.choice(("the", "film", "is", "."), 5),
            random.choice((("bad", "dull"), ("good", "fine"))[number % 2]),
        ]
        lines.append(f"{number % 2}\t{' '.join(random.permutation(words))}")
    (tmp_path / "train.tsv.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    config = SentimentConfig(
        max_steps=100, reader=reader, word_size=8, learning_rate=0.03, dropout=0.1, word_dropout=0.0, **SMALL
    )
    result = train(Sentiment(config), tmp_path / "run", tmp_path, quiet=True)
    assert result.metrics["accuracy"] > 0.95
    model = tmp_path / "run" / "model.safetensors"
    classifier = pyseq.load(model)
    assert isinstance(classifier, Classifier)
    assert classifier.classify("the film is good .").label == "positive"
    assert evaluate(Sentiment, model, tmp_path) == evaluate(Sentiment, tmp_path / "run" / "best.safetensors", tmp_path)


def test_word_tables_begin_with_given_vectors() -> None:
    given = {"anna": np.ones(3), "zoe": np.full(3, 2.0), "nobody": np.zeros(3)}
    table = WordTable([["Anna", "b", "b"]], [["zoe", "Yes"]], fold_case=True, most_characters=2, vectors=given)
    assert table.words.tokens == ("<unk>", "b", "anna", "zoe")
    vectors = table.vectors(3)
    assert vectors is not None
    np.testing.assert_array_equal(np.isnan(vectors).any(1), [True, True, False, False])
    np.testing.assert_array_equal(vectors[2:], [[1, 1, 1], [2, 2, 2]])
    rows = np.array([table.rows(["b", "Anna", "zoe"]), table.rows(["b", "Yes", "b"])])
    tokens, letters, lengths, spellings = table.lookup(rows)
    assert tokens.tolist() == [[1, 2, 3], [1, 0, 1]]
    assert len(letters) == len(lengths) == 4
    assert lengths[spellings].tolist() == [[1, 2, 2], [1, 2, 1]]


def test_files_of_labels(tmp_path: Path) -> None:
    file = tmp_path / "x.conll"
    file.write_text("-DOCSTART- O\n\nAnna NNP B-PER\n \tO\nsings O\n", encoding="utf-8")
    assert [(s.words, s.labels) for s in read_conll(file)] == [(["Anna", "sings"], ["B-PER", "O"])]
    file.write_text("Anna\n", encoding="utf-8")
    with pytest.raises(pyseq.FormatError, match="line 1 is 'Anna', expected a word and a label"):
        read_conll(file)
    file.write_text("J. D._NNP _UH snake_case_NN rest\n", encoding="utf-8")
    assert [(s.words, s.labels) for s in read_tagged(file)[0]] == [(["J.", "D.", "snake_case"], ["NNP", "NNP", "NN"])]
    file.write_text("no tags\n", encoding="utf-8")
    with pytest.raises(pyseq.FormatError, match="no line has a word with a tag"):
        read_tagged(file)


def test_span_f1_is_that_of_seqeval() -> None:
    seqeval = pytest.importorskip("seqeval.metrics", reason="pip install seqeval")
    random = np.random.default_rng(2)
    labels = ["O", "B-A", "I-A", "B-B", "I-B"]
    found, known = ([list(random.choice(labels, 12)) for _ in range(30)] for _ in range(2))
    assert pyseq.metrics.span_f1(found, known) == pytest.approx(seqeval.f1_score(known, found))
    assert pyseq.metrics.span_f1(known, known) == 1


def test_vectors_are_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {word: np.full(4, number, np.float32) for number, word in enumerate(map(str.lower, (*NAMES, *PLACES)))}
    monkeypatch.setattr("pyseq.recipes.word_table.read_vectors", lambda file: given)
    config = NerConfig(max_steps=2, word_size=4, filters=0, crf=False, share=0.5, **SMALL)
    outcomes = compare_vectors(Ner, config, "vectors.txt", write_sentences(tmp_path))
    assert [(one.vectors, one.frozen) for one in outcomes] == [
        ("random", True), ("random", False), ("given", True), ("given", False),
    ]  # fmt: skip
    assert all(one.metric == "f1" and 0 <= one.value <= 1 for one in outcomes)
    assert outcomes[0].known == 0 < outcomes[2].known < 1
    with pytest.raises(pyseq.ArgumentError, match="compare_vectors: Names has no word vectors"):
        compare_vectors(Names, NamesConfig(), "vectors.txt")


def test_frozen_vectors_stay_as_they_were(tmp_path: Path) -> None:
    recipe = Ner(NerConfig(max_steps=2, word_size=4, filters=0, frozen=True, **SMALL))
    train(recipe, None, write_sentences(tmp_path), quiet=True)
    trained = recipe.module.words.words.weight.data.copy()
    recipe.module.initialize(0)
    np.testing.assert_array_equal(recipe.module.words.words.weight.data, trained)
