"""softmax, log-softmax, layer normalisation and GELU; and what one tiny call costs."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import Any

from bench.peers.engines import onnx_graph, onnxruntime_engine, openvino_engine, pyseq_engine, torch_engine
from bench.peers.engines.results import first_array
from bench.peers.model import SCALED, Array, Call, Case, Phase, Target, Workload, normal, numbers
from pyseq import ops

NODES = {"softmax": "Softmax", "log_softmax": "LogSoftmax", "layer_norm": "LayerNormalization", "gelu": "Gelu"}
RATIOS = {"softmax": 1.5, "log_softmax": 1.5, "layer_norm": 2.0, "gelu": 1.6}
TINY = "softmax 1x16"
TINY_SECONDS = 1.6e-6


def build(name: str, threads: int) -> Case:
    """An op on x [rows, columns]."""
    op, _, size = name.partition(" ")
    x = normal(1, *numbers(size))
    parameters = [normal(2, x.shape[1]), normal(3, x.shape[1])] if op == "layer_norm" else []

    def with_torch() -> Call:
        functional: Any = import_module("torch.nn.functional")
        tensors = [torch_engine.tensor(array) for array in (x, *parameters)]
        functions = {
            "softmax": partial(functional.softmax, dim=-1),
            "log_softmax": partial(functional.log_softmax, dim=-1),
            "layer_norm": lambda t, weight, bias: functional.layer_norm(t, t.shape[-1:], weight, bias),
            "gelu": functional.gelu,
        }
        return torch_engine.inference(threads, functions[op], *tensors)

    def with_pyseq() -> Call:
        pyseq_engine.start(threads)
        function = getattr(ops, op)
        return pyseq_engine.supported(lambda: function(x, *parameters), op)

    def content() -> bytes:
        return _model(op, x, parameters)

    return Case(
        engines={
            "torch": with_torch,
            "onnxruntime": lambda: onnxruntime_engine.session(threads, content(), {"x": x}),
            "openvino": lambda: openvino_engine.request(threads, content(), {"x": x}),
            "pyseq": with_pyseq,
        },
        reference="torch",
        phases=[] if name == TINY else [Phase(activations=2.0 * x.nbytes)],
        targets={"float32": Target(seconds=TINY_SECONDS) if name == TINY else Target(ratio=RATIOS[op], scaling=SCALED)},
        output=first_array,
        tolerance={"float32": 1e-5},
    )


def _model(op: str, x: Array, parameters: list[Array]) -> bytes:
    constants = dict(zip(("weight", "bias"), parameters, strict=False))
    attributes = {} if op == "gelu" else {"axis": -1}
    return onnx_graph.model(
        [(NODES[op], ["x", *constants], ["y"], attributes)], {"x": x.shape}, {"y": x.shape}, constants
    )


WORKLOAD = Workload(
    "rowwise",
    [
        "softmax 512x512",
        "softmax 8x32000",
        "log_softmax 512x512",
        "log_softmax 8x32000",
        "layer_norm 512x512",
        "gelu 512x2048",
        TINY,
    ],
    build,
    quick=["softmax 512x512", TINY],
)
