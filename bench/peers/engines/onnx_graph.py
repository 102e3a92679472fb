"""Small ONNX models, written out by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from bench.peers.model import Array

Node = tuple[str, Sequence[str], Sequence[str], Mapping[str, Any]]  # op, inputs, outputs, attributes
CONTRIB = "com.microsoft"


def model(
    nodes: Sequence[Node],
    inputs: Mapping[str, Sequence[int]],
    outputs: Mapping[str, Sequence[int]],
    constants: Mapping[str, Array],
    opset: int = 20,
    domain: str = "",
) -> bytes:
    """A model with float32 inputs and outputs of fixed shapes; all nodes are of one domain."""
    helper: Any = import_module("onnx.helper")
    numpy_helper: Any = import_module("onnx.numpy_helper")

    def described(values: Mapping[str, Sequence[int]]) -> list[Any]:
        float32 = import_module("onnx").TensorProto.FLOAT
        return [helper.make_tensor_value_info(name, float32, list(shape)) for name, shape in values.items()]

    made = [
        helper.make_node(op, list(sources), list(results), domain=domain, **attributes)
        for op, sources, results, attributes in nodes
    ]
    initializers = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(made, "graph", described(inputs), described(outputs), initializers)
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid(CONTRIB, 1)]
    content: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()
    return content
