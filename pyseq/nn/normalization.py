"""Normalisation of the last axis, and of channels over time, as modules."""

from __future__ import annotations

import numpy as np

from pyseq import ops
from pyseq.nn import initialization
from pyseq.nn.module import Module
from pyseq.tensor import Tensor


class LayerNorm(Module):
    """Normalise the last axis, then scale by `weight` [width] and shift by `bias` [width] (see `ops.layer_norm`).

    Args:
        width: size of the last axis.
        epsilon: added to the variance.
        bias: whether there is a shift.

    Example:
        >>> import numpy as np
        >>> from pyseq import nn
        >>> nn.LayerNorm(2, epsilon=0.0)(np.array([[1, 3]], np.float32)).numpy()
        array([[-1.,  1.]], dtype=float32)
    """

    def __init__(self, width: int, epsilon: float = 1e-5, bias: bool = True) -> None:
        self.weight = initialization.empty(width)
        self.bias = initialization.empty(width) if bias else None
        self.epsilon = epsilon
        self.reset_parameters(initialization.construction_generator())

    def reset_parameters(self, random: np.random.Generator) -> None:
        """Scale 1, shift 0."""
        self.weight.data[...] = 1
        if self.bias is not None:
            self.bias.data[...] = 0

    def forward(self, x: Tensor) -> Tensor:
        """X [..., width] -> y [..., width]."""
        return ops.layer_norm(x, self.weight, self.bias, self.epsilon)


class RMSNorm(Module):
    """Divide the last axis by its root mean square, then scale by `weight` [width] (see `ops.rms_norm`).

    Args:
        width: size of the last axis.
        epsilon: added to the mean of squares.

    Example:
        >>> import numpy as np
        >>> from pyseq import nn
        >>> nn.RMSNorm(2, epsilon=0.0)(np.array([[1, -7]], np.float32)).numpy()
        array([[ 0.2, -1.4]], dtype=float32)
    """

    def __init__(self, width: int, epsilon: float = 1e-6) -> None:
        self.weight = initialization.empty(width)
        self.epsilon = epsilon
        self.reset_parameters(initialization.construction_generator())

    def reset_parameters(self, random: np.random.Generator) -> None:
        """Scale 1."""
        self.weight.data[...] = 1

    def forward(self, x: Tensor) -> Tensor:
        """X [..., width] -> y [..., width]."""
        return ops.rms_norm(x, self.weight, self.epsilon)


class InstanceNorm1d(Module):
    """Normalise channels of each sequence over time (see `ops.instance_norm`), scale by `weight`, shift by `bias`.

    Args:
        channels: size of the last axis.
        epsilon: added to the variance.

    Example:
        >>> import numpy as np
        >>> from pyseq import nn
        >>> nn.InstanceNorm1d(3)(np.ones((2, 5, 3), np.float32), np.array([5, 2])).shape
        (2, 5, 3)
    """

    def __init__(self, channels: int, epsilon: float = 1e-5) -> None:
        self.weight = initialization.empty(channels)
        self.bias = initialization.empty(channels)
        self.epsilon = epsilon
        self.reset_parameters(initialization.construction_generator())

    def reset_parameters(self, random: np.random.Generator) -> None:
        """Scale 1, shift 0."""
        self.weight.data[...] = 1
        self.bias.data[...] = 0

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """X [batch, time, channels], lengths [batch] int64 -> y [batch, time, channels]."""
        return ops.instance_norm(x, self.weight, self.bias, lengths, self.epsilon)
