"""Losses of `pyseq.nn` against their equations in float64, their reductions, masks and gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pyseq
from pyseq import nn, ops

Array = np.ndarray[Any, Any]
BATCH, TIME, CLASSES = 3, 5, 7
LENGTHS = np.array([5, 2, 0])
MASK = ops.sequence_mask(LENGTHS, TIME)


def normal(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def log_softmax(x: Array) -> Array:
    x = x.astype(np.float64)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def probabilities(*shape: int) -> Array:
    return np.exp(log_softmax(normal(*shape, seed=1))).astype(np.float32)


def cross_entropy(x: Array, targets: Array) -> Array:
    return -np.take_along_axis(log_softmax(x), targets[..., None], -1)[..., 0]


def bce(x: Array, t: Array) -> Array:
    return t * np.logaddexp(0, -x.astype(np.float64)) + (1 - t) * np.logaddexp(0, x.astype(np.float64))


def kl(x: Array, t: Array) -> Array:
    return t * (np.log(t) - x.astype(np.float64))


SIGNS = np.sign(normal(BATCH, TIME, 4, seed=3))
X = normal(BATCH, TIME, 4)
CASES: list[tuple[str, dict[str, Any], Callable[[Array, Array], Array], Array, Array]] = [
    (
        "CrossEntropyLoss",
        {},
        cross_entropy,
        normal(BATCH, TIME, CLASSES),
        np.random.default_rng(2).integers(0, CLASSES, (BATCH, TIME)),
    ),
    ("BCEWithLogitsLoss", {}, bce, X, probabilities(BATCH, TIME, 4)),
    ("MSELoss", {}, lambda x, t: (x.astype(np.float64) - t) ** 2, X, normal(BATCH, TIME, 4, seed=4)),
    ("HingeLoss", {}, lambda x, t: np.maximum(0, 1 - x * t), X, SIGNS),
    ("HingeLoss", {"margin": -0.25}, lambda x, t: np.maximum(0, -0.25 - x * t), X, SIGNS),
    ("KLDivLoss", {}, kl, log_softmax(X).astype(np.float32), probabilities(BATCH, TIME, 4)),
]
LOSSES = pytest.mark.parametrize(
    ("name", "options", "judge", "x", "targets"), CASES, ids=[f"{c[0]}{'' if not c[1] else '-options'}" for c in CASES]
)


@LOSSES
def test_losses_and_reductions_equal_their_equations(
    name: str, options: dict[str, Any], judge: Callable[[Array, Array], Array], x: Array, targets: Array
) -> None:
    expected = judge(x, targets)
    for reduction, reduce in (("none", lambda v: v), ("sum", np.sum), ("mean", np.mean)):
        loss = getattr(nn, name)(reduction=reduction, **options)
        np.testing.assert_allclose(loss(x, targets).numpy(), reduce(expected), rtol=1e-5, atol=1e-6)


@LOSSES
def test_masks_leave_padding_out_of_losses_and_means(
    name: str, options: dict[str, Any], judge: Callable[[Array, Array], Array], x: Array, targets: Array
) -> None:
    expected = np.concatenate([judge(x, targets)[b, :n].ravel() for b, n in enumerate(LENGTHS)])
    leaf = pyseq.Parameter(x)
    for reduction, reduce in (("sum", np.sum), ("mean", np.mean)):
        with pyseq.Tape() as tape:
            loss = getattr(nn, name)(reduction=reduction, **options)(leaf, targets, MASK)
        tape.backward(loss)
        np.testing.assert_allclose(loss.numpy(), reduce(expected), rtol=1e-5)
    assert leaf.grad is not None
    assert not leaf.grad[MASK == 0].any()


@LOSSES
def test_a_mean_over_nothing_is_zero(
    name: str, options: dict[str, Any], judge: Callable[[Array, Array], Array], x: Array, targets: Array
) -> None:
    assert float(getattr(nn, name)(**options)(x, targets, np.zeros((BATCH, TIME), np.float32))) == 0


@LOSSES
def test_gradients_of_losses(
    name: str, options: dict[str, Any], judge: Callable[[Array, Array], Array], x: Array, targets: Array
) -> None:
    loss = getattr(nn, name)(**options)
    # Steps that stay on one side of the kinks of a hinge.
    pyseq.check_gradients(lambda x: loss(x, targets, MASK), [x], step=1e-3 if name == "HingeLoss" else 1e-2)


def test_cross_entropy_divides_by_the_weights_of_the_targets_that_count() -> None:
    x, targets = normal(4, CLASSES), np.array([1, 0, 3, -100])
    weight = np.random.default_rng(0).random(CLASSES).astype(np.float32)
    loss = nn.CrossEntropyLoss(weight, label_smoothing=0.1)
    smoothed = 0.9 * weight[[1, 0, 3]] * cross_entropy(x[:3], targets[:3])
    smoothed += 0.1 / CLASSES * (weight * -log_softmax(x[:3])).sum(-1)
    np.testing.assert_allclose(loss(x, targets).numpy(), smoothed.sum() / weight[[1, 0, 3]].sum(), rtol=1e-5)
    pyseq.check_gradients(lambda x: loss(x, targets), [x])


def test_weights_of_positive_targets() -> None:
    x, t, weight = normal(4, 3), probabilities(4, 3), np.array([0.5, 1, 4], np.float32)
    expected = weight * t * np.logaddexp(0, -x) + (1 - t) * np.logaddexp(0, x)
    loss = nn.BCEWithLogitsLoss(weight)
    np.testing.assert_allclose(loss(x, t).numpy(), expected.mean(), rtol=1e-5)
    pyseq.check_gradients(lambda x: loss(x, t), [x])


def test_batchmean_and_logarithms_of_targets() -> None:
    x, t = log_softmax(normal(4, 3)).astype(np.float32), probabilities(4, 3)
    expected = kl(x, t).sum() / 4
    np.testing.assert_allclose(nn.KLDivLoss("batchmean")(x, t).numpy(), expected, rtol=1e-5)
    np.testing.assert_allclose(nn.KLDivLoss("batchmean", log_target=True)(x, np.log(t)).numpy(), expected, rtol=1e-5)
    masked = nn.KLDivLoss("batchmean")(x, t, np.array([1, 0, 1, 0], np.float32))
    np.testing.assert_allclose(masked.numpy(), kl(x, t)[[0, 2]].sum() / 2, rtol=1e-5)


def test_ctc_loss_divides_by_labels() -> None:
    x, targets, lengths, labels = normal(3, 9, 5), np.array([[1, 2, 3], [4, 1, 0], [2, 0, 0]]), [9, 6, 4], [3, 2, 0]
    arguments = (x, targets, np.array(lengths), np.array(labels))
    each = nn.CTCLoss(reduction="none")(*arguments).numpy()
    np.testing.assert_allclose(nn.CTCLoss()(*arguments).numpy(), (each / np.array([3, 2, 1])).mean(), rtol=1e-6)
    np.testing.assert_allclose(nn.CTCLoss(reduction="sum")(*arguments).numpy(), each.sum(), rtol=1e-6)
    pyseq.check_gradients(lambda x: nn.CTCLoss()(x, *arguments[1:]), [x])


def test_mistakes_are_named() -> None:
    with pytest.raises(pyseq.ArgumentError, match="MSELoss: reduction has 'average', expected one of mean, sum, none"):
        nn.MSELoss("average")
    with pytest.raises(pyseq.ShapeError, match=r"mask has shape \[3, 4\], expected the first axes of \[3, 5, 4\]"):
        nn.MSELoss()(X, X, np.ones((3, 4), np.float32))
    with pytest.raises(pyseq.ArgumentError, match=r"sequence_mask: lengths has \[1, 5\], expected values in 0 to 4"):
        ops.sequence_mask([1, 5], 4)


def test_a_mask_of_tensors_is_a_tensor() -> None:
    mask = ops.sequence_mask(pyseq.Tensor(np.array([2, 0])))
    assert isinstance(mask, pyseq.Tensor)
    assert mask.numpy().tolist() == [[1, 1], [0, 0]]
