"""ONNX Runtime."""

from __future__ import annotations

import logging
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

from bench.peers.model import Array, Call


def session(threads: int, content: bytes, feeds: dict[str, Array]) -> Call:
    """A call of a model with all optimisations."""
    runtime: Any = import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_ALL
    made = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return lambda: made.run(None, feeds)


def quantized(content: bytes, ops: list[str]) -> bytes:
    """Dynamic quantisation: int8 weights, one scale per channel where the op allows it."""
    quantization: Any = import_module("onnxruntime.quantization")
    logging.getLogger().setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "model.onnx"), Path(folder, "quantized.onnx")
        source.write_bytes(content)
        quantization.quantize_dynamic(
            source,
            target,
            op_types_to_quantize=ops,
            per_channel=True,
            weight_type=quantization.QuantType.QInt8,
            # Results of ops that the library's shape inference does not know are float32.
            extra_options={"DefaultTensorType": import_module("onnx").TensorProto.FLOAT},
        )
        return target.read_bytes()
