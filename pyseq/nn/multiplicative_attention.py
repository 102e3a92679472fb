"""MultiplicativeAttention: attention whose scores are products, over a whole source or a window of it."""

from __future__ import annotations

from pyseq import _core, ops
from pyseq.nn.linear import Linear
from pyseq.nn.module import Module
from pyseq.tensor import Tensor

SCORES = ("dot", "general")


class MultiplicativeAttention(Module):
    """y = Σ p value, p = softmax(queryᵀ key) with score "dot", softmax(queryᵀ W key) with "general".

    Args:
        query_size: size of the queries.
        key_size: size of the source vectors; query_size with "dot".
        score: "dot" or "general".

    Raises:
        ArgumentError: another score, or sizes that differ with "dot".

    Source:
        Luong et al., "Effective approaches to attention-based neural machine translation" (2015).

    Example:
        >>> import numpy as np
        >>> from pyseq import nn
        >>> attention, source = nn.MultiplicativeAttention(6, 8, "general"), np.ones((1, 3, 8), np.float32)
        >>> attention(np.ones((1, 2, 6), np.float32), attention.project(source), source).shape
        (1, 2, 8)
    """

    def __init__(self, query_size: int, key_size: int, score: str = "general") -> None:
        if score not in SCORES:
            raise _core.ArgumentError(f"MultiplicativeAttention: score is {score!r}, expected one of {SCORES}")
        if score == "dot" and query_size != key_size:
            raise _core.ArgumentError(
                f"MultiplicativeAttention: key_size is {key_size}, expected query_size {query_size} with score 'dot'"
            )
        self.key_proj = Linear(key_size, query_size, bias=False) if score == "general" else None

    def project(self, source: Tensor) -> Tensor:
        """The keys of a source [sources, time, key_size], for many calls: [sources, time, query_size].

        Outside of training they are laid out as the attention reads them (`ops.pack_keys`, which has no gradient).
        """
        keys: Tensor = source if self.key_proj is None else self.key_proj(source)
        return keys if self.training else ops.pack_keys(keys, num_heads=1)

    def forward(
        self,
        query: Tensor,
        keys: Tensor,
        values: Tensor,
        lengths: Tensor | None = None,
        rows: Tensor | None = None,
        bias: Tensor | None = None,
    ) -> Tensor:
        """Attend to a source.

        Args:
            query: [batch, tq, query_size].
            keys: from `project`.
            values: [sources, tk, size], what is averaged.
            lengths: [sources] int64, valid positions; None for all.
            rows: [batch] int64, the source of each row; None when row r reads source r.
            bias: [batch, 1, tq, tk], added to the scores (`LocalWindow`); None for none.

        Returns:
            y [batch, tq, size].
        """
        return ops.attention(query, keys, values, lengths, rows, bias, num_heads=1, scale=1.0)
