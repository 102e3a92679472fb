"""What recipes of pairs share whose model is a recurrent network with attention."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pyseq import nn
from pyseq.models import AttentionEncoderDecoder, AttentionOptions
from pyseq.recipes.recipe import option
from pyseq.recipes.sequence_pairs import SequencePairs, SequencePairsConfig
from pyseq.tensor import Parameter


@dataclass(frozen=True)
class RecurrentPairsConfig(SequencePairsConfig):
    """Options of recurrent networks with attention."""

    cell: str = option("lstm", "rnn, gru or lstm.")
    embedding_size: int = option(64, "Size of the vectors of source and target tokens.")
    encoder_size: int = option(128, "Units of each direction of the encoder.")
    encoder_layers: int = option(1, "Layers of the encoder.")
    decoder_size: int = option(256, "Units of the decoder.")
    decoder_layers: int = option(1, "Layers of the decoder.")
    attention_size: int = option(96, "Units of the network of additive scores.")
    attentional_size: int = option(0, "Size of the vector that gives the logits; 0: that of the decoder.")
    tied: bool = option(False, "Whether the projection to logits is the target embedding.")
    score: str = option("additive", "Score of the attention: additive, dot or general.")
    feed: str = option("none", "What enters the decoder's recurrence: none, context or attentional.")


class RecurrentPairs(SequencePairs):
    """Pairs of sequences by a recurrent encoder-decoder with attention."""

    Config: ClassVar[type[SequencePairsConfig]] = RecurrentPairsConfig

    config: RecurrentPairsConfig
    module: AttentionEncoderDecoder

    def new_model(self, sources: int, targets: int) -> AttentionEncoderDecoder:
        """A bidirectional network that reads, another that writes and looks back."""
        return AttentionEncoderDecoder(
            AttentionOptions(
                sources,
                targets,
                source_embedding=self.config.embedding_size,
                target_embedding=self.config.embedding_size,
                encoder_size=self.config.encoder_size,
                decoder_size=self.config.decoder_size,
                attention_size=self.config.attention_size,
                cell=self.config.cell,
                encoder_layers=self.config.encoder_layers,
                decoder_layers=self.config.decoder_layers,
                score=self.config.score,
                feed=self.config.feed,
                dropout=self.config.dropout,
                attentional_size=self.config.attentional_size,
                tied=self.config.tied,
            )
        )

    def initialize(self) -> None:
        """As of all recipes of pairs; recurrent layers remember from the beginning."""
        super().initialize()
        nn.initialization.remember(self.module, self.config.seed)

    @property
    def projection_bias(self) -> Parameter | None:
        """That of the decoder."""
        return self.module.projection.bias

    @property
    def shown_attention(self) -> dict[str, Any]:
        """The attention of the decoder."""
        return {"path": self.module.attention.attention.path, "head": 0}
