"""Layers of the Transformer encoder and decoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pyseq import _core
from pyseq.nn.attention import KeyValue, MultiHeadAttention
from pyseq.nn.dropout import Dropout
from pyseq.nn.linear import Linear
from pyseq.nn.module import Module
from pyseq.nn.normalization import LayerNorm, RMSNorm
from pyseq.nn.positions import RotaryPositions
from pyseq.tensor import CacheLike, Tensor


@dataclass(frozen=True)
class TransformerVariants:
    """In what a layer differs from the Transformer of 2017."""

    norm: str = "layer"  # or "rms"
    norm_bias: bool = True  # of layer norms
    gated: bool = False  # `GatedFeedForward`
    bias: bool = True  # of all projections but those named below
    query_bias: bool | None = None  # of queries, keys and values; None: as `bias`
    num_kv_heads: int | None = None  # grouped-query attention; None: as many as queries
    head_dim: int | None = None  # None: width / num_heads
    scale: float = 0.0  # of attention scores; 0: 1/√head_dim
    rotary: RotaryPositions | None = None  # of the self-attention

    def make_norm(self, width: int, epsilon: float) -> LayerNorm | RMSNorm:
        """A norm of this kind."""
        if self.norm not in ("layer", "rms"):
            raise _core.ArgumentError(f"TransformerVariants: norm {self.norm!r}, expected layer or rms")
        return LayerNorm(width, epsilon, self.norm_bias) if self.norm == "layer" else RMSNorm(width, epsilon)

    def make_attention(self, width: int, num_heads: int, rotary: RotaryPositions | None = None) -> MultiHeadAttention:
        """An attention of this kind."""
        return MultiHeadAttention(
            width,
            num_heads,
            self.bias if self.query_bias is None else self.query_bias,
            num_kv_heads=self.num_kv_heads,
            head_dim=self.head_dim,
            out_bias=self.bias,
            scale=self.scale,
            rotary=rotary,
        )

    def make_feed_forward(self, width: int, hidden: int, activation: str, dropout: float) -> Module:
        """A feed-forward network of this kind."""
        network = GatedFeedForward if self.gated else FeedForward
        return network(width, hidden, activation, dropout, self.bias)


ORIGINAL = TransformerVariants()


class FeedForward(Module):
    """Two linear layers with an activation between: y = f(x W₁ᵀ + b₁) W₂ᵀ + b₂.

    Args:
        width: size of x and y.
        hidden: size in between.
        activation: f, see `Linear`.
        dropout: probability of a 0 behind the activation while training (see `Dropout`).
        bias: whether there are b₁ and b₂.
    """

    def __init__(
        self, width: int, hidden: int, activation: str = "relu", dropout: float = 0.0, bias: bool = True
    ) -> None:
        self.linear1 = Linear(width, hidden, bias, activation)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(hidden, width, bias)

    def forward(self, x: Tensor) -> Tensor:
        """X [..., width] -> y [..., width]."""
        result: Tensor = self.linear2(self.dropout(self.linear1(x)))
        return result


class GatedFeedForward(Module):
    """A feed-forward network with a gate: y = (f(x W_gᵀ) · x W₁ᵀ) W₂ᵀ, with biases if wanted.

    Args:
        width: size of x and y.
        hidden: size in between.
        activation: f, see `Linear`; "silu" makes SwiGLU, "gelu" GEGLU.
        dropout: probability of a 0 behind the gate while training (see `Dropout`).
        bias: whether the projections have biases.

    Source:
        Shazeer, "GLU variants improve Transformer" (2020).

    Example:
        >>> import numpy as np
        >>> from pyseq import nn
        >>> nn.GatedFeedForward(4, 6)(np.ones((2, 3, 4), np.float32)).shape
        (2, 3, 4)
    """

    def __init__(
        self, width: int, hidden: int, activation: str = "silu", dropout: float = 0.0, bias: bool = False
    ) -> None:
        self.gate = Linear(width, hidden, bias, activation)
        self.linear1 = Linear(width, hidden, bias)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(hidden, width, bias)

    def forward(self, x: Tensor) -> Tensor:
        """X [..., width] -> y [..., width]."""
        result: Tensor = self.linear2(self.dropout(self.gate(x) * self.linear1(x)))
        return result


class _Residual(Module):
    """x + dropout(f(norm(x))) or norm(x + dropout(f(x)))."""

    pre_norm: bool
    dropout: Dropout

    def _around(self, norm: Module, block: Module, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if self.pre_norm:
            change: Tensor = self.dropout(block(norm(x), *args, **kwargs))
            return x + change
        result: Tensor = norm(x + self.dropout(block(x, *args, **kwargs)))
        return result


class TransformerEncoderLayer(_Residual):
    """Self-attention and a feed-forward network, each with a residual connection and a norm.

    With `causal` or a cache it is the layer of a decoder without a source (GPT).

    Args:
        width: size of the vectors.
        num_heads: heads of the attention.
        hidden: inner size of the feed-forward network.
        activation: of the feed-forward network.
        pre_norm: x + f(norm(x)) instead of norm(x + f(x)).
        epsilon: of the layer norms.
        dropout: probability of a 0 while training (see `Dropout`): in what is added to x and within the feed-forward
            network; attention weights have none.
        variants: norms, gates, heads and biases that are not the original's.

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
        variants: TransformerVariants = ORIGINAL,
    ) -> None:
        self.pre_norm = pre_norm
        self.dropout = Dropout(dropout)
        self.self_attention = variants.make_attention(width, num_heads, variants.rotary)
        self.self_attention_norm = variants.make_norm(width, epsilon)
        self.feed_forward = variants.make_feed_forward(width, hidden, activation, dropout)
        self.feed_forward_norm = variants.make_norm(width, epsilon)

    def forward(
        self,
        x: Tensor,
        lengths: Tensor | None = None,
        causal: bool = False,
        cache: CacheLike | None = None,
        offset: Tensor | None = None,
        bias: Tensor | None = None,
        slopes: Tensor | None = None,
        relative: Tensor | None = None,
    ) -> Tensor:
        """X [batch, time, width], lengths [batch] int64 -> y [batch, time, width]; others as `MultiHeadAttention`."""
        x = self._around(
            *(self.self_attention_norm, self.self_attention, x),
            lengths=lengths,
            causal=causal,
            cache=cache,
            offset=offset,
            bias=bias,
            slopes=slopes,
            relative=relative,
        )
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
        variants: norms, gates, heads and biases that are not the original's.
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
        variants: TransformerVariants = ORIGINAL,
    ) -> None:
        self.pre_norm = pre_norm
        self.dropout = Dropout(dropout)
        self.self_attention = variants.make_attention(width, num_heads, variants.rotary)
        self.self_attention_norm = variants.make_norm(width, epsilon)
        self.cross_attention = variants.make_attention(width, num_heads)
        self.cross_attention_norm = variants.make_norm(width, epsilon)
        self.feed_forward = variants.make_feed_forward(width, hidden, activation, dropout)
        self.feed_forward_norm = variants.make_norm(width, epsilon)

    def forward(
        self,
        x: Tensor,
        source: Tensor | KeyValue,
        lengths: Tensor | None = None,
        rows: Tensor | None = None,
        cache: CacheLike | None = None,
        offset: Tensor | None = None,
        bias: Tensor | None = None,
        relative: Tensor | None = None,
    ) -> Tensor:
        """Run over a target.

        Args:
            x: [batch, time, width].
            source: encoder output [sources, time, width], or keys and values from `cross_attention.project`.
            lengths: [sources] int64, valid positions of the source.
            rows: [batch] int64, the source of each row; None when row r reads source r.
            cache: of the self-attention: x continues what it holds. None: x is a whole target.
            offset: [batch] int64, positions that came before x, for rotary positions.
            bias: added to the scores of the self-attention, see `ops.attention`.
            relative: values of distances in the self-attention, see `RelativePositions`.

        Returns:
            y [batch, time, width].
        """
        x = self._around(
            *(self.self_attention_norm, self.self_attention, x),
            causal=True,
            cache=cache,
            offset=offset,
            bias=bias,
            relative=relative,
        )
        x = self._around(self.cross_attention_norm, self.cross_attention, x, source, lengths=lengths, rows=rows)
        return self._around(self.feed_forward_norm, self.feed_forward, x)
