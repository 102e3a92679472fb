"""Embedding: the table of vectors."""

from __future__ import annotations

import numpy as np

from pyseq import ops
from pyseq.nn import initialization
from pyseq.nn.module import Module
from pyseq.tensor import Tensor


class Embedding(Module):
    """A vector per id: y = scale · weight[ids], with `weight` [count, width].

    Args:
        count: ids, 0 … count − 1.
        width: size of a vector.
        scale: factor, √width in the Transformer.

    Example:
        >>> import numpy as np
        >>> from pyseq import nn
        >>> nn.Embedding(10, 4)(np.array([[1, 2, 9]])).shape
        (1, 3, 4)
    """

    def __init__(self, count: int, width: int, scale: float = 1.0) -> None:
        self.weight = initialization.empty(count, width)
        self.scale = scale
        self.reset_parameters(initialization.construction_generator())

    def reset_parameters(self, random: np.random.Generator) -> None:
        """Standard normal."""
        self.weight.data[...] = random.standard_normal(self.weight.data.shape, np.float32)

    def forward(self, ids: Tensor) -> Tensor:
        """Ids [...] int64 -> y [..., width]."""
        return ops.embedding(ids, self.weight, self.scale)
