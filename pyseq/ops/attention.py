"""Multi-head attention, over whole sequences and over a growing cache."""

from __future__ import annotations

from typing import Any, Literal, overload

from pyseq import _core
from pyseq.tensor import CacheLike, OperandT, apply


@overload
def attention(
    query: OperandT,
    key: OperandT,
    value: OperandT,
    lengths: OperandT | None = ...,
    rows: OperandT | None = ...,
    *,
    num_heads: int,
    causal: bool = ...,
    scale: float = ...,
    return_weights: Literal[False] = ...,
) -> OperandT: ...


@overload
def attention(
    query: OperandT,
    key: OperandT,
    value: OperandT,
    lengths: OperandT | None = ...,
    rows: OperandT | None = ...,
    *,
    num_heads: int,
    causal: bool = ...,
    scale: float = ...,
    return_weights: Literal[True],
) -> tuple[OperandT, OperandT]: ...


def attention(
    query: OperandT,
    key: OperandT,
    value: OperandT,
    lengths: OperandT | None = None,
    rows: OperandT | None = None,
    *,
    num_heads: int,
    causal: bool = False,
    scale: float = 0.0,
    return_weights: bool = False,
) -> Any:
    """Scaled dot-product attention, per head: y = softmax(scale · Q Kᵀ) V.

    Args:
        query: [batch, tq, heads · d] float32.
        key: [sources, tk, heads · d].
        value: [sources, tk, heads · dv].
        lengths: [sources] int64: keys of each source that count; None for all.
        rows: [batch] int64: the source that each query row reads; None when row r reads source r.
        num_heads: heads.
        causal: query t sees the keys up to t + tk − tq: its own position when the last query stands at the last key.
        scale: 0 stands for 1/√d.
        return_weights: give the softmax too.

    Returns:
        y [batch, tq, heads · dv]; with `return_weights` also weights [batch, heads, tq, tk]. A query that sees no key
        gives zeros.

    Raises:
        ShapeError: sizes that do not fit or are not divisible by the heads. OutOfRangeError: a row without source.

    Source:
        Vaswani et al., "Attention is all you need" (2017), section 3.2.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> query, key = np.zeros((1, 1, 2), np.float32), np.zeros((1, 2, 2), np.float32)
        >>> value = np.array([[[0, 2], [4, 6]]], np.float32)
        >>> ops.attention(query, key, value, num_heads=1)
        array([[[2., 4.]]], dtype=float32)
    """
    attributes = {"num_heads": num_heads, "causal": causal, "scale": scale}
    wanted = ("weights",) if return_weights else ()
    y, weights = apply("attention", (query, key, value, lengths, rows), attributes, wanted=wanted)
    return (y, weights) if return_weights else y


def kv_cache(heads: int, head_dim: int, value_dim: int | None = None, *, rows: int) -> _core.KvCache:
    """An empty key/value cache for `cached_attention`.

    Args:
        heads: heads of the attention.
        head_dim: size of a key per head.
        value_dim: size of a value per head; None for head_dim.
        rows: sequences.

    Returns:
        the cache; `cache.length(row)` positions of a row, `cache.reorder(parents)`.

    Example:
        >>> from pyseq import ops
        >>> ops.kv_cache(heads=2, head_dim=4, rows=3).length(0)
        0
    """
    return _core.KvCache(heads, head_dim, head_dim if value_dim is None else value_dim, rows)


def cached_attention(
    query: OperandT,
    key: OperandT,
    value: OperandT,
    lengths: OperandT | None = None,
    *,
    cache: CacheLike,
    num_heads: int,
    scale: float = 0.0,
) -> OperandT:
    """Causal attention over everything seen so far: append key and value to the cache, then attend to it.

    Args:
        query: [batch, t, heads · d] float32: t new positions per row.
        key: [batch, t, heads · d].
        value: [batch, t, heads · dv].
        lengths: [batch] int64: new positions of each row that count; None for all.
        cache: a `kv_cache` with one row per row of the batch; changed in place.
        num_heads: heads.
        scale: 0 stands for 1/√d.

    Returns:
        y [batch, t, heads · dv]; each query sees the positions up to its own.

    Raises:
        ShapeError: sizes that do not fit each other or the cache.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> cache, x = ops.kv_cache(1, 2, rows=1), np.ones((1, 1, 2), np.float32)
        >>> ops.cached_attention(x, x, 3 * x, cache=cache, num_heads=1)
        array([[[3., 3.]]], dtype=float32)
        >>> cache.length(0)
        1

    Returns zeros for a query that sees no position.
    """
    attributes = {"num_heads": num_heads, "scale": scale}
    result: OperandT = apply("cached_attention", (query, key, value, lengths), attributes, caches=(cache,))[0]
    return result
