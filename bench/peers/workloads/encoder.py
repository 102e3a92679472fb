"""BERT-base and a sentence encoder of six narrow layers: vectors of all tokens, also of ragged sentences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.peers.engines import (
    checkpoints,
    ctranslate2_engine,
    encoder_onnx,
    onnxruntime_engine,
    openvino_engine,
    pyseq_engine,
    torch_engine,
    transformers_engine,
)
from bench.peers.engines.results import first_array
from bench.peers.model import Array, Builder, Call, Case, Phase, Target, Workload, numbers

LOWEST, HIGHEST = 1000, 30000  # ids


@dataclass(frozen=True)
class Size:
    """A model."""

    folder: str
    width: int
    layers: int
    heads: int = 12


SIZES = {"base": Size("bert-base", 768, 12), "minilm": Size("minilm-6", 384, 6)}
RAGGED = "minilm 32 sentences"  # of 4 to 60 words
TARGETS = {
    "base 1x16": (1.6, 1.4),
    "base 1x128": (1.08, 1.2),
    "base 8x128": (1.1, 1.1),
    "minilm 1x32": (1.5, 1.3),
    "minilm 32x64": (1.08, 1.2),
    RAGGED: (1.6, 1.6),
}


def lengths_of(name: str) -> Array:
    """Tokens of each text: a word of a sentence takes 1.3 on average, marks take two."""
    if name == RAGGED:
        words = np.random.default_rng(6).integers(4, 61, 32)
        return (words * 1.3).astype(np.int64) + 2
    batch, time = numbers(name.split()[1])
    return np.full(batch, time, np.int64)


def phases(size: Size, lengths: Array) -> list[Phase]:
    """Products with all weights, and attention, over the tokens alone."""
    weights = size.layers * 12.0 * size.width**2
    attention = 4.0 * size.layers * size.width * float((lengths.astype(np.float64) ** 2).sum())
    return [Phase(2.0 * float(lengths.sum()) * weights + attention, weights)]


def build(name: str, threads: int) -> Case:
    """One model at one size of the batch."""
    size, lengths = SIZES[name.split()[0]], lengths_of(name)
    shape = (len(lengths), int(lengths.max()))
    valid = np.arange(shape[1])[None] < lengths[:, None]
    tokens = np.where(valid, np.random.default_rng(3).integers(LOWEST, HIGHEST, shape), 0)
    feeds = {"tokens": tokens, "lengths": lengths}

    def with_torch(precision: str) -> Call:
        torch = torch_engine.library(threads)
        module = transformers_engine.model("AutoModel", checkpoints.folder(size.folder))
        if precision == "bfloat16":
            module = torch_engine.as_bfloat16(module)
        elif precision == "int8":
            module = torch_engine.quantized(module, torch.nn.Linear)[0]
        mask = None if valid.all() else torch_engine.tensor(valid.astype(np.int64), "int64")
        ids = torch_engine.tensor(tokens, "int64")
        return torch_engine.inference(threads, lambda: module(input_ids=ids, attention_mask=mask).last_hidden_state)

    def content(fused: bool) -> bytes:
        return encoder_onnx.model(checkpoints.folder(size.folder), size.layers, size.heads, shape[1], fused)

    def with_onnxruntime_int8() -> Call:
        quantized = onnxruntime_engine.quantized(content(True), ["MatMul", "Attention"])
        return onnxruntime_engine.session(threads, quantized, feeds)

    def with_ctranslate2(precision: str) -> Call:
        folder = checkpoints.folder(size.folder)
        path = ctranslate2_engine.converted(folder, "AutoModel", "BertLoader", precision)
        encoder = ctranslate2_engine.engine("Encoder", path, precision, threads)
        rows = [row[:length].tolist() for row, length in zip(tokens, lengths, strict=True)]
        return lambda: np.array(encoder.forward_batch(rows).last_hidden_state)

    def with_pyseq(precision: str) -> Call:
        pyseq_engine.start(threads)
        program = pyseq_engine.loaded(checkpoints.folder(size.folder), precision).program
        return pyseq_engine.supported(lambda: program.run("encode", **feeds), f"{name} with {precision} weights")

    engines: dict[str, Builder] = {
        "torch": lambda: with_torch("float32"),
        "onnxruntime": lambda: onnxruntime_engine.session(threads, content(True), feeds),
        "openvino": lambda: openvino_engine.request(threads, content(False), feeds),
        "ctranslate2": lambda: with_ctranslate2("float32"),
        "pyseq": lambda: with_pyseq("float32"),
        "torch:bfloat16": lambda: with_torch("bfloat16"),
        "openvino:bfloat16": lambda: openvino_engine.request(threads, content(False), feeds, "bfloat16"),
        "pyseq:bfloat16": lambda: with_pyseq("bfloat16"),
        "torch:int8": lambda: with_torch("int8"),
        "onnxruntime:int8": with_onnxruntime_int8,
        "ctranslate2:int8": lambda: with_ctranslate2("int8"),
        "pyseq:int8": lambda: with_pyseq("int8"),
    }

    def of_tokens(result: Any) -> Array:
        return first_array(result)[valid]

    float32, int8 = TARGETS[name]
    return Case(
        engines=engines,
        reference="torch",
        phases=phases(size, lengths),
        targets={"float32": Target(ratio=float32, scaling=1), "int8": Target(ratio=int8, scaling=1)},
        output=of_tokens,
    )


WORKLOAD = Workload("encoder", list(TARGETS), build, quick=["minilm 1x32"])
