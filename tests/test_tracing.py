"""What a model may and may not do while it is exported."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pyseq
from pyseq import nn, ops


class Function(nn.Module):
    """A module whose forward is a function of itself and x."""

    def __init__(self, function: Callable[[Any, Any], Any]) -> None:
        self.linear = nn.Linear(3, 3)
        self._function = function

    def forward(self, x: pyseq.Tensor) -> Any:
        return self._function(self, x)


def export(function: Callable[[Any, Any], Any]) -> bytes:
    return pyseq.export(Function(function), None, {"x": np.ones((2, 5, 3), np.float32)})


def branch_on_size(module: Any, x: Any) -> Any:
    return ops.relu(x) if x.shape[1] > 3 else x


def use_size_as_number(module: Any, x: Any) -> Any:
    return ops.slice(x, 1, 0, int(x.shape[1]))


def loop_over_size(module: Any, x: Any) -> Any:
    for _ in range(x.shape[1]):
        x = ops.relu(x)
    return x


def true_division(module: Any, x: Any) -> Any:
    return ops.slice(x, 1, 0, x.shape[1] / 2)


def read_values(module: Any, x: Any) -> Any:
    return ops.relu(x.numpy())


def numpy_function(module: Any, x: Any) -> Any:
    return ops.relu(np.tanh(x))


def index(module: Any, x: Any) -> Any:
    return ops.relu(x[:, 0])


def branch_on_value(module: Any, x: Any) -> Any:
    return x if x else ops.relu(x)


def foreign_array(module: Any, x: Any) -> Any:
    return ops.add(x, np.ones(3, np.float32))


MISTAKES = {
    branch_on_size: "the value of a size",
    use_size_as_number: "the value of a size",
    loop_over_size: "the value of a size",
    true_division: "the value of a size",
    read_values: "values of a tensor",
    numpy_function: "values of a tensor",
    index: "values of a tensor",
    branch_on_value: "values of a tensor",
    foreign_array: "no part of the module",
}


@pytest.mark.parametrize("function", MISTAKES, ids=lambda function: function.__name__)
def test_a_mistake_is_refused_with_its_line(function: Callable[[Any, Any], Any]) -> None:
    with pytest.raises(pyseq.TraceError, match=MISTAKES[function]) as caught:
        export(function)
    path, line = str(caught.value).split(": ")[0].rsplit(":", 1)
    first = function.__code__.co_firstlineno
    assert path == __file__
    assert first < int(line) <= first + 3


def test_a_mistake_within_a_layer_names_the_line_of_the_model() -> None:
    def forward(module: Any, x: Any) -> Any:
        return nn.Linear(3, 3)(x)  # made anew in every call: its weights are no part of the module

    with pytest.raises(pyseq.TraceError, match=rf"{__file__}:\d+: linear was given an array"):
        export(forward)


def test_sizes_are_arithmetic() -> None:
    def middle(module: Any, x: Any) -> Any:
        quarter = x.shape[1] // 4
        return ops.slice(x, 1, quarter, 2 * quarter + (x.shape[1] - 2 * quarter) * 1)

    program = pyseq.Program.parse(export(middle))
    for time in (1, 4, 9, 16):
        x = np.random.default_rng(time).standard_normal((2, time, 3)).astype(np.float32)
        quarter = time // 4
        np.testing.assert_array_equal(program.run("forward", x=x)["output"], x[:, quarter:])


def test_ops_outside_of_an_export_are_not_recorded() -> None:
    tensor = pyseq.Tensor(np.ones((1, 2), np.float32))
    export(lambda module, x: module.linear(x))
    assert isinstance(ops.relu(tensor), pyseq.Tensor)
    assert ops.relu(tensor).shape == (1, 2)


def test_a_failed_export_leaves_no_recorder_behind() -> None:
    with pytest.raises(pyseq.TraceError):
        export(read_values)
    assert ops.relu(np.array([-1.0, 1.0], np.float32)).tolist() == [0.0, 1.0]


def test_a_baked_in_value_is_found_by_the_acceptance_runs() -> None:
    class Sneaky(nn.Module):
        def forward(self, x: pyseq.Tensor) -> pyseq.Tensor:
            repeats = len(x._array)  # reaches behind the tracer
            for _ in range(repeats):
                x = x + x
            return x

    with pytest.raises(pyseq.TraceError, match=r"function 'forward', output 'output'.*batch=1"):
        pyseq.export(Sneaky(), None, {"x": np.ones((2, 5, 3), np.float32)})
