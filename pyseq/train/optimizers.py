"""Optimizers, with PyTorch's formulas and defaults: every step is one call over the flat buffers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyseq import _core
from pyseq.nn import Module
from pyseq.tensor import Array
from pyseq.train.flat import FlatParameters
from pyseq.train.groups import Group, ranges_of
from pyseq.train.schedules import Constant, Schedule


class Optimizer:
    """What all optimizers share: parameters, learning rates by group, moments, the number of steps.

    Args:
        parameters: flat parameters, or the module whose parameters to make flat.
        learning_rate: a number or a schedule.
        weight_decay: added to gradients as weight_decay · θ (but see AdamW).
        groups: parameters with rates or decays of their own; the first group that holds a parameter counts.
    """

    moment_names: tuple[str, ...] = ()

    def __init__(
        self,
        parameters: FlatParameters | Module,
        learning_rate: float | Schedule,
        weight_decay: float = 0.0,
        groups: Sequence[Group] = (),
    ) -> None:
        self.parameters = parameters if isinstance(parameters, FlatParameters) else FlatParameters(parameters)
        self.schedule = _as_schedule(learning_rate)
        self.weight_decay = weight_decay
        self.groups = tuple(groups)
        self.steps = 0
        self.moments: dict[str, Array] = {name: self.parameters.new_buffer() for name in self.moment_names}
        self._ranges = ranges_of(self.parameters, self.groups)

    @property
    def learning_rate(self) -> float:
        """That of the next step, outside of groups."""
        return self.schedule(self.steps)

    def step(self) -> None:
        """Update all parameters from their gradients (which stay as they are)."""
        self._update([(part.begin, part.end, *self._rates(part.group)) for part in self._ranges])
        self.steps += 1

    def _rates(self, group: Group) -> tuple[float, float]:
        rate = self.learning_rate if group.learning_rate is None else _as_schedule(group.learning_rate)(self.steps)
        return rate, self.weight_decay if group.weight_decay is None else group.weight_decay

    def _update(self, ranges: list[tuple[int, int, float, float]]) -> None:
        raise NotImplementedError

    def describe(self) -> dict[str, tuple[float, float]]:
        """Learning rate and weight decay of every parameter at the next step."""
        found = {}
        for name, offset in self.parameters.offsets.items():
            part = next(part for part in self._ranges if part.begin <= offset < part.end)
            found[name] = self._rates(part.group)
        return found

    def schedules(self) -> list[Schedule]:
        """All schedules, that of the optimizer first."""
        return [self.schedule, *(g.learning_rate for g in self.groups if isinstance(g.learning_rate, Schedule))]

    def state(self) -> dict[str, Array]:
        """The moments of every parameter: "first.encoder.weight" (shared, not copied)."""
        return {
            f"{moment}.{name}": view
            for moment, buffer in self.moments.items()
            for name, view in self.parameters.views(buffer).items()
        }

    def restore(self, state: Mapping[str, Array], steps: int) -> None:
        """Go on from what `state` gave after so many steps."""
        for moment, buffer in self.moments.items():
            prefix = f"{moment}."
            arrays = {name[len(prefix) :]: array for name, array in state.items() if name.startswith(prefix)}
            self.parameters.copy_into(buffer, arrays)
        self.steps = steps


class SGD(Optimizer):
    """Stochastic gradient descent: b = μ b + (1 − τ) g, θ = θ − η b; with Nesterov's variant θ = θ − η (g + μ b).

    Args:
        parameters: what to train.
        learning_rate: η.
        momentum: μ; 0: b = g.
        dampening: τ (none at the first step, as in PyTorch).
        weight_decay: λ; g = ∂L/∂θ + λ θ.
        nesterov: whether to look ahead.
        groups: see `Optimizer`.

    Source:
        Sutskever et al., "On the importance of initialization and momentum in deep learning" (2013).

    Example:
        >>> import numpy as np
        >>> from pyseq import nn, train
        >>> flat = train.FlatParameters(nn.Linear(1, 1, bias=False))
        >>> flat.values[0] = 1.0
        >>> flat.gradients[0] = 2.0
        >>> train.SGD(flat, 0.25).step()
        >>> float(flat.values[0])
        0.5
    """

    def __init__(
        self,
        parameters: FlatParameters | Module,
        learning_rate: float | Schedule = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        groups: Sequence[Group] = (),
    ) -> None:
        if nesterov and (momentum <= 0 or dampening != 0):
            raise _core.ArgumentError("SGD: nesterov needs a momentum and no dampening")
        self.moment_names = ("momentum",) if momentum else ()
        super().__init__(parameters, learning_rate, weight_decay, groups)
        self.momentum, self.dampening, self.nesterov = momentum, dampening, nesterov

    def _update(self, ranges: list[tuple[int, int, float, float]]) -> None:
        flat = self.parameters
        dampening = self.dampening if self.steps else 0.0
        _core.sgd_step(
            flat.values,
            flat.gradients,
            self.moments.get("momentum"),
            ranges,
            self.momentum,
            dampening,
            self.nesterov,
        )


class Adam(Optimizer):
    """m = β₁ m + (1 − β₁) g, v = β₂ v + (1 − β₂) g², θ = θ − η · m/(1 − β₁ᵗ) / (√(v/(1 − β₂ᵗ)) + ε).

    Args:
        parameters: what to train.
        learning_rate: η.
        betas: β₁ and β₂.
        epsilon: ε.
        weight_decay: λ; g = ∂L/∂θ + λ θ.
        groups: see `Optimizer`.

    Source:
        Kingma, Ba, "Adam: a method for stochastic optimization" (2015).

    Example:
        >>> from pyseq import nn, train
        >>> flat = train.FlatParameters(nn.Linear(1, 1, bias=False))
        >>> flat.values[0] = 1.0
        >>> flat.gradients[0] = 123.0
        >>> train.Adam(flat, 0.25).step()
        >>> round(float(flat.values[0]), 6)
        0.75
    """

    moment_names = ("first", "second")
    decoupled = False

    def __init__(
        self,
        parameters: FlatParameters | Module,
        learning_rate: float | Schedule = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
        groups: Sequence[Group] = (),
    ) -> None:
        if not all(0 <= beta < 1 for beta in betas):
            raise _core.ArgumentError(f"{type(self).__name__}: betas are {betas}, expected within [0, 1)")
        super().__init__(parameters, learning_rate, weight_decay, groups)
        self.betas, self.epsilon = betas, epsilon

    def _update(self, ranges: list[tuple[int, int, float, float]]) -> None:
        flat = self.parameters
        _core.adam_step(
            flat.values,
            flat.gradients,
            self.moments["first"],
            self.moments["second"],
            ranges,
            *self.betas,
            self.epsilon,
            self.steps + 1,
            self.decoupled,
        )


class AdamW(Adam):
    """Adam whose weight decay goes beside the moments: θ = θ − η λ θ − η · (Adam's step from g alone).

    Source:
        Loshchilov, Hutter, "Decoupled weight decay regularization" (2019).

    Example:
        >>> from pyseq import nn, train
        >>> train.AdamW(nn.Linear(3, 2)).weight_decay
        0.01
    """

    decoupled = True

    def __init__(
        self,
        parameters: FlatParameters | Module,
        learning_rate: float | Schedule = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        weight_decay: float = 1e-2,
        groups: Sequence[Group] = (),
    ) -> None:
        super().__init__(parameters, learning_rate, betas, epsilon, weight_decay, groups)


class Adagrad(Optimizer):
    """s = s + g², θ = θ − η g / (√s + ε).

    Args:
        parameters: what to train.
        learning_rate: η.
        weight_decay: λ; g = ∂L/∂θ + λ θ.
        epsilon: ε.
        groups: see `Optimizer`.

    Source:
        Duchi, Hazan, Singer, "Adaptive subgradient methods for online learning" (2011).

    Example:
        >>> from pyseq import nn, train
        >>> train.Adagrad(nn.Linear(3, 2)).learning_rate
        0.01
    """

    moment_names = ("sum",)

    def __init__(
        self,
        parameters: FlatParameters | Module,
        learning_rate: float | Schedule = 1e-2,
        weight_decay: float = 0.0,
        epsilon: float = 1e-10,
        groups: Sequence[Group] = (),
    ) -> None:
        super().__init__(parameters, learning_rate, weight_decay, groups)
        self.epsilon = epsilon

    def _update(self, ranges: list[tuple[int, int, float, float]]) -> None:
        flat = self.parameters
        _core.adagrad_step(flat.values, flat.gradients, self.moments["sum"], ranges, self.epsilon)


class RMSprop(Optimizer):
    """v = α v + (1 − α) g², b = μ b + g / (√v + ε), θ = θ − η b; centered: v less the square of the mean gradient.

    Args:
        parameters: what to train.
        learning_rate: η.
        alpha: α.
        epsilon: ε.
        weight_decay: λ; g = ∂L/∂θ + λ θ.
        momentum: μ.
        centered: whether to estimate the variance instead of the mean square.
        groups: see `Optimizer`.

    Source:
        Tieleman, Hinton, lecture 6.5 of "Neural networks for machine learning" (2012); centered: Graves (2013).

    Example:
        >>> from pyseq import nn, train
        >>> sorted(train.RMSprop(nn.Linear(3, 2), momentum=0.9).moments)
        ['momentum', 'square']
    """

    def __init__(
        self,
        parameters: FlatParameters | Module,
        learning_rate: float | Schedule = 1e-2,
        alpha: float = 0.99,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        groups: Sequence[Group] = (),
    ) -> None:
        self.moment_names = ("square", *(("mean",) if centered else ()), *(("momentum",) if momentum else ()))
        super().__init__(parameters, learning_rate, weight_decay, groups)
        self.alpha, self.epsilon, self.momentum = alpha, epsilon, momentum

    def _update(self, ranges: list[tuple[int, int, float, float]]) -> None:
        flat = self.parameters
        _core.rmsprop_step(
            flat.values,
            flat.gradients,
            self.moments["square"],
            self.moments.get("mean"),
            self.moments.get("momentum"),
            ranges,
            self.alpha,
            self.epsilon,
            self.momentum,
        )


def _as_schedule(learning_rate: float | Schedule) -> Schedule:
    return learning_rate if isinstance(learning_rate, Schedule) else Constant(float(learning_rate))
