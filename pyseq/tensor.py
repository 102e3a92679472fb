"""Tensor: the value that modules compute with; and `apply`, the one door to the ops of the core.

`apply` runs an op on the arrays inside tensors. While a model is exported a *recorder* stands in the door: it runs the
same op on example values and notes it down. While a model is trained a *tape* does (`pyseq.autograd`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyseq import _core
from pyseq.dim import Size

Array = NDArray[Any]


class Tensor:
    """A NumPy array that the library's ops take and give.

    The array is shared, never copied. `a + b` and `a * b` are `ops.add` and `ops.multiply`.

    Args:
        data: an array; lists of numbers become float32 or int64 arrays.

    Example:
        >>> import numpy as np, pyseq
        >>> x = pyseq.Tensor(np.ones((2, 3), np.float32))
        >>> x.shape
        (2, 3)
        >>> (x + x).numpy()[0]
        array([2., 2., 2.], dtype=float32)
    """

    __slots__ = ("_array", "origin")
    __array_priority__ = 1000  # in `array + tensor` NumPy leaves the sum to the tensor

    origin: Origin | None  # what computed it on a tape (see pyseq.autograd); None for a constant

    def __init__(self, data: ArrayLike | Tensor) -> None:
        self._array: Array = data.data if isinstance(data, Tensor) else _as_array(data)
        self.origin = None

    @property
    def data(self) -> Array:
        """The array itself."""
        return self._array

    @property
    def shape(self) -> tuple[Size, ...]:
        """The sizes; while a model is exported they are symbolic (`pyseq.Dim`)."""
        return self._array.shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self._array.ndim

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the elements."""
        return self._array.dtype

    def numpy(self) -> Array:
        """The values as an array (not a copy)."""
        return self.data

    def detach(self) -> Tensor:
        """The same values as a constant: no gradient passes."""
        return Tensor(self.data)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        array = self.data if dtype is None else self.data.astype(dtype, copy=False)
        return array.copy() if copy else array

    def __float__(self) -> float:
        return float(self.data)

    def __int__(self) -> int:
        return int(self.data)

    def __bool__(self) -> bool:
        return bool(self.data)

    def __len__(self) -> int:
        return len(self.data)

    def __add__(self, other: Tensor | Array) -> Tensor:
        return _commuting("add", self, other) if isinstance(other, Tensor | np.ndarray) else NotImplemented

    def __mul__(self, other: Tensor | Array) -> Tensor:
        return _commuting("multiply", self, other) if isinstance(other, Tensor | np.ndarray) else NotImplemented

    __radd__ = __add__
    __rmul__ = __mul__

    def __repr__(self) -> str:
        return f"{type(self).__name__}({np.array2string(self._array, separator=', ', threshold=20)})"


def _as_array(data: ArrayLike) -> Array:
    if isinstance(data, np.ndarray):
        return data
    array = np.asarray(data)
    if array.dtype.kind == "f":
        return array.astype(np.float32)
    return array.astype(np.int64) if array.dtype.kind in "iu" else array


def _commuting(op: str, a: Tensor, b: Tensor | Array) -> Tensor:
    """An op that takes the operand with fewer axes second."""
    result: Tensor = apply(op, (a, b) if a.ndim >= b.ndim else (b, a))[0]
    return result


class Parameter(Tensor):
    """A tensor that a module learns: part of its `state_dict`, stored in program files.

    Attributes:
        grad: the gradient that `Tape.backward` adds to, an array of the same shape; None before the first one.
        requires_grad: whether tapes look for it; False freezes the parameter.
    """

    __slots__ = ("grad", "requires_grad")

    def __init__(self, data: ArrayLike | Tensor, requires_grad: bool = True) -> None:
        super().__init__(data)
        self.grad: Array | None = None
        self.requires_grad = requires_grad

    def move_to(self, array: Array) -> None:
        """Keep the values in another array of the same shape and type from now on (they are copied there)."""
        if array.shape != self._array.shape or array.dtype != self._array.dtype:
            raise _core.ShapeError(
                f"move_to: got {array.dtype} {list(array.shape)}, expected {self._array.dtype} "
                f"{list(self._array.shape)}"
            )
        array[...] = self._array
        self._array = array


class Buffer(Tensor):
    """A tensor that a module keeps but does not learn: part of its `state_dict`, stored in program files."""

    __slots__ = ()


Operand = Tensor | Array
Attributes = Mapping[str, Any]
CacheLike = Any  # a _core.KvCache, or its stand-in while a model is exported
OperandT = TypeVar("OperandT", Tensor, NDArray[Any])


class Origin(Protocol):
    """Where a tensor comes from: a node of a tape, and which of its outputs it is."""

    node: Any
    index: int


class Door(Protocol):
    """What stands in for `apply`: a tape, or the recorder of an export."""

    def apply(
        self,
        op: str,
        inputs: Sequence[Operand | None],
        attributes: Attributes,
        caches: Sequence[CacheLike],
        wanted: Sequence[str],
    ) -> list[Any]:
        """Run and note down one op."""


@runtime_checkable
class Recorder(Door, Protocol):
    """The recorder of an export, which also makes new state."""

    def declare_carry(self, name: str, zeros: Array) -> Tensor:
        """Stand-in for a carried state at the start of a function."""

    def declare_cache(self, name: str, cache: _core.KvCache) -> CacheLike:
        """Stand-in for a key/value cache."""

    def declare_rows(self, rows: Array) -> Tensor:
        """Stand-in for the row -> source map."""


_door: ContextVar[Door | None] = ContextVar("pyseq_door", default=None)
_label: ContextVar[str] = ContextVar("pyseq_label", default="")


def active_recorder() -> Recorder | None:
    """The recorder of the export that is going on in this thread, if any."""
    door = _door.get()
    return door if isinstance(door, Recorder) else None


def active_door() -> Door | None:
    """What ops of this thread go through at the moment: a tape, a recorder, or nothing."""
    return _door.get()


@contextmanager
def recording(door: Door | None) -> Iterator[None]:
    """Let a tape or a recorder see every op of a block; None: nobody."""
    token = _door.set(door)
    try:
        yield
    finally:
        _door.reset(token)


@contextmanager
def labelled(label: str) -> Iterator[None]:
    """Name the module whose ops run in a block: the start of their error messages, and their name in programs."""
    token = _label.set(label)
    try:
        yield
    finally:
        _label.reset(token)


def current_label() -> str:
    """The path of the module that is running, or "" outside of modules."""
    return _label.get()


def run(
    op: str, inputs: Sequence[Array | None], attributes: Attributes, caches: Sequence[Any], wanted: Sequence[str]
) -> list[Array | None]:
    """Run an op of the core on arrays. `wanted` names the optional outputs to compute; others are None."""
    return _core.run_op(op, list(inputs), list(caches), dict(attributes), list(wanted), current_label())


def apply(
    op: str,
    inputs: Sequence[Operand | None],
    attributes: Attributes | None = None,
    caches: Sequence[CacheLike] = (),
    wanted: Sequence[str] = (),
) -> list[Any]:
    """Run an op on tensors or arrays; the results are tensors when any input is one, else arrays."""
    door = _door.get()
    if door is not None:
        return door.apply(op, inputs, attributes or {}, caches, wanted)
    return _core.call_op(op, inputs, attributes, caches, wanted, _label.get(), Tensor)
