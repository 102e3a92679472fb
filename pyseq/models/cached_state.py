"""The state of Transformers that write token by token."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pyseq.dim import Size
from pyseq.state import State


def cached_state(rows: Size, layers: Iterable[Any]) -> State:
    """State before the first token: position 0, an empty cache for the self-attention of every layer."""
    state = State(rows)
    state.add_carry("position", dtype="int64")
    for layer in layers:
        attention = layer.self_attention
        state.add_cache(attention.path, attention.num_kv_heads, attention.head_dim)
    return state
