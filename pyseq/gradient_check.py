"""Gradients of a function, as a tape finds them, against central differences."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pyseq import _core
from pyseq.autograd import Tape, add_to_parameter
from pyseq.tensor import Array, Parameter, Tensor

# Rounding errors of float32 outputs, relative to their size: those of a long chain of ops.
ROUNDING = 1e-6


class GradientError(_core.Error):
    """Gradients that differ from central differences."""


def check_gradients(
    function: Callable[..., Any],
    inputs: Sequence[ArrayLike | Tensor] = (),
    parameters: Mapping[str, Parameter] | None = None,
    *,
    step: float = 1e-2,
    tolerance: float = 1e-2,
    directions: int = 4,
    seed: int = 0,
) -> dict[str, float]:
    """Compare the gradients that a tape finds with central differences along random directions.

    With a random c of the shape of the outputs and L = Σ c · function(inputs), for each x among inputs and parameters
    and random directions d of ±1: |(L(x + step · d) − L(x − step · d)) / (2 · step) − ∂L/∂x · d|, relative to
    ‖∂L/∂x‖, the usual size of ∂L/∂x · d. The function runs in float32: its rounding errors divided by the step are
    allowed for, a smaller step brings more of them, and a larger one more of the third derivative. All values of x move
    at once, so kinks (relu) that lie near them need a smaller step.

    Args:
        function: takes the inputs as tensors, gives a tensor or several; the same for the same inputs.
        inputs: arrays or tensors, passed in this order; those of integers are constants.
        parameters: further parameters that the function reads, by name, such as `dict(module.named_parameters())`.
            They are moved during the check, and are then what they were; so are their gradients.
        step: how far each value moves.
        tolerance: the largest relative error that passes.
        directions: how many there are for each x.
        seed: of c and d.

    Returns:
        The largest relative error of every input, "0", "1", ..., and of every parameter, by its name.

    Raises:
        GradientError: an error is above the tolerance. ArgumentError: two runs on the same inputs differ.

    Example:
        >>> import numpy as np, pyseq
        >>> x = np.random.default_rng(0).standard_normal((3, 5)).astype(np.float32)
        >>> errors = pyseq.check_gradients(lambda x: pyseq.ops.softmax(x), [x])
        >>> errors["0"] < 1e-2
        True
    """
    leaves = [_leaf(x) for x in inputs]
    named = {str(i): x for i, x in enumerate(leaves) if isinstance(x, Parameter)}
    named |= {name: p for name, p in (parameters or {}).items() if p.requires_grad}
    rng = np.random.default_rng(seed)
    outputs, found, cotangents = _gradients(function, leaves, named, rng)

    def loss() -> float:
        pairs = zip(_run(function, leaves), cotangents, strict=True)
        return sum(float((y.data.astype(np.float64) * c).sum()) for y, c in pairs if c is not None)

    noise = ROUNDING / step * _size(outputs, cotangents)
    if loss() != loss():
        raise _core.ArgumentError("check_gradients: function gives different values for the same inputs")
    errors = {}
    for name, x in named.items():
        gradient = np.zeros(x.data.shape) if found[name] is None else found[name].astype(np.float64)
        scale = float(np.linalg.norm(gradient)) + noise / tolerance
        worst = 0.0
        for _ in range(directions):
            direction = rng.choice((-1.0, 1.0), x.data.shape)
            expected = _slope(loss, x, direction, step)
            worst = max(worst, abs(expected - float((gradient * direction).sum())) / (scale or 1.0))
        errors[name] = worst
    _raise_if_wrong(errors, tolerance)
    return errors


def _leaf(x: ArrayLike | Tensor) -> Tensor:
    tensor = Tensor(x)
    return Parameter(tensor.data.copy()) if tensor.dtype == np.float32 else tensor


def _run(function: Callable[..., Any], leaves: Sequence[Tensor]) -> list[Tensor]:
    result = function(*leaves)
    return [
        Tensor(y) if not isinstance(y, Tensor) else y
        for y in (result if isinstance(result, tuple | list) else [result])
    ]


def _gradients(
    function: Callable[..., Any], leaves: Sequence[Tensor], named: Mapping[str, Parameter], rng: np.random.Generator
) -> tuple[list[Array], dict[str, Any], list[Array | None]]:
    """Outputs, the gradients of what is named, and the random cotangents of the outputs (None: a constant)."""
    kept = {name: x.grad for name, x in named.items()}
    for x in named.values():
        x.grad = None
    with Tape() as tape:
        outputs = _run(function, leaves)
    cotangents = [rng.standard_normal(y.data.shape).astype(np.float32) if tape.follows(y) else None for y in outputs]
    tape.walk_back([(y, c) for y, c in zip(outputs, cotangents, strict=True) if c is not None], add_to_parameter)
    found = {name: x.grad for name, x in named.items()}
    for name, x in named.items():
        x.grad = kept[name]
    return [y.data for y in outputs], found, cotangents


def _size(outputs: Sequence[Array], cotangents: Sequence[Array | None]) -> float:
    """The root of the sum of the squared terms of L."""
    pairs = zip(outputs, cotangents, strict=True)
    return math.sqrt(sum(float(((y.astype(np.float64) * c) ** 2).sum()) for y, c in pairs if c is not None))


def _slope(loss: Callable[[], float], x: Parameter, direction: Array, step: float) -> float:
    """The central difference along a direction; x is moved in place, and back."""
    original = x.data.copy()
    losses, moved = [], []
    try:
        for sign in (1.0, -1.0):
            x.data[...] = original + sign * step * direction
            moved.append(x.data.astype(np.float64))
            losses.append(loss())
    finally:
        x.data[...] = original
    # What was really moved, after rounding to float32.
    distance = float(((moved[0] - moved[1]) * direction).sum()) / max(1, direction.size)
    return (losses[0] - losses[1]) / distance if distance else 0.0


def _raise_if_wrong(errors: Mapping[str, float], tolerance: float) -> None:
    wrong = {name: error for name, error in errors.items() if not error <= tolerance}
    if wrong:
        lines = ", ".join(f"{name}: {error:.2g}" for name, error in wrong.items())
        raise GradientError(
            f"check_gradients: relative errors above {tolerance:g} of the gradients of {lines} "
            f"(of {len(errors)} that were checked)"
        )
