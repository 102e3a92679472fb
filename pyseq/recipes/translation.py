"""What recipes of translation share: corpora, vocabularies of words or pieces of words, BLEU."""

from __future__ import annotations

import lzma
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from pyseq import _core, data, metrics
from pyseq.data import Pair
from pyseq.program import Program
from pyseq.recipes.recipe import option
from pyseq.recipes.sequence_pairs import END, START, UNKNOWN, SequencePairs, SequencePairsConfig
from pyseq.tasks import Translator
from pyseq.text import Vocabulary, build_words, train_subwords

TATOEBA, MULTI30K = "tatoeba_en_fr", "multi30k"
CORPORA = (TATOEBA, MULTI30K)
FILE = "pairs.tsv.xz"
HELD_OUT = 2000  # English sentences of tatoeba_en_fr, or a tenth of a small corpus
SPECIALS = (START, END, UNKNOWN)
LEVELS = ("bpe", "unigram", "word")

Translations = dict[str, list[str]]  # by source sentence


@dataclass(frozen=True)
class TranslationConfig(SequencePairsConfig):
    """Options of recipes of translation."""

    corpus: str = option(TATOEBA, "tatoeba_en_fr, or multi30k (descriptions of pictures).")
    languages: str = option("en-de", "Of multi30k, the source first: two of en, de and fr.")
    level: str = option("bpe", "Units of both languages: bpe, unigram or word.")
    vocabulary_size: int = option(4000, "Entries of each vocabulary at most.")
    min_count: int = option(2, "Words that are rarer are unknown (level word).")
    joint: bool = option(False, "Whether both languages share one vocabulary.")
    batch_size: int = option(0, "Sentences in a batch; 0: as many as max_tokens allows.")
    length_penalty: float = option(1.0, "Scores are divided by length ** this when an exported model is evaluated.")


class Translation(SequencePairs):
    """Sentences of one language to those of another; subclasses make the model."""

    Config: ClassVar[type[SequencePairsConfig]] = TranslationConfig
    data_name = TATOEBA
    name: ClassVar[str]  # for messages

    config: TranslationConfig

    def prepare(self, path: Path | None = None) -> None:
        """Read the sentences; some sources, with all their translations, are held out."""
        choices = ((self.config.level, "level", LEVELS), (self.config.corpus, "corpus", CORPORA))
        for value, name, expected in choices:
            if value not in expected:
                raise _core.ArgumentError(f"{self.name}: {name} is {value!r}, expected one of {expected}")
        is_tatoeba = self.config.corpus == TATOEBA
        known, self.held_out = read_tatoeba(path) if is_tatoeba else read_multi30k(path, self.config.languages)
        training = [(source, target) for source, targets in known.items() for target in targets]
        if self.config.joint:
            source = target = self._vocabulary([*known, *(target for _, target in training)])
        else:
            source, target = self._vocabulary(list(known)), self._vocabulary([target for _, target in training])

        def pairs(sentences: list[tuple[str, str]]) -> list[Pair]:
            return [Pair(source.encode(a), target.encode(b)) for a, b in sentences]

        self.use(source, target, pairs(training), pairs([(a, b) for a, bs in self.held_out.items() for b in bs]))

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


def read_tatoeba(path: Path | None) -> tuple[Translations, Translations]:
    """French translations by English sentence: those to learn from, and some English ones at random, held out."""
    translations: Translations = {}
    for line in _lines(data.find(TATOEBA, path) / FILE):
        source, target = line.split("\t")
        translations.setdefault(source, []).append(target)
    sources = sorted(translations)
    order = np.random.default_rng(0).permutation(len(sources))
    count = min(HELD_OUT, max(1, len(sources) // 10))
    known, held_out = (
        {sources[index]: translations[sources[index]] for index in part} for part in (order[count:], order[:count])
    )
    return known, held_out


def read_multi30k(path: Path | None, languages: str) -> tuple[Translations, Translations]:
    """Translations by sentence: the training files, and the validation files, held out.

    Raises:
        ArgumentError: not two languages of the corpus.
    """
    folder = data.find(MULTI30K, path)
    source, _, target = languages.partition("-")
    missing = [name for name in (source, target) if not (folder / f"train.{name}.xz").is_file()]
    if missing:
        raise _core.ArgumentError(
            f"multi30k: languages is {languages!r}, expected two like en-de with files train.en.xz, ... in {folder}"
        )
    parts = []
    for part in ("train", "val"):
        found: Translations = {}
        texts = (_lines(folder / f"{part}.{name}.xz") for name in (source, target))
        for a, b in zip(*texts, strict=True):
            found.setdefault(a, []).append(b)
        parts.append(found)
    return parts[0], parts[1]


def _lines(file: Path) -> list[str]:
    """Lines of a compressed text, characters in composed form."""
    with lzma.open(file, "rt", encoding="utf-8") as lines:
        return [unicodedata.normalize("NFC", line.rstrip("\n")) for line in lines]
