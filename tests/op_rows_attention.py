"""Rows of the op table: attention, attention over a cache, packed keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import reference_attention
from op_cases import Array, Inputs, OpCase, OpError, OpRow, Rng, cut, normal, ragged, replaced

import pyseq
from pyseq import ops


def attention_inputs(
    heads: int, d: int, dv: int, ragged_sources: bool, kv_heads: int = 0, extra: str = ""
) -> Callable[[Rng, int, int], Inputs]:
    """`extra` names what is added to the scores: "bias", "head bias", "slopes" or "relative"."""
    kv_heads = kv_heads or heads

    def make(rng: Rng, batch: int, time: int) -> Inputs:
        inputs: Inputs = {
            "query": normal(rng, batch, time, heads * d),
            "key": normal(rng, batch, time, kv_heads * d),
            "value": normal(rng, batch, time, kv_heads * dv),
            "lengths": ragged(rng, batch, time) if ragged_sources else None,
        }
        if extra == "bias":
            inputs["bias"] = normal(rng, time, time)
        elif extra == "head bias":
            inputs["bias"] = normal(rng, heads, time, time)
        elif extra == "slopes":
            inputs["slopes"] = np.float32(0.5) ** np.arange(heads, dtype=np.float32)
        elif extra == "relative":
            inputs["relative"] = normal(rng, heads, 7)
        return inputs

    return make


def shared_sources(rng: Rng, batch: int, time: int) -> Inputs:
    return {
        "query": normal(rng, batch, time, 24),
        "key": normal(rng, 2, time + 70, 24),
        "value": normal(rng, 2, time + 70, 24),
        "lengths": ragged(rng, 2, time + 70),
        "rows": rng.integers(0, 2, batch),
    }


ATTENTION = OpRow(
    name="attention",
    cases=[
        OpCase(attention_inputs(2, 8, 8, False), {"num_heads": 2}),
        OpCase(attention_inputs(3, 5, 7, True), {"num_heads": 3, "scale": 0.7}),
        OpCase(attention_inputs(1, 16, 16, True), {"num_heads": 1, "causal": True}),
        OpCase(shared_sources, {"num_heads": 4}),
        OpCase(attention_inputs(6, 4, 8, True, kv_heads=2), {"num_heads": 6, "num_kv_heads": 2, "causal": True}),
        OpCase(attention_inputs(2, 8, 8, True, extra="bias"), {"num_heads": 2, "weight_heads": [1]}),
        OpCase(attention_inputs(4, 8, 8, False, 2, extra="head bias"), {"num_heads": 4, "num_kv_heads": 2}),
        OpCase(attention_inputs(4, 8, 8, True, extra="slopes"), {"num_heads": 4, "causal": True, "window": 3}),
        OpCase(attention_inputs(3, 8, 8, True, extra="relative"), {"num_heads": 3, "scale": 1.0}),
        OpCase(attention_inputs(4, 8, 8, False, 2, "relative"), {"num_heads": 4, "num_kv_heads": 2, "causal": True}),
    ],
    reference=reference_attention.attention,
    tolerance=4e-6,
    batched=("query", "key", "value", "lengths"),
    time_axis={"key": 1, "value": 1},
    call=lambda **arguments: ops.attention(**arguments, return_weights=True),
    errors=[
        OpError(cut("key"), pyseq.ShapeError, "attention: key .*15.*16"),
        OpError(cut("query"), pyseq.ShapeError, "attention: .*15.*2"),
        OpError(replaced("bias", np.zeros((6, 5), np.float32)), pyseq.ShapeError, r"attention: bias .*\[6, 5\].*6"),
        OpError(replaced("bias", np.zeros(6, np.float32)), pyseq.ShapeError, "attention: bias .*at least 2 dimensions"),
        OpError(replaced("slopes", np.zeros(3, np.float32)), pyseq.ShapeError, "attention: slopes .*3.*2"),
        OpError(replaced("relative", np.zeros((2, 4), np.float32)), pyseq.ShapeError, "relative has 4 columns.*odd"),
        OpError(replaced("relative", np.zeros((3, 5), np.float32)), pyseq.ShapeError, "attention: relative .*3.*2"),
    ],
)


def cached_inputs(heads: int, kv_heads: int, extra: str = "") -> Callable[[Rng, int, int], Inputs]:
    def make(rng: Rng, batch: int, time: int) -> Inputs:
        inputs = {n: normal(rng, batch, time, h * 8) for n, h in [("query", heads), ("key", kv_heads)]}
        inputs["value"] = normal(rng, batch, time, kv_heads * 5)
        if extra == "slopes":
            inputs["slopes"] = np.float32(0.5) ** np.arange(heads, dtype=np.float32)
        elif extra == "relative":
            inputs["relative"] = normal(rng, heads, 9)
        return inputs

    return make


def run_cached_attention(query: Array, key: Array, value: Array, *, num_heads: int, **rest: Any) -> Array:
    """The whole sequence through a cache, in chunks of different sizes."""
    dtype = rest.pop("dtype", "float32")
    kv_heads = rest.get("num_kv_heads") or num_heads
    sizes = (kv_heads, key.shape[2] // kv_heads, value.shape[2] // kv_heads)
    cache = ops.kv_cache(*sizes, rows=query.shape[0], dtype=dtype)
    time, chunks, begin = query.shape[1], [], 0
    for size in (1, 3, time):
        part = slice(begin, min(begin + size, time))
        begin = part.stop
        arguments = [np.ascontiguousarray(x[:, part]) for x in (query, key, value)]
        chunks.append(ops.cached_attention(*arguments, cache=cache, num_heads=num_heads, **rest))
    return np.concatenate(chunks, 1)


def causal_attention(key: Array, value: Array, *, dtype: str = "float32", **arguments: Any) -> Array:
    kv_heads = arguments.get("num_kv_heads") or arguments["num_heads"]
    key, value = (reference_attention.stored(x, kv_heads, dtype) for x in (key, value))
    return reference_attention.attention(key=key, value=value, **arguments, causal=True)[0]


CACHED_ATTENTION = OpRow(
    name="cached_attention",
    cases=[
        OpCase(cached_inputs(3, 3), {"num_heads": 3}),
        OpCase(cached_inputs(6, 2, "slopes"), {"num_heads": 6, "num_kv_heads": 2}),
        OpCase(cached_inputs(6, 2, "relative"), {"num_heads": 6, "num_kv_heads": 2}),
        OpCase(cached_inputs(3, 3), {"num_heads": 3, "window": 4}),
        OpCase(cached_inputs(4, 2), {"num_heads": 4, "num_kv_heads": 2, "dtype": "bfloat16"}),
        OpCase(cached_inputs(3, 3), {"num_heads": 3, "dtype": "int8"}),
    ],
    reference=causal_attention,
    tolerance=4e-6,
    batched=("query", "key", "value"),
    call=run_cached_attention,
    errors=[OpError(cut("query"), pyseq.ShapeError, "cached_attention: .*23")],
)

PACK_KEYS = OpRow(
    name="pack_keys",
    cases=[
        OpCase(lambda rng, batch, time: {"key": normal(rng, batch, time, 10)}, {"num_heads": 2}),
        OpCase(lambda rng, batch, time: {"key": normal(rng, batch, time + 32, 21)}, {"num_heads": 1}),
    ],
    reference=reference_attention.pack_keys,
    tolerance=0,
    batched=("key",),
    errors=[OpError(cut("key"), pyseq.ShapeError, "pack_keys: key .*9.*2")],
)

ROTARY = OpRow(
    name="rotary",
    cases=[
        OpCase(lambda rng, batch, time: {"x": normal(rng, batch, time, 24)}, {"num_heads": 3}),
        OpCase(
            lambda rng, batch, time: {"x": normal(rng, batch, time, 24), "offset": rng.integers(0, 900, batch)},
            {"num_heads": 2, "dims": 8, "layout": "split", "base": 500.0, "start": 3},
        ),
    ],
    reference=reference_attention.rotary,
    batched=("x", "offset"),
    errors=[
        OpError(cut("x"), pyseq.ShapeError, "rotary: x has width 23.*3"),
        OpError(replaced("x", np.zeros((1, 1, 9), np.float32)), ValueError, "rotary: dims has 3, expected an even"),
        OpError(replaced("offset", np.array([-1, 0, 0])), ValueError, "rotary: offset has -1 in row 0"),
    ],
)

ROWS = [ATTENTION, CACHED_ATTENTION, PACK_KEYS, ROTARY]
