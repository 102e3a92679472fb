"""Batch normalisation: running statistics, padding, programs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from op_rows_regularization import batch_norm as judge

import pyseq
from pyseq import nn, ops

RANDOM = np.random.default_rng(11)


def normal(*shape: int) -> Any:
    return RANDOM.standard_normal(shape).astype(np.float32)


def test_statistics_are_those_of_the_valid_rows_wherever_they_stand() -> None:
    rows = normal(700, 70)
    whole = ops.batch_norm(rows, return_statistics=True)
    for lengths in ([700], [300, 400], [0, 1, 256, 0, 443], [7] * 100):
        time = max(lengths) + 13
        x = np.full((len(lengths), time, 70), np.nan, np.float32)
        bounds = np.cumsum([0, *lengths])
        for row, length in enumerate(lengths):
            x[row, :length] = rows[bounds[row] : bounds[row + 1]]
        y, mean, variance = ops.batch_norm(x, lengths=np.array(lengths), return_statistics=True)
        np.testing.assert_array_equal(mean, whole[1])
        np.testing.assert_array_equal(variance, whole[2])
        for row, length in enumerate(lengths):
            np.testing.assert_array_equal(y[row, :length], whole[0][bounds[row] : bounds[row + 1]])
            assert not y[row, length:].any()


def test_variance_is_precise_far_from_zero() -> None:
    # A difference of float32 squares would be wrong by more than 5 %: a square near 10⁶ is rounded by 0.06.
    x = normal(100_000, 3) + np.float32(1000)
    _, mean, variance = ops.batch_norm(x, return_statistics=True)
    np.testing.assert_allclose(mean, x.astype(np.float64).mean(0), rtol=1e-7)
    np.testing.assert_allclose(variance, x.astype(np.float64).var(0), rtol=1e-5)


@pytest.mark.parametrize("momentum", [0.1, None])
def test_running_statistics_follow_the_batches(momentum: float | None) -> None:
    norm = nn.BatchNorm1d(6, momentum=momentum)
    mean, variance = np.zeros(6), np.ones(6)
    for number in range(1, 5):
        x, lengths = normal(3, 8, 6) * np.float32(2) + np.float32(1), np.array([8, 2, 5])
        y = norm(x, lengths)
        expected, *_ = judge(x, lengths=lengths)
        np.testing.assert_allclose(y.numpy(), expected, atol=4e-6)
        valid = x[np.arange(8) < lengths[:, None]].astype(np.float64)
        rate = 1 / number if momentum is None else momentum
        mean += rate * (valid.mean(0) - mean)
        variance += rate * (valid.var(0, ddof=1) - variance)
    assert norm.num_batches_tracked.numpy() == 4
    np.testing.assert_allclose(norm.running_mean.numpy(), mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(norm.running_var.numpy(), variance, rtol=1e-5)
    y = norm.eval()(x)
    np.testing.assert_allclose(y.numpy(), judge(x, mean=mean, variance=variance)[0], atol=1e-5)
    assert norm.num_batches_tracked.numpy() == 4


def test_a_program_has_the_evaluation_form() -> None:
    norm = nn.BatchNorm1d(5)
    norm(normal(2, 9, 5))
    before = norm.running_mean.numpy().copy()
    data = pyseq.export(norm, None, {"x": normal(2, 4, 5), "lengths": np.array([4, 2])})
    x, lengths = normal(3, 7, 5), np.array([7, 0, 3])
    (y,) = pyseq.Program.parse(data).run("forward", x=x, lengths=lengths).values()
    np.testing.assert_array_equal(y, norm.eval()(x, lengths).numpy())
    np.testing.assert_array_equal(norm.running_mean.numpy(), before)


def test_mistakes() -> None:
    with pytest.raises(pyseq.ArgumentError, match=r"BatchNorm1d: x \[2, 3, 4\] has 1 valid rows, expected 2 or more"):
        nn.BatchNorm1d(4)(normal(2, 3, 4), np.array([1, 0]))
    with pytest.raises(pyseq.ShapeError, match="BatchNorm2d: x has 3 axes"):
        nn.BatchNorm2d(4)(normal(2, 3, 4))
    with pytest.raises(pyseq.ShapeError, match=r"batch_norm: x has shape \[3, 4\], expected 3 dimensions"):
        ops.batch_norm(normal(3, 4), lengths=np.array([1, 2, 3]))
