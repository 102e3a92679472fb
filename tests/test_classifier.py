"""Classifier: labels of texts, against the program's own logits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyseq
from pyseq import nn
from pyseq.tasks import Classifier
from pyseq.text import Vocabulary

LABELS = ["one", "two", "three"]
CHARACTERS = Vocabulary("abcdef", unit="character")
TEXTS = ["a", "fedcba", "abc", "deadbeef", "cab"]


class Model(nn.Module):
    def __init__(self) -> None:
        self.embedding = nn.Embedding(len(CHARACTERS), 5)
        self.layer = nn.GRU(5, 7)
        self.output = nn.Linear(7, len(LABELS))

    def classify(self, tokens: Any, lengths: Any) -> dict[str, Any]:
        _, (last,) = self.layer(self.embedding(tokens), lengths)
        return {"logits": self.output(last)}


def write(**task: Any) -> Classifier:
    complete = {"kind": "classifier", "vocabulary": "text", "labels": LABELS} | task
    examples = {"classify": {"tokens": np.array([[1, 2], [3, 4]]), "lengths": np.array([2, 1])}}
    data = pyseq.export(Model().initialize(5), None, examples, task=complete, vocabularies={"text": CHARACTERS})
    return Classifier(pyseq.Program.parse(data))


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return write()


def test_probabilities_are_the_softmax_of_the_logits(classifier: Classifier) -> None:
    for text, found in zip(TEXTS, classifier.classify_batch(TEXTS), strict=True):
        ids = np.array([CHARACTERS.encode(text)])
        logits = classifier.program.run("classify", tokens=ids, lengths=np.array([len(text)]))["logits"][0]
        p = np.exp(logits.astype(np.float64))
        p /= p.sum()
        assert found.label == LABELS[int(p.argmax())]
        assert found.probability == pytest.approx(p.max(), abs=1e-6)
        assert [label for label, _ in found.ranking] == [LABELS[i] for i in np.argsort(-p, kind="stable")]
        assert found == classifier.classify(text)


def test_many_texts_are_taken_in_parts(classifier: Classifier) -> None:
    texts = TEXTS * 40
    assert classifier.classify_batch(texts) == classifier.classify_batch(TEXTS) * 40


def test_texts_that_cannot_be_read(classifier: Classifier) -> None:
    with pytest.raises(pyseq.ArgumentError, match="classify: text 1 is empty"):
        classifier.classify_batch(["a", ""])
    with pytest.raises(pyseq.OutOfRangeError, match="z"):
        classifier.classify("z")
    assert classifier.classify_batch([]) == []


def test_load_opens_a_classifier(classifier: Classifier, tmp_path: Path) -> None:
    classifier.save(tmp_path / "model.safetensors")
    loaded = pyseq.load(tmp_path / "model.safetensors")
    assert isinstance(loaded, Classifier)
    assert loaded.labels == LABELS
    assert loaded.classify("cab") == classifier.classify("cab")


def test_incomplete_tasks() -> None:
    with pytest.raises(pyseq.FormatError, match=r'classifier: "labels" is .*list of texts'):
        write(labels=[])
    with pytest.raises(pyseq.FormatError, match=r"classifier: classify gives no logits \[batch, 2 labels\]"):
        write(labels=["a", "b"]).classify("a")
