"""Batches: examples of like lengths together, in an order that a seed and the number of the epoch decide."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyseq import _core
from pyseq.data import _batching

Indices = NDArray[np.int64]
_SHUFFLE = 1  # keeps these random numbers apart from those of other uses of a seed


class Batches:
    """An endless source of batches, one epoch after the other.

    Every epoch goes through all examples once. They are shuffled; with `lengths`, examples of like lengths are put
    together (within pools of `pool` batches, so that batches stay random); then the batches are shuffled. The order is
    a function of seed and epoch, so a position is two numbers.

    Args:
        examples: the examples.
        collate: what makes a batch: it gets a list of examples, or of indices when `examples` is a range.
        batch_size: examples in a batch; 0: as many as max_tokens allows.
        max_tokens: positions of a batch at most, padding included; 0: no limit.
        lengths: of the examples, for like lengths and max_tokens; None: examples are not sorted.
        seed: of the order.
        shuffle: False: in the order of the examples (or of their lengths).
        pool: batches that are sorted together.
        drop_last: leave out batches with fewer examples than batch_size.
        ties: second lengths, of targets for instance: among examples of one length, those with like second ones are put
            together; None: they stay at random.

    Raises:
        ArgumentError: neither size nor tokens, tokens or ties without lengths, no examples.

    Example:
        >>> from pyseq import data
        >>> words = ["a", "to", "be", "not", "then", "that"]
        >>> batches = data.Batches(words, "".join, batch_size=2, lengths=[1, 2, 2, 3, 4, 4], pool=3)
        >>> sorted(map(len, [next(batches) for _ in range(3)])), batches.epoch
        ([3, 5, 8], 1)
        >>> state = batches.state()
        >>> following = next(batches)
        >>> batches.restore(state)
        >>> next(batches) == following
        True
    """

    def __init__(
        self,
        examples: Sequence[Any],
        collate: Callable[[Any], Any],
        batch_size: int = 0,
        max_tokens: int = 0,
        lengths: Sequence[int] | Indices | None = None,
        seed: int = 0,
        shuffle: bool = True,
        pool: int = 64,
        drop_last: bool = False,
        ties: Sequence[int] | Indices | None = None,
    ) -> None:
        if batch_size <= 0 and max_tokens <= 0:
            raise _core.ArgumentError("Batches: give batch_size or max_tokens")
        if max_tokens > 0 and lengths is None:
            raise _core.ArgumentError("Batches: max_tokens needs lengths")
        if ties is not None and lengths is None:
            raise _core.ArgumentError("Batches: ties needs lengths")
        for name, values in (("lengths", lengths), ("ties", ties)):
            if values is not None and len(values) != len(examples):
                raise _core.ArgumentError(f"Batches: got {len(values)} {name}, expected {len(examples)}")
        if len(examples) == 0 or (drop_last and len(examples) < batch_size):
            raise _core.ArgumentError(f"Batches: {len(examples)} examples make no batch")
        self.examples, self.collate = examples, collate
        self.batch_size, self.max_tokens = batch_size, max_tokens
        self.seed, self.shuffle, self.pool, self.drop_last = seed, shuffle, pool, drop_last
        self._lengths = None if lengths is None else np.asarray(lengths, np.int64)
        self._ties = None if ties is None else np.asarray(ties, np.int64)
        self._epoch, self._position = 0, 0
        self._plan = self._planned(0)

    def __len__(self) -> int:
        """Batches of the epoch that is going on."""
        return len(self._plan)

    def __iter__(self) -> Batches:
        return self

    @property
    def epoch(self) -> int:
        """How many epochs have been given out completely."""
        return self._epoch

    def __next__(self) -> Any:
        rows = self._plan[self._position]
        self._position += 1
        if self._position == len(self._plan):
            self._start(self._epoch + 1, 0)
        chosen = rows if isinstance(self.examples, range) else [self.examples[row] for row in rows]
        return self.collate(chosen)

    def indices(self) -> list[Indices]:
        """The examples of every batch of the epoch that is going on."""
        return list(self._plan)

    def state(self) -> dict[str, Any]:
        """Where the next batch stands."""
        return {"epoch": self._epoch, "position": self._position}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave; examples, sizes and seed must be the same."""
        self._start(state["epoch"], state["position"])

    def _start(self, epoch: int, position: int) -> None:
        if epoch != self._epoch:
            self._plan = self._planned(epoch)
        if not 0 <= position < len(self._plan):
            raise _core.FormatError(f"Batches: position {position} of an epoch with {len(self._plan)} batches")
        self._epoch, self._position = epoch, position

    def _planned(self, epoch: int) -> list[Indices]:
        count = len(self.examples)
        random = np.random.Generator(np.random.Philox(key=self.seed, counter=[0, 0, _SHUFFLE, epoch]))
        order = random.permutation(count) if self.shuffle else np.arange(count)
        batches = self._cut(np.ascontiguousarray(order, np.int64))
        if self.drop_last and self.batch_size:
            batches = [batch for batch in batches if len(batch) == self.batch_size]
        if self.shuffle and self._lengths is not None:
            batches = [batches[place] for place in random.permutation(len(batches))]
        return batches

    def _cut(self, order: Indices) -> list[Indices]:
        if self._lengths is None:
            return [order[begin : begin + self.batch_size] for begin in range(0, len(order), self.batch_size)]
        # Without a batch size, a pool is guessed from the mean length.
        size = self.batch_size or max(1, int(self.max_tokens / max(self._lengths.mean(), 1.0)))
        pool = size * self.pool if self.shuffle else len(order)
        if self._ties is not None:  # the sort by length that follows leaves equal ones in order
            parts = [order[begin : begin + pool] for begin in range(0, len(order), pool)]
            order = np.concatenate([part[np.argsort(self._ties[part], kind="stable")] for part in parts])
        planned = _batching.plan_batches(order, self._lengths, self.batch_size, self.max_tokens, pool)
        examples, ends = (np.frombuffer(values, np.int64) for values in planned)
        return np.split(examples, ends[:-1])
