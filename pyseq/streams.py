"""Many streams through one set of weights: chunks of any of them are run together, states are kept apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyseq import _core
from pyseq.program import Program

Array = NDArray[Any]


class StreamPool:
    """One program and the carried states of many streams.

    A thread of the pool takes chunks that wait, at most one of each stream, and runs up to `max_batch` of them at once.
    A stream's outputs have the bits that they have when it is run alone, whatever else goes on. All methods may be
    called from any thread; they let go of the GIL while they wait.

    Args:
        program: a program with a function that reads and writes carried state.
        function: that function; its inputs and outputs have a row per stream.
        max_streams: how many may be open at the same time. Their states are allocated once.
        max_batch: streams that one run serves.
        max_pending: chunks that may wait; who submits more waits, or gets an error.

    Raises:
        ArgumentError: no such function, sizes below 1. UnsupportedError: the program has caches or memory.

    Example:
        >>> import numpy as np, pyseq
        >>> from pyseq import nn
        >>> class Counter(nn.Module):
        ...     def initial_state(self, rows):
        ...         state = pyseq.State(rows)
        ...         state.add_carry("sum", (1,))
        ...         return state
        ...     def step(self, x, state):
        ...         state.carry["sum"] = pyseq.ops.add(state.carry["sum"], x)
        ...         return state.carry["sum"]
        >>> x = pyseq.Input(np.ones((2, 1), np.float32), ("batch", 1))
        >>> data = pyseq.export(Counter(), None, {"step": {"x": x}})
        >>> pool = pyseq.StreamPool(pyseq.Program.parse(data), max_streams=10)
        >>> with pool.open() as a, pool.open() as b:
        ...     _ = a.push(x=np.array([2], np.float32))
        ...     print(a.push(x=np.array([3], np.float32))["logits"], b.push(x=np.array([1], np.float32))["logits"])
        [5.] [1.]
    """

    def __init__(
        self,
        program: Program,
        function: str = "step",
        *,
        max_streams: int = 1024,
        max_batch: int = 64,
        max_pending: int = 4096,
    ) -> None:
        self.program = program
        self._core = _core.StreamPool(program.core, function, max_streams, max_batch, max_pending)

    def open(self) -> Stream:
        """A new stream, whose state is zero.

        Raises:
            Error: `max_streams` are open.
        """
        return Stream(self, self._core.open())

    def submit(
        self,
        streams: Sequence[Stream],
        inputs: Mapping[str, Array],
        *,
        deadline: float | None = None,
        wait_for_room: bool = True,
    ) -> Ticket:
        """One chunk for each of some streams; returns at once, unless too many chunks wait.

        Args:
            streams: each at most once. Chunks of one stream are run in the order of their submissions.
            inputs: arrays [streams, ...] by name; they are copied.
            deadline: seconds from now; chunks whose turn has not come until then are dropped.
            wait_for_room: whether to wait where `max_pending` chunks wait already (until the deadline).

        Raises:
            OutOfRangeError: a stream that is closed. ShapeError: not a row for every stream. ArgumentError: a stream
            twice. Error: too many chunks wait. DeadlineError: there was no room in time.
        """
        numbers = [stream.number for stream in streams]
        return Ticket(self._core.submit(numbers, dict(inputs), deadline, wait_for_room))

    @property
    def open_streams(self) -> int:
        """Streams that are open."""
        return int(self._core.open_streams)

    @property
    def pending(self) -> int:
        """Chunks that wait."""
        return int(self._core.pending)


class Ticket:
    """Chunks that were submitted."""

    def __init__(self, core: Any) -> None:
        self._core = core

    @property
    def done(self) -> bool:
        """Whether they have been run, or have failed."""
        return bool(self._core.done)

    def result(self, timeout: float | None = None) -> dict[str, Array]:
        """The outputs, arrays [streams, ...] by name.

        Args:
            timeout: seconds to wait at most.

        Raises:
            DeadlineError: the time is over, or a chunk's deadline was. CancelledError: a stream was closed. Whatever
            the program raises: the states of these streams are then as before.
        """
        return dict(self._core.result(timeout))


class Stream:
    """One stream of a pool; a context manager that closes it."""

    def __init__(self, pool: StreamPool, number: int) -> None:
        self._pool, self.number = pool, number

    def push(self, *, deadline: float | None = None, **inputs: Array) -> dict[str, Array]:
        """Run the next chunk and wait for its outputs.

        Args:
            deadline: seconds from now after which the chunk is dropped.
            inputs: arrays by name, without the axis of streams.

        Returns:
            outputs by name, likewise.

        Raises:
            DeadlineError, and what `StreamPool.submit` and `Ticket.result` raise.
        """
        rows = {name: np.ascontiguousarray(array)[None] for name, array in inputs.items()}
        outputs = self._pool.submit([self], rows, deadline=deadline).result()
        return {name: array[0] for name, array in outputs.items()}

    def reset(self) -> None:
        """Begin anew: zero state from the next chunk on."""
        self._pool._core.reset(self.number)

    def close(self) -> None:
        """Give the stream back; chunks that wait fail with CancelledError."""
        self._pool._core.close(self.number)

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
