"""BERT as ONNX: with the fused ops of ONNX Runtime, or of standard ops alone for OpenVINO."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from bench.peers.engines.onnx_graph import CONTRIB
from bench.peers.model import Array

EPSILON = 1e-12


class _Graph:
    def __init__(self, weights: dict[str, Array]) -> None:
        self.helper: Any = import_module("onnx.helper")
        self.weights, self.nodes = weights, list[Any]()
        self.constants: dict[str, Array] = {}
        self.count = 0

    def add(self, op: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        self.count += 1
        output = f"v{self.count}"
        self.nodes.append(self.helper.make_node(op, list(inputs), [output], domain=domain, **attributes))
        return output

    def constant(self, name: str, values: Any) -> str:
        self.constants[name] = np.ascontiguousarray(values)
        return name

    def stored(self, name: str) -> str:
        return self.constant(name, self.weights[name])

    def product(self, x: str, name: str) -> str:
        return self.add("MatMul", x, self.constant(f"{name}.t", self.weights[f"{name}.weight"].T))

    def linear(self, x: str, name: str) -> str:
        return self.add("Add", self.product(x, name), self.stored(f"{name}.bias"))

    def norm(self, x: str, name: str) -> str:
        scale, shift = self.stored(f"{name}.weight"), self.stored(f"{name}.bias")
        return self.add("LayerNormalization", x, scale, shift, axis=-1, epsilon=EPSILON)


def model(folder: Path, layers: int, heads: int, time: int, fused: bool) -> bytes:
    """Inputs tokens [batch, time] and lengths [batch] int64; output y [batch, time, width]."""
    from safetensors.numpy import load_file

    graph = _Graph(load_file(folder / "model.safetensors"))
    graph.constant("places", np.arange(time))
    x = _embeddings(graph)
    mask = _fused_mask(graph) if fused else _plain_mask(graph)
    for number in range(layers):
        layer = f"encoder.layer.{number}"
        x = (_fused_layer if fused else _plain_layer)(graph, x, layer, heads, mask)
    graph.nodes.append(graph.helper.make_node("Identity", [x], ["y"]))
    numpy_helper: Any = import_module("onnx.numpy_helper")
    types = import_module("onnx").TensorProto
    described = graph.helper.make_tensor_value_info
    width = graph.weights["embeddings.LayerNorm.weight"].size
    made = graph.helper.make_graph(
        graph.nodes,
        "bert",
        [described("tokens", types.INT64, ["batch", time]), described("lengths", types.INT64, ["batch"])],
        [described("y", types.FLOAT, ["batch", time, width])],
        [numpy_helper.from_array(array, name) for name, array in graph.constants.items()],
    )
    opsets = [graph.helper.make_opsetid("", 20), graph.helper.make_opsetid(CONTRIB, 1)]
    content: bytes = graph.helper.make_model(made, opset_imports=opsets, ir_version=10).SerializeToString()
    return content


def _embeddings(graph: _Graph) -> str:
    positions = graph.weights["embeddings.position_embeddings.weight"]
    table = graph.constant("positions", positions + graph.weights["embeddings.token_type_embeddings.weight"][0])
    x = graph.add("Gather", graph.stored("embeddings.word_embeddings.weight"), "tokens", axis=0)
    rows = graph.add("Gather", table, "places", axis=0)
    return graph.norm(graph.add("Add", x, rows), "embeddings.LayerNorm")


def _fused_mask(graph: _Graph) -> str:
    return graph.add("Cast", "lengths", to=6)  # int32: the valid positions of each row


def _plain_mask(graph: _Graph) -> str:
    """[batch, 1, 1, time]: 0 for valid positions, a large negative number for others."""
    axes = graph.constant("axes", np.array([1, 2, 3]))
    ends = graph.add("Unsqueeze", "lengths", axes)
    inside = graph.add("Less", "places", ends)
    return graph.add("Where", inside, graph.constant("f0", np.float32(0)), graph.constant("low", np.float32(-1e9)))


def _fused_layer(graph: _Graph, x: str, layer: str, heads: int, mask: str) -> str:
    names = [f"{layer}.attention.self.{part}" for part in ("query", "key", "value")]
    weight = np.concatenate([graph.weights[f"{name}.weight"].T for name in names], 1)
    bias = np.concatenate([graph.weights[f"{name}.bias"] for name in names])
    qkv = graph.constant(f"{layer}.qkv", weight), graph.constant(f"{layer}.qkv.bias", bias)
    y = graph.add("Attention", x, *qkv, mask, domain=CONTRIB, num_heads=heads)
    x = _skip_norm(graph, graph.product(y, f"{layer}.attention.output.dense"), x, f"{layer}.attention.output")
    hidden = graph.product(x, f"{layer}.intermediate.dense")
    hidden = graph.add("BiasGelu", hidden, graph.stored(f"{layer}.intermediate.dense.bias"), domain=CONTRIB)
    return _skip_norm(graph, graph.product(hidden, f"{layer}.output.dense"), x, f"{layer}.output")


def _skip_norm(graph: _Graph, change: str, x: str, name: str) -> str:
    scale, shift = graph.stored(f"{name}.LayerNorm.weight"), graph.stored(f"{name}.LayerNorm.bias")
    bias = graph.stored(f"{name}.dense.bias")
    return graph.add("SkipLayerNormalization", change, x, scale, shift, bias, domain=CONTRIB, epsilon=EPSILON)


def _plain_layer(graph: _Graph, x: str, layer: str, heads: int, mask: str) -> str:
    width = graph.weights["embeddings.LayerNorm.weight"].size
    shape = graph.constant("by-head", np.array([0, 0, heads, width // heads]))
    query, key, value = (
        graph.add("Reshape", graph.linear(x, f"{layer}.attention.self.{part}"), shape)
        for part in ("query", "key", "value")
    )
    query, value = (graph.add("Transpose", part, perm=[0, 2, 1, 3]) for part in (query, value))
    key = graph.add("Transpose", key, perm=[0, 2, 3, 1])
    scale = graph.constant("scale", np.float32((width // heads) ** -0.5))
    scores = graph.add("Add", graph.add("Mul", graph.add("MatMul", query, key), scale), mask)
    mixed = graph.add("MatMul", graph.add("Softmax", scores, axis=-1), value)
    flat = graph.constant("flat", np.array([0, 0, width]))
    y = graph.add("Reshape", graph.add("Transpose", mixed, perm=[0, 2, 1, 3]), flat)
    y = graph.linear(y, f"{layer}.attention.output.dense")
    x = graph.norm(graph.add("Add", y, x), f"{layer}.attention.output.LayerNorm")
    hidden = graph.add("Gelu", graph.linear(x, f"{layer}.intermediate.dense"))
    y = graph.linear(hidden, f"{layer}.output.dense")
    return graph.norm(graph.add("Add", y, x), f"{layer}.output.LayerNorm")
