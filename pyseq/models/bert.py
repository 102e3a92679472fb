"""BERT: a bidirectional Transformer encoder, and what is put on top of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from pyseq import nn, ops
from pyseq.tensor import Buffer, Tensor

NO_SEGMENTS = 0
MaskedT = TypeVar("MaskedT", bound="BertMaskedLanguageModel")


@dataclass(frozen=True)
class BertOptions:
    """Sizes and variants of a `Bert`."""

    vocabulary: int
    width: int = 768
    num_heads: int = 12
    num_layers: int = 12
    feed_forward: int = 3072
    activation: str = "gelu"
    epsilon: float = 1e-12  # of the layer norms
    positions: int = 512  # rows of the table of positions
    position_start: int = 0  # its row of the first position: 2 in RoBERTa
    segments: int = 2  # kinds of segments ("token types"); NO_SEGMENTS for none
    dropout: float = 0.0  # while training


class Bert(nn.Module):
    """Encoder of whole texts: every token sees all others.

    x = norm(embedding + position + segment), then post-norm encoder layers.

    Args:
        options: sizes and variants.

    Source:
        Devlin et al., "BERT: Pre-training of deep bidirectional transformers" (2019).

    Example:
        >>> import numpy as np
        >>> from pyseq.models import Bert, BertOptions
        >>> model = Bert(BertOptions(10, width=8, num_heads=2, num_layers=1, feed_forward=16, positions=6))
        >>> model(np.array([[1, 2, 3], [4, 5, 0]]), np.array([3, 2])).shape
        (2, 3, 8)
    """

    def __init__(self, options: BertOptions) -> None:
        self.options = options
        self.embedding = nn.Embedding(options.vocabulary, options.width)
        self.positions = nn.LearnedPositions(options.positions, options.width, options.position_start)
        has_segments = options.segments != NO_SEGMENTS
        self.segments = nn.Embedding(options.segments, options.width) if has_segments else None
        self.embedding_norm = nn.LayerNorm(options.width, options.epsilon)
        self.dropout = nn.Dropout(options.dropout)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                options.width,
                options.num_heads,
                options.feed_forward,
                options.activation,
                epsilon=options.epsilon,
                dropout=options.dropout,
            )
            for _ in range(options.num_layers)
        )

    def forward(self, tokens: Tensor, lengths: Tensor, segments: Tensor | None = None) -> Tensor:
        """Vectors of all tokens.

        Args:
            tokens: [batch, time] int64.
            lengths: [batch] int64, valid tokens.
            segments: [batch, time] int64, the segment of each token; None: all are of segment 0.

        Returns:
            y [batch, time, width].
        """
        x: Tensor = self.positions(self.embedding(tokens))
        if self.segments is not None:
            first = ops.mean(ops.slice(self.segments.weight, axis=0, begin=0, end=1), axis=0)  # [width]
            x = x + (first if segments is None else self.segments(segments))
        x = self.dropout(self.embedding_norm(x))
        for layer in self.layers:
            x = layer(x, lengths)
        return x


def first_position(x: Tensor, lengths: Tensor) -> Tensor:
    """X [batch, time, width] -> [batch, width]; zeros for a text without tokens."""
    # Masked, so that programs leave the padding out (docs/architecture.md, Padding); so are the outputs below.
    return ops.mean(ops.slice(ops.mask_rows(x, lengths), axis=1, begin=0, end=1), axis=1)


def pooled(x: Tensor, lengths: Tensor, pooling: str) -> Tensor:
    """X [batch, time, width] -> [batch, width]: the first vector of each text, or the mean or maximum over all."""
    if pooling == "first":
        return first_position(x, lengths)
    return ops.mean(x, axis=1, lengths=lengths) if pooling == "mean" else ops.max(x, axis=1, lengths=lengths)


class BertEmbedder(nn.Module):
    """A vector per text: the mean over its tokens, or the first one's.

    Args:
        options: of the encoder.
        pooling: "mean", "first" or "max".
        normalize: divide by the Euclidean norm.
    """

    def __init__(self, options: BertOptions, pooling: str = "mean", normalize: bool = False) -> None:
        self.encoder = Bert(options)
        self.pooling, self.normalize = pooling, normalize
        # A vector divided by its root mean square has the norm √width.
        self.unit = Buffer(np.full(options.width, options.width**-0.5, np.float32)) if normalize else None

    def encode(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Tokens [batch, time], lengths [batch] -> [batch, time, width], zero beyond lengths."""
        y: Tensor = ops.mask_rows(self.encoder(tokens, lengths), lengths)
        return y

    def embed(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Tokens [batch, time], lengths [batch] -> [batch, width]."""
        y = pooled(self.encoder(tokens, lengths), lengths, self.pooling)
        return y if self.unit is None else ops.rms_norm(y, self.unit, epsilon=1e-24)


class BertClassifier(nn.Module):
    """Classes of texts: W f(W₁ x₁ + b₁) + b, x₁ the vector of the first token.

    Args:
        options: of the encoder.
        labels: how many classes.
        activation: f: "tanh" in BERT and RoBERTa, "relu" in DistilBERT.
        pooling: what stands in the place of x₁: "first", or the "mean" or "max" over all tokens.
    """

    def __init__(self, options: BertOptions, labels: int, activation: str = "tanh", pooling: str = "first") -> None:
        self.encoder = Bert(options)
        self.pooling = pooling
        self.dense = nn.Linear(options.width, options.width, activation=activation)
        self.dropout = nn.Dropout(options.dropout)
        self.projection = nn.Linear(options.width, labels)

    def forward(self, tokens: Tensor, lengths: Tensor, segments: Tensor | None = None) -> Tensor:
        """Tokens [batch, time], lengths [batch], segments [batch, time] -> logits [batch, labels]."""
        x = pooled(self.encoder(tokens, lengths, segments), lengths, self.pooling)
        logits: Tensor = self.projection(self.dropout(self.dense(x)))
        return logits

    def classify(self, tokens: Tensor, lengths: Tensor) -> dict[str, Tensor]:
        """Logits [batch, labels] of single texts."""
        return {"logits": self(tokens, lengths)}

    def classify_pair(self, tokens: Tensor, lengths: Tensor, segments: Tensor) -> dict[str, Tensor]:
        """Logits [batch, labels] of pairs of texts."""
        return {"logits": self(tokens, lengths, segments)}


class BertTagger(nn.Module):
    """A class for every token: W x + b.

    Args:
        options: of the encoder.
        labels: how many classes.
    """

    def __init__(self, options: BertOptions, labels: int) -> None:
        self.encoder = Bert(options)
        self.dropout = nn.Dropout(options.dropout)
        self.projection = nn.Linear(options.width, labels)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Tokens [batch, time], lengths [batch] -> logits [batch, time, labels]."""
        logits: Tensor = self.projection(self.dropout(self.encoder(tokens, lengths)))
        return logits

    def tag(self, tokens: Tensor, lengths: Tensor) -> dict[str, Tensor]:
        """The same by name, zero beyond lengths."""
        return {"logits": ops.mask_rows(self(tokens, lengths), lengths)}


class BertMaskedLanguageModel(nn.Module):
    """What stands in place of a masked token: softmax(E norm(f(W x + b)) + c), E the table of embeddings.

    Args:
        options: of the encoder.
    """

    def __init__(self, options: BertOptions) -> None:
        self.encoder = Bert(options)
        self.dense = nn.Linear(options.width, options.width, activation=options.activation)
        self.norm = nn.LayerNorm(options.width, options.epsilon)
        self.projection = nn.Linear(options.width, options.vocabulary)
        self.projection.weight = self.encoder.embedding.weight

    def initialize(self: MaskedT, seed: int) -> MaskedT:
        """Draw all parameters anew; vectors of segments are as small as those of positions."""
        super().initialize(seed)
        if self.encoder.segments is not None:
            # Tokens have the small vectors of a projection: beside large ones of segments they would not be seen.
            self.encoder.segments.weight.data[...] *= 0.02
        return self

    def forward(self, tokens: Tensor, lengths: Tensor, segments: Tensor | None = None) -> Tensor:
        """Tokens [batch, time], lengths [batch], segments [batch, time] -> logits [batch, time, vocabulary]."""
        logits: Tensor = self.projection(self.norm(self.dense(self.encoder(tokens, lengths, segments))))
        return logits

    def encode(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Tokens [batch, time], lengths [batch] -> [batch, time, width], zero beyond lengths."""
        y: Tensor = ops.mask_rows(self.encoder(tokens, lengths), lengths)
        return y

    def predict(self, vectors: Tensor) -> dict[str, Tensor]:
        """Vectors [places, width] of the tokens in question -> logits [places, vocabulary]."""
        return {"logits": self.projection(self.norm(self.dense(vectors)))}


class BertPretraining(BertMaskedLanguageModel):
    """What BERT learns from plain text: masked tokens, and whether a second piece of text follows the first.

    Args:
        options: of the encoder.

    Source:
        Devlin et al., "BERT: Pre-training of deep bidirectional transformers" (2019), section 3.1.

    Example:
        >>> import numpy as np, pyseq
        >>> from pyseq.models import BertOptions, BertPretraining
        >>> model = BertPretraining(BertOptions(10, width=8, num_heads=2, num_layers=1, feed_forward=16, positions=6))
        >>> tokens, lengths = np.array([[1, 2, 3], [4, 5, 0]]), np.array([3, 2])
        >>> segments, places = np.array([[0, 1, 1], [0, 1, 0]]), np.array([1, 3])
        >>> masked, follows = model.pretrain(*map(pyseq.Tensor, (tokens, lengths, segments, places)))
        >>> masked.shape, follows.shape
        ((2, 10), (2, 2))
    """

    def __init__(self, options: BertOptions) -> None:
        super().__init__(options)
        self.pooler = nn.Linear(options.width, options.width, activation="tanh")
        self.follows = nn.Linear(options.width, 2)

    def pretrain(self, tokens: Tensor, lengths: Tensor, segments: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        """What stands at some places, and whether the second piece follows.

        Args:
            tokens: [batch, time] int64, some of them masked.
            lengths: [batch] int64, valid tokens.
            segments: [batch, time] int64: 0 in the first piece, 1 in the second.
            places: [n] int64, row · time + position of each token in question.

        Returns:
            logits [n, vocabulary], logits [batch, 2].
        """
        x: Tensor = self.encoder(tokens, lengths, segments)
        chosen = ops.gather_rows(ops.merge_axes(x, axis=0), places)
        follows: Tensor = self.follows(self.pooler(first_position(x, lengths)))
        return self.predict(chosen)["logits"], follows
