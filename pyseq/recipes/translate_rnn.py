"""Translate-rnn: English to French by a recurrent network with attention, in words or in pieces of words."""

from __future__ import annotations

import lzma
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pyseq import _core, data, metrics
from pyseq.data import Pair
from pyseq.program import Program
from pyseq.recipes.recipe import option
from pyseq.recipes.sequence_pairs import END, START, UNKNOWN, SequencePairs, SequencePairsConfig
from pyseq.tasks import Translator
from pyseq.text import Vocabulary, build_words, train_subwords

FILE = "pairs.tsv.xz"
HELD_OUT = 2000  # English sentences, or a tenth of a small corpus
SPECIALS = (START, END, UNKNOWN)
LEVELS = ("bpe", "unigram", "word")


@dataclass(frozen=True)
class TranslateConfig(SequencePairsConfig):
    """Options of the recipe `translate-rnn`."""

    level: str = option("bpe", "Units of both languages: bpe, unigram or word.")
    vocabulary_size: int = option(4000, "Entries of each vocabulary at most.")
    min_count: int = option(2, "Words that are rarer are unknown (level word).")
    epochs: int | None = option(8, "Passes over the data at most.")
    batch_size: int = option(0, "Sentences in a batch; 0: as many as max_tokens allows.")
    max_tokens: int = option(500, "Positions of a batch at most, padding included.")
    learning_rate: float = option(2e-3, "Learning rate at the top of the schedule.")
    weight_decay: float = option(0.01, "Weight decay of matrices.")
    average_decay: float = option(0.995, "Exponential average of the weights; 0: none.")
    embedding_size: int = option(128, "Size of the vectors of source and target tokens.")
    tied: bool = option(True, "Whether the projection to logits is the target embedding.")
    decoder_size: int = option(256, "Units of the decoder.")
    score: str = option("general", "Score of the attention: additive, dot or general.")
    label_smoothing: float = option(0.05, "Share of every label that is spread over the others.")
    length_penalty: float = option(1.0, "Scores are divided by length ** this when an exported model is evaluated.")


class TranslateRnn(SequencePairs):
    """Translation: short English sentences to French, with attention, in words or pieces of words."""

    Config = TranslateConfig
    data_name = "tatoeba_en_fr"

    config: TranslateConfig

    def prepare(self, path: Path | None = None) -> None:
        """Read the sentences; English ones at random, with all their translations, are held out."""
        if self.config.level not in LEVELS:
            raise _core.ArgumentError(f"translate-rnn: level is {self.config.level!r}, expected one of {LEVELS}")
        translations = read_pairs(data.find("tatoeba_en_fr", path) / FILE)
        sources = sorted(translations)
        order = np.random.default_rng(0).permutation(len(sources))
        count = min(HELD_OUT, max(1, len(sources) // 10))
        self.held_out = {sources[index]: translations[sources[index]] for index in order[:count]}
        known = [(sources[index], target) for index in order[count:] for target in translations[sources[index]]]
        source, target = self._vocabulary(list(dict(known))), self._vocabulary([target for _, target in known])

        def pairs(sentences: list[tuple[str, str]]) -> list[Pair]:
            return [Pair(source.encode(a), target.encode(b)) for a, b in sentences]

        self.use(source, target, pairs(known), pairs([(a, b) for a, bs in self.held_out.items() for b in bs]))

    def _vocabulary(self, sentences: list[str]) -> Vocabulary:
        size = self.config.vocabulary_size
        if self.config.level == "word":
            return build_words(sentences, size, self.config.min_count, SPECIALS)
        return train_subwords(sentences, size, "bpe" if self.config.level == "bpe" else "unigram", SPECIALS)

    def evaluate_program(self, program: Program) -> dict[str, float]:
        """BLEU of an exported model against all known translations: greedy, and by beam search."""
        translator = Translator(program)
        sources, references = list(self.held_out), list(self.held_out.values())
        scores = {}
        for name, beam, penalty in (("greedy", 1, 0.0), ("beam", self.config.beam_size, self.config.length_penalty)):
            found = translator.translate_batch(sources, beam_size=beam, length_penalty=penalty)
            texts = [one[0].text for one in found]
            scores[f"bleu_{name}"] = metrics.bleu(texts, references).value
            scores[f"bleu_{name}_first"] = metrics.bleu(texts, [one[0] for one in references]).value
        return scores


def read_pairs(file: Path) -> dict[str, list[str]]:
    """French translations by English sentence; characters in composed form."""
    found: dict[str, list[str]] = {}
    with lzma.open(file, "rt", encoding="utf-8") as lines:
        for line in lines:
            source, target = unicodedata.normalize("NFC", line.rstrip("\n")).split("\t")
            found.setdefault(source, []).append(target)
    return found


RECIPE = TranslateRnn
