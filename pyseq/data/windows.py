"""Windows: pieces of one long sequence of tokens, for language models that read each piece by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyseq import _core
from pyseq.data.streams import StreamBatch, Tokens

_ORDER = 3  # keeps these random numbers apart from those of other uses of a seed


class Windows:
    """An endless source of batches of windows of a token sequence, cut and shuffled anew in every epoch.

    An epoch cuts the tokens into windows one behind the other, beginning at a random place, so that no token stands at
    the same position of its window in every epoch. What is left at both ends, and windows that make no whole batch,
    is not used. The order is a function of seed and epoch, so a position is two numbers.

    Args:
        tokens: [n] integers.
        batch_size: windows of a batch.
        time: positions of a window.
        seed: of places and order.

    Raises:
        ArgumentError: the sequence is too short for one batch.

    Example:
        >>> import numpy as np
        >>> from pyseq import data
        >>> windows = data.Windows(np.arange(100), batch_size=2, time=3)
        >>> batch = next(windows)
        >>> batch.inputs.shape, bool((batch.targets == batch.inputs + 1).all()), len(windows)
        ((2, 3), True, 16)
    """

    def __init__(self, tokens: NDArray[Any], batch_size: int, time: int, seed: int = 0) -> None:
        # One window less than there is room for: beginnings differ by up to its length.
        self._count = (len(tokens) - time) // time // batch_size if batch_size and time else 0
        if self._count < 1:
            raise _core.ArgumentError(
                f"Windows: {len(tokens)} tokens, expected at least {(batch_size + 1) * time} ({batch_size} windows of "
                f"{time} and one more)"
            )
        self.tokens: Tokens = np.asarray(tokens, np.int64)
        self.batch_size, self.time, self.seed = batch_size, time, seed
        self._epoch, self._position = 0, 0
        self._begins = self._planned(0)

    def _planned(self, epoch: int) -> Tokens:
        """Where the windows of an epoch begin, batch by batch [batches, batch_size]."""
        random = np.random.Generator(np.random.Philox(key=self.seed, counter=[0, 0, _ORDER, epoch]))
        first = int(random.integers(self.time))
        count = (len(self.tokens) - 1 - first) // self.time
        chosen = random.permutation(count)[: self._count * self.batch_size]
        return (first + self.time * chosen).reshape(self._count, self.batch_size)

    def __len__(self) -> int:
        """Batches of an epoch."""
        return self._count

    def __iter__(self) -> Windows:
        return self

    @property
    def epoch(self) -> int:
        """How many epochs have been given out completely."""
        return self._epoch

    def __next__(self) -> StreamBatch:
        places = self._begins[self._position][:, None] + np.arange(self.time)
        self._position += 1
        if self._position == self._count:
            self._start(self._epoch + 1, 0)
        return StreamBatch(self.tokens[places], self.tokens[places + 1], True)

    def state(self) -> dict[str, Any]:
        """Where the next batch stands."""
        return {"epoch": self._epoch, "position": self._position}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave; tokens, sizes and seed must be the same."""
        if not 0 <= state["position"] < self._count:
            raise _core.FormatError(f"Windows: position {state['position']} of an epoch with {self._count} batches")
        self._start(int(state["epoch"]), int(state["position"]))

    def _start(self, epoch: int, position: int) -> None:
        if epoch != self._epoch:
            self._begins = self._planned(epoch)
        self._epoch, self._position = epoch, position
