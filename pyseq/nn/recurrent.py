"""RNN, GRU and LSTM layers over sequences, stacked and bidirectional."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from pyseq import ops
from pyseq.nn import initialization, recurrent_weights
from pyseq.nn.dropout import Dropout
from pyseq.nn.module import Module
from pyseq.nn.recurrent_weights import CellShape
from pyseq.tensor import Tensor


class _Recurrent(Module):
    """What the three kinds share: parameters under PyTorch's names, a stack of layers."""

    def __init__(
        self,
        input_size: int,
        shape: CellShape,
        num_layers: int,
        bidirectional: bool,
        dropout: float,
        weight_dropout: float,
    ) -> None:
        self.hidden_size, self.num_layers, self.bidirectional = shape.hidden_size, num_layers, bidirectional
        for layer in range(num_layers):
            width = input_size if layer == 0 else shape.width * self.directions
            for suffix in self._suffixes(layer):
                recurrent_weights.add_parameters(self, shape.parameters(width), suffix)
        self.dropout = Dropout(dropout)
        self.weight_dropout = Dropout(weight_dropout)
        self.reset_parameters(initialization.construction_generator())

    @property
    def directions(self) -> int:
        """2 when bidirectional, else 1."""
        return 2 if self.bidirectional else 1

    def _suffixes(self, layer: int) -> list[str]:
        return [f"_l{layer}", f"_l{layer}_reverse"] if self.bidirectional else [f"_l{layer}"]

    def reset_parameters(self, random: np.random.Generator) -> None:
        """Uniform in ±1/√hidden; norms 1 with shift 0."""
        recurrent_weights.reset_parameters(self, self.hidden_size, random)

    def _weights(self, layer: int) -> dict[str, Any]:
        """Arguments of the op: w_ih, ..., b_hh_reverse; one mask for all steps over the recurrent weights."""
        weights = dict(recurrent_weights.arguments(self, self._suffixes(layer)))
        return {name: self.weight_dropout(w) if name.startswith("w_hh") else w for name, w in weights.items()}

    def _run_layer(self, layer: int, x: Tensor, lengths: Tensor | None, state: Any) -> tuple[Tensor, Any]:
        raise NotImplementedError

    def _run(self, x: Tensor, lengths: Tensor | None, state: Sequence[Any] | None) -> tuple[Tensor, tuple[Any, ...]]:
        final = []
        for layer in range(self.num_layers):
            if layer > 0:
                x = self.dropout(x)
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
        dropout: probability of a 0 between layers while training (see `Dropout`).
        weight_dropout: probability of a 0 in the recurrent weights while training, the same ones in all steps of a
            call (Merity et al., "Regularizing and optimizing LSTM language models", 2018).

    Example:
        >>> import numpy as np
        >>> from pyseq import nn
        >>> y, state = nn.RNN(3, 4, num_layers=2)(np.ones((2, 5, 3), np.float32))
        >>> y.shape, [h.shape for h in state]
        ((2, 5, 4), [(2, 4), (2, 4)])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        bidirectional: bool = False,
        nonlinearity: str = "tanh",
        *,
        dropout: float = 0.0,
        weight_dropout: float = 0.0,
    ) -> None:
        self.nonlinearity = nonlinearity
        super().__init__(
            input_size, CellShape(1, hidden_size, bias), num_layers, bidirectional, dropout, weight_dropout
        )

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
        weights = self._weights(layer)
        result = ops.rnn(x, lengths=lengths, h0=state, nonlinearity=self.nonlinearity, **weights)
        return cast(tuple[Tensor, Any], result)


