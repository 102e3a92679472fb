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
    """Attention to the annotations of a source: global or local, with or without coverage or knowledge of the place.

    `start` puts annotations and keys into the state's memory; a call gives contexts. The inner module `attention` is
    the one whose weights are shown (`Translator.translate(return_attention=True)`); with coverage or filters they
    cannot be.

    With `location_filters` (location-aware attention) additive scores become vᵀ tanh(W q + V a_s + U f_s + b) with
    f = F ∗ α, a convolution over the weights α of the step before: attention can then go on from where it was.

    Args:
        query_size: size of the decoder's states.
        source_size: size of the annotations.
        hidden_size: units of the network of additive scores.
        score: "additive", "concat", "dot" or "general".
        window: positions that local attention sees on either side; 0: all.
        alignment: of local attention, "predicted" or "monotonic".
        coverage: whether additive scores see the attention that a position has had.
        location_filters: filters over the weights of the step before, which additive scores see; 0: none.
        location_width: positions that each of them sees, an odd number.

    Source:
        Chorowski et al., "Attention-based models for speech recognition" (2015), for location-aware attention.
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
        location_filters: int = 0,
        location_width: int = 15,
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
        self.has_location = location_filters > 0
        if self.has_location:
            self.location = nn.Conv1d(1, location_filters, location_width, padding=location_width // 2, bias=False)
            self.from_location = nn.Linear(location_filters, hidden_size, bias=False)

    @property
    def sees_weights(self) -> bool:
        """Whether scores see the weights of earlier steps: then there is one step after the other."""
        return self.has_coverage or self.has_location

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
        for name, is_kept in (("coverage", self.has_coverage), ("alignment", self.has_location)):
            if is_kept:
                nothing = ops.clip(ops.slice(annotations.detach(), axis=2, begin=0, end=1), 0.0, 0.0)
                state.carry[name] = nothing  # [rows, time, 1]
                state.varying.add(name)

    def forward(self, query: Tensor, state: State) -> tuple[Tensor, ...]:
        """Attend: query [batch, time, query_size] (time 1 if it `sees_weights`) -> context [batch, time, source_size].

        With coverage also Σ_s min(α_s, k_s) [batch, 1, 1], before the coverage k of the state takes in α.
        """
        memory, rows = state.memory, state.rows
        if self.sees_weights:
            return self._attend_with_weights(query, state)
        source = (memory["keys"], memory["annotations"], memory["lengths"], rows)
        if self.window is None:
            return (self.attention(query, *source),)
        bias, state.carry["step"] = self.window(query, memory["positions"], memory["length"], state.carry["step"], rows)
        return (self.attention(query, *source, bias),)

    def _attend_with_weights(self, query: Tensor, state: State) -> tuple[Tensor, ...]:
        memory, rows, attention = state.memory, state.rows, self.attention
        assert isinstance(attention, nn.AdditiveAttention)
        keys = ops.gather_rows(memory["keys"], rows)
        values, lengths = ops.gather_rows(memory["annotations"], rows), ops.gather_rows(memory["lengths"], rows)
        if self.has_coverage:
            keys = ops.linear(state.carry["coverage"], self.from_coverage, residual=keys)
        if self.has_location:
            seen = self.location(state.carry["alignment"], lengths)  # [batch, time, filters]
            keys = ops.linear(seen, self.from_location.weight, residual=keys)
        context, weights = attention.with_weights(query, keys, values, lengths)
        now = ops.merge_axes(ops.merge_axes(weights, axis=1), axis=1)  # [batch, time of the source]
        now = ops.split_axis(now, axis=1, size=1)  # [batch, time, 1]
        if self.has_location:
            state.carry["alignment"] = now
        if not self.has_coverage:
            return (context,)
        coverage = state.carry["coverage"]
        least = ops.subtract(now, ops.relu(ops.subtract(now, coverage)))
        state.carry["coverage"] = ops.add(coverage, now)
        return context, ops.sum(ops.split_axis(least, axis=0, size=1), axis=2)
