"""Translate: a Transformer from one language to another, in pieces of words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from pyseq.models import Transformer, TransformerOptions
from pyseq.recipes.recipe import option
from pyseq.recipes.translation import Translation, TranslationConfig
from pyseq.tensor import Parameter
from pyseq.train import Optimizer

WARMUP_STEPS = 300
DEFAULT_STEPS = 5000  # of the schedule of a run that only time limits
BETAS = (0.9, 0.98)


@dataclass(frozen=True)
class TranslateConfig(TranslationConfig):
    """Options of the recipe `translate`."""

    epochs: int | None = option(4, "Passes over the data at most.")
    max_tokens: int = option(1000, "Positions of a batch at most, padding included.")
    learning_rate: float = option(2e-3, "Learning rate at the top of the schedule.")
    weight_decay: float = option(0.01, "Weight decay of matrices.")
    average_decay: float = option(0.995, "Exponential average of the weights; 0: none.")
    joint: bool = option(True, "Whether both languages share one vocabulary, and one table of embeddings.")
    width: int = option(192, "Size of the vectors.")
    num_heads: int = option(6, "Heads of every attention.")
    encoder_layers: int = option(3, "Layers of the encoder.")
    decoder_layers: int = option(3, "Layers of the decoder.")
    feed_forward: int = option(768, "Inner size of the feed-forward networks.")
    dropout: float = option(0.1, "Share of values left out while training.")


class Translate(Translation):
    """Translation: a Transformer from English to French (tatoeba_en_fr) or German (multi30k), in pieces of words."""

    Config = TranslateConfig
    name = "translate"

    config: TranslateConfig
    module: Transformer

    def new_model(self, sources: int, targets: int) -> Transformer:
        """Pre-norm layers, sinusoidal positions; the projection to logits is the target's table of embeddings."""
        config = self.config
        # As weights of a projection vectors are small: scaled, they have the size of the positions.
        scale = math.sqrt(config.width)
        return Transformer(
            TransformerOptions(
                sources,
                targets,
                width=config.width,
                num_heads=config.num_heads,
                encoder_layers=config.encoder_layers,
                decoder_layers=config.decoder_layers,
                feed_forward=config.feed_forward,
                pre_norm=True,
                encoder_norm=True,
                decoder_norm=True,
                source_scale=scale if config.joint else 1.0,
                target_scale=scale,
                shared_embeddings=config.joint,
                tied_projection=True,
                dropout=config.dropout,
            )
        )

    @property
    def projection_bias(self) -> Parameter | None:
        """That of the decoder."""
        return self.module.decoder.projection.bias

    @property
    def shown_attention(self) -> dict[str, Any]:
        """Where the last layer of the decoder looks at the source."""
        return {"path": self.module.decoder.layers[-1].cross_attention.path, "head": -1}

    def optimizer(self) -> Optimizer:
        """AdamW, warmed up, with a cosine down to nothing at the last planned step."""
        return self.warm_adamw(WARMUP_STEPS, DEFAULT_STEPS, BETAS)


RECIPE = Translate
