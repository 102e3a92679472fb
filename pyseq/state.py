"""State: what a running sequence carries from one step to the next."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from pyseq import _core
from pyseq.dim import Size, example_size
from pyseq.tensor import Array, CacheLike, Tensor, active_recorder


class State:
    """The state of a number of rows (sequences, or beams of a search), by name.

    A model changes it explicitly: `state.carry["hidden"] = h`. Each kind behaves differently in a search:

    - `carry`: tensors [rows, ...] of fixed size; `reorder` gathers their rows. Of those named in `varying`, each source
      batch has sizes of its own (what is kept per source position): `encode` writes them;
    - `cache`: key/value caches that grow along time (`ops.cached_attention`); `reorder` shares their blocks;
    - `memory`: tensors [sources, ...] computed once, by `encode`; rows read them through the map `rows`.

    Args:
        rows: how many sequences, one per source at first.

    Example:
        >>> import numpy as np, pyseq
        >>> state = pyseq.State(rows=2)
        >>> state.add_carry("position", dtype="int64")
        >>> state.carry["position"] = pyseq.ops.add_integer(state.carry["position"], 5)
        >>> state.reorder([1, 1, 0])
        >>> state.carry["position"].numpy(), state.rows.numpy()
        (array([5, 5, 5]), array([1, 1, 0]))
    """

    def __init__(self, rows: Size) -> None:
        self.carry: dict[str, Tensor] = {}
        self.cache: dict[str, CacheLike] = {}
        self.memory: dict[str, Tensor] = {}
        self.varying: set[str] = set()
        self._count = example_size(rows)
        sources = np.arange(self._count, dtype=np.int64)
        recorder = active_recorder()
        self.rows: Tensor = Tensor(sources) if recorder is None else recorder.declare_rows(sources)

    def add_carry(self, name: str, shape: Sequence[int] = (), dtype: str = "float32") -> None:
        """Declare a carried tensor [rows, *shape] that starts as zeros."""
        zeros = np.zeros((self._count, *shape), dtype)
        recorder = active_recorder()
        self.carry[name] = Tensor(zeros) if recorder is None else recorder.declare_carry(name, zeros)

    def add_cache(self, name: str, heads: int, head_dim: int, value_dim: int | None = None) -> None:
        """Declare an empty key/value cache."""
        cache = _core.KvCache(heads, head_dim, head_dim if value_dim is None else value_dim, self._count)
        recorder = active_recorder()
        self.cache[name] = cache if recorder is None else recorder.declare_cache(name, cache)

    def reorder(self, parents: Sequence[int] | Array) -> None:
        """Row r becomes what row parents[r] was; the number of rows may change."""
        chosen = np.asarray(parents, dtype=np.int64)
        if chosen.ndim != 1 or np.any((chosen < 0) | (chosen >= self._count)):
            raise _core.OutOfRangeError(f"reorder: parents are {chosen}, expected rows in [0, {self._count})")
        for name, tensor in self.carry.items():
            self.carry[name] = Tensor(tensor.data[chosen])
        for cache in self.cache.values():
            cache.reorder(chosen.tolist())
        self.rows = Tensor(self.rows.data[chosen])
        self._count = len(chosen)

    def clone(self) -> State:
        """A state that can go another way: tensors are shared, caches share their blocks until one side grows."""
        other = State(self._count)
        other.carry, other.memory, other.rows = dict(self.carry), dict(self.memory), self.rows
        other.varying = set(self.varying)
        other.cache = {name: cache.copy() for name, cache in self.cache.items()}
        return other

    def at(self, carry: dict[str, Tensor]) -> State:
        """The same state with other carried tensors, within a loop's body for instance; rows and memory are shared."""
        other = copy.copy(self)
        other.carry = carry
        return other

    def __repr__(self) -> str:
        kinds: dict[str, dict[str, Any]] = {"carry": self.carry, "cache": self.cache, "memory": self.memory}
        held = ", ".join(f"{kind}={sorted(names)}" for kind, names in kinds.items() if names)
        return f"State(rows={self._count}{', ' + held if held else ''})"
