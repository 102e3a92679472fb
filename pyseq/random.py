"""Where the random numbers of training come from: a `Stream`, the one in use, and its state for checkpoints.

Random numbers are counter-based: a function of (seed, stream, step) and of a place, not of what others drew before.
So one seed gives one result for any number of threads, and three integers are all that a checkpoint must keep.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass

from pyseq import _core

_LIMITS = {"seed": 2**63, "stream": 2**32, "step": 2**32}


@dataclass(frozen=True)
class Draw:
    """What names the random numbers of one call: key and counter."""

    seed: int
    stream: int
    step: int


class Stream:
    """A source of random numbers: every `draw` takes the next step of (seed, stream).

    Args:
        seed: from 0 to 2⁶³ − 1.
        stream: separates those who share a seed, from 0 to 2³² − 1.
        step: the step that is next.

    Raises:
        ArgumentError: a number out of range.

    Example:
        >>> import pyseq
        >>> stream = pyseq.random.Stream(7)
        >>> stream.draw(), stream.draw().step
        (Draw(seed=7, stream=0, step=0), 1)
        >>> stream.state()
        {'seed': 7, 'stream': 0, 'step': 2}
    """

    def __init__(self, seed: int, stream: int = 0, step: int = 0) -> None:
        self._next = _checked(seed, stream, step)

    def draw(self) -> Draw:
        """The names of the next random numbers, which nobody else gets."""
        taken = self._next
        self._next = _checked(taken.seed, taken.stream, taken.step + 1)
        return taken

    def seed(self, value: int) -> None:
        """Start again from another seed, at step 0."""
        self._next = _checked(value, self._next.stream, 0)

    def state(self) -> dict[str, int]:
        """Seed, stream and step: what a checkpoint keeps."""
        return asdict(self._next)

    def restore(self, state: Mapping[str, int]) -> None:
        """Go on from what `state` gave.

        Raises:
            ArgumentError: other names than seed, stream and step, or numbers out of range.
        """
        if set(state) != set(_LIMITS):
            raise _core.ArgumentError(f"restore: got {sorted(state)}, expected {sorted(_LIMITS)}")
        self._next = _checked(**state)

    def __repr__(self) -> str:
        return f"Stream(seed={self._next.seed}, stream={self._next.stream}, step={self._next.step})"


def _checked(seed: int, stream: int, step: int) -> Draw:
    for name, value in (("seed", seed), ("stream", stream), ("step", step)):
        if not 0 <= value < _LIMITS[name]:
            raise _core.ArgumentError(f"Stream: {name} is {value}, expected 0 to {_LIMITS[name] - 1}")
    return Draw(seed, stream, step)


_active: ContextVar[Stream | None] = ContextVar("pyseq_random_stream", default=None)
_default = Stream(0)


def active() -> Stream:
    """The stream that modules draw from: that of the innermost `using`, else one for the whole process."""
    return _active.get() or _default


def seed(value: int) -> None:
    """Start the active stream again from a seed.

    Example:
        >>> import numpy as np, pyseq
        >>> dropout, x = pyseq.nn.Dropout(0.5), np.ones(100, np.float32)
        >>> pyseq.random.seed(3)
        >>> first = dropout(x).numpy()
        >>> pyseq.random.seed(3)
        >>> bool((dropout(x).numpy() == first).all())
        True
    """
    active().seed(value)


@contextmanager
def using(stream: Stream) -> Iterator[Stream]:
    """Let modules draw from a stream in a `with` block, in this thread alone.

    Example:
        >>> import pyseq
        >>> with pyseq.random.using(pyseq.random.Stream(7)) as stream:
        ...     pyseq.random.active() is stream
        True
    """
    token = _active.set(stream)
    try:
        yield stream
    finally:
        _active.reset(token)
