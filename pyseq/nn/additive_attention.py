"""AdditiveAttention: attention whose scores come from a small network."""

from __future__ import annotations

import numpy as np

from pyseq import ops
from pyseq.nn import initialization
from pyseq.nn.linear import Linear
from pyseq.nn.module import Module
from pyseq.tensor import Tensor, labelled


class AdditiveAttention(Module):
    """y = Σ p value, p = softmax(vᵀ tanh(W_q query + b + W_k key)) (see `ops.additive_attention`).

    Args:
        query_size: size of the queries.
        key_size: size of the source vectors.
        hidden_size: size of the network between.

    Source:
        Bahdanau et al., "Neural machine translation by jointly learning to align and translate" (2015).

    Example:
        >>> import numpy as np
        >>> from pyseq import nn
        >>> attention, source = nn.AdditiveAttention(6, 8, 5), np.ones((1, 3, 8), np.float32)
        >>> attention(np.ones((1, 2, 6), np.float32), attention.project(source), source).shape
        (1, 2, 8)
    """

    def __init__(self, query_size: int, key_size: int, hidden_size: int) -> None:
        self.query_proj = Linear(query_size, hidden_size)
        self.key_proj = Linear(key_size, hidden_size, bias=False)
        self.weight = initialization.empty(hidden_size)
        self.reset_parameters(initialization.construction_generator())

    def reset_parameters(self, random: np.random.Generator) -> None:
        """Uniform in ±1/√hidden."""
        initialization.fill_uniform([self.weight], 1 / max(self.weight.data.size, 1) ** 0.5, random)

    def project(self, source: Tensor) -> Tensor:
        """The keys of a source [sources, time, key_size], for many calls: [sources, time, hidden]."""
        result: Tensor = self.key_proj(source)
        return result

    def forward(
        self,
        query: Tensor,
        keys: Tensor,
        values: Tensor,
        lengths: Tensor | None = None,
        rows: Tensor | None = None,
    ) -> Tensor:
        """Attend to a source.

        Args:
            query: [batch, tq, query_size].
            keys: [sources, tk, hidden] from `project`.
            values: [sources, tk, size], what is averaged.
            lengths: [sources] int64, valid positions; None for all.
            rows: [batch] int64, the source of each row; None when row r reads source r.

        Returns:
            y [batch, tq, size].
        """
        projected: Tensor = self.query_proj(query)
        return ops.additive_attention(projected, keys, values, self.weight, lengths, rows)

    def with_weights(
        self, query: Tensor, keys: Tensor, values: Tensor, lengths: Tensor | None = None, rows: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """What `forward` gives, and the weights [batch, 1, tq, tk]."""
        with labelled(self.path):
            projected: Tensor = self.query_proj(query)
            return ops.additive_attention(projected, keys, values, self.weight, lengths, rows, return_weights=True)
