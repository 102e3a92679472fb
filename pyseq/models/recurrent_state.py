"""The states of recurrent layers as the carried state of a decoder, for all cells alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyseq import nn
from pyseq.state import State
from pyseq.tensor import Tensor

CELLS: dict[str, Any] = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


def final_states(layer: Any) -> tuple[Tensor, ...]:
    """What one layer carries: (h,), or (h, c) of an LSTM."""
    return layer if isinstance(layer, tuple) else (layer,)


def write_states(state: State, layers: Sequence[Any]) -> None:
    """Carry the states of all layers: "layer0.h", and "layer0.c" of an LSTM."""
    for number, layer in enumerate(layers):
        for name, tensor in zip("hc", final_states(layer), strict=False):
            state.carry[f"layer{number}.{name}"] = tensor


def read_states(state: State, layers: int, cell: str) -> list[Any]:
    """The states of all layers, as a recurrent module takes them."""
    if cell == "lstm":
        return [(state.carry[f"layer{n}.h"], state.carry[f"layer{n}.c"]) for n in range(layers)]
    return [state.carry[f"layer{n}.h"] for n in range(layers)]
