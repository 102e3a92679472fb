"""The Transformer: an encoder and a decoder that attends to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pyseq import nn, ops
from pyseq.models.cached_state import cached_state
from pyseq.nn.attention import KeyValue
from pyseq.state import State
from pyseq.tensor import Tensor

ORIGINAL = nn.TransformerVariants()
SINUSOIDAL = 0  # in place of a number of learned positions


@dataclass(frozen=True)
class TransformerOptions:
    """Sizes and variants of a Transformer."""

    source_vocabulary: int
    target_vocabulary: int
    width: int = 512
    num_heads: int = 8
    encoder_layers: int = 6
    decoder_layers: int = 6
    feed_forward: int = 2048
    activation: str = "relu"
    pre_norm: bool = False  # x + f(norm(x)) in place of norm(x + f(x))
    encoder_norm: bool = False  # a layer norm after the last encoder layer
    decoder_norm: bool = False
    epsilon: float = 1e-5  # of the layer norms
    source_scale: float = 1.0  # of the embeddings: √width in the original
    target_scale: float = 1.0
    # Sinusoidal positions, or tables of this many learned ones.
    source_positions: int = SINUSOIDAL
    target_positions: int = SINUSOIDAL
    position_start: int = 0  # the number of the first position
    position_layout: str = "interleaved"  # or "split"
    position_inclusive: bool = False
    relative_buckets: int = 0  # in place of those positions, this many kinds of distances (T5; `nn.RelativePositions`)
    relative_distance: int = 128  # where the last of them begins
    embedding_norm: bool = False  # a layer norm behind the positions (BART)
    shared_embeddings: bool = False  # one table for source and target
    tied_projection: bool = False  # the last projection is the target's table
    projection_bias: bool = True
    decoder_feed_forward: int | None = None  # None: as in the encoder
    variants: nn.TransformerVariants = ORIGINAL
    dropout: float = 0.0  # while training


class Transformer(nn.Module):
    """Encoder-decoder Transformer, run whole (`forward`) or step by step (`encode`, `step`).

    Args:
        options: sizes and variants.

    Source:
        Vaswani et al., "Attention is all you need" (2017).

    Example:
        >>> import numpy as np
        >>> from pyseq.models import Transformer, TransformerOptions
        >>> model = Transformer(TransformerOptions(10, 12, width=8, num_heads=2, encoder_layers=1, decoder_layers=1))
        >>> tokens, lengths = np.array([[3, 4, 5]]), np.array([3])
        >>> state = model.encode(tokens, lengths)
        >>> model.step(np.array([[1]]), state).shape
        (1, 1, 12)
    """

    def __init__(self, options: TransformerOptions) -> None:
        self.options = options
        self.encoder: nn.Module = TransformerEncoder(options)
        self.decoder = TransformerDecoder(options)
        if options.shared_embeddings:
            self.decoder.embedding.weight = self.encoder.embedding.weight
        if options.tied_projection:
            self.decoder.projection.weight = self.decoder.embedding.weight

    def forward(self, tokens: Tensor, lengths: Tensor, targets: Tensor) -> Tensor:
        """Logits of every next target token (teacher forcing).

        Args:
            tokens: [batch, time] int64, the source.
            lengths: [batch] int64, its valid tokens.
            targets: [batch, target_time] int64, start mark first.

        Returns:
            logits [batch, target_time, target_vocabulary].
        """
        source = self.encoder(tokens, lengths)
        logits: Tensor = self.decoder(targets, [source] * len(self.decoder.layers), lengths)
        return logits

    def initial_state(self, rows: Any) -> State:
        """State before the first step: no positions, empty caches."""
        return cached_state(rows, self.decoder.layers)

    def encode(self, tokens: Tensor, lengths: Tensor) -> State:
        """Run the encoder and project its output to the keys and values that every step reads.

        Args:
            tokens: [batch, time] int64.
            lengths: [batch] int64, valid tokens.

        Returns:
            the state for `step`.
        """
        return self.remember(self.encoder(tokens, lengths), lengths)

    def remember(self, source: Tensor, lengths: Tensor) -> State:
        """The state for `step` over what an encoder made: source [batch, time, width], lengths [batch]."""
        state = self.initial_state(source.shape[0])
        state.memory["lengths"] = lengths
        for layer in self.decoder.layers:
            attention = layer.cross_attention
            key, value = attention.project(source)
            state.memory[f"{attention.path}.key"] = key
            state.memory[f"{attention.path}.value"] = value
        return state

    def step(self, tokens: Tensor, state: State) -> Tensor:
        """Logits after the next target tokens.

        Args:
            tokens: [batch, time] int64.
            state: from `encode`; advanced.

        Returns:
            logits [batch, time, target_vocabulary].
        """
        keys_values = []
        for layer in self.decoder.layers:
            path = layer.cross_attention.path
            keys_values.append((state.memory[f"{path}.key"], state.memory[f"{path}.value"]))
        logits: Tensor = self.decoder(tokens, keys_values, state.memory["lengths"], state)
        state.carry["position"] = ops.add_integer(state.carry["position"], tokens.shape[1])
        return logits


def encoder_layers(options: TransformerOptions) -> nn.ModuleList[nn.TransformerEncoderLayer]:
    """The layers of an encoder."""
    return nn.ModuleList(
        nn.TransformerEncoderLayer(
            options.width,
            options.num_heads,
            options.feed_forward,
            options.activation,
            options.pre_norm,
            options.epsilon,
            options.dropout,
            options.variants,
        )
        for _ in range(options.encoder_layers)
    )


class TransformerEncoder(nn.Module):
    """Embedding, positions and encoder layers."""

    def __init__(self, options: TransformerOptions) -> None:
        self.embedding = nn.Embedding(options.source_vocabulary, options.width, options.source_scale)
        self.positions = _positions(options, options.source_positions)
        self.relative = _relative(options, bidirectional=True)
        self.embedding_norm = _embedding_norm(options)
        self.dropout = nn.Dropout(options.dropout)
        self.layers = encoder_layers(options)
        self.norm = options.variants.make_norm(options.width, options.epsilon) if options.encoder_norm else None

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Tokens [batch, time], lengths [batch] -> [batch, time, width]."""
        x: Tensor = self.embedding(tokens)
        x = x if self.positions is None else self.positions(x)
        x = self.dropout(x if self.embedding_norm is None else self.embedding_norm(x))
        relative = None if self.relative is None else self.relative()
        for layer in self.layers:
            x = layer(x, lengths, relative=relative)
        return x if self.norm is None else self.norm(x)


