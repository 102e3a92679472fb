"""Dim: a size that is known only when a program runs, and the error for code that needs it earlier."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, Union

from pyseq import _core

_PACKAGE = Path(__file__).parent
_LIBRARY_FOLDERS = {_PACKAGE, *(_PACKAGE / folder for folder in ("ops", "nn", "exporting"))}


class TraceError(_core.Error, RuntimeError):
    """A model did something while it was exported that a program file cannot express."""


def source_line() -> str:
    """Where the model called the library: "model.py:12", the innermost frame outside of it."""
    frame = sys._getframe(1)
    while frame.f_back is not None and Path(frame.f_code.co_filename).parent in _LIBRARY_FOLDERS:
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def refuse(what: str, instead: str) -> NoReturn:
    """Raise a TraceError that names the line of the model."""
    raise TraceError(f"{source_line()}: {what} while the model is exported; {instead}")


@dataclass(frozen=True, eq=False)
class Dim:
    """A size of a traced tensor, or arithmetic on sizes.

    A program file never has batch and time sizes baked in: while a model is exported, `x.shape[i]` is a Dim. Sums,
    differences, products and floor divisions with integers and other Dims are Dims; what needs the number itself
    raises TraceError.
    """

    operator: str  # "size", "+", "-", "*" or "//"
    operands: tuple[Any, ...]  # (the traced tensor, axis) of a size; two integers or Dims otherwise
    example: int  # the number for the example inputs: for the library alone

    def _combine(self, operator: str, left: Size, right: Size) -> Dim:
        for side in (left, right):
            if isinstance(side, bool) or not isinstance(side, int | Dim):
                refuse(f"a size was combined with {side!r}", "use integers and sizes")
        a, b = example_size(left), example_size(right)
        if operator == "//":
            if b == 0:
                refuse("a size was divided by zero", "divide by a positive integer")
            return Dim(operator, (left, right), a // b)
        return Dim(operator, (left, right), {"+": a + b, "-": a - b, "*": a * b}[operator])

    def __add__(self, other: Size) -> Dim:
        return self._combine("+", self, other)

    def __radd__(self, other: Size) -> Dim:
        return self._combine("+", other, self)

    def __sub__(self, other: Size) -> Dim:
        return self._combine("-", self, other)

    def __rsub__(self, other: Size) -> Dim:
        return self._combine("-", other, self)

    def __mul__(self, other: Size) -> Dim:
        return self._combine("*", self, other)

    def __rmul__(self, other: Size) -> Dim:
        return self._combine("*", other, self)

    def __floordiv__(self, other: Size) -> Dim:
        return self._combine("//", self, other)

    def __rfloordiv__(self, other: Size) -> Dim:
        return self._combine("//", other, self)

    def _refuse_number(self, *_: object) -> NoReturn:
        refuse("the value of a size was needed", "sizes vary from run to run: pass the size on as it is")

    __int__ = __index__ = __float__ = __bool__ = _refuse_number
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse_number
    __mod__ = __rmod__ = __truediv__ = __rtruediv__ = __pow__ = __neg__ = _refuse_number
    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        if self.operator == "size":
            return f"size({self.operands[1]})"
        return f"({self.operands[0]!r} {self.operator} {self.operands[1]!r})"


Size = Union[int, Dim]  # noqa: UP007 (evaluated at run time with a class that is not a type yet)


def example_size(size: Size) -> int:
    """The number behind a size for the example inputs."""
    return size.example if isinstance(size, Dim) else size
