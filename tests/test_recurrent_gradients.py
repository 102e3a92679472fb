"""Backpropagation through time: what the generic gradient tests do not see."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from op_cases import Array, Inputs, OpCase, OpRow
from op_table import ROWS
from reference_recurrent import GATES

import pyseq
from pyseq import _core

CASES = [
    pytest.param(ROWS[name], case, id=f"{name}-{n}")
    for kind in GATES
    for name in (kind, f"{kind}_step")
    for n, case in enumerate(ROWS[name].cases)
]


def inputs_of(case: OpCase, batch: int = 5, time: int = 9) -> Inputs:
    return case.make(np.random.default_rng(1), batch, time)


def gradients(row: OpRow, case: OpCase, inputs: Inputs, wanted: set[str], outputs: set[int]) -> dict[str, Array]:
    """Of the wanted inputs, from ones at the given outputs."""
    leaves = {name: pyseq.Parameter(inputs[name]) for name in wanted}
    with pyseq.Tape() as tape:
        results = row.run({**inputs, **leaves}, case.attributes)
    found: dict[str, Array] = {}
    names = {id(leaf): name for name, leaf in leaves.items()}
    seeds = [(y, np.ones(y.shape, np.float32)) for index, y in enumerate(results) if index in outputs]
    tape.walk_back(seeds, lambda leaf, gradient: found.update({names[id(leaf)]: gradient}))
    return found


def floats(inputs: Inputs) -> set[str]:
    return {name for name, value in inputs.items() if value.dtype == np.float32}


@pytest.mark.parametrize(("row", "case"), CASES)
def test_outputs_have_the_same_bits_under_a_tape(row: OpRow, case: OpCase) -> None:
    inputs = inputs_of(case)
    expected = row.run(inputs, case.attributes)
    with pyseq.Tape() as tape:
        found = row.run({**inputs, "x": pyseq.Parameter(inputs["x"])}, case.attributes)
    assert len(tape) == 1
    assert len(found) == len(expected)
    for y, wanted in zip(found, expected, strict=True):
        np.testing.assert_array_equal(y.numpy(), wanted, strict=True)


@pytest.mark.parametrize(("row", "case"), CASES)
def test_a_gradient_alone_has_the_bits_that_it_has_among_all(row: OpRow, case: OpCase) -> None:
    inputs = inputs_of(case)
    everything = gradients(row, case, inputs, floats(inputs), {0, 1, 2})
    for name in floats(inputs):
        alone = gradients(row, case, inputs, {name}, {0, 1, 2})
        np.testing.assert_array_equal(alone[name], everything[name], strict=True)


@pytest.mark.parametrize(("row", "case"), CASES)
def test_gradients_of_several_outputs_add_up(row: OpRow, case: OpCase) -> None:
    inputs = inputs_of(case)
    names = floats(inputs)
    number = len(row.run(inputs, case.attributes))
    parts = [gradients(row, case, inputs, names, {index}) for index in range(number)]
    for name, together in gradients(row, case, inputs, names, set(range(number))).items():
        added = sum(part[name].astype(np.float64) for part in parts)
        np.testing.assert_allclose(together, added, rtol=0, atol=2e-5 * np.abs(together).max(initial=1.0))


@pytest.mark.parametrize("kind", GATES)
def test_steps_one_by_one_have_the_gradients_of_the_sequence(kind: str) -> None:
    row, case = ROWS[kind], ROWS[kind].cases[0]
    inputs = inputs_of(case, batch=3, time=4)
    whole = gradients(row, case, inputs, {"x", "w_ih", "w_hh", "b_ih"} & set(inputs), {0})
    leaves: dict[str, Any] = {name: pyseq.Parameter(value) for name, value in inputs.items() if name != "x"}
    steps = [pyseq.Parameter(np.ascontiguousarray(inputs["x"][:, t])) for t in range(4)]
    state = [np.zeros((3, inputs["w_hh"].shape[1]), np.float32)] * (2 if "lstm" in kind else 1)
    outputs = []
    with pyseq.Tape() as tape:
        for x in steps:
            result = getattr(pyseq.ops, f"{kind}_step")(x, *state, **leaves)
            state = list(result) if isinstance(result, tuple) else [result]
            outputs.append(state[0])
    tape.walk_back([(h, np.ones(h.shape, np.float32)) for h in outputs], pyseq.autograd.add_to_parameter)
    found = {name: leaf.grad for name, leaf in leaves.items()} | {"x": np.stack([x.grad for x in steps], axis=1)}
    for name, expected in whole.items():
        np.testing.assert_allclose(found[name], expected, rtol=1e-4, atol=1e-5)


def test_sums_over_many_slots_have_the_same_bits_for_any_number_of_threads() -> None:
    row, case = ROWS["lstm"], ROWS["lstm"].cases[1]
    inputs = inputs_of(case, batch=19, time=61)
    threads, found = pyseq.num_threads(), []
    try:
        for count in (1, 2, 3, 8):
            pyseq.set_num_threads(count)
            found.append(gradients(row, case, inputs, floats(inputs), {0, 1, 2}))
    finally:
        pyseq.set_num_threads(threads)
    for other in found[1:]:
        for name, gradient in found[0].items():
            np.testing.assert_array_equal(other[name], gradient, strict=True)


@pytest.mark.parametrize("storage", ["float32", "bfloat16", "int8"])
def test_a_packed_weight_has_no_gradient(storage: str) -> None:
    inputs = inputs_of(ROWS["gru"].cases[0])
    inputs["w_hh"] = _core.pack_weight(inputs["w_hh"], 3, storage)
    with pyseq.Tape() as tape:
        y, _ = pyseq.ops.gru(**{**inputs, "x": pyseq.Parameter(inputs["x"])})
        loss = pyseq.ops.sum(pyseq.ops.sum(pyseq.ops.sum(y)))
    with pytest.raises(pyseq.UnsupportedError, match="gru: a packed weight has no gradient, expected a row-major one"):
        tape.backward(loss)
