"""The vjp of every op against central differences of its float64 reference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from op_cases import Array, Inputs, OpCase, OpRow
from op_table import ROWS

import pyseq
from pyseq import _core
from pyseq.autograd import add_to_parameter

SCHEMAS = {schema["name"]: schema for schema in _core.op_schemas()}
# Ops without a gradient, and why.
WITHOUT_GRADIENT = {
    "add_integer": "integers",
    "argmax": "gives integers",
    "cached_attention": "inference: training attends to whole sequences",
    "crf_marginals": "inference: crf_loss is what is trained on",
    "linear_pair": "inference: made by a compile pass",
    "linear_triple": "inference: made by a compile pass",
    "pack_keys": "inference: a layout",
    "stft": "features: nothing that is trained stands before it",
    "viterbi": "gives integers",
}
CASES = [
    pytest.param(row, case, id=f"{row.name}-{n}")
    for row in ROWS.values()
    if row.name not in WITHOUT_GRADIENT
    for n, case in enumerate(row.cases)
]
STEP = 1e-5


@pytest.fixture
def restored_runtime() -> Iterator[None]:
    threads, isa = pyseq.num_threads(), pyseq.active_isa()
    yield
    pyseq.set_num_threads(threads)
    pyseq.set_isa(isa)


def test_every_op_has_a_gradient_or_a_reason() -> None:
    without = {name for name, schema in SCHEMAS.items() if not schema["differentiable"]}
    assert without == set(WITHOUT_GRADIENT)


class Gradients:
    """Outputs of one call, gradients to go back from, and what the vjp makes of them."""

    def __init__(self, row: OpRow, inputs: Inputs, attributes: Any, seed: int = 3) -> None:
        self.row, self.inputs, self.attributes = row, inputs, attributes
        self.names = [n for n in SCHEMAS[row.name]["differentiable"] if inputs.get(n) is not None]
        leaves = {name: pyseq.Parameter(inputs[name]) for name in self.names}
        with pyseq.Tape() as tape:
            self.outputs = row.run({**inputs, **leaves}, attributes)
        rng = np.random.default_rng(seed)
        differentiable = [y["differentiable"] for y in SCHEMAS[row.name]["outputs"]]
        self.cotangents = [
            rng.standard_normal(y.shape).astype(np.float32) if y.dtype == np.float32 and is_differentiable else None
            for y, is_differentiable in zip(self.outputs, differentiable, strict=False)
        ]
        seeds = [(y, g) for y, g in zip(self.outputs, self.cotangents, strict=True) if g is not None]
        tape.walk_back(seeds, add_to_parameter)
        self.found: dict[str, Array] = {name: leaf.grad for name, leaf in leaves.items() if leaf.grad is not None}

    def expected(self, name: str, direction: Array) -> float:
        """The change of Σ outputs · cotangents along a direction, per step."""
        sums = []
        for sign in (1, -1):
            moved = {**self.inputs, name: self.inputs[name].astype(np.float64) + sign * STEP * direction}
            outputs = self.row.judge(moved, self.attributes)
            sums.append(
                sum(float((y * g).sum()) for y, g in zip(outputs, self.cotangents, strict=True) if g is not None)
            )
        return (sums[0] - sums[1]) / (2 * STEP)


def gradients_of(row: OpRow, case: OpCase, batch: int = 3, time: int = 6) -> Gradients:
    return Gradients(row, case.make(np.random.default_rng(7), batch, time), case.attributes)


@pytest.mark.parametrize("isa", pyseq.available_isas())
@pytest.mark.parametrize(("row", "case"), [p for p in CASES if p.values[1].smooth])  # type: ignore[attr-defined]
def test_gradients_equal_central_differences(row: OpRow, case: OpCase, isa: str, restored_runtime: None) -> None:
    pyseq.set_isa(isa)
    gradients = gradients_of(row, case)
    assert gradients.names or not any(n in gradients.inputs for n in SCHEMAS[row.name]["differentiable"])
    for name in gradients.names:
        found = gradients.found[name].astype(np.float64)
        for seed in range(3):
            direction = np.random.default_rng(seed).standard_normal(found.shape)
            # Compared with what the sum would be if all its terms had one sign.
            scale = np.abs(found * direction).sum() + 1e-3
            assert abs((found * direction).sum() - gradients.expected(name, direction)) < 2e-5 * scale, name


@pytest.mark.parametrize(("row", "case"), CASES)
def test_bits_of_gradients_do_not_depend_on_the_number_of_threads(
    row: OpRow, case: OpCase, restored_runtime: None
) -> None:
    found = []
    for threads in (1, 2, 3, 5, 8):
        pyseq.set_num_threads(threads)
        found.append(gradients_of(row, case, batch=5, time=40).found)
    for other in found[1:]:
        for name, gradient in found[0].items():
            np.testing.assert_array_equal(other[name], gradient, strict=True)


PADDED = [p for p in CASES if p.values[1].make(np.random.default_rng(7), 3, 6).get("lengths") is not None]  # type: ignore[attr-defined]


@pytest.mark.parametrize(("row", "case"), PADDED)
def test_padding_has_no_gradient_and_changes_none(row: OpRow, case: OpCase) -> None:
    gradients = gradients_of(row, case)
    spoiled = dict(gradients.inputs)
    for name in row.time_axis:
        if name in spoiled and spoiled[name].dtype == np.float32:
            spoiled[name] = spoiled[name].copy()
            for index, length in enumerate(spoiled["lengths"]):
                spoiled[name][index, length:] = np.nan
                if name in gradients.found:
                    assert not gradients.found[name][index, length:].any()
    for name, gradient in Gradients(row, spoiled, case.attributes).found.items():
        np.testing.assert_array_equal(gradient, gradients.found[name], strict=True)


@pytest.mark.parametrize(("row", "case"), CASES)
@pytest.mark.parametrize(("batch", "time"), [(0, 3), (2, 0), (1, 1)])
def test_gradients_of_empty_and_length_one_inputs(row: OpRow, case: OpCase, batch: int, time: int) -> None:
    gradients = gradients_of(row, case, batch, time)
    for name in gradients.names:
        found = gradients.found[name]
        assert found.shape == gradients.inputs[name].shape
        assert np.isfinite(found).all()


def gradient_at(op: str, inputs: Inputs, name: str, cotangent: Array, **attributes: Any) -> Array:
    """The gradient of one input from that of the first output."""
    leaf = pyseq.Parameter(inputs[name])
    with pyseq.Tape() as tape:
        y = getattr(pyseq.ops, op)(**{**inputs, name: leaf}, **attributes)
        y = y[0] if isinstance(y, tuple) else y
    tape.backward(y, cotangent)
    assert leaf.grad is not None
    return leaf.grad


@pytest.mark.parametrize("isa", pyseq.available_isas())
@pytest.mark.parametrize("axis", [0, 1])
def test_the_first_of_equal_maxima_gets_the_gradient(isa: str, axis: int, restored_runtime: None) -> None:
    pyseq.set_isa(isa)
    x = np.random.default_rng(0).integers(0, 3, (40, 37)).astype(np.float32)
    x[3, 5] = x[9, 5] = np.nan
    found = gradient_at("max", {"x": x}, "x", np.full(x.shape[1 - axis], 2, np.float32), axis=axis)
    expected = np.zeros_like(x)
    np.put_along_axis(expected, np.expand_dims(x.argmax(axis), axis), 2, axis)  # the first NaN, where there is one
    np.testing.assert_array_equal(found, expected)


def test_the_first_of_equal_values_among_the_largest_gets_the_gradient() -> None:
    x = np.array([[1, 2, 2, 2, 0]], np.float32)
    found = gradient_at("top_k", {"x": x}, "x", np.array([[5, 7]], np.float32), k=2)
    assert found.tolist() == [[0, 5, 7, 0, 0]]


def test_ignored_positions_and_padding_have_no_gradient_of_the_loss() -> None:
    rng = np.random.default_rng(0)
    logits, targets = rng.standard_normal((2, 3, 5)).astype(np.float32), np.array([[1, -100, 2], [-100, 0, 4]])
    found = gradient_at("cross_entropy", {"logits": logits, "targets": targets}, "logits", np.ones((2, 3), np.float32))
    assert not found[targets == -100].any()
    assert found[targets != -100].all()


def test_a_gradient_of_the_gradient_output_is_an_error() -> None:
    logits = pyseq.Parameter(np.zeros((2, 3), np.float32))
    with pyseq.Tape() as tape:
        _, gradient = pyseq.ops.cross_entropy(logits, np.array([0, 1]), return_gradient=True)
        loss = pyseq.ops.sum(pyseq.ops.sum(gradient))
    with pytest.raises(pyseq.UnsupportedError, match="cross_entropy: gradient is not differentiable"):
        tape.backward(loss)
