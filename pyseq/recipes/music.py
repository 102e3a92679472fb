"""Music: folk tunes in ABC notation, character by character, from a beginning that names metre and key."""

from __future__ import annotations

import gzip
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import pyseq
from pyseq import data
from pyseq.program import Program
from pyseq.recipes.charlm import LanguageModelConfig, LanguageModelRecipe
from pyseq.recipes.recipe import option
from pyseq.tasks import Generator
from pyseq.text import Vocabulary

FILE = "tunes.abc.gz"
END, UNKNOWN = "<end>", "<unk>"
VALIDATION_SHARE = 0.1
LONGEST_TUNE = 1500


@dataclass(frozen=True)
class MusicConfig(LanguageModelConfig):
    """Options of the recipe `music`."""

    epochs: int | None = option(9, "Passes over the tunes at most.")
    learning_rate: float = option(5e-3, "Learning rate at the top of the schedule.")
    dropout: float = option(0.3, "Share of values left out before and behind every layer while training.")


class Music(LanguageModelRecipe):
    """Folk tunes in ABC notation: goes on from a beginning that may name metre and key."""

    Config = MusicConfig
    data_name = "music"
    monitor = "bits_per_character"

    config: MusicConfig

    def prepare(self, path: Path | None = None) -> None:
        """Read the tunes; every tenth one (at random) is held out."""
        tunes = read_tunes(data.find("music", path) / FILE)
        order = np.random.default_rng(0).permutation(len(tunes))
        count = max(1, round(len(tunes) * VALIDATION_SHARE))
        training = [tunes[place] for place in np.sort(order[count:])]
        self.held_out = [tunes[place] for place in np.sort(order[:count])]
        self.vocabulary = Vocabulary.build(training, unit="character", specials=(END, UNKNOWN))
        self.validation = np.array([id for tune in self.held_out for id in self.encoded(tune)], np.int64)
        pieces = [self.encoded(tune) for tune in training]
        self.batches = data.ShuffledStreams(pieces, self.config.batch_size, self.config.time, self.config.seed)
        self.module = self.new_model()

    def encoded(self, tune: str) -> list[int]:
        """The end mark, which is also that of the tune before, and the characters."""
        return [self.vocabulary.id(END), *self.vocabulary.encode(tune)]

    def evaluate(self) -> dict[str, float]:
        """Bits per character of the tunes held out, end marks counted as characters."""
        return {"bits_per_character": super().evaluate()["loss"] / math.log(2)}

    def evaluate_program(self, program: Program) -> dict[str, float]:
        """The same of an exported model, each tune by itself, without its end."""
        generator = Generator(program)
        scores = [generator.score(tune) for tune in self.held_out]
        bits = -sum(score.log_prob for score in scores) / math.log(2)
        return {"bits_per_character": bits / sum(len(score.tokens) for score in scores)}

    def export(self, file: Path) -> None:
        """Write a generator of tunes."""
        end = self.vocabulary.id(END)
        task: dict[str, Any] = {"kind": "generator", "vocabulary": "text", "start": end, "end": end}
        task.update(max_length=LONGEST_TUNE, **self.origin())
        examples = {"step": {"tokens": np.zeros((2, 3), np.int64)}}
        pyseq.export(self.module, file, examples, task=task, vocabularies={"text": self.vocabulary})


def beginning(metre: str, key: str, title: str = "Untitled", note: str = "1/4") -> str:
    """The head of a tune: what a generator goes on from when it shall write in a metre and a key.

    Args:
        metre: "6/8", "4/4" …
        key: "D", "Am" …
        title: of the tune.
        note: the length that a letter stands for.

    Example:
        >>> from pyseq.recipes.music import beginning
        >>> print(beginning("6/8", "D"), end="")
        X: 1
        T:Untitled
        % Nottingham Music Database
        S:Trad
        M:6/8
        L:1/4
        K:D
    """
    return f"X: 1\nT:{title}\n% Nottingham Music Database\nS:Trad\nM:{metre}\nL:{note}\nK:{key}\n"


def read_tunes(file: Path) -> list[str]:
    """Tunes, each with its last end of line; empty lines part them."""
    with gzip.open(file, "rt", encoding="utf-8") as opened:
        lines = opened.read().splitlines()
    tunes: list[list[str]] = [[]]
    for line in lines:
        if line.strip():
            tunes[-1].append(line)
        elif tunes[-1]:
            tunes.append([])
    return ["".join(f"{line}\n" for line in tune) for tune in tunes if tune]


RECIPE = Music
