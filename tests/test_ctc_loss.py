"""ctc_loss: against its definition, central differences, long and impossible sequences."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import reference_ctc

import pyseq
from pyseq import ops

RANDOM = np.random.default_rng(3)


def logits(*shape: int, scale: float = 2.0) -> Any:
    return (RANDOM.standard_normal(shape) * scale).astype(np.float32)


@pytest.mark.parametrize("blank", [0, 2])
@pytest.mark.parametrize("time", [1, 2, 5])
def test_the_loss_is_the_sum_over_all_alignments(time: int, blank: int) -> None:
    classes = 3
    labels = [label for label in range(classes) if label != blank]
    x = logits(1, time, classes)
    for count in range(4):
        for target in product(labels, repeat=count):
            expected = reference_ctc.sum_over_alignments(x[0], target, blank)
            loss = ops.ctc_loss(x, np.array([target], np.int64).reshape(1, count), blank=blank)
            np.testing.assert_allclose(loss[0], expected, rtol=2e-6)


def test_probabilities_of_all_targets_add_up_to_one() -> None:
    x, total = logits(1, 4, 3), 0.0
    for count in range(5):
        for target in product((1, 2), repeat=count):
            total += np.exp(-float(ops.ctc_loss(x, np.array([target], np.int64).reshape(1, count))[0]))
    assert total == pytest.approx(1, abs=2e-6)


def test_the_gradient_is_that_of_central_differences() -> None:
    x, target = logits(1, 6, 4), np.array([[1, 1, 3]])
    _, gradient = ops.ctc_loss(x, target, return_gradient=True)
    step, wide = 1e-5, x.astype(np.float64)
    for t, c in np.ndindex(6, 4):
        sides = []
        for sign in (1, -1):
            moved = wide.copy()
            moved[0, t, c] += sign * step
            sides.append(reference_ctc.ctc_loss(moved, target)[0][0])
        assert gradient[0, t, c] == pytest.approx((sides[0] - sides[1]) / (2 * step), abs=2e-6)


def test_the_loss_alone_has_the_bits_of_the_loss_with_gradient() -> None:
    x, target = logits(3, 50, 9), RANDOM.integers(1, 9, (3, 20))
    np.testing.assert_array_equal(ops.ctc_loss(x, target), ops.ctc_loss(x, target, return_gradient=True)[0])


def test_long_sequences_keep_their_precision() -> None:
    x, target = logits(1, 3000, 6, scale=4), RANDOM.integers(1, 6, (1, 400))
    loss, gradient = ops.ctc_loss(x, target, return_gradient=True)
    expected_loss, expected = reference_ctc.ctc_loss(x, target)
    np.testing.assert_allclose(loss, expected_loss, rtol=2e-6)
    np.testing.assert_allclose(gradient, expected, atol=2e-4)  # relative errors of 3000 steps add up


def test_improbable_labels_do_not_underflow() -> None:
    x = np.zeros((1, 40, 3), np.float32)
    x[..., 1] = -3000  # the only way through is very improbable
    loss, gradient = ops.ctc_loss(x, np.array([[1] * 10]), return_gradient=True)
    expected_loss, expected = reference_ctc.ctc_loss(x, np.array([[1] * 10]))
    np.testing.assert_allclose(loss, expected_loss, rtol=1e-6)
    np.testing.assert_allclose(gradient, expected, atol=1e-5)


@pytest.mark.parametrize(("target", "possible"), [([1, 2, 1], True), ([1, 1, 2], False), ([1, 2, 1, 2], False)])
def test_targets_without_alignment(target: list[int], possible: bool) -> None:
    x, targets = logits(1, 3, 4), np.array([target])
    loss, gradient = ops.ctc_loss(x, targets, return_gradient=True)
    assert np.isinf(loss[0]) != possible
    assert np.isnan(gradient).all() != possible
    loss, gradient = ops.ctc_loss(x, targets, zero_infinity=True, return_gradient=True)
    assert (loss[0] == 0) != possible
    assert np.any(gradient) == possible
    assert np.isfinite(gradient).all()


def test_no_frames_and_no_labels() -> None:
    nothing, one = np.zeros((1, 0), np.int64), np.ones((1, 1), np.int64)
    assert ops.ctc_loss(logits(1, 0, 4), nothing)[0] == 0
    assert ops.ctc_loss(logits(1, 0, 4), one)[0] == np.inf
    x = logits(1, 5, 4)
    expected, gradient = reference_ctc.ctc_loss(x, nothing)
    actual = ops.ctc_loss(x, nothing, return_gradient=True)
    np.testing.assert_allclose(actual[0], expected, rtol=1e-6)
    np.testing.assert_allclose(actual[1], gradient, atol=1e-6)


def test_logits_of_minus_infinity_are_impossible_classes_and_others_spoil_their_row_alone() -> None:
    x = logits(3, 6, 4)
    x[0, 2, 1] = -np.inf
    x[1, 3, 0] = np.nan
    x[2, 3, 3] = np.inf
    targets = np.array([[1, 2]] * 3)
    loss, gradient = ops.ctc_loss(x, targets, return_gradient=True)
    with np.errstate(invalid="ignore"):
        expected, expected_gradient = reference_ctc.ctc_loss(x[:1], targets[:1])
    np.testing.assert_allclose(loss[:1], expected, rtol=2e-6)
    np.testing.assert_allclose(gradient[:1], expected_gradient, atol=2e-6)
    assert np.isnan(loss[1:]).all()
    assert np.isnan(gradient[1:]).all()


def test_padding_of_targets_is_not_looked_at() -> None:
    x, lengths = logits(2, 8, 5), np.array([3, 2])
    padded = np.array([[1, 2, 3, -1], [4, 4, 0, 99]])
    same = np.array([[1, 2, 3, 1], [4, 4, 1, 1]])
    np.testing.assert_array_equal(
        ops.ctc_loss(x, padded, target_lengths=lengths), ops.ctc_loss(x, same, target_lengths=lengths)
    )


def test_the_blank_must_be_a_class() -> None:
    with pytest.raises(pyseq.Error, match=r"ctc_loss: blank has 4, expected a class of logits \[1, 3, 4\], 0 to 3"):
        ops.ctc_loss(logits(1, 3, 4), np.array([[1]]), blank=4)
