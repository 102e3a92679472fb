"""Tensor: arrays behind operators, nothing copied."""

from __future__ import annotations

import numpy as np
import pytest

import pyseq
from pyseq import ops


def floats(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).standard_normal(shape).astype(np.float32)


def test_the_array_is_shared_not_copied() -> None:
    array = floats(2, 3)
    tensor = pyseq.Tensor(array)
    assert tensor.data is array
    assert tensor.numpy() is array
    assert pyseq.Tensor(tensor).data is array
    assert tensor.shape == (2, 3)
    assert tensor.ndim == 2
    assert tensor.dtype == np.float32


def test_lists_become_the_types_that_ops_take() -> None:
    assert pyseq.Tensor([1.0, 2.0]).dtype == np.float32
    assert pyseq.Tensor([1, 2]).dtype == np.int64


def test_operators_are_the_ops() -> None:
    a, b = floats(2, 3), floats(3)
    x, y = pyseq.Tensor(a), pyseq.Tensor(b)
    np.testing.assert_array_equal((x + y).numpy(), a + b)
    np.testing.assert_array_equal((y + x).numpy(), a + b)
    np.testing.assert_array_equal((x * y).numpy(), a * b)
    np.testing.assert_array_equal((a + x).numpy(), a + a)
    assert isinstance(a * x, pyseq.Tensor)
    with pytest.raises(TypeError):
        x + 1


def test_results_are_tensors_exactly_when_an_input_is_one() -> None:
    array = floats(2, 3)
    assert isinstance(ops.relu(array), np.ndarray)
    assert isinstance(ops.relu(pyseq.Tensor(array)), pyseq.Tensor)
    assert isinstance(ops.linear(array, pyseq.Parameter(floats(4, 3))), pyseq.Tensor)


def test_values_of_one_element() -> None:
    assert float(pyseq.Tensor(np.array(2.5, np.float32))) == 2.5
    assert int(pyseq.Tensor(np.array(3))) == 3
    assert len(pyseq.Tensor(floats(4, 2))) == 4


def test_errors_name_the_op_and_the_argument() -> None:
    with pytest.raises(pyseq.ShapeError, match="linear: weight"):
        ops.linear(pyseq.Tensor(floats(2, 3)), pyseq.Tensor(floats(4, 5)))
    with pytest.raises(pyseq.DTypeError, match="relu: x"):
        ops.relu(pyseq.Tensor(np.zeros(3)))
