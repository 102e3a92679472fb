"""What a row of the op table is made of. Rows stand in op_table.py and, by family, in op_rows_<family>.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pyseq import ops

Array = np.ndarray[Any, Any]
Inputs = dict[str, Any]
Rng = np.random.Generator


@dataclass(frozen=True)
class OpCase:
    """Inputs for given batch and time sizes, and the attributes that go with them."""

    make: Callable[[Rng, int, int], Inputs]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    row_by_row: bool = True  # whether a row gives what it gives alone
    smooth: bool = True  # small central differences see its derivative at these inputs


@dataclass(frozen=True)
class OpError:
    """A mistake and the sentence that it must give."""

    change: Callable[[Inputs], Inputs]
    error: type[Exception]
    message: str  # regular expression


@dataclass(frozen=True)
class OpRow:
    name: str
    cases: Sequence[OpCase]
    reference: Callable[..., Any]
    tolerance: float = 2e-6  # relative to the largest value of the reference
    batched: Sequence[str] = ("x",)  # inputs whose axis 0 is the batch
    weights: Sequence[str] = ()  # inputs that are parameters in a model
    time_axis: Mapping[str, int] = field(default_factory=dict)  # inputs and outputs ("0", "1", ...) padded by lengths
    errors: Sequence[OpError] = ()
    call: Callable[..., Any] | None = None  # when a plain call of the function is not the way to use it

    def run(self, inputs: Inputs, attributes: Mapping[str, Any]) -> tuple[Any, ...]:
        function = self.call or getattr(ops, self.name)
        result = function(**inputs, **attributes)
        return result if isinstance(result, tuple) else (result,)

    def judge(self, inputs: Inputs, attributes: Mapping[str, Any]) -> tuple[Array, ...]:
        result = self.reference(**inputs, **attributes)
        return result if isinstance(result, tuple) else (result,)


def normal(rng: Rng, *shape: int) -> Array:
    return rng.standard_normal(shape).astype(np.float32)


def weight(rng: Rng, rows: int, columns: int) -> Array:
    return (rng.standard_normal((rows, columns)) / max(columns, 1) ** 0.5).astype(np.float32)


def ragged(rng: Rng, batch: int, time: int) -> Array:
    """Lengths between 0 and time, the longest among them when there is room."""
    lengths = rng.integers(0, time + 1, batch)
    if batch:
        lengths[-1] = time
    return lengths.astype(np.int64)


def replaced(name: str, value: Any) -> Callable[[Inputs], Inputs]:
    return lambda inputs: {**inputs, name: value}


def cut(name: str) -> Callable[[Inputs], Inputs]:
    """The input without the last entry of its last axis."""
    return lambda inputs: {**inputs, name: np.ascontiguousarray(inputs[name][..., :-1])}


def as_float64(name: str) -> Callable[[Inputs], Inputs]:
    return lambda inputs: {**inputs, name: inputs[name].astype(np.float64)}
