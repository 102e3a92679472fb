"""Flat parameters, clipping, optimizers, groups, averages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import reference_optimizers as reference

import pyseq
from pyseq import _core, nn, train

Make = Callable[[train.FlatParameters], train.Optimizer]
OPTIMIZERS: dict[str, tuple[Make, Callable[..., Any], dict[str, Any]]] = {
    "sgd": (lambda p: train.SGD(p, 0.1, weight_decay=0.01), reference.sgd, {"momentum": 0.0, "nesterov": False}),
    "momentum": (
        lambda p: train.SGD(p, 0.1, momentum=0.9, weight_decay=0.01),
        reference.sgd,
        {"momentum": 0.9, "nesterov": False},
    ),
    "nesterov": (
        lambda p: train.SGD(p, 0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
        reference.sgd,
        {"momentum": 0.9, "nesterov": True},
    ),
    "adam": (lambda p: train.Adam(p, 0.1, weight_decay=0.01), reference.adam, {"decoupled": False}),
    "adamw": (lambda p: train.AdamW(p, 0.1, weight_decay=0.01), reference.adam, {"decoupled": True}),
    "adagrad": (lambda p: train.Adagrad(p, 0.1, weight_decay=0.01), reference.adagrad, {}),
    "rmsprop": (
        lambda p: train.RMSprop(p, 0.1, weight_decay=0.01),
        reference.rmsprop,
        {"momentum": 0.0, "centered": False},
    ),
    "rmsprop centered": (
        lambda p: train.RMSprop(p, 0.1, weight_decay=0.01, momentum=0.5, centered=True),
        reference.rmsprop,
        {"momentum": 0.5, "centered": True},
    ),
}


class Weights(nn.Module):
    """Parameters of awkward sizes: the flat buffer has gaps, threads have tails."""

    def __init__(self, large: int = 300) -> None:
        rng = np.random.default_rng(7)
        self.matrix = pyseq.Parameter(rng.standard_normal((large, 71), dtype=np.float32))
        self.bias = pyseq.Parameter(rng.standard_normal(5, dtype=np.float32))
        self.frozen = pyseq.Parameter(np.ones(3, np.float32), requires_grad=False)
        self.shared = self.matrix
        self.scalar = pyseq.Parameter(np.float32(0.5).reshape(()))


@pytest.fixture
def restored_runtime() -> Iterator[None]:
    threads, isa = pyseq.num_threads(), pyseq.active_isa()
    yield
    pyseq.set_num_threads(threads)
    pyseq.set_isa(isa)


def gradients(flat: train.FlatParameters, count: int) -> list[Any]:
    """Made-up gradients; what lies between parameters stays zero."""
    rng = np.random.default_rng(11)
    made = []
    for _ in range(count):
        buffer = flat.new_buffer()
        for view in flat.views(buffer).values():
            view[...] = rng.standard_normal(view.shape)
        made.append(buffer)
    return made


def run(make: Make, steps: int = 20) -> train.FlatParameters:
    flat = train.FlatParameters(Weights())
    optimizer = make(flat)
    for gradient in gradients(flat, steps):
        flat.gradients[:] = gradient
        optimizer.step()
    return flat


def test_flat_parameters_hold_each_trainable_parameter_once() -> None:
    module = Weights()
    before = {name: array.copy() for name, array in module.state_dict().items()}
    flat = train.FlatParameters(module)
    assert list(flat.parameters) == ["matrix", "bias", "scalar"]
    assert flat.offsets == {"matrix": 0, "bias": 21312, "scalar": 21328}
    assert flat.size == 21344
    for name, array in module.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
    for name, parameter in flat.parameters.items():
        assert parameter.data.ctypes.data % 64 == 0
        assert np.shares_memory(parameter.data, flat.values), name
        assert parameter.grad is not None
        assert np.shares_memory(parameter.grad, flat.gradients), name
    assert module.frozen.grad is None


def test_backward_adds_to_the_flat_gradients() -> None:
    layer = nn.Linear(3, 2)
    flat = train.FlatParameters(layer)
    with pyseq.Tape() as tape:
        y = layer(np.ones((4, 3), np.float32))
    tape.backward(y, np.ones((4, 2), np.float32))
    np.testing.assert_array_equal(flat.views(flat.gradients)["weight"], np.full((2, 3), 4))
    flat.zero_gradients()
    assert not flat.gradients.any()


def test_a_module_without_anything_to_train_is_refused() -> None:
    with pytest.raises(pyseq.ArgumentError, match="Module has no parameter to train"):
        train.FlatParameters(nn.Module())


@pytest.mark.parametrize("size", [1, 15, 4096, 4097, 100_003])
def test_norm_is_that_of_float64(size: int) -> None:
    x = np.random.default_rng(size).standard_normal(size).astype(np.float32)
    assert _core.norm(x) == pytest.approx(np.linalg.norm(x.astype(np.float64)), rel=1e-6)


def test_norm_of_what_is_not_finite_is_not_finite() -> None:
    x = np.ones(5000, np.float32)
    for value in (np.nan, np.inf):
        x[4321] = value
        assert not np.isfinite(_core.norm(x))
        before = x.copy()
        assert not np.isfinite(_core.clip_norm(x, 1.0))
        np.testing.assert_array_equal(x, before)


def test_clipping_by_norm_keeps_the_direction() -> None:
    flat = train.FlatParameters(Weights())
    flat.gradients[:] = gradients(flat, 1)[0]
    before = flat.gradients.copy()
    norm = flat.clip_gradient_norm(0.5)
    assert norm == pytest.approx(np.linalg.norm(before.astype(np.float64)))
    np.testing.assert_allclose(flat.gradients, before * (0.5 / norm), rtol=1e-6)
    assert flat.gradient_norm() == pytest.approx(0.5, rel=1e-5)
    kept = flat.gradients.copy()
    flat.clip_gradient_norm(10.0)
    np.testing.assert_array_equal(flat.gradients, kept)


def test_clipping_by_value() -> None:
    x = np.array([-3.0, -0.5, 0.0, 0.5, 3.0, np.nan], np.float32)
    _core.clip_values(x, 1.0)
    np.testing.assert_array_equal(x, np.array([-1.0, -0.5, 0.0, 0.5, 1.0, np.nan], np.float32))


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("isa", pyseq.available_isas())
def test_twenty_steps_are_those_of_the_reference(name: str, isa: str, restored_runtime: None) -> None:
    make, judge, options = OPTIMIZERS[name]
    pyseq.set_isa(isa)
    flat = run(make)
    start = train.FlatParameters(Weights())
    steps = [g.astype(np.float64) for g in gradients(start, 20)]
    expected = judge(start.values.astype(np.float64), steps, 0.1, 0.01, **options)
    # Where the variance of a centered RMSprop is small, float32 is far from it: those elements move far.
    np.testing.assert_allclose(flat.values, expected, rtol=2e-4 if options.get("centered") else 1e-5, atol=1e-5)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_updates_have_the_same_bits_for_any_number_of_threads(name: str, restored_runtime: None) -> None:
    found = []
    for threads in (1, 2, 3, 8):
        pyseq.set_num_threads(threads)
        flat = run(OPTIMIZERS[name][0], steps=3)
        found.append((flat.values.tobytes(), flat.gradient_norm()))
    assert all(other == found[0] for other in found)


def test_groups_have_their_own_rate_and_decay() -> None:
    flat = train.FlatParameters(Weights())
    groups = [train.Group("scalar", learning_rate=train.StepDecay(1.0, every=1)), train.NO_DECAY_OF_VECTORS]
    optimizer = train.SGD(flat, 0.5, weight_decay=0.1, groups=groups)
    assert optimizer.describe() == {"matrix": (0.5, 0.1), "bias": (0.5, 0.0), "scalar": (1.0, 0.1)}
    before = flat.values.copy()
    flat.gradients[:] = 0
    optimizer.step()
    for name, rate in {"matrix": 0.95, "bias": 1.0, "scalar": 0.9}.items():
        np.testing.assert_allclose(flat.views(flat.values)[name], flat.views(before)[name] * rate, rtol=1e-6)
    assert optimizer.describe()["scalar"] == (0.1, 0.1)


def test_state_goes_over_to_another_optimizer() -> None:
    first, second = (train.Adam(train.FlatParameters(Weights()), 0.1) for _ in range(2))
    steps = gradients(first.parameters, 6)
    for gradient in steps[:3]:
        first.parameters.gradients[:] = gradient
        first.step()
    second.parameters.values[:] = first.parameters.values
    second.restore({name: array.copy() for name, array in first.state().items()}, first.steps)
    for optimizer in (first, second):
        for gradient in steps[3:]:
            optimizer.parameters.gradients[:] = gradient
            optimizer.step()
    np.testing.assert_array_equal(first.parameters.values, second.parameters.values)


def test_a_state_that_does_not_fit_is_refused_as_a_whole() -> None:
    optimizer = train.Adam(train.FlatParameters(Weights()), 0.1)
    state = optimizer.state()
    del state["first.bias"]
    state["first.scalar"] = np.zeros(2, np.float32)
    with pytest.raises(pyseq.FormatError, match=r"missing: bias; scalar: \[2\], expected \[\]"):
        optimizer.restore(state, 1)


def test_averages_are_swapped_in_and_out() -> None:
    flat = train.FlatParameters(Weights())
    average = train.ExponentialAverage(flat, decay=0.5)
    expected = flat.values.astype(np.float64)
    for n in range(5):
        flat.values += 1
        average.update()
        decay = min(0.5, (1 + n) / (10 + n))
        expected = decay * expected + (1 - decay) * flat.values
    trained = flat.values.copy()
    with average.applied():
        np.testing.assert_allclose(flat.values, expected, rtol=1e-5)
    np.testing.assert_array_equal(flat.values, trained)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: _core.norm(np.ones(3)), "norm: x has dtype float64, expected float32"),
        (lambda: _core.clip_norm(np.ones(3, np.float32), 0.0), "clip_norm: max_norm is 0.0"),
        (lambda: _core.clip_values(np.ones(3, np.float32), -1.0), "clip_values: bound is -1.0"),
        (
            lambda: _core.sgd_step(np.ones(3, np.float32), np.ones(4, np.float32), None, [], 0.0, 0.0, False),
            "sgd: gradients has 4 values, expected 3",
        ),
        (
            lambda: _core.adagrad_step(*(np.ones(3, np.float32) for _ in range(3)), [(0, 4, 0.1, 0.0)], 1e-10),
            r"adagrad: ranges has \[0, 4\), expected a part of \[0, 3\)",
        ),
        (lambda: train.SGD(nn.Linear(1, 1), nesterov=True), "nesterov needs a momentum"),
        (lambda: train.Adam(nn.Linear(1, 1), betas=(0.9, 1.0)), r"betas are \(0.9, 1.0\)"),
        (lambda: train.ExponentialAverage(train.FlatParameters(nn.Linear(1, 1)), 1.0), "decay is 1.0"),
        (lambda: train.Cosine(0.1, steps=0), "Cosine: steps is 0, expected above 0"),
        (lambda: train.Plateau(0.1, mode="best"), "Plateau: mode is 'best'"),  # type: ignore[arg-type]
    ],
)
def test_bad_arguments_say_what_is_wrong(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(pyseq.Error, match=message):
        call()
