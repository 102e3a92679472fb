"""y = x Wᵀ + b with float32, bfloat16 and int8 weights; sizes are rows x inputs x outputs."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from bench.peers.engines import onnx_graph, onnxruntime_engine, openvino_engine, pyseq_engine, torch_engine
from bench.peers.engines.results import first_array
from bench.peers.model import PRECISIONS, Call, Case, Phase, Target, Workload, normal, numbers
from pyseq import ops

# One row or four read the weights once: what counts is bandwidth. The others are bound by arithmetic.
TARGETS = {
    "1x512x2048": {
        "float32": Target(ratio=1.35, share=0.85),
        "bfloat16": Target(ratio=1.8),
        "int8": Target(ratio=1.8),
    },
    "16x512x2048": {"float32": Target(ratio=1.12, share=0.94), "int8": Target(ratio=1.5)},
    "128x768x3072": {
        "float32": Target(ratio=1.15, share=0.96),
        "bfloat16": Target(share=0.92),
        "int8": Target(ratio=1.15, share=0.86),
    },
    "512x512x512": {
        "float32": Target(ratio=1.05, share=0.96),
        "bfloat16": Target(share=0.92),
        "int8": Target(ratio=1.15, share=0.86),
    },
    "1x512x32000": {"float32": Target(ratio=1.0, share=0.85), "int8": Target(ratio=1.8)},
    "4x512x32000": {"float32": Target(ratio=1.7, share=0.85), "bfloat16": Target(ratio=1.4)},
}


def build(name: str, threads: int) -> Case:
    """One product."""
    rows, inputs, outputs = numbers(name)
    x = normal(1, rows, inputs)
    weight, bias = normal(2, outputs, inputs, scale=inputs**-0.5), normal(3, outputs)

    def content() -> bytes:
        nodes: list[onnx_graph.Node] = [("MatMul", ["x", "w"], ["h"], {}), ("Add", ["h", "b"], ["y"], {})]
        constants = {"w": np.ascontiguousarray(weight.T), "b": bias}
        return onnx_graph.model(nodes, {"x": x.shape}, {"y": [rows, outputs]}, constants)

    def with_torch(dtype: str) -> Call:
        functional: Any = import_module("torch.nn.functional")
        tensors = [torch_engine.tensor(array, dtype) for array in (x, weight, bias)]
        return torch_engine.inference(threads, functional.linear, *tensors)

    def with_torch_int8() -> Call:
        torch = torch_engine.library(threads)
        layer = torch_engine.load(torch.nn.Linear(inputs, outputs), {"weight": weight, "bias": bias})
        return torch_engine.inference(threads, torch_engine.quantized(layer, torch.nn.Linear), torch_engine.tensor(x))

    def with_onnxruntime_int8() -> Call:
        return onnxruntime_engine.session(threads, onnxruntime_engine.quantized(content(), ["MatMul"]), {"x": x})

    def with_numpy() -> Call:
        transposed = np.ascontiguousarray(weight.T)
        return lambda: x @ transposed + bias

    def with_pyseq(precision: str) -> Call:
        pyseq_engine.start(threads)
        packed = pyseq_engine.packed(weight, precision)
        return pyseq_engine.supported(lambda: ops.linear(x, packed, bias), f"linear with {precision} weights")

    return Case(
        engines={
            "torch": lambda: with_torch("float32"),
            "onnxruntime": lambda: onnxruntime_engine.session(threads, content(), {"x": x}),
            "openvino": lambda: openvino_engine.request(threads, content(), {"x": x}),
            "numpy": with_numpy,
            "pyseq": lambda: with_pyseq("float32"),
            "torch:bfloat16": lambda: with_torch("bfloat16"),
            "openvino:bfloat16": lambda: openvino_engine.request(threads, content(), {"x": x}, "bfloat16"),
            "pyseq:bfloat16": lambda: with_pyseq("bfloat16"),
            "torch:int8": with_torch_int8,
            "onnxruntime:int8": with_onnxruntime_int8,
            "pyseq:int8": lambda: with_pyseq("int8"),
        },
        reference="torch",
        phases=[Phase(2.0 * rows * inputs * outputs, weight.size, 4.0 * rows * (inputs + outputs))],
        targets={precision: TARGETS[name].get(precision, Target()) for precision in PRECISIONS},
        output=first_array,
    )


WORKLOAD = Workload("linear", list(TARGETS), build, quick=["1x512x2048", "16x512x2048"])
