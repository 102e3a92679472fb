"""Stacked LSTM and GRU as ONNX nodes, from weights in PyTorch's layout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bench.peers.engines.onnx_graph import Node
from bench.peers.engines.onnx_graph import model as onnx_model
from bench.peers.model import Array

ORDER = {"lstm": [0, 3, 1, 2], "gru": [1, 0, 2]}  # i f g o -> i o f g; r z n -> z r n


def model(kind: str, weights: Mapping[str, Array], layers: int, directions: int, shape: Sequence[int]) -> bytes:
    """x [time, batch, inputs], h0 (and c0) [layers · directions, batch, hidden] -> y and the final states."""
    hidden = weights["weight_hh_l0"].shape[1]
    time, batch, _ = shape
    letters = ("h", "c")[: 2 if kind == "lstm" else 1]
    constants: dict[str, Array] = {
        "flat": np.array([0, 0, -1], np.int64),
        "split": np.array([directions] * layers, np.int64),
    }
    nodes: list[Node] = []
    for letter in letters:  # the state of each layer
        names = [f"{letter}_{layer}" for layer in range(layers)]
        nodes.append(("Split", [f"{letter}0", "split"], names, {"axis": 0}))
    x = "x"
    for layer in range(layers):
        constants.update(_layer_constants(kind, weights, layer, directions))
        last = layer == layers - 1
        nodes += _layer_nodes(kind, layer, directions, hidden, x, "y" if last else f"y_{layer}", letters)
        x = f"y_{layer}"
    for letter in letters:
        finals = [f"{letter}_final_{layer}" for layer in range(layers)]
        nodes.append(("Concat", finals, [f"{letter}n"], {"axis": 0}))
    state = [layers * directions, batch, hidden]
    inputs = {"x": shape, **{f"{letter}0": state for letter in letters}}
    outputs = {"y": [time, batch, directions * hidden], **{f"{letter}n": state for letter in letters}}
    return onnx_model(nodes, inputs, outputs, constants)


def _layer_nodes(
    kind: str, layer: int, directions: int, hidden: int, x: str, y: str, letters: Sequence[str]
) -> list[Node]:
    states = [f"{letter}_{layer}" for letter in letters]
    finals = [f"{letter}_final_{layer}" for letter in letters]
    attributes: dict[str, Any] = {"hidden_size": hidden, "direction": "bidirectional" if directions == 2 else "forward"}
    if kind == "gru":
        attributes["linear_before_reset"] = 1
    arguments = [x, f"W_{layer}", f"R_{layer}", f"B_{layer}", "", *states]
    # [time, directions, batch, hidden] -> [time, batch, directions · hidden]
    return [
        (kind.upper(), arguments, [f"raw_{layer}", *finals], attributes),
        ("Transpose", [f"raw_{layer}"], [f"turned_{layer}"], {"perm": [0, 2, 1, 3]}),
        ("Reshape", [f"turned_{layer}", "flat"], [y], {}),
    ]


def _layer_constants(kind: str, weights: Mapping[str, Array], layer: int, directions: int) -> dict[str, Array]:
    suffixes = [f"_l{layer}{way}" for way in ("", "_reverse")[:directions]]

    def stacked(*names: str) -> Array:
        return np.stack([np.concatenate([_reordered(kind, weights[name + end]) for name in names]) for end in suffixes])

    return {
        f"W_{layer}": stacked("weight_ih"),
        f"R_{layer}": stacked("weight_hh"),
        f"B_{layer}": stacked("bias_ih", "bias_hh"),
    }


def _reordered(kind: str, array: Array) -> Array:
    gates = np.split(array, len(ORDER[kind]))
    return np.concatenate([gates[i] for i in ORDER[kind]])
