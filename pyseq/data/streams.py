"""Streams: one long sequence of tokens as parallel streams, for language models that carry their state along."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pyseq import _core

Tokens = NDArray[np.int64]
_ORDER = 2  # keeps these random numbers apart from those of other uses of a seed


class StreamBatch(NamedTuple):
    """Windows of all streams.

    Args:
        inputs: [batch, time] tokens.
        targets: [batch, time] the token that follows each.
        first: whether the streams start here, so that no state is to be carried over.
    """

    inputs: Tokens
    targets: Tokens
    first: bool


class Streams:
    """An endless source of windows of a token sequence that is cut into `batch_size` streams.

    Row r of a batch goes on where row r of the batch before ended: a model that carries its state from batch to batch
    (detached) reads each stream as a whole, which is truncated backpropagation through time.

    Args:
        tokens: [n] integers.
        batch_size: streams.
        time: positions of a window.

    Raises:
        ArgumentError: the sequence is too short for one window of every stream.

    Example:
        >>> import numpy as np
        >>> from pyseq import data
        >>> streams = data.Streams(np.arange(9), batch_size=2, time=2)
        >>> batch = next(streams)
        >>> batch.inputs.tolist(), batch.targets.tolist(), batch.first
        ([[0, 1], [4, 5]], [[1, 2], [5, 6]], True)
        >>> next(streams).inputs.tolist(), streams.epoch
        ([[2, 3], [6, 7]], 1)
    """

    def __init__(self, tokens: NDArray[Any], batch_size: int, time: int) -> None:
        self._length = (len(tokens) - 1) // batch_size
        self.batch_size, self.time = batch_size, time
        if self._length < time:
            raise _core.ArgumentError(
                f"Streams: {len(tokens)} tokens, expected at least {batch_size * time + 1} ({batch_size} streams of "
                f"{time} and one more)"
            )
        used = np.asarray(tokens[: self._length * batch_size + 1], np.int64)
        self._inputs = used[:-1].reshape(batch_size, self._length)
        self._targets = used[1:].reshape(batch_size, self._length)
        self._epoch, self._position = 0, 0

    def __len__(self) -> int:
        """Batches of an epoch; what is left of the streams behind them is not used."""
        return self._length // self.time

    def __iter__(self) -> Streams:
        return self

    @property
    def epoch(self) -> int:
        """How many epochs have been given out completely."""
        return self._epoch

    def __next__(self) -> StreamBatch:
        begin = self._position * self.time
        first = self._position == 0
        self._position += 1
        if self._position == len(self):
            self._epoch, self._position = self._epoch + 1, 0
        window = slice(begin, begin + self.time)
        inputs, targets = self._inputs[:, window], self._targets[:, window]
        return StreamBatch(np.ascontiguousarray(inputs), np.ascontiguousarray(targets), first)

    def state(self) -> dict[str, Any]:
        """Where the next batch stands."""
        return {"epoch": self._epoch, "position": self._position}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave; tokens and sizes must be the same."""
        if not 0 <= state["position"] < len(self):
            raise _core.FormatError(f"Streams: position {state['position']} of an epoch with {len(self)} batches")
        self._epoch, self._position = state["epoch"], state["position"]


class ShuffledStreams:
    """As `Streams`, of pieces that stand in another order in every epoch.

    The order is a function of seed and epoch, so a position is two numbers. A state that is carried from one piece to
    the next tells nothing about it, which a model learns when the pieces change places.

    Args:
        pieces: token sequences, put one behind the other.
        batch_size: streams.
        time: positions of a window.
        seed: of the order.

    Raises:
        ArgumentError: the pieces are too short for one window of every stream.

    Example:
        >>> import numpy as np
        >>> from pyseq import data
        >>> streams = data.ShuffledStreams([[1, 2, 3], [4, 5, 6], [7]], batch_size=1, time=6)
        >>> batch = next(streams)
        >>> sorted({*batch.inputs[0].tolist(), *batch.targets[0].tolist()}), streams.epoch
        ([1, 2, 3, 4, 5, 6, 7], 1)
    """

    def __init__(self, pieces: Sequence[Sequence[int]], batch_size: int, time: int, seed: int = 0) -> None:
        self.pieces = [np.asarray(piece, np.int64) for piece in pieces]
        self.batch_size, self.time, self.seed = batch_size, time, seed
        self._epoch = 0
        self._streams = self._of_epoch(0)

    def _of_epoch(self, epoch: int) -> Streams:
        random = np.random.Generator(np.random.Philox(key=self.seed, counter=[0, 0, _ORDER, epoch]))
        order = random.permutation(len(self.pieces))
        return Streams(np.concatenate([self.pieces[place] for place in order]), self.batch_size, self.time)

    def __len__(self) -> int:
        """Batches of an epoch."""
        return len(self._streams)

    def __iter__(self) -> ShuffledStreams:
        return self

    @property
    def epoch(self) -> int:
        """How many epochs have been given out completely."""
        return self._epoch

    def __next__(self) -> StreamBatch:
        batch = next(self._streams)
        if self._streams.epoch:
            self._epoch += 1
            self._streams = self._of_epoch(self._epoch)
        return batch

    def state(self) -> dict[str, Any]:
        """Where the next batch stands."""
        return {"epoch": self._epoch, "position": self._streams.state()["position"]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave; pieces, sizes and seed must be the same."""
        self._epoch = int(state["epoch"])
        self._streams = self._of_epoch(self._epoch)
        self._streams.restore({"epoch": 0, "position": state["position"]})
