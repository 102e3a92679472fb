"""MultiHeadAttention: self-attention, cross-attention, and both over state."""

from __future__ import annotations

from pyseq import _core, ops
from pyseq.nn.linear import Linear
from pyseq.nn.module import Module
from pyseq.nn.positions import RotaryPositions
from pyseq.tensor import CacheLike, Tensor

KeyValue = tuple[Tensor, Tensor]


class MultiHeadAttention(Module):
    """Attention with projections: y = attention(x W_q, s W_k, s W_v) W_o (see `ops.attention`).

    Args:
        width: size of the vectors; divisible by num_heads unless head_dim is given.
        num_heads: heads.
        bias: whether the projections have biases.
        source_width: size of the source vectors, `width` when None.
        num_kv_heads: heads of keys and values, each for num_heads / num_kv_heads neighbouring heads of queries
            (grouped-query attention); None for num_heads.
        head_dim: size of a query, key or value of one head; None for width / num_heads.
        out_bias: whether the last projection has a bias; None for `bias`.
        scale: factor of the scores; 0 stands for 1/√head_dim.
        rotary: turns queries and keys by their positions; None for no such positions.

    Raises:
        ArgumentError: num_heads does not divide the width, or num_kv_heads not num_heads.

    Source:
        Vaswani et al., "Attention is all you need" (2017), section 3.2.2; grouped heads: Ainslie et al. (2023).

    Example:
        >>> import numpy as np
        >>> from pyseq import nn
        >>> attention, x = nn.MultiHeadAttention(8, num_heads=2), np.ones((1, 5, 8), np.float32)
        >>> attention(x, causal=True).shape
        (1, 5, 8)
        >>> attention(x, np.ones((1, 3, 8), np.float32), lengths=np.array([2])).shape
        (1, 5, 8)
        >>> nn.MultiHeadAttention(8, num_heads=4, num_kv_heads=2).k_proj.weight.shape
        (4, 8)
    """

    def __init__(
        self,
        width: int,
        num_heads: int,
        bias: bool = True,
        source_width: int | None = None,
        *,
        num_kv_heads: int | None = None,
        head_dim: int | None = None,
        out_bias: bool | None = None,
        scale: float = 0.0,
        rotary: RotaryPositions | None = None,
    ) -> None:
        self.num_kv_heads = num_heads if num_kv_heads is None else num_kv_heads
        if num_heads < 1 or (head_dim is None and width % num_heads):
            raise _core.ArgumentError(f"MultiHeadAttention: width {width} and {num_heads} heads do not fit each other")
        if self.num_kv_heads < 1 or num_heads % self.num_kv_heads:
            raise _core.ArgumentError(
                f"MultiHeadAttention: num_kv_heads {self.num_kv_heads}, expected a divisor of num_heads {num_heads}"
            )
        source_width = width if source_width is None else source_width
        self.head_dim = width // num_heads if head_dim is None else head_dim
        inner, kv_inner = num_heads * self.head_dim, self.num_kv_heads * self.head_dim
        self.q_proj = Linear(width, inner, bias)
        self.k_proj = Linear(source_width, kv_inner, bias)
        self.v_proj = Linear(source_width, kv_inner, bias)
        self.out_proj = Linear(inner, width, bias if out_bias is None else out_bias)
        self.num_heads = num_heads
        self.width = width
        self.scale = scale
        self.rotary = rotary

    def project(self, source: Tensor) -> KeyValue:
        """Keys, packed for `ops.attention`, and values of a source [sources, time, source_width], for many calls."""
        return ops.pack_keys(self.k_proj(source), num_heads=self.num_kv_heads), self.v_proj(source)

    def forward(
        self,
        x: Tensor,
        source: Tensor | KeyValue | None = None,
        lengths: Tensor | None = None,
        rows: Tensor | None = None,
        causal: bool = False,
        cache: CacheLike | None = None,
        offset: Tensor | None = None,
        bias: Tensor | None = None,
        slopes: Tensor | None = None,
        relative: Tensor | None = None,
    ) -> Tensor:
        """Attend from x.

        Args:
            x: [batch, time, width].
            source: what is attended to: [sources, time, source_width], or keys and values from `project`; None for x.
            lengths: [sources] int64, valid positions of the source; None for all.
            rows: [batch] int64, the source that each row of x reads; None when row r reads source r.
            causal: position t sees positions up to t only.
            cache: self-attention over all positions seen so far, those of x appended (always causal).
            offset: [batch] int64, positions that came before x, for rotary positions; None for none.
            bias: added to the scores, see `ops.attention`; None for none.
            slopes: [heads], of the positions of keys (see `alibi_slopes`); None for none.
            relative: values of distances (see `RelativePositions`), in place of a bias; None for none.

        Returns:
            y [batch, time, width].
        """
        query = self.q_proj(x)
        if isinstance(source, tuple):
            key, value = source
        else:
            attended = x if source is None else source
            key, value = self.k_proj(attended), self.v_proj(attended)
        if self.rotary is not None:
            query = self.rotary(query, self.num_heads, offset)
            key = self.rotary(key, self.num_kv_heads, offset)
        grouped = 0 if self.num_kv_heads == self.num_heads else self.num_kv_heads
        if cache is not None:
            y = ops.cached_attention(
                *(query, key, value, lengths, bias, slopes, relative),
                cache=cache,
                num_heads=self.num_heads,
                scale=self.scale,
                num_kv_heads=grouped,
            )
        else:
            y = ops.attention(
                *(query, key, value, lengths, rows, bias, slopes, relative),
                num_heads=self.num_heads,
                causal=causal,
                scale=self.scale,
                num_kv_heads=grouped,
            )
        result: Tensor = self.out_proj(y)
        return result
