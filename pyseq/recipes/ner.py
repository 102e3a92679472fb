"""Ner: names of people, places and organisations in tweets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pyseq import _core, data, metrics
from pyseq.data import Labelled
from pyseq.recipes.recipe import option
from pyseq.recipes.sequence_labels import SequenceLabels, SequenceLabelsConfig
from pyseq.text import Scheme, label_spans, span_labels, tag_constraints

HELD_OUT_SHARE = 0.15


@dataclass(frozen=True)
class NerConfig(SequenceLabelsConfig):
    """Options of the recipe `ner`."""

    epochs: int | None = option(8, "Passes over the data at most.")
    learning_rate: float = option(3e-3, "Learning rate at the top of the schedule.")
    average_decay: float = option(0.99, "Exponential average of the weights; 0: none.")
    unknown_share: float = option(0.3, "Share of the words that occur once that are unknown while training.")
    crf: bool = option(True, "Whether the labels of a sentence are chosen together (conditional random field).")
    scheme: str = option("BIO", "The form of the labels that the model learns: BIO or BIOES.")


class Ner(SequenceLabels):
    """Names in tweets: which words are people, places and organisations."""

    Config = NerConfig
    data_name = "ner_btc"
    monitor = "f1"

    config: NerConfig

    def prepare(self, path: Path | None = None) -> None:
        """Read all files of sentences; 15 % of the sentences (at random) are held out."""
        place = data.find("ner_btc", path)
        files = sorted(place.glob("*.conll*")) if place.is_dir() else [place]
        sentences = [sentence for file in files for sentence in data.read_conll(file)]
        if not sentences:
            raise _core.FormatError(f"{place}: no sentences in files *.conll")
        order = np.random.default_rng(0).permutation(len(sentences))
        count = max(1, round(len(sentences) * HELD_OUT_SHARE))
        scheme: Any = self.config.scheme
        training = [in_scheme(sentences[number], scheme) for number in order[count:]]
        labels = sorted({label for sentence in training for label in sentence.labels})
        self.use(training, [sentences[number] for number in order[:count]], tag_constraints(labels, scheme))

    def score(self, found: list[list[str]]) -> dict[str, float]:
        """F1 of whole spans, and the share of right labels."""
        found = [in_scheme(Labelled(labels, labels), "BIO").labels for labels in found]
        references = [in_scheme(sentence, "BIO").labels for sentence in self.held_out]
        right = [one == other for pair in zip(found, references, strict=True) for one, other in zip(*pair, strict=True)]
        return {"f1": metrics.span_f1(found, references), "accuracy": float(np.mean(right))}


def in_scheme(sentence: Labelled, scheme: Scheme) -> Labelled:
    """The sentence with its spans labelled in the form of BIO or BIOES, whatever form they had."""
    return Labelled(sentence.words, span_labels(label_spans(sentence.labels), len(sentence.words), scheme))


RECIPE = Ner
