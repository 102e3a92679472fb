"""Linear: the affine layer."""

from __future__ import annotations

import numpy as np

from pyseq import ops
from pyseq.nn import initialization
from pyseq.nn.module import Module
from pyseq.tensor import Tensor


class Linear(Module):
    """y = f(x Wᵀ + b) over the last axis, with `weight` [out, in] and `bias` [out].

    Args:
        in_features: size of the last axis of x.
        out_features: size of the last axis of y.
        bias: whether there is a b.
        activation: f: "none", "relu", "gelu", "gelu_tanh", "tanh", "sigmoid" or "silu"; computed with the product.

    Example:
        >>> import numpy as np
        >>> from pyseq import nn
        >>> nn.Linear(3, 5, activation="relu")(np.ones((2, 4, 3), np.float32)).shape
        (2, 4, 5)
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True, activation: str = "none") -> None:
        self.weight = initialization.empty(out_features, in_features)
        self.bias = initialization.empty(out_features) if bias else None
        self.activation = activation
        self.reset_parameters(initialization.construction_generator())

    def reset_parameters(self, random: np.random.Generator) -> None:
        """Uniform in ±1/√in."""
        bound = 1 / max(self.weight.data.shape[1], 1) ** 0.5
        initialization.fill_uniform([self.weight, self.bias], bound, random)

    def forward(self, x: Tensor) -> Tensor:
        """X [..., in] -> y [..., out]."""
        return ops.linear(x, self.weight, self.bias, self.activation)
