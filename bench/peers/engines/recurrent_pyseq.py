"""Stacked recurrent layers in pyseq, with a given state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bench.peers.model import Array
from pyseq import Tensor, nn

KINDS: dict[str, Any] = {"lstm": nn.LSTM, "gru": nn.GRU}
STATE_NAMES = ("h", "c")


class Stack(nn.Module):
    """A network of one or two layers that takes the state of each and gives the last one's outputs."""

    def __init__(self, kind: str, weights: Mapping[str, Array], layers: int, directions: int) -> None:
        hidden = weights["weight_hh_l0"].shape[1]
        inputs = weights["weight_ih_l0"].shape[1]
        self.kind, self.layers = kind, layers
        self.network = KINDS[kind](inputs, hidden, layers, bidirectional=directions == 2)
        self.network.load_state_dict(dict(weights))

    def forward(
        self,
        x: Tensor,
        h0: Tensor,
        c0: Tensor | None = None,
        h1: Tensor | None = None,
        c1: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """x [batch, time, inputs], h and c of every layer [batch, directions · hidden]."""
        h, c = (h0, h1)[: self.layers], (c0, c1)[: self.layers]
        y, last = self.network(x, state=list(zip(h, c, strict=True)) if self.kind == "lstm" else h)
        finals = last if self.kind == "lstm" else [(state,) for state in last]
        named = {
            f"{name}{i}": array for i, layer in enumerate(finals) for name, array in zip("hc", layer, strict=False)
        }
        return {"output": y, **named}


def batch_first(x: Array, states: Sequence[Array], directions: int) -> dict[str, Array]:
    """Arguments of `Stack` from PyTorch's layout: x [time, batch, ...], states [layers · directions, batch, ...]."""
    arrays = {"x": np.ascontiguousarray(x.swapaxes(0, 1))}
    for name, state in zip(STATE_NAMES, states, strict=False):
        for layer in range(len(state) // directions):
            both = state[layer * directions : (layer + 1) * directions]
            arrays[f"{name}{layer}"] = np.ascontiguousarray(both.swapaxes(0, 1).reshape(both.shape[1], -1))
    return arrays
