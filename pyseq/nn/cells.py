"""RNNCell, GRUCell and LSTMCell: one step at a time."""

from __future__ import annotations

import numpy as np

from pyseq import ops
from pyseq.nn import initialization
from pyseq.nn.module import Module
from pyseq.tensor import Tensor


class _Cell(Module):
    """What the three kinds share: parameters under PyTorch's names."""

    gates: int

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True) -> None:
        rows = self.gates * hidden_size
        self.weight_ih = initialization.empty(rows, input_size)
        self.weight_hh = initialization.empty(rows, hidden_size)
        self.bias_ih = initialization.empty(rows) if bias else None
        self.bias_hh = initialization.empty(rows) if bias else None
        self.hidden_size = hidden_size
        self.reset_parameters(initialization.construction_generator())

    def reset_parameters(self, random: np.random.Generator) -> None:
        """Uniform in ±1/√hidden."""
        own = [self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh]
        initialization.fill_uniform(own, 1 / max(self.hidden_size, 1) ** 0.5, random)


class RNNCell(_Cell):
    """One step of an Elman network (see `ops.rnn_step`).

    Args:
        input_size: size of x.
        hidden_size: size of the state.
        bias: whether there are biases.
        nonlinearity: "tanh" or "relu".
    """

    gates = 1

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh") -> None:
        super().__init__(input_size, hidden_size, bias)
        self.nonlinearity = nonlinearity

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        """X [batch, input], h [batch, hidden] -> the next h."""
        return ops.rnn_step(x, h, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh, self.nonlinearity)


class GRUCell(_Cell):
    """One step of a gated recurrent unit (see `ops.gru_step`).

    Args:
        input_size: size of x.
        hidden_size: size of the state.
        bias: whether there are biases.
    """

    gates = 3

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        """X [batch, input], h [batch, hidden] -> the next h."""
        return ops.gru_step(x, h, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)


class LSTMCell(_Cell):
    """One step of long short-term memory (see `ops.lstm_step`).

    Args:
        input_size: size of x.
        hidden_size: size of the state.
        bias: whether there are biases.
    """

    gates = 4

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """X [batch, input], h and c [batch, hidden] -> the next h and c."""
        return ops.lstm_step(x, h, c, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
