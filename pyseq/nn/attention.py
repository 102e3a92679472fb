"""MultiHeadAttention: self-attention, cross-attention, and both over state."""

from __future__ import annotations

from pyseq import ops
from pyseq.nn.linear import Linear
from pyseq.nn.module import Module
from pyseq.tensor import CacheLike, Tensor

KeyValue = tuple[Tensor, Tensor]


class MultiHeadAttention(Module):
    """Attention with projections: y = attention(x W_q, s W_k, s W_v) W_o (see `ops.attention`).

    Args:
        width: size of the vectors; divisible by num_heads.
        num_heads: heads.
        bias: whether the projections have biases.
        source_width: size of the source vectors, `width` when None.

    Source:
        Vaswani et al., "Attention is all you need" (2017), section 3.2.2.

    Example:
        >>> import numpy as np
        >>> from pyseq import nn
        >>> attention, x = nn.MultiHeadAttention(8, num_heads=2), np.ones((1, 5, 8), np.float32)
        >>> attention(x, causal=True).shape
        (1, 5, 8)
        >>> attention(x, np.ones((1, 3, 8), np.float32), lengths=np.array([2])).shape
        (1, 5, 8)
    """

    def __init__(self, width: int, num_heads: int, bias: bool = True, source_width: int | None = None) -> None:
        source_width = width if source_width is None else source_width
        self.q_proj = Linear(width, width, bias)
        self.k_proj = Linear(source_width, width, bias)
        self.v_proj = Linear(source_width, width, bias)
        self.out_proj = Linear(width, width, bias)
        self.num_heads = num_heads
        self.width = width

    @property
    def head_dim(self) -> int:
        """Size of a key or value of one head."""
        return self.width // self.num_heads

    def project(self, source: Tensor) -> KeyValue:
        """Keys, packed for `ops.attention`, and values of a source [sources, time, source_width], for many calls."""
        return ops.pack_keys(self.k_proj(source), num_heads=self.num_heads), self.v_proj(source)

    def forward(
        self,
        x: Tensor,
        source: Tensor | KeyValue | None = None,
        lengths: Tensor | None = None,
        rows: Tensor | None = None,
        causal: bool = False,
        cache: CacheLike | None = None,
    ) -> Tensor:
        """Attend from x.

        Args:
            x: [batch, time, width].
            source: what is attended to: [sources, time, source_width], or keys and values from `project`; None for x.
            lengths: [sources] int64, valid positions of the source; None for all.
            rows: [batch] int64, the source that each row of x reads; None when row r reads source r.
            causal: position t sees positions up to t only.
            cache: self-attention over all positions seen so far, those of x appended (always causal).

        Returns:
            y [batch, time, width].
        """
        query = self.q_proj(x)
        if isinstance(source, tuple):
            key, value = source
        else:
            attended = x if source is None else source
            key, value = self.k_proj(attended), self.v_proj(attended)
        if cache is not None:
            y = ops.cached_attention(query, key, value, lengths, cache=cache, num_heads=self.num_heads)
        else:
            y = ops.attention(query, key, value, lengths, rows, num_heads=self.num_heads, causal=causal)
        result: Tensor = self.out_proj(y)
        return result
