"""Every registered op against its row of the op table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from op_cases import Array, Inputs, OpCase, OpError, OpRow
from op_table import ROWS

import pyseq
from pyseq import _core, nn

CASES = [pytest.param(row, case, id=f"{row.name}-{n}") for row in ROWS.values() for n, case in enumerate(row.cases)]
ERRORS = [pytest.param(row, error, id=f"{row.name}-{n}") for row in ROWS.values() for n, error in enumerate(row.errors)]
BATCH, TIME = 3, 6


def make(case: OpCase, batch: int = BATCH, time: int = TIME, seed: int = 7) -> Inputs:
    return case.make(np.random.default_rng(seed), batch, time)


@pytest.fixture
def restored_runtime() -> Iterator[None]:
    threads, isa = pyseq.num_threads(), pyseq.active_isa()
    yield
    pyseq.set_num_threads(threads)
    pyseq.set_isa(isa)


def assert_same_bits(actual: tuple[Any, ...], expected: tuple[Any, ...]) -> None:
    assert len(actual) == len(expected)
    for got, wanted in zip(actual, expected, strict=True):
        np.testing.assert_array_equal(got, wanted, strict=True)


def assert_close(actual: tuple[Any, ...], expected: tuple[Array, ...], tolerance: float) -> None:
    assert len(actual) == len(expected)
    for got, wanted in zip(actual, expected, strict=True):
        assert got.shape == wanted.shape
        largest = np.abs(wanted).max(initial=1.0)
        np.testing.assert_allclose(got, wanted, rtol=0, atol=tolerance * largest)


def test_every_registered_op_has_a_row_and_every_row_an_op() -> None:
    assert {schema["name"] for schema in _core.op_schemas()} == set(ROWS)


def test_every_registered_op_has_a_documented_function() -> None:
    for name in ROWS:
        text = getattr(pyseq.ops, name).__doc__
        assert text, f"ops.{name} has no docstring"
        for part in (">>>", "Returns"):
            assert part in text, f"the docstring of ops.{name} lacks {part}"


@pytest.mark.parametrize("isa", pyseq.available_isas())
@pytest.mark.parametrize(("row", "case"), CASES)
def test_forward_equals_the_reference_on_every_tier(row: OpRow, case: OpCase, isa: str, restored_runtime: None) -> None:
    pyseq.set_isa(isa)
    inputs = make(case)
    assert_close(row.run(inputs, case.attributes), row.judge(inputs, case.attributes), row.tolerance)


@pytest.mark.parametrize(("row", "case"), CASES)
def test_bits_do_not_depend_on_the_number_of_threads(row: OpRow, case: OpCase, restored_runtime: None) -> None:
    inputs = make(case, batch=5, time=40)
    results = []
    for threads in (1, 2, 3, 5, 8):
        pyseq.set_num_threads(threads)
        results.append(row.run(inputs, case.attributes))
    for result in results[1:]:
        assert_same_bits(result, results[0])


def batched(row: OpRow, inputs: Inputs) -> set[str]:
    """Inputs whose axis 0 is the batch: with a row map, the sources are not."""
    names = {name for name in row.batched if inputs.get(name) is not None}
    return names if "rows" not in inputs else {"query", "rows"} & set(inputs)


def one_row(row: OpRow, inputs: Inputs, index: int) -> Inputs:
    chosen = batched(row, inputs)
    return {name: value[index : index + 1].copy() if name in chosen else value for name, value in inputs.items()}


ROW_BY_ROW = [parameter for parameter in CASES if parameter.values[1].row_by_row]  # type: ignore[attr-defined]


@pytest.mark.parametrize(("row", "case"), ROW_BY_ROW)
def test_bits_of_a_row_do_not_depend_on_its_batch(row: OpRow, case: OpCase) -> None:
    inputs = make(case, batch=4)
    whole = row.run(inputs, case.attributes)
    for index in range(4):
        alone = row.run(one_row(row, inputs, index), case.attributes)
        assert_same_bits(alone, tuple(output[index : index + 1] for output in whole))


PADDED = [parameter for parameter in CASES if make(parameter.values[1]).get("lengths") is not None]  # type: ignore[attr-defined]


@pytest.mark.parametrize(("row", "case"), PADDED)
def test_padding_never_changes_a_result(row: OpRow, case: OpCase) -> None:
    inputs = make(case)
    lengths = inputs["lengths"]
    spoiled = dict(inputs)
    for name in row.time_axis:
        if name in inputs:
            spoiled[name] = inputs[name].copy()
            for index, length in enumerate(lengths):
                spoiled[name][index, length:] = np.nan
    assert_same_bits(row.run(spoiled, case.attributes), row.run(inputs, case.attributes))


@pytest.mark.parametrize(("row", "case"), CASES)
@pytest.mark.parametrize(("batch", "time"), [(0, 3), (2, 0), (1, 1)])
def test_empty_and_length_one_inputs(row: OpRow, case: OpCase, batch: int, time: int) -> None:
    inputs = make(case, batch, time)
    assert_close(row.run(inputs, case.attributes), row.judge(inputs, case.attributes), row.tolerance)


@pytest.mark.parametrize(("row", "mistake"), ERRORS)
def test_a_mistake_gives_a_sentence_that_names_it(row: OpRow, mistake: OpError) -> None:
    case = row.cases[0]
    lengthy = make(row.cases[1] if "lengths" in mistake.message else case)
    with pytest.raises(mistake.error, match=mistake.message):
        row.run(mistake.change(lengthy), case.attributes)


PLAIN_ROWS = [row for row in ROWS.values() if row.name != "cached_attention"]  # its call copies chunks of its inputs


@pytest.mark.parametrize("row", PLAIN_ROWS, ids=lambda row: row.name)
def test_inputs_that_are_not_contiguous_are_refused_with_the_fix(row: OpRow) -> None:
    inputs = make(row.cases[0])
    name = row.batched[0]
    strided = np.repeat(inputs[name], 2, axis=-1)[..., ::2]
    with pytest.raises(pyseq.Error, match=rf"{name}.*ascontiguousarray"):
        row.run({**inputs, name: strided}, row.cases[0].attributes)


class OneOp(nn.Module):
    """A model made of one op: its weights are parameters, its other inputs are arguments."""

    def __init__(self, row: OpRow, inputs: Inputs, attributes: dict[str, Any]) -> None:
        super().__init__()
        self._row, self._attributes = row, attributes
        self._absent = [name for name, value in inputs.items() if value is None]
        self._weights = [name for name in row.weights if inputs.get(name) is not None]
        for name in self._weights:
            setattr(self, name, nn.Parameter(inputs[name]))

    def forward(self, **arguments: Any) -> Any:
        weights = {name: getattr(self, name) for name in self._weights}
        absent = dict.fromkeys(self._absent)
        return self._row.run({**arguments, **weights, **absent}, self._attributes)


PROGRAMS = [parameter for parameter in CASES if parameter.values[0].name != "cached_attention"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(("row", "case"), PROGRAMS)
def test_a_compiled_program_gives_the_bits_of_the_eager_call(row: OpRow, case: OpCase) -> None:
    inputs = make(case)
    arguments = {n: v for n, v in inputs.items() if v is not None and n not in row.weights}
    varying = batched(row, inputs)
    dims = {
        name: pyseq.Input(value, dims=("batch" if name in varying else value.shape[0], *value.shape[1:]))
        for name, value in arguments.items()
    }
    data = pyseq.export(OneOp(row, inputs, dict(case.attributes)), None, dims)
    outputs = pyseq.Program.parse(data).run("forward", **arguments)
    assert_same_bits(tuple(outputs.values()), row.run(inputs, case.attributes))
