"""UniversalEncoder: the halting report against a plain loop, as a program, its gradients, and a task it learns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pyseq
from pyseq import nn, ops, train

Array = np.ndarray[Any, Any]
WIDTH, STEPS = 8, 7


def encoder(bias: float, **options: Any) -> nn.UniversalEncoder:
    model = nn.UniversalEncoder(WIDTH, num_heads=2, hidden=12, max_steps=STEPS, **options).initialize(4).eval()
    if model.halting is not None:
        model.halting.bias.data[...] = bias
        model.halting.weight.data[...] *= 3
    return model


def plainly(model: nn.UniversalEncoder, x: Array, length: int) -> tuple[Array, Array, Array]:
    """One row, position by position: y, steps and remainders."""
    lengths, epsilon = np.array([length]), float(model.epsilon.data)
    y, steps, remainders = np.zeros_like(x), np.zeros(len(x), np.int64), np.zeros(len(x))
    left = np.where(np.arange(len(x)) < length, 1.0, 0.0)
    running = left > 0
    for n in range(STEPS):
        read = model.positions((x + model.depth.data[steps])[None])  # what has halted stays at its step
        new = model.layer(read, lengths).numpy()[0]
        x = np.where(running[:, None], new, x)
        for t in np.flatnonzero(running):
            p = 1 / (1 + np.exp(-(x[t] @ model.halting.weight.data[0] + model.halting.bias.data[0])))
            steps[t], remainders[t] = n + 1, left[t]
            halts = left[t] - p < epsilon or n + 1 == STEPS
            weight = left[t] if halts else p
            y[t] += weight * x[t]
            left[t] -= weight
            running[t] = not halts
    return y, steps, remainders


@pytest.mark.parametrize("bias", [2.0, -1.0, -9.0])  # halts early, somewhere, never
def test_the_halting_report(bias: float) -> None:
    model = encoder(bias)
    x = np.random.default_rng(0).standard_normal((3, 6, WIDTH)).astype(np.float32)
    lengths = np.array([6, 0, 4])
    y, steps, remainders = (tensor.numpy() for tensor in model(x, lengths))
    for row, length in enumerate(lengths):
        expected = plainly(model, x[row], length)
        np.testing.assert_allclose(y[row], expected[0], atol=1e-5)
        np.testing.assert_array_equal(steps[row], expected[1])
        np.testing.assert_allclose(remainders[row], expected[2], atol=1e-5)
    assert (steps[0] == STEPS).all() if bias == -9 else steps[0].max() < STEPS or len(set(steps[0])) > 1


def test_as_a_program() -> None:
    lengths = np.array([5, 2])
    x = np.random.default_rng(1).standard_normal((2, 5, WIDTH)).astype(np.float32)
    for model in (encoder(-1.0), encoder(0.0, adaptive=False)):
        program = pyseq.Program.parse(pyseq.export(model, None, {"x": x, "lengths": lengths}))
        for found, expected in zip(
            program.run("forward", x=x, lengths=lengths).values(), model(x, lengths), strict=True
        ):
            np.testing.assert_array_equal(found, expected.numpy())


def test_later_positions_do_not_matter_when_causal() -> None:
    model = encoder(-1.0)
    x = np.random.default_rng(2).standard_normal((1, 6, WIDTH)).astype(np.float32)
    other = x.copy()
    other[:, 4:] += 1
    for found, expected in zip(model(other, causal=True), model(x, causal=True), strict=True):
        np.testing.assert_array_equal(found.numpy()[:, :4], expected.numpy()[:, :4])


def test_gradients() -> None:
    model = encoder(-1.0, activation="gelu")
    x = np.random.default_rng(3).standard_normal((2, 4, WIDTH)).astype(np.float32)

    def y_and_remainder(x: pyseq.Tensor) -> Any:
        y, _, remainder = model(x, np.array([4, 3]))
        return y, remainder

    pyseq.check_gradients(y_and_remainder, [x], dict(model.named_parameters()), step=1e-3, tolerance=3e-2)


def test_options_must_fit() -> None:
    for options in ({"width": 7}, {"max_steps": 0}, {"epsilon": 1.0}):
        with pytest.raises(pyseq.ArgumentError, match="UniversalEncoder: width"):
            nn.UniversalEncoder(**{"width": 8, "num_heads": 1, "hidden": 4, "max_steps": 2, **options})


class Copier(nn.Module):
    """Tokens to the same tokens in reverse, by a class per position."""

    def __init__(self) -> None:
        self.embedding = nn.Embedding(6, 32)
        self.encoder = nn.UniversalEncoder(32, num_heads=2, hidden=64, max_steps=2)
        self.output = nn.Linear(32, 6)

    def loss(self, batch: Any) -> tuple[Any, float]:
        tokens, targets = batch
        y, steps, remainder = self.encoder(self.embedding(tokens))
        losses = ops.cross_entropy(self.output(y), targets)
        ponder = ops.multiply(remainder, pyseq.Tensor(np.full((), 0.01, np.float32)))
        assert steps.numpy().min() >= 1
        return losses + ponder, targets.size

    def accuracy(self, batch: Any) -> float:
        tokens, targets = batch
        y, _, _ = self.encoder(self.embedding(pyseq.Tensor(tokens)))
        return float((self.output(y).numpy().argmax(-1) == targets).mean())


def test_it_learns_to_reverse() -> None:
    random = np.random.default_rng(5)

    def batch() -> Any:
        tokens = random.integers(0, 6, (32, 5))
        return tokens, np.ascontiguousarray(tokens[:, ::-1])

    model = Copier().initialize(1)
    flat = train.FlatParameters(model)
    optimizer = train.AdamW(flat, 3e-3)
    for _ in range(150):
        with pyseq.Tape() as tape:
            losses, count = model.loss(batch())
            loss = ops.sum(ops.sum(losses)) * pyseq.Tensor(np.full((), 1 / count, np.float32))
        tape.backward(loss)
        optimizer.step()
        flat.zero_gradients()
    assert model.eval().accuracy(batch()) > 0.9