class GRU(_Recurrent):
    """Gated recurrent units (see `ops.gru`).

    Args:
        input_size: size of x.
        hidden_size: size of the state of one direction.
        num_layers: layers, each reading the one before.
        bias: whether there are biases.
        bidirectional: whether a second direction runs from the end; outputs and states are twice as wide.
        reset: "after" the recurrent product (PyTorch's), "before" it, or "none": no reset gate, the gates are z, n
            (`ops.simple_gru`).
        layer_norm: whether the gates are normalised (parameters norm_ih, norm_hh).
        epsilon: of the norms.
        dropout: probability of a 0 between layers while training (see `Dropout`).
        weight_dropout: probability of a 0 in the recurrent weights while training, the same ones in all steps of a
            call (Merity et al., "Regularizing and optimizing LSTM language models", 2018).

    Example:
        >>> import numpy as np
        >>> from pyseq import nn
        >>> y, (h,) = nn.GRU(3, 4, bidirectional=True)(np.ones((2, 5, 3), np.float32), np.array([5, 2]))
        >>> y.shape, h.shape
        ((2, 5, 8), (2, 8))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        bidirectional: bool = False,
        *,
        reset: str = "after",
        layer_norm: bool = False,
        epsilon: float = 1e-5,
        dropout: float = 0.0,
        weight_dropout: float = 0.0,
    ) -> None:
        self.reset, self.epsilon = recurrent_weights.checked_reset(reset), epsilon
        shape = CellShape(2 if reset == "none" else 3, hidden_size, bias, layer_norm)
        super().__init__(input_size, shape, num_layers, bidirectional, dropout, weight_dropout)

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
        weights: dict[str, Any] = {"lengths": lengths, "h0": state, "epsilon": self.epsilon, **self._weights(layer)}
        if self.reset == "none":
            return cast(tuple[Tensor, Any], ops.simple_gru(x, **weights))
        return cast(tuple[Tensor, Any], ops.gru(x, reset=self.reset, **weights))


class LSTM(_Recurrent):
    """Long short-term memory (see `ops.lstm`).

    Args:
        input_size: size of x.
        hidden_size: size of the state of one direction.
        num_layers: layers, each reading the one before.
        bias: whether there are biases.
        bidirectional: whether a second direction runs from the end; outputs and states are twice as wide.
        proj_size: size of h when it is projected (parameter weight_hr), 0 for hidden_size.
        coupled: whether the input gate is 1 − f: the gates are f, g, o (`ops.coupled_lstm`).
        peephole: whether the gates see c (parameter peephole: p_i, p_f, p_o, or p_f, p_o).
        layer_norm: whether gates and c are normalised (parameters norm_ih, norm_hh, norm_c, norm_c_bias).
        epsilon: of the norms.
        dropout: probability of a 0 between layers while training (see `Dropout`).
        weight_dropout: probability of a 0 in the recurrent weights while training, the same ones in all steps of a
            call (Merity et al., "Regularizing and optimizing LSTM language models", 2018).

    Example:
        >>> import numpy as np
        >>> from pyseq import nn
        >>> y, ((h, c),) = nn.LSTM(3, 4)(np.ones((2, 5, 3), np.float32))
        >>> y.shape, h.shape, c.shape
        ((2, 5, 4), (2, 4), (2, 4))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        bidirectional: bool = False,
        *,
        proj_size: int = 0,
        coupled: bool = False,
        peephole: bool = False,
        layer_norm: bool = False,
        epsilon: float = 1e-5,
        dropout: float = 0.0,
        weight_dropout: float = 0.0,
    ) -> None:
        self.coupled, self.epsilon = coupled, epsilon
        shape = CellShape(3 if coupled else 4, hidden_size, bias, layer_norm, True, peephole, proj_size)
        super().__init__(input_size, shape, num_layers, bidirectional, dropout, weight_dropout)

    def forward(
        self, x: Tensor, lengths: Tensor | None = None, state: Sequence[tuple[Tensor, Tensor]] | None = None
    ) -> tuple[Tensor, tuple[tuple[Tensor, Tensor], ...]]:
        """Run over a sequence.

        Args:
            x: [batch, time, input].
            lengths: [batch] int64, valid steps of each row; None for all.
            state: a pair h [batch, directions · (proj_size or hidden)], c [batch, directions · hidden] per layer; None
                for zeros.

        Returns:
            y [batch, time, directions · (proj_size or hidden)], zero beyond lengths, and the final state, a pair per
            layer.
        """
        return self._run(x, lengths, state)

    def _run_layer(self, layer: int, x: Tensor, lengths: Tensor | None, state: Any) -> tuple[Tensor, Any]:
        h0, c0 = (None, None) if state is None else state
        lstm = ops.coupled_lstm if self.coupled else ops.lstm
        y, h, c = lstm(x, lengths=lengths, h0=h0, c0=c0, epsilon=self.epsilon, **self._weights(layer))
        return cast(Tensor, y), (h, c)
