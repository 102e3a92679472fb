"""Initial values: their spread, orthogonality, and the dropout of recurrent weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pyseq
from pyseq import nn
from pyseq.nn import initialization


def random() -> np.random.Generator:
    return initialization.generator(3, 0)


def test_glorot_fills_its_interval() -> None:
    weight = nn.Parameter(np.zeros((200, 100), np.float32))
    initialization.glorot_uniform(weight, random())
    bound = (6 / 300) ** 0.5
    assert 0.99 * bound < np.abs(weight.data).max() <= bound
    assert weight.data.var() == pytest.approx(bound**2 / 3, rel=0.05)


def test_he_counts_the_taps_of_a_kernel() -> None:
    weight = nn.Parameter(np.zeros((64, 40, 5), np.float32))
    initialization.he_normal(weight, random())
    assert weight.data.std() == pytest.approx((2 / 200) ** 0.5, rel=0.03)


@pytest.mark.parametrize("shape", [(8, 8), (32, 8), (5, 9), (9, 5)])
def test_orthogonal_matrices_are_orthogonal_gate_by_gate(shape: tuple[int, int]) -> None:
    weight = nn.Parameter(np.zeros(shape, np.float32))
    initialization.orthogonal(weight, random(), gain=2.0)
    rows, columns = shape
    size = columns if rows % columns == 0 else rows
    for begin in range(0, rows, size):
        block = weight.data[begin : begin + size].astype(np.float64) / 2
        gram = block @ block.T if block.shape[0] <= block.shape[1] else block.T @ block
        np.testing.assert_allclose(gram, np.eye(min(block.shape)), atol=1e-6)


@pytest.mark.parametrize(("coupled", "gate"), [(False, 1), (True, 0)])
def test_the_forget_gate_starts_open(coupled: bool, gate: int) -> None:
    layer = nn.LSTM(3, 4, num_layers=2, bidirectional=True, coupled=coupled)
    initialization.forget_gate_bias(layer, 1.5)
    for suffix in ("_l0", "_l1", "_l0_reverse", "_l1_reverse"):
        total = getattr(layer, "bias_ih" + suffix).data + getattr(layer, "bias_hh" + suffix).data
        np.testing.assert_array_equal(total[gate * 4 : gate * 4 + 4], np.full(4, 1.5, np.float32))
        assert not (total[:4] == 1.5).any() or gate == 0


@pytest.mark.parametrize("layer", [nn.GRU(3, 4), nn.LSTM(3, 4, bias=False)], ids=["gru", "no bias"])
def test_a_layer_without_forget_gate_is_refused(layer: Any) -> None:
    with pytest.raises(pyseq.ArgumentError, match="has no forget gate with a bias"):
        initialization.forget_gate_bias(layer)


def test_vectors_are_no_weights() -> None:
    with pytest.raises(pyseq.ShapeError, match=r"expected a weight \[out, in"):
        initialization.he_normal(nn.Parameter(np.zeros(3, np.float32)), random())
    with pytest.raises(pyseq.ShapeError, match="expected a matrix"):
        initialization.orthogonal(nn.Parameter(np.zeros(3, np.float32)), random())


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
def test_weight_dropout_is_that_of_masked_weights(kind: Any) -> None:
    """One mask over w_hh for all steps, and its gradient is masked alike; nothing in evaluation."""
    layer = kind(3, 4, weight_dropout=0.5).initialize(1)
    x = pyseq.Tensor(np.random.default_rng(0).standard_normal((2, 5, 3)).astype(np.float32))
    with pyseq.random.using(pyseq.random.Stream(8)), pyseq.Tape() as tape:
        y, _ = layer(x)
        loss = pyseq.ops.sum(pyseq.ops.sum(pyseq.ops.sum(y)))
    tape.backward(loss)
    dropped = layer.weight_hh_l0.grad == 0
    assert 0 < dropped.sum() < dropped.size
    masked = kind(3, 4).initialize(1)
    masked.weight_hh_l0.data[...] = np.where(dropped, 0, 2 * masked.weight_hh_l0.data)
    np.testing.assert_allclose(masked(x)[0].numpy(), y.numpy(), atol=1e-6)
    plain = kind(3, 4).initialize(1)
    np.testing.assert_array_equal(layer.eval()(x)[0].numpy(), plain(x)[0].numpy())
