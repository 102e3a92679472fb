"""The recipes of labelled sequences and of sentiment for a few steps, on small data that the test writes."""

from __future__ import annotations

import gzip
import lzma
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyseq
from pyseq.data import read_conll, read_tagged
from pyseq.embeddings import WordVectors
from pyseq.models.gene_tagger import OpenFrames
from pyseq.recipes import evaluate, train
from pyseq.recipes.dna import Dna, DnaConfig, blocks
from pyseq.recipes.gene_states import NUMBERS, OTHER_STRAND, STATE_LABELS, STATES, annotated, other_strand
from pyseq.recipes.gene_variants import CODE, GeneVariants, codon_places
from pyseq.recipes.names import Names, NamesConfig
from pyseq.recipes.ner import Ner, NerConfig
from pyseq.recipes.pos import Pos, PosConfig
from pyseq.recipes.sentiment import Sentiment, SentimentConfig
from pyseq.recipes.transfer import compare_vectors
from pyseq.recipes.word_table import WordTable
from pyseq.tasks import Classifier, Tagger
from pyseq.tensor import Tensor

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
    config = DnaConfig(
        max_steps=40, epochs=None, batch_size=16, average_decay=0.9, channels=16, frame_layers=1, mixing_layers=2,
        stretch=100, stride=100, learning_rate=0.02, synonyms=0.0, other_codons=0.0, other_letters=0.0,
    )  # fmt: skip
    result = train(Dna(config), tmp_path / "run", tmp_path, quiet=True)
    assert result.metrics["accuracy"] > 0.8
    model = tmp_path / "run" / "model.safetensors"
    assert evaluate(Dna, model, tmp_path)["accuracy"] == pytest.approx(result.best, abs=1e-3)
    spans = pyseq.load(model).spans("ACACTATCAATC" * 5 + "GGTGGGGTTGGG" * 5)
    assert spans[-1].label == "CDS+"
    assert spans[-1].end == 120


def test_states_of_genes_and_blocks() -> None:
    # c atg aaa taa g, and the same on the other strand; then one that an intron cuts after aa
    gene, runs = "atgaaataa", ((0, 1), (1, 9), (0, 2), (2, 9), (0, 1), (1, 5), (0, 4), (1, 4))
    numbers = np.repeat([label for label, _ in runs], [length for _, length in runs]).astype(np.uint8)
    text = f"c{gene}gg{other_strand(gene)}c" + "atgaagtatataa"
    states = annotated(text, numbers)
    np.testing.assert_array_equal(STATE_LABELS[states], numbers)
    forward = [f"CDS+{part}{place}" for part in ("start", "", "stop") for place in range(3)]
    assert [STATES[state] for state in states[1:10]] == forward
    np.testing.assert_array_equal(OTHER_STRAND[states[12:21][::-1]], states[1:10])
    spliced = [*forward[:5], *["CDS+intron2"] * 4, *forward[5:]]
    assert [STATES[state] for state in states[22:]] == spliced
    parts = list(blocks(36_000))
    assert [end - begin for begin, end, held_out in parts if held_out] == [5000, 1000]
    assert [part[0] for part in parts[1:]] == [part[1] for part in parts[:-1]]
    assert (parts[0][0], parts[-1][1]) == (0, 36_000)
    assert next(blocks(36_000, 0)) == (0, 5000, True)


def test_the_parts_of_a_trna_follow_each_other() -> None:
    numbers = np.array([0] * 5 + [4] * 75 + [0] * 5, np.uint8)
    states = annotated("a" * 85, numbers)
    assert [STATES[state] for state in states[5:80:15]] == [f"tRNA-{part}" for part in (4, 3, 2, 1, 0)]


