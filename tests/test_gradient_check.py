"""check_gradients finds what is wrong, and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pyseq
from pyseq import nn, ops


def normal(*shape: int) -> Any:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def test_errors_of_inputs_and_parameters_are_reported_by_name() -> None:
    layer = nn.TransformerEncoderLayer(12, 3, hidden=20, activation="gelu")
    errors = pyseq.check_gradients(
        lambda x, lengths: layer(x, lengths),
        [normal(2, 5, 12), np.array([5, 3])],
        dict(layer.named_parameters()),
    )
    assert set(errors) == {"0", *dict(layer.named_parameters())}
    assert max(errors.values()) < 1e-2


def test_values_and_gradients_of_parameters_stay_as_they_were() -> None:
    weight = pyseq.Parameter(normal(3, 4))
    weight.grad = np.ones((3, 4), np.float32)
    before = weight.data.copy()
    pyseq.check_gradients(lambda x: ops.linear(x, weight), [normal(2, 4)], {"weight": weight})
    np.testing.assert_array_equal(weight.data, before)
    np.testing.assert_array_equal(weight.grad, np.ones((3, 4), np.float32))


def test_several_outputs_and_integer_inputs() -> None:
    errors = pyseq.check_gradients(
        lambda x, n: (ops.mean(x, lengths=n, axis=1), ops.tanh(x)), [normal(2, 3, 4), np.array([3, 1])]
    )
    assert list(errors) == ["0"]


def test_a_wrong_gradient_is_an_error_that_names_the_input() -> None:
    def half_forgotten(x: pyseq.Tensor, y: pyseq.Tensor) -> pyseq.Tensor:
        return ops.multiply(x, x.detach()) + ops.tanh(y)

    with pytest.raises(pyseq.GradientError, match=r"gradients of 0: .* \(of 2 that were checked\)"):
        pyseq.check_gradients(half_forgotten, [normal(4, 5), normal(4, 5)])


def test_a_function_that_gives_different_values_is_refused() -> None:
    rng = np.random.default_rng(0)

    def noisy(x: pyseq.Tensor) -> pyseq.Tensor:
        return x + rng.standard_normal(x.data.shape).astype(np.float32)

    with pytest.raises(pyseq.ArgumentError, match="different values for the same inputs"):
        pyseq.check_gradients(noisy, [normal(3)])


def test_a_constant_has_gradient_zero() -> None:
    assert pyseq.check_gradients(lambda x, y: ops.tanh(y), [normal(3), normal(3)])["0"] == 0
