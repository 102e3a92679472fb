"""Tagger of words and characters: against the program's own logits, places in the text, spans, mistakes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_cli import output_of

import pyseq
from pyseq.models import SequenceTagger, TaggerOptions, WordOptions
from pyseq.tasks import Tagger
from pyseq.text import Vocabulary, tag_constraints

LABELS = ["B-X", "E-X", "I-X", "O", "S-X"]
WORDS = Vocabulary(["<unk>", "anna", "and", "b"], unit="word", unknown=0)
LETTERS = Vocabulary("?andb", unit="character", unknown=0)
TEXTS = ["Anna and b", "", "  \u00e4b\tanna  \U0001f600 anna and and anna b ", "b", "and " * 30]


def write(crf: bool = True, characters: bool = True, **task: Any) -> Tagger:
    words = WordOptions(len(WORDS), 6, len(LETTERS) if characters else 0, 4, 5)
    constraints = tag_constraints(LABELS, "BIOES")
    model = SequenceTagger(TaggerOptions(words, len(LABELS), hidden_size=7, crf=crf, constraints=constraints))
    model.initialize(3)
    model.output.weight.data[...] *= 5
    tokens = np.array([[1, 2, 0], [3, 0, 0]])
    examples: dict[str, Any] = {"tokens": tokens, "lengths": np.array([3, 1])}
    if characters:
        dims = ("spellings", "characters")
        examples["letters"] = pyseq.Input(np.array([[1, 2], [0, 0]]), dims=dims)
        examples["letters_lengths"] = pyseq.Input(np.array([2, 1]), dims=dims[:1])
        examples["spellings"] = np.zeros_like(tokens)
        task = {"characters": "letters", "most_characters": 3, **task}
    complete = {"kind": "tagger", "vocabulary": "words", "labels": LABELS, "fold_case": True, **task}
    vocabularies = {"words": WORDS, "letters": LETTERS}
    return Tagger(
        pyseq.Program.parse(pyseq.export(model, None, {"tag": examples}, task=complete, vocabularies=vocabularies))
    )


@pytest.fixture(scope="module")
def tagger() -> Tagger:
    return write()


def expected(tagger: Tagger, text: str) -> dict[str, Any]:
    """What the program says about one text; every word is spelled by a row of its own."""
    words = text.split()
    spelled = [LETTERS.encode(word)[:3] for word in words]
    letters = np.zeros((len(words), 3), np.int64)
    for row, ids in zip(letters, spelled, strict=True):
        row[: len(ids)] = ids
    return tagger.program.run(
        "tag",
        tokens=np.array([[WORDS.find(word.lower()) or 0 for word in words]]),
        lengths=np.array([len(words)]),
        letters=letters,
        letters_lengths=np.array([len(ids) for ids in spelled]),
        spellings=np.arange(len(words))[None],
    )


def test_labels_are_those_of_the_program(tagger: Tagger) -> None:
    for text, tags in zip(TEXTS, tagger.tag_batch(TEXTS), strict=True):
        assert [text[tag.begin : tag.end] for tag in tags] == text.split()
        assert tags == tagger.tag(text)
        if not tags:
            continue
        found = expected(tagger, text)
        assert [tag.label for tag in tags] == [LABELS[label] for label in found["labels"][0]]
        p = np.exp(found["logits"][0].astype(np.float64))
        p /= p.sum(-1, keepdims=True)
        chosen = p[np.arange(len(tags)), found["labels"][0]]
        np.testing.assert_allclose([tag.probability for tag in tags], chosen, atol=1e-6)


def test_labels_of_a_crf_keep_their_form(tagger: Tagger) -> None:
    allowed, first, last = tag_constraints(LABELS, "BIOES")
    for tags in tagger.tag_batch([text for text in TEXTS if text]):
        numbers = [LABELS.index(tag.label) for tag in tags]
        assert first[numbers[0]]
        assert last[numbers[-1]]
        assert allowed[numbers[:-1], numbers[1:]].all()


def test_spans_are_what_the_labels_mark(tagger: Tagger) -> None:
    text = " ".join(["anna", "b", "and", "zoe"] * 6)
    spans, tags = tagger.spans(text), tagger.tag(text)
    inside = [tag for tag in tags if tag.label != "O"]
    assert sum(len(span.text.split()) for span in spans) == len(inside)
    for span in spans:
        assert span.label == "X"
        assert text[span.begin : span.end] == span.text
        words = [tag for tag in tags if span.begin <= tag.begin < span.end]
        assert span.probability == min(tag.probability for tag in words)


def test_without_a_crf_and_without_characters() -> None:
    tagger = write(crf=False, characters=False)
    found = tagger.program.run("tag", tokens=np.array([[1, 2, 3]]), lengths=np.array([3]))
    assert [tag.label for tag in tagger.tag("anna and b")] == [LABELS[n] for n in found["logits"][0].argmax(-1)]


def test_load_and_the_command_line(tagger: Tagger, tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    tagger.save(file)
    loaded = pyseq.load(file)
    assert isinstance(loaded, Tagger)
    assert loaded.labels == LABELS
    spans = [f"{span.label}: {span.text}" for span in tagger.spans(TEXTS[0])]
    assert output_of("run", file, TEXTS[0]).rstrip("\n") == "\t".join(spans)
    words = write(crf=False, labels=["A", "B", "C", "D", "E"])
    words.save(file)
    tags = [f"{word}_{tag.label}" for word, tag in zip(TEXTS[0].split(), words.tag(TEXTS[0]), strict=True)]
    assert output_of("run", file, TEXTS[0]).rstrip("\n") == " ".join(tags)


def test_incomplete_tasks_and_unknown_words(tagger: Tagger) -> None:
    with pytest.raises(pyseq.FormatError, match=r'tagger: "labels" is .*list of texts'):
        write(labels=[])
    with pytest.raises(pyseq.FormatError, match='tagger: the program has no vocabulary "none"'):
        write(characters=False, vocabulary="none")
    with pytest.raises(pyseq.FormatError, match='tagger: "fold_case" is 1, expected true or false'):
        write(fold_case=1)
    with pytest.raises(pyseq.FormatError, match=r"tagger: tag gives no logits \[batch, time, 1 labels\]"):
        write(labels=["O"]).tag("anna")
    token = pyseq.CancelToken()
    token.cancel()
    with pytest.raises(pyseq.CancelledError):
        tagger.tag_batch(TEXTS, cancel=token)
