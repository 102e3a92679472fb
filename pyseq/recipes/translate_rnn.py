"""Translate-rnn: English to French by a recurrent network with attention, in words or in pieces of words."""

from __future__ import annotations

from dataclasses import dataclass

from pyseq.recipes.recipe import option
from pyseq.recipes.recurrent_pairs import RecurrentPairs, RecurrentPairsConfig
from pyseq.recipes.translation import Translation, TranslationConfig


@dataclass(frozen=True)
class TranslateRnnConfig(TranslationConfig, RecurrentPairsConfig):
    """Options of the recipe `translate-rnn`."""

    epochs: int | None = option(8, "Passes over the data at most.")
    max_tokens: int = option(500, "Positions of a batch at most, padding included.")
    learning_rate: float = option(5e-3, "Learning rate at the top of the schedule.")
    weight_decay: float = option(0.01, "Weight decay of matrices.")
    average_decay: float = option(0.995, "Exponential average of the weights; 0: none.")
    embedding_size: int = option(128, "Size of the vectors of source and target tokens.")
    tied: bool = option(True, "Whether the projection to logits is the target embedding.")
    dropout: float = option(0.1, "Share of values left out while training.")
    score: str = option("general", "Score of the attention: additive, dot or general.")


class TranslateRnn(Translation, RecurrentPairs):
    """Translation: short English sentences to French, with attention, in words or pieces of words."""

    Config = TranslateRnnConfig
    name = "translate-rnn"

    config: TranslateRnnConfig


RECIPE = TranslateRnn
