"""Additive attention: scores from a small network instead of a product."""

from __future__ import annotations

from typing import Any, Literal, overload

from pyseq.tensor import OperandT, apply


@overload
def additive_attention(
    query: OperandT,
    key: OperandT,
    value: OperandT,
    weight: OperandT,
    lengths: OperandT | None = ...,
    rows: OperandT | None = ...,
    *,
    return_weights: Literal[False] = ...,
) -> OperandT: ...


@overload
def additive_attention(
    query: OperandT,
    key: OperandT,
    value: OperandT,
    weight: OperandT,
    lengths: OperandT | None = ...,
    rows: OperandT | None = ...,
    *,
    return_weights: Literal[True],
) -> tuple[OperandT, OperandT]: ...


def additive_attention(
    query: OperandT,
    key: OperandT,
    value: OperandT,
    weight: OperandT,
    lengths: OperandT | None = None,
    rows: OperandT | None = None,
    *,
    return_weights: bool = False,
) -> Any:
    """Additive attention: y_t = Σ_s p_ts value_s, p_t = softmax over s of weightᵀ tanh(query_t + key_s).

    The course's e^<t,t'> is weightᵀ tanh(query_t + key_t'), its α^<t,t'> is p. Query and key are projected already.

    Args:
        query: [batch, tq, d] float32, W_q s of the decoder's states s.
        key: [sources, tk, d], W_k a of the encoder's activations a.
        value: [sources, tk, dv], what is averaged: a itself.
        weight: [d].
        lengths: [sources] int64: keys of each source that count; None for all.
        rows: [batch] int64: the source that each query row reads; None when row r reads source r.
        return_weights: give the softmax too.

    Returns:
        y [batch, tq, dv]; with `return_weights` also weights [batch, 1, tq, tk]. A source without keys gives zeros.

    Raises:
        ShapeError: sizes that do not fit. OutOfRangeError: a row without source.

    Source:
        Bahdanau et al., "Neural machine translation by jointly learning to align and translate" (2015).

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> query, key = np.zeros((1, 1, 2), np.float32), np.zeros((1, 2, 2), np.float32)
        >>> value = np.array([[[0, 2], [4, 6]]], np.float32)
        >>> ops.additive_attention(query, key, value, np.ones(2, np.float32))
        array([[[2., 4.]]], dtype=float32)
    """
    wanted = ("weights",) if return_weights else ()
    results = apply("additive_attention", (query, key, value, weight, lengths, rows), {}, wanted=wanted)
    return (results[0], results[1]) if return_weights else results[0]
