"""Layers of the Transformer encoder and decoder."""

from __future__ import annotations

from typing import Any

from pyseq.nn.attention import KeyValue, MultiHeadAttention
from pyseq.nn.dropout import Dropout
from pyseq.nn.linear import Linear
from pyseq.nn.module import Module
from pyseq.nn.normalization import LayerNorm
from pyseq.tensor import CacheLike, Tensor


class FeedForward(Module):
    """Two linear layers with an activation between: y = f(x W₁ᵀ + b₁) W₂ᵀ + b₂.

    Args:
        width: size of x and y.
        hidden: size in between.
        activation: f, see `Linear`.
        dropout: probability of a 0 behind the activation while training (see `Dropout`).
    """

    def __init__(self, width: int, hidden: int, activation: str = "relu", dropout: float = 0.0) -> None:
        self.linear1 = Linear(width, hidden, activation=activation)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """X [..., width] -> y [..., width]."""
        result: Tensor = self.linear2(self.dropout(self.linear1(x)))
        return result


class _Residual(Module):
    """x + dropout(f(norm(x))) or norm(x + dropout(f(x)))."""

    pre_norm: bool
    dropout: Dropout

    def _around(self, norm: LayerNorm, block: Module, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if self.pre_norm:
            change: Tensor = self.dropout(block(norm(x), *args, **kwargs))
            return x + change
        result: Tensor = norm(x + self.dropout(block(x, *args, **kwargs)))
        return result


class TransformerEncoderLayer(_Residual):
    """Self-attention and a feed-forward network, each with a residual connection and a layer norm.

    Args:
        width: size of the vectors.
        num_heads: heads of the attention.
        hidden: inner size of the feed-forward network.
        activation: of the feed-forward network.
        pre_norm: x + f(norm(x)) instead of norm(x + f(x)).
        epsilon: of the layer norms.
        dropout: probability of a 0 while training (see `Dropout`): in what is added to x and within the feed-forward
            network; attention weights have none.

    Source:
        Vaswani et al., "Attention is all you need" (2017), section 3.1; pre-norm: Xiong et al. (2020).

    Example:
        >>> import numpy as np
        >>> from pyseq import nn
        >>> layer = nn.TransformerEncoderLayer(8, num_heads=2, hidden=16)
        >>> layer(np.ones((2, 5, 8), np.float32), np.array([5, 3])).shape
        (2, 5, 8)
    """

    def __init__(
        self,
        width: int,
        num_heads: int,
        hidden: int,
        activation: str = "relu",
        pre_norm: bool = False,
        epsilon: float = 1e-5,
        dropout: float = 0.0,
    ) -> None:
        self.pre_norm = pre_norm
        self.dropout = Dropout(dropout)
        self.self_attention = MultiHeadAttention(width, num_heads)
        self.self_attention_norm = LayerNorm(width, epsilon)
        self.feed_forward = FeedForward(width, hidden, activation, dropout)
        self.feed_forward_norm = LayerNorm(width, epsilon)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """X [batch, time, width], lengths [batch] int64 -> y [batch, time, width]."""
        x = self._around(self.self_attention_norm, self.self_attention, x, lengths=lengths)
        return self._around(self.feed_forward_norm, self.feed_forward, x)


class TransformerDecoderLayer(_Residual):
    """Causal self-attention, attention to a source, and a feed-forward network.

    Args:
        width: size of the vectors.
        num_heads: heads of both attentions.
        hidden: inner size of the feed-forward network.
        activation: of the feed-forward network.
        pre_norm: x + f(norm(x)) instead of norm(x + f(x)).
        epsilon: of the layer norms.
        dropout: probability of a 0 while training (see `Dropout`): in what is added to x and within the feed-forward
            network; attention weights have none.
    """

    def __init__(
        self,
        width: int,
        num_heads: int,
        hidden: int,
        activation: str = "relu",
        pre_norm: bool = False,
        epsilon: float = 1e-5,
        dropout: float = 0.0,
    ) -> None:
        self.pre_norm = pre_norm
        self.dropout = Dropout(dropout)
        self.self_attention = MultiHeadAttention(width, num_heads)
        self.self_attention_norm = LayerNorm(width, epsilon)
        self.cross_attention = MultiHeadAttention(width, num_heads)
        self.cross_attention_norm = LayerNorm(width, epsilon)
        self.feed_forward = FeedForward(width, hidden, activation, dropout)
        self.feed_forward_norm = LayerNorm(width, epsilon)

    def forward(
        self,
        x: Tensor,
        source: Tensor | KeyValue,
        lengths: Tensor | None = None,
        rows: Tensor | None = None,
        cache: CacheLike | None = None,
    ) -> Tensor:
        """Run over a target.

        Args:
            x: [batch, time, width].
            source: encoder output [sources, time, width], or keys and values from `cross_attention.project`.
            lengths: [sources] int64, valid positions of the source.
            rows: [batch] int64, the source of each row; None when row r reads source r.
            cache: of the self-attention: x continues what it holds. None: x is a whole target.

        Returns:
            y [batch, time, width].
        """
        x = self._around(self.self_attention_norm, self.self_attention, x, causal=True, cache=cache)
        x = self._around(self.cross_attention_norm, self.cross_attention, x, source, lengths=lengths, rows=rows)
        return self._around(self.feed_forward_norm, self.feed_forward, x)
