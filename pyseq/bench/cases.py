"""What is measured: for every op, the sizes that matter in practice, smallest first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyseq import _core

Inputs = dict[str, Any]
Rng = np.random.Generator


@dataclass(frozen=True)
class BenchCase:
    """One op at one size: `make` gives its inputs."""

    op: str
    label: str
    make: Callable[[Rng], Inputs]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    gradients: tuple[str, ...] = ()  # of these inputs, instead of the op itself

    @property
    def packs(self) -> bool:
        """Whether weights are stored packed."""
        return self.op.removesuffix("_step") in PACKED_OPS


PACKED_OPS = {
    *("linear", "linear_pair", "linear_triple", "conv1d", "conv2d"),
    *("rnn", "gru", "simple_gru", "lstm", "coupled_lstm"),
}
NARROW = ("bfloat16", "int8")


def normal(rng: Rng, *shape: int) -> NDArray[np.float32]:
    """Standard normal float32 values."""
    return rng.standard_normal(shape, dtype=np.float32)


def linear(rows: int, inputs: int, outputs: int) -> BenchCase:
    """Packed weights, as in a program: packing is paid once when a program is compiled."""

    def make(rng: Rng) -> Inputs:
        weight = _core.pack_weight(normal(rng, outputs, inputs))
        return {"x": normal(rng, rows, inputs), "weight": weight, "bias": normal(rng, outputs)}

    return BenchCase("linear", f"{rows}x{inputs}x{outputs}", make)


def linear_group(op: str, count: int, rows: int, inputs: int, dtype: str = "float32") -> BenchCase:
    """Several maps of the same rows, as wide as they are: the projections of an attention."""

    def make(rng: Rng) -> Inputs:
        packed = {f"weight_{i}": _core.pack_weight(normal(rng, inputs, inputs), dtype=dtype) for i in range(count)}
        return {"x": normal(rng, rows, inputs), **packed, **{f"bias_{i}": normal(rng, inputs) for i in range(count)}}

    return BenchCase(op, f"{rows}x{inputs}x{inputs}" + ("" if dtype == "float32" else f" {dtype}"), make)


def matmul(rows: int, inner: int, columns: int, **attributes: bool) -> BenchCase:
    """Both operands row-major."""

    def make(rng: Rng) -> Inputs:
        a = normal(rng, *((inner, rows) if attributes.get("transpose_a") else (rows, inner)))
        b = normal(rng, *((columns, inner) if attributes.get("transpose_b") else (inner, columns)))
        return {"a": a, "b": b}

    return BenchCase("matmul", " ".join([f"{rows}x{inner}x{columns}", *attributes]), make, attributes)


def rowwise(op: str, rows: int, columns: int, **attributes: Any) -> BenchCase:
    """Ops with one input x [rows, columns]."""
    return BenchCase(op, f"{rows}x{columns}", lambda rng: {"x": normal(rng, rows, columns)}, attributes)


def ragged_rows(op: str, batch: int, time: int, width: int) -> BenchCase:
    """Moves of valid steps, about half of them."""

    def make(rng: Rng) -> Inputs:
        return {"x": normal(rng, batch, time, width), "lengths": rng.integers(0, time + 1, batch)}

    return BenchCase(op, f"{batch}x{time}x{width}", make)


def positive(op: str, rows: int, columns: int) -> BenchCase:
    """Ops with one input x [rows, columns] in [0.5, 1.5)."""

    def make(rng: Rng) -> Inputs:
        return {"x": rng.random((rows, columns), np.float32) + np.float32(0.5)}

    return BenchCase(op, f"{rows}x{columns}", make)


def pair(op: str, rows: int, columns: int) -> BenchCase:
    """Ops with two inputs a, b [rows, columns]."""
    return BenchCase(
        op, f"{rows}x{columns}", lambda rng: {"a": normal(rng, rows, columns), "b": normal(rng, rows, columns)}
    )


def embedding(tokens: int, count: int, width: int) -> BenchCase:
    """Rows gathered from a table."""
    return BenchCase(
        "embedding",
        f"{tokens} of {count}x{width}",
        lambda rng: {"ids": rng.integers(0, count, tokens), "weight": normal(rng, count, width)},
    )


def attention(heads: int, queries: int, keys: int, width: int, *, causal: bool = False) -> BenchCase:
    """One sequence; `width` is the size of a head."""

    def make(rng: Rng) -> Inputs:
        key, value = normal(rng, 1, keys, heads * width), normal(rng, 1, keys, heads * width)
        return {"query": normal(rng, 1, queries, heads * width), "key": key, "value": value}

    label = f"{heads}x{queries}x{width} keys {keys}" + (" causal" if causal else "")
    return BenchCase("attention", label, make, {"num_heads": heads, "causal": causal})


def stft(batch: int, frames: int, size: int, hop: int) -> BenchCase:
    """Power spectra of sounds, as the front end of a model computes them."""

    def make(rng: Rng) -> Inputs:
        return {"x": normal(rng, batch, (frames - 1) * hop + size), "window": np.hanning(size).astype(np.float32)}

    return BenchCase("stft", f"{batch}x{frames}x{size}", make, {"hop": hop, "output": "power"})


def additive_attention(batch: int, queries: int, keys: int, width: int) -> BenchCase:
    """One query per target step, over every source."""

    def make(rng: Rng) -> Inputs:
        sizes = {"query": queries, "key": keys, "value": keys}
        return {n: normal(rng, batch, time, width) for n, time in sizes.items()} | {"weight": normal(rng, width)}

    return BenchCase("additive_attention", f"{batch}x{queries}x{keys}x{width}", make)


def cached_attention(heads: int, keys: int, width: int, dtype: str = "float32") -> BenchCase:
    """One new position after `keys` others. Each call adds a position, so the cache grows while it is measured."""

    def make(rng: Rng) -> Inputs:
        cache = _core.KvCache(heads, width, width, 1, dtype)
        past = normal(rng, 1, keys, heads * width)
        cache.append(past, past)
        return {**{n: normal(rng, 1, 1, heads * width) for n in ("query", "key", "value")}, "cache": cache}

    return BenchCase("cached_attention", f"{heads}x{width} keys {keys} {dtype}", make, {"num_heads": heads})


GATES = {"rnn": 1, "gru": 3, "simple_gru": 2, "lstm": 4, "coupled_lstm": 3}
LSTMS = ("lstm", "coupled_lstm")
RECURRENT_SIZES = [(1, 100, 128), (1, 100, 512), (16, 100, 512)]  # batch, time, hidden


def weights(rng: Rng, kind: str, inputs: int, hidden: int, dtype: str = "float32") -> Inputs:
    """Packed weights and biases of one direction."""
    gates = GATES[kind]
    scale = np.float32(hidden**-0.5)
    return {
        "w_ih": _core.pack_weight(normal(rng, gates * hidden, inputs) * scale, gates, dtype),
        "w_hh": _core.pack_weight(normal(rng, gates * hidden, hidden) * scale, gates, dtype),
        "b_ih": normal(rng, gates * hidden),
        "b_hh": normal(rng, gates * hidden),
    }


def recurrent(kind: str, batch: int, time: int, hidden: int, dtype: str = "float32") -> BenchCase:
    """One layer, as many inputs as hidden units."""
    return BenchCase(
        kind,
        f"batch {batch} time {time} hidden {hidden}" + ("" if dtype == "float32" else f" {dtype}"),
        lambda rng: {"x": normal(rng, batch, time, hidden), **weights(rng, kind, hidden, hidden, dtype)},
    )


def recurrent_step(kind: str, batch: int, hidden: int, dtype: str = "float32") -> BenchCase:
    """One step of streaming or decoding."""
    states = ("h", "c") if kind in LSTMS else ("h",)
    return BenchCase(
        f"{kind}_step",
        f"batch {batch} hidden {hidden}" + ("" if dtype == "float32" else f" {dtype}"),
        lambda rng: {
            "x": normal(rng, batch, hidden),
            **{name: normal(rng, batch, hidden) for name in states},
            **weights(rng, kind, hidden, hidden, dtype),
        },
    )


def positions(batch: int, time: int, width: int) -> list[BenchCase]:
    """Both kinds of positions."""
    label = f"{batch}x{time}x{width}"
    return [
        BenchCase("sinusoidal_positions", label, lambda rng: {"x": normal(rng, batch, time, width)}),
        BenchCase(
            "learned_positions",
            label,
            lambda rng: {"x": normal(rng, batch, time, width), "weight": normal(rng, time, width)},
        ),
    ]


def layer_norm(rows: int, columns: int) -> BenchCase:
    """With weight and bias."""
    return BenchCase(
        "layer_norm",
        f"{rows}x{columns}",
        lambda rng: {
            "x": normal(rng, rows, columns),
            "weight": normal(rng, columns),
            "bias": normal(rng, columns),
        },
    )


def ctc_loss(batch: int, time: int, classes: int, labels: int) -> BenchCase:
    """The loss alone: without optional outputs, as everywhere here."""

    def make(rng: Rng) -> Inputs:
        targets = rng.integers(1, classes, (batch, labels))
        return {"logits": normal(rng, batch, time, classes), "targets": targets}

    return BenchCase("ctc_loss", f"{batch}x{time}x{classes} labels {labels}", make)


def crf(op: str, batch: int, time: int, labels: int) -> BenchCase:
    """Sums over paths, or the best one."""

    def make(rng: Rng) -> Inputs:
        inputs = {"emissions": normal(rng, batch, time, labels), "transitions": normal(rng, labels, labels)}
        return {**inputs, "targets": rng.integers(0, labels, (batch, time))} if op == "crf_loss" else inputs

    return BenchCase(op, f"{batch}x{time}x{labels}", make)


def conv1d(time: int, width: int, out: int, kernel: int, groups: int = 1) -> BenchCase:
    """One sequence, weights packed, as many frames out as in."""

    def make(rng: Rng) -> Inputs:
        weight = _core.pack_weight(normal(rng, out, width // groups, kernel))
        return {"x": normal(rng, 1, time, width), "weight": weight, "bias": normal(rng, out)}

    label = f"{time}x{width}x{out} kernel {kernel}" + (f" groups {groups}" if groups > 1 else "")
    return BenchCase("conv1d", label, make, {"padding": [kernel // 2, kernel // 2], "groups": groups})


def conv2d(side: int, width: int, out: int, kernel: int) -> BenchCase:
    """One square plane, weights packed, as large out as in."""

    def make(rng: Rng) -> Inputs:
        weight = _core.pack_weight(normal(rng, out, width, kernel, kernel))
        return {"x": normal(rng, 1, side, side, width), "weight": weight, "bias": normal(rng, out)}

    return BenchCase("conv2d", f"{side}x{side}x{width}x{out} kernel {kernel}", make, {"padding": [kernel // 2] * 4})


def pools() -> list[BenchCase]:
    """Windows of 2 places, or 2 by 2."""
    cases = []
    for kind in ("max", "mean"):
        line = BenchCase(f"{kind}_pool1d", "1000x512", lambda rng: {"x": normal(rng, 1, 1000, 512)}, {"kernel": 2})
        plane = BenchCase(
            f"{kind}_pool2d", "64x64x128", lambda rng: {"x": normal(rng, 1, 64, 64, 128)}, {"kernel": [2, 2]}
        )
        cases += [line, plane]
    return cases


def residual_norm(op: str, rows: int, columns: int, *parameters: str) -> BenchCase:
    """Residual sum and normalisation."""
    return BenchCase(
        op,
        f"{rows}x{columns}",
        lambda rng: {
            **{name: normal(rng, rows, columns) for name in ("x", "residual")},
            **{name: normal(rng, columns) for name in parameters},
        },
    )


def batch_norm(rows: int, channels: int, *, training: bool) -> BenchCase:
    """With the statistics of the batch, or with given ones."""

    def make(rng: Rng) -> Inputs:
        inputs: Inputs = {"x": normal(rng, rows, channels)}
        for name in ("weight", "bias") if training else ("weight", "bias", "mean", "variance"):
            inputs[name] = rng.random(channels, np.float32)
        return inputs

    return BenchCase("batch_norm", f"{rows}x{channels}" + (" training" if training else ""), make)


def instance_norm(batch: int, time: int, channels: int) -> BenchCase:
    """A norm over time, of every channel of every sequence."""
    return BenchCase(
        "instance_norm",
        f"{batch}x{time}x{channels}",
        lambda rng: {
            "x": normal(rng, batch, time, channels),
            **{name: normal(rng, channels) for name in ("weight", "bias")},
        },
    )


def cross_entropy(rows: int, classes: int) -> BenchCase:
    """The loss alone."""
    return BenchCase(
        "cross_entropy",
        f"{rows}x{classes}",
        lambda rng: {"logits": normal(rng, rows, classes), "targets": rng.integers(0, classes, rows)},
    )


def gradient(case: BenchCase, *names: str) -> BenchCase:
    """The gradients of some inputs of a case, from that of its first output."""
    return replace(case, label=f"{case.label} gradient", gradients=names)


def training_recurrent(kind: str, batch: int, time: int, hidden: int) -> BenchCase:
    """Row-major weights, as in training."""

    def make(rng: Rng) -> Inputs:
        shape = (GATES[kind] * hidden, hidden)
        matrices = {name: normal(rng, *shape) * np.float32(hidden**-0.5) for name in ("w_ih", "w_hh")}
        biases = {name: normal(rng, shape[0]) for name in ("b_ih", "b_hh")}
        return {"x": normal(rng, batch, time, hidden), **matrices, **biases}

    return BenchCase(kind, f"batch {batch} time {time} hidden {hidden}", make)


def training_linear(rows: int, inputs: int, outputs: int) -> BenchCase:
    """A row-major weight, as in training."""
    return BenchCase(
        "linear",
        f"{rows}x{inputs}x{outputs}",
        lambda rng: {
            "x": normal(rng, rows, inputs),
            "weight": normal(rng, outputs, inputs),
            "bias": normal(rng, outputs),
        },
    )


def training_conv1d(batch: int, time: int, width: int, kernel: int, groups: int = 1) -> BenchCase:
    """A row-major weight, as many channels out as in."""
    return BenchCase(
        "conv1d",
        f"{batch}x{time}x{width} kernel {kernel}" + (f" groups {groups}" if groups > 1 else ""),
        lambda rng: {"x": normal(rng, batch, time, width), "weight": normal(rng, width, width // groups, kernel)},
        {"padding": [kernel // 2, kernel // 2], "groups": groups},
    )


GRADIENTS = [
    gradient(training_linear(512, 512, 2048), "x", "weight", "bias"),
    *(gradient(attention(12, 512, 512, 64, causal=causal), "query", "key", "value") for causal in (False, True)),
    gradient(layer_norm(512, 512), "x", "weight", "bias"),
    gradient(rowwise("softmax", 512, 512), "x"),
    gradient(cross_entropy(512, 32000), "logits"),
    gradient(training_conv1d(4, 250, 512, 3), "x", "weight"),
    *(
        gradient(training_recurrent(kind, 32, 64, 256), "x", "w_ih", "w_hh", "b_ih", "b_hh")
        for kind in ("rnn", "gru", "simple_gru", "lstm", "coupled_lstm")
    ),
    gradient(training_conv1d(4, 250, 512, 31, 512), "x", "weight"),
]

CASES: list[BenchCase] = [
    *(linear(*size) for size in [(1, 512, 2048), (16, 512, 2048), (128, 768, 3072), (512, 512, 512), (4, 512, 32000)]),
    *(linear_group("linear_pair", 2, 16, 512, dtype) for dtype in ("float32", "int8")),
    *(linear_group("linear_triple", 3, rows, 512, dtype) for dtype in ("float32", "int8") for rows in (1, 16, 128)),
    *(matmul(*size, transpose_b=True) for size in [(1, 512, 2048), (512, 512, 512)]),
    *(matmul(512, 512, 512, **flags) for flags in ({}, {"transpose_a": True})),
    embedding(4096, 32000, 512),
    *(pair(op, 512, 2048) for op in ("add", "subtract", "multiply", "divide", "concat")),
    BenchCase("add_integer", "4096", lambda rng: {"x": rng.integers(0, 9, 4096)}, {"amount": 1}),
    rowwise("slice", 512, 2048, axis=1, begin=0, end=1024),
    rowwise("split_axis", 512, 2048, axis=1, size=64),
    rowwise("merge_axes", 512, 2048, axis=0),
    BenchCase(
        "gather_rows", "256 of 64x4096", lambda rng: {"x": normal(rng, 64, 4096), "rows": rng.integers(0, 64, 256)}
    ),
    *(ragged_rows(op, 32, 64, 384) for op in ("mask_rows", "pack_rows", "unpack_rows")),
    *(conv1d(*size) for size in [(1, 512, 512, 3), (1000, 80, 512, 3), (1000, 512, 512, 3), (1000, 512, 512, 31, 512)]),
    *(conv2d(*size) for size in [(64, 64, 64, 3), (128, 1, 32, 3)]),
    *pools(),
    *(crf(op, 64, 24, labels) for op in ("crf_loss", "crf_marginals", "viterbi") for labels in (9, 45)),
    *(ctc_loss(16, 500, classes, 60) for classes in (32, 5000)),
    layer_norm(512, 512),
    rowwise("rms_norm", 512, 512),
    residual_norm("add_layer_norm", 512, 512, "weight", "bias", "input_bias"),
    residual_norm("add_rms_norm", 512, 512, "weight", "input_bias"),
    *(batch_norm(4096, 256, training=training) for training in (False, True)),
    instance_norm(1, 3200, 512),
    *(rowwise("dropout", 512, 2048, **attributes) for attributes in ({}, {"shared_axis": 1})),
    *(rowwise(op, *size) for op in ("softmax", "log_softmax") for size in [(1, 16), (512, 512), (8, 32000)]),
    cross_entropy(512, 32000),
    BenchCase(
        "binary_cross_entropy",
        "512x2048",
        lambda rng: {"logits": normal(rng, 512, 2048), "targets": rng.random((512, 2048), np.float32)},
    ),
    *(rowwise(op, 512, 2048) for op in ("sum", "mean", "max", "argmax")),
    rowwise("sum", 512, 2048, axis=0),
    *(rowwise("top_k", 8, 32000, k=k) for k in (4, 100)),
    *(rowwise(op, 512, 2048) for op in ("relu", "tanh", "sigmoid", "silu", "gelu")),
    rowwise("gelu", 512, 2048, approximate="tanh"),
    *(rowwise(op, 512, 2048) for op in ("exp", "negative", "softplus", "elu", "leaky_relu")),
    *(positive(op, 512, 2048) for op in ("log", "sqrt")),
    rowwise("clip", 512, 2048, lower=-1.0, upper=1.0),
    *positions(8, 128, 512),
    attention(12, 512, 512, 64),
    attention(12, 512, 512, 64, causal=True),
    attention(8, 1, 2048, 64),
    *(cached_attention(8, 2048, 64, dtype) for dtype in ("float32", "bfloat16", "int8")),
    additive_attention(64, 10, 25, 256),
    BenchCase("pack_keys", "12x512x64", lambda rng: {"key": normal(rng, 1, 512, 768)}, {"num_heads": 12}),
    BenchCase("rotary", "12x512x64", lambda rng: {"x": normal(rng, 1, 512, 768)}, {"num_heads": 12}),
    *(recurrent(kind, *size) for kind in ("rnn", "gru", "lstm") for size in RECURRENT_SIZES),
    *(recurrent(kind, 1, 100, 512) for kind in ("simple_gru", "coupled_lstm")),
    *(
        recurrent(kind, *size, dtype)
        for kind in ("gru", "lstm")
        for dtype in ("bfloat16", "int8")
        for size in RECURRENT_SIZES
    ),
    *(recurrent_step(kind, 1, 512) for kind in GATES),
    *(recurrent_step(kind, 1, 512, dtype) for kind in ("gru", "lstm") for dtype in ("bfloat16", "int8")),
    *(stft(*size) for size in ((1, 1, 512, 160), (1, 3000, 400, 160), (1, 3000, 512, 160))),
    *GRADIENTS,
]


def with_storage(cases: list[BenchCase], dtype: str) -> list[BenchCase]:
    """The cases of ops with packed weights, each once, with those weights stored in another type."""

    def stored(case: BenchCase) -> BenchCase:
        def make(rng: Rng) -> Inputs:
            inputs = case.make(rng)
            return {
                name: _core.pack_weight(value.unpack(), value.gates, dtype)
                if isinstance(value, _core.PackedWeight)
                else value
                for name, value in inputs.items()
            }

        return replace(case, label=f"{case.label} {dtype}", make=make)

    return [stored(case) for case in cases if case.packs and not case.label.endswith(NARROW)]