class TransformerDecoder(nn.Module):
    """Embedding, positions, decoder layers, and the projection to logits."""

    def __init__(self, options: TransformerOptions) -> None:
        self.embedding = nn.Embedding(options.target_vocabulary, options.width, options.target_scale)
        self.positions = _positions(options, options.target_positions)
        self.relative = _relative(options, bidirectional=False)
        self.embedding_norm = _embedding_norm(options)
        self.dropout = nn.Dropout(options.dropout)
        self.layers = nn.ModuleList(
            nn.TransformerDecoderLayer(
                options.width,
                options.num_heads,
                options.decoder_feed_forward or options.feed_forward,
                options.activation,
                options.pre_norm,
                options.epsilon,
                options.dropout,
                options.variants,
            )
            for _ in range(options.decoder_layers)
        )
        self.norm = options.variants.make_norm(options.width, options.epsilon) if options.decoder_norm else None
        self.projection = nn.Linear(options.width, options.target_vocabulary, options.projection_bias)

    def forward(
        self, tokens: Tensor, sources: Sequence[Tensor | KeyValue], lengths: Tensor, state: State | None = None
    ) -> Tensor:
        """Logits [batch, time, vocabulary] of a whole target, or of the next tokens of a state.

        Every layer has its source: the encoder's output, or keys and values made from it.
        """
        offset = None if state is None else state.carry["position"]
        rows = None if state is None else state.rows
        x: Tensor = self.embedding(tokens)
        x = x if self.positions is None else self.positions(x, offset)
        x = self.dropout(x if self.embedding_norm is None else self.embedding_norm(x))
        relative = None if self.relative is None else self.relative()
        for layer, source in zip(self.layers, sources, strict=True):
            cache = None if state is None else state.cache[layer.self_attention.path]
            x = layer(x, source, lengths, rows, cache, relative=relative)
        if self.norm is not None:
            x = self.norm(x)
        logits: Tensor = self.projection(x)
        return logits


def _embedding_norm(options: TransformerOptions) -> nn.Module | None:
    return options.variants.make_norm(options.width, options.epsilon) if options.embedding_norm else None


def _relative(options: TransformerOptions, bidirectional: bool) -> nn.RelativePositions | None:
    if not options.relative_buckets:
        return None
    return nn.RelativePositions(options.num_heads, options.relative_buckets, options.relative_distance, bidirectional)


def _positions(options: TransformerOptions, learned: int) -> nn.Module | None:
    """What is added to the embeddings; None where attention knows distances."""
    if options.relative_buckets:
        return None
    if learned > SINUSOIDAL:
        return nn.LearnedPositions(learned, options.width, options.position_start)
    return nn.SinusoidalPositions(options.position_start, options.position_layout, inclusive=options.position_inclusive)
