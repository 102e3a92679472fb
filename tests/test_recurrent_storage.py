"""Recurrent layers with weights stored as bfloat16 and int8: precision, and the same bits for any batch and threads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from op_cases import Array, Inputs
from op_rows_recurrent import CELL_NORMS, NORMS, layer_inputs
from reference_recurrent import GATES, LSTMS, recurrent

import pyseq
from pyseq import _core, ops

NARROW = ("bfloat16", "int8")
TOLERANCE = {"float32": 1e-5, "bfloat16": 2e-2, "int8": 4e-2}  # of values of at most 1
# Kind, options of layer_inputs, attributes.
LAYERS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    *((kind, {"bidirectional": True}, {}) for kind in GATES),
    ("gru", {}, {"reset": "before"}),
    ("gru", {"variants": NORMS}, {}),
    ("lstm", {"variants": (*CELL_NORMS, "peephole")}, {}),
    ("lstm", {"variants": ("w_hr",), "projection": 37}, {}),
    ("coupled_lstm", {"variants": ("w_hr", "peephole"), "projection": 20, "bidirectional": True}, {}),
]
INPUT, HIDDEN = 39, 77  # groups of values and blocks of units that are not full
CASES = [pytest.param(*layer, id="-".join([layer[0], *layer[1], *layer[2]])) for layer in LAYERS]


@pytest.fixture
def restored_runtime() -> Iterator[None]:
    threads, isa = pyseq.num_threads(), pyseq.active_isa()
    yield
    pyseq.set_num_threads(threads)
    pyseq.set_isa(isa)


def make(kind: str, options: dict[str, Any], batch: int = 5, time: int = 9) -> Inputs:
    return layer_inputs(kind, INPUT, HIDDEN, **options)(np.random.default_rng(3), batch, time)


def packed(kind: str, inputs: Inputs, dtype: str) -> Inputs:
    def store(name: str, value: Any) -> Any:
        if not name.startswith("w_"):
            return value
        return _core.pack_weight(value, 1 if name.startswith("w_hr") else GATES[kind], dtype)

    return {name: store(name, value) for name, value in inputs.items()}


def run(kind: str, inputs: Inputs, attributes: dict[str, Any]) -> tuple[Array, ...]:
    result: tuple[Array, ...] = getattr(ops, kind)(**inputs, **attributes)
    return result


def assert_same_bits(actual: Any, expected: Any) -> None:
    for got, wanted in zip(actual, expected, strict=True):
        np.testing.assert_array_equal(got, wanted, strict=True)


@pytest.mark.parametrize("isa", pyseq.available_isas())
@pytest.mark.parametrize("dtype", NARROW)
@pytest.mark.parametrize(("kind", "options", "attributes"), CASES)
def test_precision_on_every_tier(
    kind: str, options: dict[str, Any], attributes: dict[str, Any], dtype: str, isa: str, restored_runtime: None
) -> None:
    pyseq.set_isa(isa)
    inputs = make(kind, options)
    expected = recurrent(kind, **inputs, **attributes)
    for got, wanted in zip(run(kind, packed(kind, inputs, dtype), attributes), expected, strict=True):
        largest = np.abs(wanted).max(initial=1.0)
        np.testing.assert_allclose(got, wanted, rtol=0, atol=TOLERANCE[dtype] * largest)
        assert np.abs(got - wanted).max() > 1e-6  # it is the narrow weight that was read


@pytest.mark.parametrize("dtype", NARROW)
@pytest.mark.parametrize(("kind", "options", "attributes"), CASES)
def test_bits_do_not_depend_on_threads_batch_or_padding(
    kind: str, options: dict[str, Any], attributes: dict[str, Any], dtype: str, restored_runtime: None
) -> None:
    inputs = packed(kind, make(kind, options), dtype)
    pyseq.set_num_threads(1)
    expected = run(kind, inputs, attributes)
    for row, length in enumerate(inputs["lengths"]):
        inputs["x"][row, length:] = np.nan
    for threads in (1, 2, 3, 5, 8):
        pyseq.set_num_threads(threads)
        assert_same_bits(run(kind, inputs, attributes), expected)
    for row in range(5):
        names = {"x", "lengths", "h0", "c0"} & set(inputs)
        alone = {**inputs, **{name: inputs[name][row : row + 1].copy() for name in names}}
        assert_same_bits(run(kind, alone, attributes), [output[row : row + 1] for output in expected])


@pytest.mark.parametrize("dtype", ["float32", *NARROW])
@pytest.mark.parametrize(
    ("kind", "options", "attributes"), [case for case in CASES if not case.values[1].get("bidirectional")]
)
@pytest.mark.parametrize("batch", [1, 5])
def test_a_sequence_gives_the_bits_of_its_steps(
    kind: str, options: dict[str, Any], attributes: dict[str, Any], dtype: str, batch: int
) -> None:
    inputs = packed(kind, make(kind, {**options, "lengths": False}, batch), dtype)
    y, *final = run(kind, inputs, attributes)
    names = {"h0", "c0"} & set(inputs)
    state = [inputs[name] for name in ("h0", "c0") if name in names]
    weights = {name: value for name, value in inputs.items() if name not in {"x", *names}}
    step = getattr(ops, f"{kind}_step")
    for t in range(y.shape[1]):
        result = step(inputs["x"][:, t].copy(), *state, **weights, **attributes)
        state = list(result) if kind in LSTMS else [result]
        np.testing.assert_array_equal(state[0], y[:, t])
    assert_same_bits(state, final)


@pytest.mark.parametrize("dtype", NARROW)
def test_wide_layers_on_several_threads(dtype: str, restored_runtime: None) -> None:
    rng = np.random.default_rng(5)
    for kind, options in (("lstm", {"bidirectional": True}), ("gru", {})):
        inputs = packed(kind, layer_inputs(kind, 64, 400, lengths=False, **options)(rng, 2, 12), dtype)
        results = []
        for threads in (1, 2, 3, 4, 5, 8):
            pyseq.set_num_threads(threads)
            results.append(run(kind, inputs, {}))
        for result in results[1:]:
            assert_same_bits(result, results[0])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_stay_visible_in_int8(value: float) -> None:
    inputs = packed("lstm", make("lstm", {"lengths": False}, 2), "int8")
    inputs["x"][1, 4, 3] = value
    y = run("lstm", inputs, {})[0]
    assert np.isfinite(y[0]).all()
    assert np.isfinite(y[1, :4]).all()
    assert np.isnan(y[1, 4:]).all()
