"""Initial values of parameters: seeded, counter-based, explicit."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import numpy as np

from pyseq.tensor import Parameter

_layers_made = count()


def generator(seed: int, stream: int) -> np.random.Generator:
    """Random numbers that depend on nothing but seed and stream (Philox: key = seed, counter = stream)."""
    return np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, 0, stream]))


def construction_generator() -> np.random.Generator:
    """For a layer that is being made: seed 0, a stream per layer in the order of construction."""
    return generator(0, next(_layers_made))


def empty(*shape: int) -> Parameter:
    """A parameter that `reset_parameters` is about to fill."""
    return Parameter(np.zeros(shape, np.float32))


def fill_uniform(parameters: Sequence[Parameter | None], bound: float, random: np.random.Generator) -> None:
    """Uniform values in [−bound, bound)."""
    for parameter in parameters:
        if parameter is not None:
            parameter.data[...] = random.uniform(-bound, bound, parameter.data.shape)
