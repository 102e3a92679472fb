"""Scaled dot-product attention, batch 1: prefill (full, causal) and one decoding step over a cache."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from bench.peers.engines import onnx_graph, onnxruntime_engine, openvino_engine, pyseq_engine, torch_engine
from bench.peers.engines.results import first_array
from bench.peers.model import Array, Call, Case, Phase, Target, Workload, normal, numbers
from pyseq import ops

TARGETS = {
    "full": Target(ratio=1.15, share=0.84),
    "causal": Target(ratio=2.2, share=0.75),  # counted as half the work
    "decode": Target(ratio=2.3, share=0.80),
}


def build(name: str, threads: int) -> Case:
    """Sizes are heads x keys x width of a head."""
    size, _, kind = name.partition(" ")
    heads, keys, width = numbers(size)
    queries, causal = (1 if kind == "decode" else keys), kind == "causal"
    query, key, value = (normal(seed, heads, rows, width) for seed, rows in ((1, queries), (2, keys), (3, keys)))

    def with_torch(dtype: str = "float32") -> Call:
        functional: Any = import_module("torch.nn.functional")
        tensors = [torch_engine.tensor(array[None], dtype) for array in (query, key, value)]
        attend = functional.scaled_dot_product_attention
        return torch_engine.inference(threads, lambda *arrays: attend(*arrays, is_causal=causal), *tensors)

    def with_onnxruntime() -> Call:
        feeds = {"q": _side_by_side(query), "k": _side_by_side(key), "v": _side_by_side(value)}
        attributes = {"num_heads": heads, "unidirectional": int(causal)}
        nodes: list[onnx_graph.Node] = [("MultiHeadAttention", ["q", "k", "v"], ["y"], attributes)]
        shapes = {name: array.shape for name, array in feeds.items()}
        content = onnx_graph.model(nodes, shapes, {"y": shapes["q"]}, {}, domain=onnx_graph.CONTRIB)
        return onnxruntime_engine.session(threads, content, feeds)

    def with_onnxruntime_standard() -> Call:
        feeds = {"q": query[None], "k": key[None], "v": value[None]}
        nodes: list[onnx_graph.Node] = [("Attention", ["q", "k", "v"], ["y"], {"is_causal": int(causal)})]
        shapes = {name: array.shape for name, array in feeds.items()}
        content = onnx_graph.model(nodes, shapes, {"y": shapes["q"]}, {}, opset=23)
        return onnxruntime_engine.session(threads, content, feeds)

    def with_openvino() -> Call:
        openvino: Any = import_module("openvino")
        opset: Any = import_module("openvino.opset13")
        arrays = [array[None] for array in (query, key, value)]
        inputs = [opset.parameter(list(array.shape), np.float32) for array in arrays]
        model = openvino.Model([opset.scaled_dot_product_attention(*inputs, causal=causal)], inputs)
        return openvino_engine.request(threads, model, arrays)

    def with_pyseq() -> Call:
        pyseq_engine.start(threads)
        arrays = [_side_by_side(array) for array in (query, key, value)]
        if kind == "decode":
            return _decode_step(heads, *arrays)
        return lambda: ops.attention(*arrays, num_heads=heads, causal=causal)

    flops = 4.0 * heads * queries * keys * width * (0.5 if causal else 1.0)
    return Case(
        engines={
            "torch": with_torch,
            "onnxruntime": with_onnxruntime,
            "onnxruntime:attention-23": with_onnxruntime_standard,
            "openvino": with_openvino,
            "pyseq": with_pyseq,
        },
        reference="torch",
        phases=[Phase(flops, activations=4.0 * (2 * query.size + key.size + value.size))],
        targets={"float32": TARGETS[kind]},
        output=lambda result: _by_head(first_array(result), heads),
    )


def _decode_step(heads: int, query: Array, key: Array, value: Array) -> Call:
    """What a decoder does: the newest position joins the cache, then the query attends to all of it."""
    width = key.shape[2] // heads
    cache = ops.kv_cache(heads, width, rows=1)
    past = key.shape[1] - 1
    cache.append(key[:, :past], value[:, :past])
    newest = [np.ascontiguousarray(array[:, past:]) for array in (key, value)]

    def call() -> Array:
        cache.truncate(past)
        return ops.cached_attention(query, *newest, cache=cache, num_heads=heads)

    return call


def _side_by_side(array: Array) -> Array:
    """[heads, time, width] -> [1, time, heads · width]."""
    return np.ascontiguousarray(array.transpose(1, 0, 2).reshape(1, array.shape[1], -1))


def _by_head(result: Array, heads: int) -> Array:
    """The result of any engine as [heads, time, width]."""
    by_head: Array = result[0] if result.ndim == 4 else result[0].reshape(result.shape[1], heads, -1).swapaxes(0, 1)
    return by_head


WORKLOAD = Workload(
    "attention",
    [f"12x{keys}x64 {kind}" for kind in ("full", "causal", "decode") for keys in (512, 2048)],
    build,
    quick=["12x512x64 full", "12x512x64 decode"],
)
