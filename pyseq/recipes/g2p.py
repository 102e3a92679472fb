"""G2p: how English words are pronounced, letters to phones, with attention."""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pyseq import data, metrics
from pyseq.data import Pair
from pyseq.program import Program
from pyseq.recipes.recipe import option
from pyseq.recipes.recurrent_pairs import RecurrentPairs, RecurrentPairsConfig
from pyseq.recipes.sequence_pairs import END, START
from pyseq.tasks import Translator
from pyseq.text import Vocabulary

FILE = "train.dict.gz"
HELD_OUT = 2500  # words, or a tenth of a small dictionary


@dataclass(frozen=True)
class G2pConfig(RecurrentPairsConfig):
    """Options of the recipe `g2p`."""

    epochs: int | None = option(10, "Passes over the data at most.")
    batch_size: int = option(128, "Words in a batch.")
    learning_rate: float = option(3e-3, "Learning rate at the top of the schedule.")
    weight_decay: float = option(0.01, "Weight decay of matrices.")
    average_decay: float = option(0.995, "Exponential average of the weights; 0: none.")


class G2p(RecurrentPairs):
    """Pronunciation: English words to ARPAbet phones, with attention."""

    Config = G2pConfig
    data_name = "cmudict"

    def prepare(self, path: Path | None = None) -> None:
        """Read the dictionary; words at random, with all their pronunciations, are held out."""
        pronunciations = read_dictionary(data.find("cmudict", path) / FILE)
        words = sorted(pronunciations)
        order = np.random.default_rng(0).permutation(len(words))
        count = min(HELD_OUT, max(1, len(words) // 10))
        self.held_out = {words[index]: pronunciations[words[index]] for index in order[:count]}
        self.known = known = {words[index]: pronunciations[words[index]] for index in order[count:]}
        letters = Vocabulary.build(known, unit="character")
        phones = Vocabulary.build((p for ps in known.values() for p in ps), unit="word", specials=(START, END))

        def pairs(words: dict[str, list[str]]) -> list[Pair]:
            return [Pair(letters.encode(word), phones.encode(one)) for word, all in words.items() for one in all]

        self.use(letters, phones, pairs(known), pairs(self.held_out))

    def evaluate_program(self, program: Program) -> dict[str, float]:
        """Word and phone error rates of an exported model, against the nearest known pronunciation of each word."""
        found = Translator(program).translate_batch(list(self.held_out), beam_size=self.config.beam_size)
        wrong, edits, phones = 0, 0, 0
        for hypotheses, known in zip(found, self.held_out.values(), strict=True):
            references = [one.split() for one in known]
            distances = [metrics.edit_distance(hypotheses[0].tokens, one) for one in references]
            nearest = int(np.argmin([d / max(len(one), 1) for d, one in zip(distances, references, strict=True)]))
            wrong += distances[nearest] > 0
            edits += distances[nearest]
            phones += len(references[nearest])
        return {"word_error_rate": wrong / len(self.held_out), "phone_error_rate": edits / phones}


def read_dictionary(file: Path) -> dict[str, list[str]]:
    """Pronunciations by word; `word(2)` is a further one of the word."""
    found: dict[str, list[str]] = {}
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for line in lines:
            word, _, phones = line.strip().partition(" ")
            found.setdefault(re.sub(r"\(\d+\)$", "", word), []).append(phones)
    return found


RECIPE = G2p
