"""Where NaN or infinity comes from: a batch is run again, and every op and gradient is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pyseq import _core
from pyseq.autograd import Gradients, Record, Tape
from pyseq.tensor import Array, Attributes, CacheLike, Operand, Tensor, current_label
from pyseq.train.flat import FlatParameters
from pyseq.train.run import Loss


class NonFiniteError(_core.Error):
    """A loss or a gradient is NaN or infinite."""


class _Found(Exception):
    """Carries the place out of the run."""


class CheckingTape(Tape):
    """A tape that stops at the first op whose result, and on the way back whose gradient, is not finite."""

    def apply(
        self,
        op: str,
        inputs: Sequence[Operand | None],
        attributes: Attributes,
        caches: Sequence[CacheLike],
        wanted: Sequence[str],
    ) -> list[Any]:
        """Run one op and look at its inputs and results."""
        place = _place(op, current_label())
        bad = [n for n, x in enumerate(inputs) if x is not None and not all_finite(np.asarray(x))]
        results = super().apply(op, inputs, attributes, caches, wanted)
        if any(y is not None and not all_finite(np.asarray(y)) for y in results):
            reason = f"input {bad[0]} of it already has one (data or a mask)" if bad else "its inputs are finite"
            raise _Found(f"the first value that is not finite is a result of {place}; {reason}")
        return results

    def add(self, record: Record, inputs: Sequence[Operand | None], outputs: Sequence[Tensor | None]) -> None:
        """Note down an op, and look at what its vjp gives later."""
        super().add(_CheckingRecord(record, current_label()), inputs, outputs)


class _CheckingRecord:
    """A record whose gradients are looked at."""

    def __init__(self, record: Record, label: str) -> None:
        self.record, self.label = record, label

    def vjp(self, gradients: Gradients, wanted: list[bool]) -> Sequence[Any]:
        """Those of the record."""
        results = self.record.vjp(gradients, wanted)
        for result in results:
            if result is not None and not all_finite(np.asarray(result)):
                name = getattr(self.record, "op", type(self.record).__name__)
                raise _Found(
                    f"the loss is finite; the first gradient that is not comes from {_place(name, self.label)}"
                )
        return results


def explain(parameters: FlatParameters, loss: Loss, batch: Any) -> str:
    """Where the first value that is not finite appears when a batch is run: in a parameter, an op or a gradient.

    Args:
        parameters: what is trained; their gradients are overwritten.
        loss: of the batch, as in `Trainer`.
        batch: that of the step that failed.

    Returns:
        A sentence part: "the first value that is not finite is a result of log (decoder.output); ...".
    """
    for name, parameter in parameters.parameters.items():
        if not all_finite(parameter.data):
            return f"parameter {name} already has a value that is not finite"
    parameters.zero_gradients()
    try:
        with CheckingTape() as tape:
            losses, count = loss(batch)
        if not all_finite(losses.data):
            return "the loss itself is not finite, though no op gave such a value"
        if not count > 0:
            return f"the loss counts {count} units"
        tape.backward(losses, np.full(losses.data.shape, 1.0 / count, np.float32))
    except _Found as found:
        return str(found)
    for name, parameter in parameters.parameters.items():
        if parameter.grad is not None and not all_finite(parameter.grad):
            return f"the gradient of parameter {name} is not finite: what was added up is too large for float32"
    return "all values and gradients are finite when the batch is run alone: the norm of the gradients is too large"


def all_finite(array: Array) -> bool:
    """Whether every value is a number; integers always are."""
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())


def _place(op: str, label: str) -> str:
    return f"{op} ({label})" if label else op
