"""SourceAttention: how a decoder looks at what the encoder wrote, with all that this needs in the state."""

from __future__ import annotations

import numpy as np

from pyseq import nn, ops
from pyseq.nn import initialization
from pyseq.state import State
from pyseq.tensor import Tensor

ADDITIVE = ("additive", "concat")
SCORES = (*ADDITIVE, "dot", "general")


class SourceAttention(nn.Module):
    """Attention to the annotations of a source: global or local, with or without coverage.

    `start` puts annotations and keys into the state's memory; a call gives contexts. The inner module `attention` is
    the one whose weights are shown (`Translator.translate(return_attention=True)`); with coverage they cannot be.

    Args:
        query_size: size of the decoder's states.
        source_size: size of the annotations.
        hidden_size: units of the network of additive scores.
        score: "additive", "concat", "dot" or "general".
        window: positions that local attention sees on either side; 0: all.
        alignment: of local attention, "predicted" or "monotonic".
        coverage: whether additive scores see the attention that a position has had.
    """

    def __init__(
        self,
        query_size: int,
        source_size: int,
        hidden_size: int,
        score: str = "additive",
        window: int = 0,
        alignment: str = "predicted",
        coverage: bool = False,
    ) -> None:
        if score in ADDITIVE:
            self.attention: nn.AdditiveAttention | nn.MultiplicativeAttention = nn.AdditiveAttention(
                query_size, source_size, hidden_size
            )
        else:
            self.attention = nn.MultiplicativeAttention(query_size, source_size, score)
        self.window = nn.LocalWindow(query_size, window, alignment) if window else None
        self.has_coverage = coverage
        if coverage:
            self.from_coverage = initialization.empty(hidden_size, 1)
            self.reset_parameters(initialization.construction_generator())

    def reset_parameters(self, random: np.random.Generator) -> None:
        """Coverage begins without a say."""
        if self.has_coverage:
            self.from_coverage.data[...] = 0

    def start(self, state: State, annotations: Tensor, lengths: Tensor) -> None:
        """Remember a source: annotations [sources, time, size], lengths [sources]."""
        memory = state.memory
        memory["annotations"], memory["keys"] = annotations, self.attention.project(annotations)
        memory["lengths"] = lengths
        if self.window is not None:
            memory["positions"], memory["length"] = self.window.measure(annotations, lengths)
            state.add_carry("step", (1,))
        if self.has_coverage:
            nothing = ops.clip(ops.slice(annotations.detach(), axis=2, begin=0, end=1), 0.0, 0.0)
            state.carry["coverage"] = nothing  # [rows, time, 1]
            state.varying.add("coverage")

    def forward(self, query: Tensor, state: State) -> tuple[Tensor, ...]:
        """Attend: query [batch, time, query_size] (with coverage: time 1) -> context [batch, time, source_size].

        With coverage also Σ_s min(α_s, k_s) [batch, 1, 1], before the coverage k of the state takes in α.
        """
        memory, rows = state.memory, state.rows
        if self.has_coverage:
            return self._attend_with_coverage(query, state)
        source = (memory["keys"], memory["annotations"], memory["lengths"], rows)
        if self.window is None:
            return (self.attention(query, *source),)
        bias, state.carry["step"] = self.window(query, memory["positions"], memory["length"], state.carry["step"], rows)
        return (self.attention(query, *source, bias),)

    def _attend_with_coverage(self, query: Tensor, state: State) -> tuple[Tensor, ...]:
        memory, rows, attention = state.memory, state.rows, self.attention
        assert isinstance(attention, nn.AdditiveAttention)
        coverage = state.carry["coverage"]  # [batch, time, 1]
        keys = ops.gather_rows(memory["keys"], rows)
        keys = ops.linear(coverage, self.from_coverage, residual=keys)
        values, lengths = ops.gather_rows(memory["annotations"], rows), ops.gather_rows(memory["lengths"], rows)
        context, weights = attention.with_weights(query, keys, values, lengths)
        now = ops.merge_axes(ops.merge_axes(weights, axis=1), axis=1)  # [batch, time of the source]
        now = ops.split_axis(now, axis=1, size=1)  # [batch, time, 1]
        least = ops.subtract(now, ops.relu(ops.subtract(now, coverage)))
        state.carry["coverage"] = ops.add(coverage, now)
        return context, ops.sum(ops.split_axis(least, axis=0, size=1), axis=2)
