"""LSTM and GRU: whole sequences, and one streaming step with the state of the step before.

pyseq runs an exported program, as a user of a trained model does. Each library has the layout that it prefers: batch
first here, time first elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bench.peers.engines import onnxruntime_engine, openvino_engine, pyseq_engine, recurrent_onnx, torch_engine
from bench.peers.engines.recurrent_pyseq import Stack, batch_first
from bench.peers.engines.results import first_array
from bench.peers.model import Array, Builder, Call, Case, Phase, Target, Workload, normal

GATES = {"lstm": 4, "gru": 3}
STATES = {"lstm": 2, "gru": 1}


@dataclass(frozen=True)
class Shape:
    """One size: as many inputs as hidden units."""

    time: int
    batch: int
    hidden: int
    layers: int
    directions: int = 1


SHAPES = {
    "B1 H128": Shape(100, 1, 128, 1),
    "B1 H512x2": Shape(100, 1, 512, 2),
    "B16 H512x2": Shape(100, 16, 512, 2),
    "B1 H256x2 bidirectional": Shape(100, 1, 256, 2, 2),
    "step H512x2": Shape(1, 1, 512, 2),
}


def targets(kind: str, size: str) -> Mapping[str, Target]:
    """By precision class."""
    if size.startswith("step"):
        return {"float32": Target(ratio=1.5), "int8": Target(ratio=1.8)}
    if size.startswith("B16"):
        return {"float32": Target(ratio=1.1), "bfloat16": Target(ratio=1.1), "int8": Target(ratio=1.6)}
    ratio = {"B1 H128": 1.8, "B1 H512x2": 1.35}.get(size, 1.5)
    int8 = Target(ratio=2.2 if kind == "gru" else 1.8)
    return {"float32": Target(ratio=ratio, share=0.85), "bfloat16": Target(ratio=2.0), "int8": int8}


def phases(kind: str, shape: Shape) -> list[Phase]:
    """Per layer: the product with all inputs, then every step reads the recurrent weights once."""
    made = []
    steps, units, rows = shape.time * shape.batch, GATES[kind] * shape.hidden * shape.directions, shape.batch
    for layer in range(shape.layers):
        inputs = shape.hidden * (shape.directions if layer else 1)
        weights = units * inputs
        made.append(Phase(2.0 * steps * weights, weights, 4.0 * steps * (inputs + units)))
        recurrent = units * shape.hidden
        made.append(
            Phase(2.0 * steps * recurrent, recurrent, 8.0 * rows * shape.time * shape.hidden, passes=shape.time)
        )
    return made


def state_dict(kind: str, shape: Shape) -> dict[str, Array]:
    """Weights under PyTorch's names."""
    rows, bound = GATES[kind] * shape.hidden, shape.hidden**-0.5
    random = np.random.default_rng(7)
    weights: dict[str, Array] = {}
    for layer in range(shape.layers):
        inputs = shape.hidden * (shape.directions if layer else 1)
        for suffix in ("", "_reverse")[: shape.directions]:
            sizes = {"weight_ih": (rows, inputs), "weight_hh": (rows, shape.hidden), "bias_ih": (rows,)}
            for name, size in {**sizes, "bias_hh": (rows,)}.items():
                weights[f"{name}_l{layer}{suffix}"] = random.uniform(-bound, bound, size).astype(np.float32)
    return weights


def build(name: str, threads: int) -> Case:
    """One network at one size."""
    kind, _, size = name.partition(" ")
    shape = SHAPES[size]
    weights = state_dict(kind, shape)
    x = normal(1, shape.time, shape.batch, shape.hidden, scale=0.5)
    entries = (shape.layers * shape.directions, shape.batch, shape.hidden)
    states = [normal(5 + i, *entries, scale=0.1) for i in range(STATES[kind])]

    def with_torch(precision: str) -> Call:
        torch = torch_engine.library(threads)
        layer = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[kind]
        module = layer(shape.hidden, shape.hidden, shape.layers, bidirectional=shape.directions == 2)
        module = torch_engine.load(module, weights)
        dtype = "bfloat16" if precision == "bfloat16" else "float32"
        if precision == "int8":
            module = torch_engine.quantized(module, layer)[0]
        elif precision == "bfloat16":
            module = torch_engine.as_bfloat16(module)
        given = [torch_engine.tensor(array, dtype) for array in (x, *states)]
        state = tuple(given[1:]) if kind == "lstm" else given[1]
        return torch_engine.inference(threads, module, given[0], state)

    def content() -> bytes:
        return recurrent_onnx.model(kind, weights, shape.layers, shape.directions, x.shape)

    feeds = {"x": x, **dict(zip(("h0", "c0"), states, strict=False))}

    def with_onnxruntime_int8() -> Call:
        return onnxruntime_engine.session(threads, onnxruntime_engine.quantized(content(), ["LSTM"]), feeds)

    def with_pyseq(precision: str) -> Call:
        pyseq_engine.start(threads)
        arrays = batch_first(x, states, shape.directions)
        program = pyseq_engine.program(Stack(kind, weights, shape.layers, shape.directions), arrays, precision)
        return pyseq_engine.supported(lambda: program.run("forward", **arrays), f"{kind} with {precision} weights")

    def as_time_first(result: Array) -> Array:
        return result if result.shape[0] == shape.time else result.swapaxes(0, 1)

    engines: dict[str, Builder] = {
        "torch": lambda: with_torch("float32"),
        "onnxruntime": lambda: onnxruntime_engine.session(threads, content(), feeds),
        "openvino": lambda: openvino_engine.request(threads, content(), feeds),
        "pyseq": lambda: with_pyseq("float32"),
        "torch:bfloat16": lambda: with_torch("bfloat16"),
        "openvino:bfloat16": lambda: openvino_engine.request(threads, content(), feeds, "bfloat16"),
        "pyseq:bfloat16": lambda: with_pyseq("bfloat16"),
        "torch:int8": lambda: with_torch("int8"),
        "pyseq:int8": lambda: with_pyseq("int8"),
    }
    if kind == "lstm":  # ONNX Runtime quantises no GRU
        engines["onnxruntime:int8"] = with_onnxruntime_int8
    return Case(
        engines=engines,
        reference="torch",
        phases=phases(kind, shape),
        targets=targets(kind, size),
        output=lambda result: as_time_first(first_array(result)),
    )


WORKLOAD = Workload(
    "recurrent",
    [f"{kind} {size}" for kind in GATES for size in SHAPES],
    build,
    quick=["lstm B1 H128", "gru step H512x2"],
)