def test_variants_of_genes_keep_proteins() -> None:
    random = np.random.default_rng(0)
    gene = "atg" + "".join(random.choice([codon for codon in CODE if CODE[codon] != "*"], 300)) + "taa"
    text = f"{gene}cccc{other_strand(gene)}"
    numbers = np.array([1] * len(gene) + [0] * 4 + [2] * len(gene), np.uint8)
    states, letters = annotated(text, numbers), np.array(["acgt".index(letter) for letter in text])
    places = codon_places(states)
    assert len(places) == 600
    varied = GeneVariants([(letters, states)], synonyms=0.9, codons=0.0, letters=0.0).draw(letters, states, random)
    new = "".join("acgt"[letter] for letter in varied)

    def protein(strand: str) -> str:
        return "".join(CODE[strand[place : place + 3]] for place in range(0, len(strand), 3))

    assert protein(new[: len(gene)]) == protein(gene) == protein(other_strand(new[-len(gene) :]))
    assert 0.2 < (varied[places] != letters[places]).any(1).mean() < 0.9
    assert (varied[states == NUMBERS["O"]] == letters[states == NUMBERS["O"]]).all()
    wild = GeneVariants([(letters, states)], synonyms=0.0, codons=1.0, letters=1.0).draw(letters, states, random)
    assert "*" not in protein("".join("acgt"[letter] for letter in wild[: len(gene) - 3]))


def test_open_frames_count_codons_up_to_a_stop() -> None:
    random, table = np.random.default_rng(0), ["<unk>", *"acgt"]
    tokens, lengths = random.integers(1, 5, (2, 50)), [50, 30]
    found = OpenFrames(table, scales=3)(Tensor(tokens), Tensor(np.array(lengths))).numpy()
    assert found.shape == (2, 50, 16)
    for row, length in enumerate(lengths):
        text = "".join(table[token] for token in tokens[row, :length])
        for strand, stops in enumerate(OpenFrames.STOPS):
            stop = [0 < place < length - 1 and text[place - 1 : place + 2] in stops for place in range(length)]
            for scale in range(4):
                reach = 3 * 2**scale
                before = [any(stop[place] for place in range(at, max(-1, at - reach), -3)) for at in range(length)]
                after = [any(stop[place] for place in range(at, min(length, at + reach), 3)) for at in range(length)]
                np.testing.assert_array_equal(found[row, :length, 4 * scale + strand], before)
                np.testing.assert_array_equal(found[row, :length, 4 * scale + 2 + strand], after)


@pytest.mark.parametrize("reader", ["average", "cnn", "rnn+words"])
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


@pytest.mark.parametrize("name", ["vectors.txt", "vectors.bin", "vectors.glove", "vectors.vec", "vectors.safetensors"])
def test_recipes_begin_with_vectors_of_any_format(tmp_path: Path, name: str) -> None:
    words = ["anna", "rome", "sees", "elsewhere"]
    rows = np.arange(16, dtype=np.float32).reshape(4, 4)
    WordVectors(words, rows).save(tmp_path / name)
    config = NerConfig(vectors=str(tmp_path / name), word_size=4, filters=0, **SMALL)
    recipe = Ner(config)
    recipe.prepare(write_sentences(tmp_path, 40))
    recipe.initialize()
    table = recipe.module.words.words.weight.data
    for word, row in zip(words[:3], rows, strict=False):
        np.testing.assert_array_equal(table[recipe.table.words.id(word)], row)
    assert recipe.table.words.find("elsewhere") is None
    with pytest.raises(pyseq.ShapeError, match="word vectors have 4 values, expected 5"):
        Ner(replace(config, word_size=5)).prepare(tmp_path)


def test_frozen_vectors_stay_as_they_were(tmp_path: Path) -> None:
    recipe = Ner(NerConfig(max_steps=2, word_size=4, filters=0, frozen=True, **SMALL))
    train(recipe, None, write_sentences(tmp_path), quiet=True)
    trained = recipe.module.words.words.weight.data.copy()
    recipe.module.initialize(0)
    np.testing.assert_array_equal(recipe.module.words.words.weight.data, trained)
