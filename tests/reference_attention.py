"""Attention straight from its equations, in float64."""

from __future__ import annotations

import numpy as np
from op_cases import Array
from reference import softmax, wide


def attention(
    query: Array,
    key: Array,
    value: Array,
    lengths: Array | None = None,
    rows: Array | None = None,
    bias: Array | None = None,
    slopes: Array | None = None,
    relative: Array | None = None,
    *,
    num_heads: int,
    causal: bool = False,
    scale: float = 0.0,
    num_kv_heads: int = 0,
    window: int = 0,
    weight_heads: list[int] | None = None,
) -> tuple[Array, Array]:
    """Returns the outputs [batch, tq, heads * dv] and the weights [batch, heads, tq, tk]."""
    batch, tq, width = query.shape
    kv_heads = num_kv_heads or num_heads
    tk, d, dv = key.shape[1], width // num_heads, value.shape[2] // kv_heads
    out = np.zeros((batch, tq, num_heads * dv))
    weights = np.zeros((batch, num_heads, tq, tk))
    for b in range(batch):
        source = b if rows is None else int(rows[b])
        visible = tk if lengths is None else int(lengths[source])
        for h in range(num_heads):
            of = h * kv_heads // num_heads
            q = wide(query[b, :, h * d : (h + 1) * d])
            k = wide(key[source, :, of * d : (of + 1) * d])
            v = wide(value[source, :, of * dv : (of + 1) * dv])
            for t in range(tq):
                position = t + tk - tq
                end = min(visible, position + 1) if causal else visible
                begin = max(0, position + 1 - window) if window else 0
                if begin >= end:
                    continue
                scores = q[t] @ k[begin:end].T * (scale or d**-0.5)
                if bias is not None:
                    scores += np.broadcast_to(bias, (batch, num_heads, tq, tk))[b, h, t, begin:end]
                if slopes is not None:
                    scores += float(slopes[h]) * np.arange(begin, end)
                if relative is not None:
                    reach = relative.shape[1] // 2
                    distances = np.arange(begin, end) - position
                    scores += wide(relative[h])[np.clip(distances, -reach, reach) + reach]
                p = softmax(scores)
                weights[b, h, t, begin:end] = p
                out[b, t, h * dv : (h + 1) * dv] = p @ v[begin:end]
    return out, weights[:, weight_heads] if weight_heads else weights


def stored(x: Array, heads: int, dtype: str) -> Array:
    """What a cache of this storage type holds for keys or values [batch, time, heads * width]."""
    if dtype == "bfloat16":
        bits = x.view(np.uint32)
        rounded = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) & np.uint32(0xFFFF0000)
        result: Array = rounded.view(np.float32)
        return result
    if dtype == "int8":
        split = x.reshape(*x.shape[:2], heads, x.shape[2] // heads)
        scale = np.abs(split).max(-1, keepdims=True) / np.float32(127)
        quantized = np.rint(split / np.where(scale > 0, scale, np.float32(1)))
        return wide(quantized * wide(scale)).reshape(x.shape)
    return x


def pack_keys(key: Array, *, num_heads: int) -> Array:
    sources, time, width = key.shape
    blocks, d = -(-time // 32), width // num_heads
    padded = np.zeros((sources, blocks * 32, width), np.float32)
    padded[:, :time] = key
    return padded.reshape(sources, blocks, 32, num_heads, d).transpose(0, 3, 1, 4, 2)


def rotary(
    x: Array,
    offset: Array | None = None,
    *,
    num_heads: int,
    dims: int = 0,
    layout: str = "interleaved",
    base: float = 10000.0,
    start: int = 0,
) -> Array:
    batch, time, width = x.shape
    heads = wide(x).reshape(batch, time, num_heads, width // num_heads).copy()
    dims = dims or heads.shape[3]
    first = np.zeros(batch) if offset is None else offset
    angles = (start + first[:, None] + np.arange(time))[..., None] * base ** (-np.arange(0, dims, 2) / dims)
    turned = np.exp(1j * angles)[:, :, None]
    real = np.arange(0, dims, 2) if layout == "interleaved" else np.arange(dims // 2)
    imaginary = real + (1 if layout == "interleaved" else dims // 2)
    pairs = (heads[..., real] + 1j * heads[..., imaginary]) * turned
    heads[..., real], heads[..., imaginary] = pairs.real, pairs.imag
    return heads.reshape(batch, time, width)
