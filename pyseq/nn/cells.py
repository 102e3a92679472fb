"""RNNCell, GRUCell and LSTMCell: one step at a time."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from pyseq import ops
from pyseq.nn import initialization, recurrent_weights
from pyseq.nn.module import Module
from pyseq.nn.recurrent_weights import CellShape
from pyseq.tensor import Tensor


class _Cell(Module):
    """What the three kinds share: parameters under PyTorch's names."""

    def __init__(self, input_size: int, shape: CellShape) -> None:
        self.hidden_size = shape.hidden_size
        recurrent_weights.add_parameters(self, shape.parameters(input_size))
        self.reset_parameters(initialization.construction_generator())

    def reset_parameters(self, random: np.random.Generator) -> None:
        """Uniform in ±1/√hidden; norms 1 with shift 0."""
        recurrent_weights.reset_parameters(self, self.hidden_size, random)

    def _weights(self) -> dict[str, Any]:
        return dict(recurrent_weights.arguments(self, [""]))


class RNNCell(_Cell):
    """One step of an Elman network (see `ops.rnn_step`).

    Args:
        input_size: size of x.
        hidden_size: size of the state.
        bias: whether there are biases.
        nonlinearity: "tanh" or "relu".
    """

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh") -> None:
        super().__init__(input_size, CellShape(1, hidden_size, bias))
        self.nonlinearity = nonlinearity

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        """X [batch, input], h [batch, hidden] -> the next h."""
        return cast(Tensor, ops.rnn_step(x, h, nonlinearity=self.nonlinearity, **self._weights()))


class GRUCell(_Cell):
    """One step of a gated recurrent unit (see `ops.gru_step`).

    Args:
        input_size: size of x.
        hidden_size: size of the state.
        bias: whether there are biases.
        reset: "after", "before" or "none", as of `GRU`.
        layer_norm: whether the gates are normalised.
        epsilon: of the norms.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        *,
        reset: str = "after",
        layer_norm: bool = False,
        epsilon: float = 1e-5,
    ) -> None:
        self.reset, self.epsilon = recurrent_weights.checked_reset(reset), epsilon
        super().__init__(input_size, CellShape(2 if reset == "none" else 3, hidden_size, bias, layer_norm))

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        """X [batch, input], h [batch, hidden] -> the next h."""
        if self.reset == "none":
            return cast(Tensor, ops.simple_gru_step(x, h, epsilon=self.epsilon, **self._weights()))
        return cast(Tensor, ops.gru_step(x, h, reset=self.reset, epsilon=self.epsilon, **self._weights()))


class LSTMCell(_Cell):
    """One step of long short-term memory (see `ops.lstm_step`).

    Args:
        input_size: size of x.
        hidden_size: size of the state.
        bias: whether there are biases.
        proj_size: size of h when it is projected, 0 for hidden_size.
        coupled: whether the input gate is 1 − f.
        peephole: whether the gates see c.
        layer_norm: whether gates and c are normalised.
        epsilon: of the norms.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        *,
        proj_size: int = 0,
        coupled: bool = False,
        peephole: bool = False,
        layer_norm: bool = False,
        epsilon: float = 1e-5,
    ) -> None:
        self.coupled, self.epsilon = coupled, epsilon
        shape = CellShape(3 if coupled else 4, hidden_size, bias, layer_norm, True, peephole, proj_size)
        super().__init__(input_size, shape)

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """X [batch, input], h [batch, proj_size or hidden], c [batch, hidden] -> the next h and c."""
        step = ops.coupled_lstm_step if self.coupled else ops.lstm_step
        return step(x, h, c, epsilon=self.epsilon, **self._weights())
