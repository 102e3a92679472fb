"""Prefetch: batches made ahead of their use, on a thread of their own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping
from typing import Any, Protocol


class Source(Protocol):
    """An endless source of batches."""

    @property
    def epoch(self) -> int:
        """How many epochs have been given out completely."""

    def __len__(self) -> int:
        """Batches of an epoch."""

    def __next__(self) -> Any:
        """The next batch."""

    def state(self) -> dict[str, Any]:
        """Where the next batch stands."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""


class Prefetch:
    """The batches of another source, the next `depth` of them made ahead on a thread.

    Position and epoch are those of the batches that have been used, not of those made ahead.

    Args:
        source: where batches come from; nobody else may use it meanwhile.
        depth: batches made ahead at most.

    Example:
        >>> from pyseq import data
        >>> with data.Prefetch(data.Batches(range(4), list, batch_size=2, shuffle=False)) as batches:
        ...     list(map(int, next(batches))), batches.epoch, list(map(int, next(batches))), batches.epoch
        ([0, 1], 0, [2, 3], 1)
    """

    def __init__(self, source: Source, depth: int = 4) -> None:
        self._source, self._depth = source, depth
        self._length = len(source)
        self._epoch, self._state = source.epoch, source.state()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Prefetch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        """Batches of an epoch."""
        return self._length

    def __iter__(self) -> Prefetch:
        return self

    @property
    def epoch(self) -> int:
        """How many epochs have been used completely."""
        return self._epoch

    def __next__(self) -> Any:
        if self._thread is None:
            self._start()
        batch, self._epoch, self._state, error = self._ready.get()
        if error is not None:
            self.close()
            raise error
        return batch

    def state(self) -> dict[str, Any]:
        """Where the next batch stands."""
        return dict(self._state)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave; what was made ahead is thrown away."""
        self.close()
        self._source.restore(state)
        self._epoch, self._state = self._source.epoch, self._source.state()

    def close(self) -> None:
        """End the thread; the source then stands behind what was used."""
        if self._thread is None:
            return
        self._ended.set()
        while self._thread.is_alive():  # it may wait for room
            try:
                self._ready.get(timeout=0.01)
            except queue.Empty:
                continue
        self._thread = None
        self._source.restore(self._state)

    def _start(self) -> None:
        self._ready: queue.Queue[Any] = queue.Queue(self._depth)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._make, args=(self._ready, self._ended), daemon=True)
        self._thread.start()

    def _make(self, ready: queue.Queue[Any], ended: threading.Event) -> None:
        while not ended.is_set():
            error: BaseException | None = None
            batch = None
            try:
                batch = next(self._source)
            except BaseException as raised:
                error = raised
            ready.put((batch, self._source.epoch, self._source.state(), error))
            if error is not None:
                return
