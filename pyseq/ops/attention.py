"""Multi-head attention, over whole sequences and over a growing cache."""

from __future__ import annotations

from collections.abc import Sequence
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
    bias: OperandT | None = ...,
    slopes: OperandT | None = ...,
    relative: OperandT | None = ...,
    *,
    num_heads: int,
    causal: bool = ...,
    scale: float = ...,
    num_kv_heads: int = ...,
    window: int = ...,
    weight_heads: Sequence[int] = ...,
    return_weights: Literal[False] = ...,
) -> OperandT: ...


@overload
def attention(
    query: OperandT,
    key: OperandT,
    value: OperandT,
    lengths: OperandT | None = ...,
    rows: OperandT | None = ...,
    bias: OperandT | None = ...,
    slopes: OperandT | None = ...,
    relative: OperandT | None = ...,
    *,
    num_heads: int,
    causal: bool = ...,
    scale: float = ...,
    num_kv_heads: int = ...,
    window: int = ...,
    weight_heads: Sequence[int] = ...,
    return_weights: Literal[True],
) -> tuple[OperandT, OperandT]: ...


def attention(
    query: OperandT,
    key: OperandT,
    value: OperandT,
    lengths: OperandT | None = None,
    rows: OperandT | None = None,
    bias: OperandT | None = None,
    slopes: OperandT | None = None,
    relative: OperandT | None = None,
    *,
    num_heads: int,
    causal: bool = False,
    scale: float = 0.0,
    num_kv_heads: int = 0,
    window: int = 0,
    weight_heads: Sequence[int] = (),
    return_weights: bool = False,
) -> Any:
    """Scaled dot-product attention, per head: y = softmax(scale · Q Kᵀ + bias + slope · position) V.

    With `relative`, bias[t, s] = relative[s − t], where t and s are positions.

    Args:
        query: [batch, tq, heads · d] float32.
        key: [sources, tk, kv_heads · d], or what `pack_keys` made of it.
        value: [sources, tk, kv_heads · dv].
        lengths: [sources] int64: keys of each source that count; None for all.
        rows: [batch] int64: the source that each query row reads; None when row r reads source r.
        bias: [tq, tk], [heads, tq, tk] or [batch, heads, tq, tk], added to the scores; None for none.
        slopes: [heads]: slope · position of the key is added to the scores (ALiBi); None for none.
        relative: [heads, 2 · reach + 1]: in place of a bias, a value per distance from the query's position to the
            key's, from −reach to reach; keys farther off have the last one of their side (see
            `nn.RelativePositions`). The last query stands at the last key.
        num_heads: heads.
        causal: query t sees the keys up to t + tk − tq: its own position when the last query stands at the last key.
        scale: 0 stands for 1/√d.
        num_kv_heads: heads of key and value, each for num_heads / num_kv_heads neighbouring heads of query; 0 stands
            for num_heads.
        window: with `causal`, a query sees the last `window` keys up to its own position only; 0 for no limit.
        weight_heads: heads whose weights are wanted, in this order; empty for all.
        return_weights: give the softmax too.

    Returns:
        y [batch, tq, heads · dv]; with `return_weights` also weights [batch, heads or those chosen, tq, tk]. A query
        that sees no key gives zeros.

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
    attributes: dict[str, Any] = {"num_heads": num_heads, "causal": causal, "scale": scale}
    attributes |= _given(num_kv_heads=num_kv_heads, window=window, weight_heads=list(weight_heads))
    wanted = ("weights",) if return_weights else ()
    inputs = (query, key, value, lengths, rows, bias, slopes, None, relative)
    y, weights, _ = apply("attention", inputs, attributes, wanted=wanted)
    return (y, weights) if return_weights else y


def _given(**attributes: Any) -> dict[str, Any]:
    """The attributes that are not left at their default, which is empty or zero."""
    return {name: value for name, value in attributes.items() if value}


def pack_keys(key: OperandT, *, num_heads: int) -> OperandT:
    """Keys laid out as `attention` reads them: worth it when the same keys serve several calls.

    Args:
        key: [sources, time, heads · d] float32.
        num_heads: heads of the keys.

    Returns:
        panels [sources, heads, ⌈time / 32⌉, d, 32]: position p stands in block p // 32, lane p % 32; zeros behind the
        last position.

    Raises:
        ShapeError: a width that the heads do not divide.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> panels = ops.pack_keys(np.ones((1, 40, 6), np.float32), num_heads=2)
        >>> panels.shape
        (1, 2, 2, 3, 32)
    """
    result: OperandT = apply("pack_keys", (key,), {"num_heads": num_heads})[0]
    return result


def kv_cache(
    heads: int, head_dim: int, value_dim: int | None = None, *, rows: int, dtype: str = "float32"
) -> _core.KvCache:
    """An empty key/value cache for `cached_attention`.

    Args:
        heads: heads of the attention.
        head_dim: size of a key per head.
        value_dim: size of a value per head; None for head_dim.
        rows: sequences.
        dtype: how keys and values are stored: "float32", "bfloat16", or "int8" with a scale per position and head.

    Returns:
        the cache; `cache.length(row)` positions of a row, `cache.reorder(parents)`.

    Example:
        >>> from pyseq import ops
        >>> ops.kv_cache(heads=2, head_dim=4, rows=3).length(0)
        0
    """
    return _core.KvCache(heads, head_dim, head_dim if value_dim is None else value_dim, rows, dtype)


def cached_attention(
    query: OperandT,
    key: OperandT,
    value: OperandT,
    lengths: OperandT | None = None,
    bias: OperandT | None = None,
    slopes: OperandT | None = None,
    relative: OperandT | None = None,
    *,
    cache: CacheLike,
    num_heads: int,
    scale: float = 0.0,
    num_kv_heads: int = 0,
    window: int = 0,
) -> OperandT:
    """Causal attention over everything seen so far: append key and value to the cache, then attend to it.

    Args:
        query: [batch, t, heads · d] float32: t new positions per row.
        key: [batch, t, kv_heads · d].
        value: [batch, t, kv_heads · dv].
        lengths: [batch] int64: new positions of each row that count; None for all.
        bias: [t, positions], [heads, t, positions] or [batch, heads, t, positions], added to the scores: a value for
            every position that the cache then holds, or more; None for none.
        slopes: [heads]: slope · position of the key is added to the scores (ALiBi); None for none.
        relative: [heads, 2 · reach + 1]: in place of a bias, a value per distance, see `attention`.
        cache: a `kv_cache` with one row per row of the batch; changed in place.
        num_heads: heads of query.
        scale: 0 stands for 1/√d.
        num_kv_heads: heads of the cache, each for num_heads / num_kv_heads neighbouring heads of query; 0 stands for
            num_heads.
        window: a query sees the last `window` positions up to its own only; 0 for no limit.

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
    attributes: dict[str, Any] = {"num_heads": num_heads, "scale": scale}
    attributes |= _given(num_kv_heads=num_kv_heads, window=window)
    inputs = (query, key, value, lengths, bias, slopes, relative)
    result: OperandT = apply("cached_attention", inputs, attributes, caches=(cache,))[0]
    return result
