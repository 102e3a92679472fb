"""Activations as modules, for `Sequential`."""

from __future__ import annotations

from pyseq import ops
from pyseq.nn.module import Module
from pyseq.tensor import Tensor


class ReLU(Module):
    """y = max(x, 0)."""

    def forward(self, x: Tensor) -> Tensor:
        """X [...] -> y [...]."""
        return ops.relu(x)


class Tanh(Module):
    """The hyperbolic tangent."""

    def forward(self, x: Tensor) -> Tensor:
        """X [...] -> y [...]."""
        return ops.tanh(x)


class Sigmoid(Module):
    """y = 1 / (1 + e⁻ˣ)."""

    def forward(self, x: Tensor) -> Tensor:
        """X [...] -> y [...]."""
        return ops.sigmoid(x)


class GELU(Module):
    """y = x Φ(x) (see `ops.gelu`).

    Args:
        approximate: "none" or "tanh".
    """

    def __init__(self, approximate: str = "none") -> None:
        self.approximate = approximate

    def forward(self, x: Tensor) -> Tensor:
        """X [...] -> y [...]."""
        return ops.gelu(x, self.approximate)


class SiLU(Module):
    """y = x / (1 + e⁻ˣ), also called swish."""

    def forward(self, x: Tensor) -> Tensor:
        """X [...] -> y [...]."""
        return ops.silu(x)
