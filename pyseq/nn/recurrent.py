"""RNN, GRU and LSTM layers over sequences, stacked and bidirectional."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from pyseq import ops
from pyseq.nn import initialization
from pyseq.nn.module import Module
from pyseq.tensor import Parameter, Tensor

_ARRAYS = (("weight_ih", "w_ih"), ("weight_hh", "w_hh"), ("bias_ih", "b_ih"), ("bias_hh", "b_hh"))


class _Recurrent(Module):
    """What the three kinds share: parameters under PyTorch's names, a stack of layers."""

    gates: int

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, bidirectional: bool = False
    ) -> None:
        self.hidden_size, self.num_layers, self.bidirectional = hidden_size, num_layers, bidirectional
        rows = self.gates * hidden_size
        for layer in range(num_layers):
            width = input_size if layer == 0 else hidden_size * self.directions
            for suffix in self._suffixes(layer):
                setattr(self, f"weight_ih{suffix}", initialization.empty(rows, width))
                setattr(self, f"weight_hh{suffix}", initialization.empty(rows, hidden_size))
                for name in ("bias_ih", "bias_hh"):
                    setattr(self, name + suffix, initialization.empty(rows) if bias else None)
        self.reset_parameters(initialization.construction_generator())

    @property
    def directions(self) -> int:
        """2 when bidirectional, else 1."""
        return 2 if self.bidirectional else 1

    def _suffixes(self, layer: int) -> list[str]:
        return [f"_l{layer}", f"_l{layer}_reverse"] if self.bidirectional else [f"_l{layer}"]

    def reset_parameters(self, random: np.random.Generator) -> None:
        """Uniform in ±1/√hidden."""
        own = [value for value in vars(self).values() if isinstance(value, Parameter)]
        initialization.fill_uniform(own, 1 / max(self.hidden_size, 1) ** 0.5, random)

    def _weights(self, layer: int) -> dict[str, Tensor | None]:
        """Arguments of the op: w_ih, ..., b_hh_reverse."""
        return {
            argument + ("_reverse" if suffix.endswith("_reverse") else ""): getattr(self, name + suffix)
            for suffix in self._suffixes(layer)
            for name, argument in _ARRAYS
        }

    def _run_layer(self, layer: int, x: Tensor, lengths: Tensor | None, state: Any) -> tuple[Tensor, Any]:
        raise NotImplementedError

    def _run(self, x: Tensor, lengths: Tensor | None, state: Sequence[Any] | None) -> tuple[Tensor, tuple[Any, ...]]:
        final = []
        for layer in range(self.num_layers):
            x, last = self._run_layer(layer, x, lengths, None if state is None else state[layer])
            final.append(last)
        return x, tuple(final)


class RNN(_Recurrent):
    """Elman layers (see `ops.rnn`).

    Args:
        input_size: size of x.
        hidden_size: size of the state of one direction.
        num_layers: layers, each reading the one before.
        bias: whether there are biases.
        bidirectional: whether a second direction runs from the end; outputs and states are twice as wide.
        nonlinearity: "tanh" or "relu".

    Example:
        >>> import numpy as np
        >>> from pyseq import nn
        >>> y, state = nn.RNN(3, 4, num_layers=2)(np.ones((2, 5, 3), np.float32))
        >>> y.shape, [h.shape for h in state]
        ((2, 5, 4), [(2, 4), (2, 4)])
    """

    gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        bidirectional: bool = False,
        nonlinearity: str = "tanh",
    ) -> None:
        self.nonlinearity = nonlinearity
        super().__init__(input_size, hidden_size, num_layers, bias, bidirectional)

    def forward(
        self, x: Tensor, lengths: Tensor | None = None, state: Sequence[Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Run over a sequence.

        Args:
            x: [batch, time, input].
            lengths: [batch] int64, valid steps of each row; None for all.
            state: a tensor [batch, directions · hidden] per layer; None for zeros.

        Returns:
            y [batch, time, directions · hidden], zero beyond lengths, and the final state, a tensor per layer.
        """
        return self._run(x, lengths, state)

    def _run_layer(self, layer: int, x: Tensor, lengths: Tensor | None, state: Any) -> tuple[Tensor, Any]:
        weights = cast(Any, self._weights(layer))
        return cast(
            tuple[Tensor, Any], ops.rnn(x, lengths=lengths, h0=state, nonlinearity=self.nonlinearity, **weights)
        )


class GRU(_Recurrent):
    """Gated recurrent units (see `ops.gru`).

    Args:
        input_size: size of x.
        hidden_size: size of the state of one direction.
        num_layers: layers, each reading the one before.
        bias: whether there are biases.
        bidirectional: whether a second direction runs from the end; outputs and states are twice as wide.

    Example:
        >>> import numpy as np
        >>> from pyseq import nn
        >>> y, (h,) = nn.GRU(3, 4, bidirectional=True)(np.ones((2, 5, 3), np.float32), np.array([5, 2]))
        >>> y.shape, h.shape
        ((2, 5, 8), (2, 8))
    """

    gates = 3

    def forward(
        self, x: Tensor, lengths: Tensor | None = None, state: Sequence[Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Run over a sequence.

        Args:
            x: [batch, time, input].
            lengths: [batch] int64, valid steps of each row; None for all.
            state: a tensor [batch, directions · hidden] per layer; None for zeros.

        Returns:
            y [batch, time, directions · hidden], zero beyond lengths, and the final state, a tensor per layer.
        """
        return self._run(x, lengths, state)

    def _run_layer(self, layer: int, x: Tensor, lengths: Tensor | None, state: Any) -> tuple[Tensor, Any]:
        weights = cast(Any, self._weights(layer))
        return cast(tuple[Tensor, Any], ops.gru(x, lengths=lengths, h0=state, **weights))


class LSTM(_Recurrent):
    """Long short-term memory (see `ops.lstm`).

    Args:
        input_size: size of x.
        hidden_size: size of the state of one direction.
        num_layers: layers, each reading the one before.
        bias: whether there are biases.
        bidirectional: whether a second direction runs from the end; outputs and states are twice as wide.

    Example:
        >>> import numpy as np
        >>> from pyseq import nn
        >>> y, ((h, c),) = nn.LSTM(3, 4)(np.ones((2, 5, 3), np.float32))
        >>> y.shape, h.shape, c.shape
        ((2, 5, 4), (2, 4), (2, 4))
    """

    gates = 4

    def forward(
        self, x: Tensor, lengths: Tensor | None = None, state: Sequence[tuple[Tensor, Tensor]] | None = None
    ) -> tuple[Tensor, tuple[tuple[Tensor, Tensor], ...]]:
        """Run over a sequence.

        Args:
            x: [batch, time, input].
            lengths: [batch] int64, valid steps of each row; None for all.
            state: a pair h, c of tensors [batch, directions · hidden] per layer; None for zeros.

        Returns:
            y [batch, time, directions · hidden], zero beyond lengths, and the final state, a pair per layer.
        """
        return self._run(x, lengths, state)

    def _run_layer(self, layer: int, x: Tensor, lengths: Tensor | None, state: Any) -> tuple[Tensor, Any]:
        h0, c0 = (None, None) if state is None else state
        y, h, c = ops.lstm(x, lengths=lengths, h0=h0, c0=c0, **cast(Any, self._weights(layer)))
        return cast(Tensor, y), (h, c)
