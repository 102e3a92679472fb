"""Optimizers and schedules against PyTorch's, over 20 steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pyseq
from pyseq import nn, train

torch = pytest.importorskip("torch", reason='PyTorch is not installed: pip install ".[parity]"')

CASES: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "sgd": (train.SGD, torch.optim.SGD, {}),
    "sgd decay": (train.SGD, torch.optim.SGD, {"weight_decay": 0.1}),
    "momentum": (train.SGD, torch.optim.SGD, {"momentum": 0.9, "weight_decay": 0.1}),
    "dampening": (train.SGD, torch.optim.SGD, {"momentum": 0.9, "dampening": 0.3}),
    "nesterov": (train.SGD, torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
    "adam": (train.Adam, torch.optim.Adam, {}),
    "adam decay": (train.Adam, torch.optim.Adam, {"weight_decay": 0.1, "betas": (0.8, 0.95)}),
    "adamw": (train.AdamW, torch.optim.AdamW, {}),
    "adagrad": (train.Adagrad, torch.optim.Adagrad, {"weight_decay": 0.1}),
    "rmsprop": (train.RMSprop, torch.optim.RMSprop, {}),
    "rmsprop momentum": (train.RMSprop, torch.optim.RMSprop, {"momentum": 0.9, "alpha": 0.9, "weight_decay": 0.1}),
    "rmsprop centered": (train.RMSprop, torch.optim.RMSprop, {"centered": True}),
}


class Weight(nn.Module):
    def __init__(self, values: Any) -> None:
        self.weight = pyseq.Parameter(values.copy())


@pytest.mark.parametrize("name", CASES)
def test_twenty_steps(name: str) -> None:
    ours_class, theirs_class, options = CASES[name]
    rng = np.random.default_rng(0)
    values = rng.standard_normal((37, 5), dtype=np.float32)
    module = Weight(values)
    ours = ours_class(train.FlatParameters(module), **options)  # both with their default learning rate
    parameter = torch.nn.Parameter(torch.from_numpy(values.copy()))
    theirs = theirs_class([parameter], **options)
    for _ in range(20):
        gradient = rng.standard_normal(values.shape, dtype=np.float32)
        assert module.weight.grad is not None
        module.weight.grad[...] = gradient
        parameter.grad = torch.from_numpy(gradient)
        ours.step()
        theirs.step()
    np.testing.assert_allclose(module.weight.data, parameter.detach().numpy(), rtol=1e-5, atol=1e-6)


def scheduled(make: Any, steps: int = 40) -> list[float]:
    """The learning rates that a scheduler of PyTorch gives."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    scheduler = make(optimizer)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (train.StepDecay(0.5, every=7, factor=0.3), lambda o: torch.optim.lr_scheduler.StepLR(o, 7, 0.3)),
        (train.Cosine(0.5, steps=39, final=0.1), lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 39, 0.1)),
        (train.Linear(0.5, steps=20, final=0.1), lambda o: torch.optim.lr_scheduler.LinearLR(o, 1.0, 0.2, 20)),
        (train.OneCycle(0.5, steps=40), lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 0.5, 40)),
    ],
    ids=["step", "cosine", "linear", "one cycle"],
)
def test_schedules(ours: train.Schedule, theirs: Any) -> None:
    np.testing.assert_allclose([ours(step) for step in range(40)], scheduled(theirs), rtol=1e-6)


def test_plateau() -> None:
    losses = [5.0, 4.0, 4.0, 4.0, 4.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 2.0]
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=2)
    ours = train.Plateau(0.5, factor=0.5, patience=2)
    for step, loss in enumerate(losses):
        theirs.step(loss)
        ours.observe(loss)
        assert ours(step) == optimizer.param_groups[0]["lr"]
