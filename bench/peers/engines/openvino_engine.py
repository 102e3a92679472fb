"""OpenVINO, made for latency: one stream."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from bench.peers.model import Call

HINTS = {"float32": "f32", "bfloat16": "bf16"}


def request(threads: int, content: Any, feeds: Any, precision: str = "float32") -> Call:
    """A call of an ONNX model (bytes) or of a converted one, inputs and outputs shared."""
    openvino: Any = import_module("openvino")
    core = openvino.Core()
    source = core.read_model(content) if isinstance(content, bytes) else content
    options = {
        "INFERENCE_NUM_THREADS": str(threads),
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": "1",
        "INFERENCE_PRECISION_HINT": HINTS[precision],
    }
    made = core.compile_model(source, "CPU", options).create_infer_request()
    return lambda: made.infer(feeds, share_inputs=True, share_outputs=True)
