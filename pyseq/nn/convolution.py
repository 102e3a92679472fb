"""Conv1d and Conv2d: convolution, channels last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pyseq import ops
from pyseq.nn import initialization
from pyseq.nn.module import Module
from pyseq.ops.convolution import Padding, pair
from pyseq.state import State
from pyseq.tensor import Tensor


class _Convolution(Module):
    """What the two kinds share: parameters under PyTorch's names."""

    def __init__(self, in_channels: int, out_channels: int, kernel: Sequence[int], groups: int, bias: bool) -> None:
        self.weight = initialization.empty(out_channels, in_channels // groups, *kernel)
        self.bias = initialization.empty(out_channels) if bias else None
        self.groups = groups
        self.reset_parameters(initialization.construction_generator())

    def reset_parameters(self, random: np.random.Generator) -> None:
        """Uniform in ±1/√(values of a window)."""
        values = int(np.prod(self.weight.data.shape[1:]))
        initialization.fill_uniform([self.weight, self.bias], 1 / max(values, 1) ** 0.5, random)


class Conv1d(_Convolution):
    """Convolution along time (see `ops.conv1d`), with `weight` [out, in / groups, kernel] and `bias` [out].

    Called, it convolves whole sequences. `stream` convolves a stream chunk by chunk over a carry in a state, with the
    bits of the whole convolved with padding "causal".

    Args:
        in_channels: size of the last axis of x.
        out_channels: size of the last axis of y.
        kernel_size: taps.
        stride: frames from one window to the next.
        padding: zeros at both ends: a number, a pair (before, after), "same" or "causal".
        dilation: frames from one tap to the next.
        groups: a divisor of both channels.
        bias: whether there is a bias.
        activation: "none", "relu", "gelu", "gelu_tanh", "tanh" or "sigmoid"; computed together with the product.

    Example:
        >>> import numpy as np, pyseq
        >>> from pyseq import nn
        >>> conv, x = nn.Conv1d(3, 8, 4, padding="causal"), np.ones((2, 6, 3), np.float32)
        >>> conv(x).shape
        (2, 6, 8)
        >>> state = pyseq.State(rows=2)
        >>> conv.add_carry(state)
        >>> chunks = [conv.stream(pyseq.Tensor(x[:, t : t + 1].copy()), state).numpy() for t in range(6)]
        >>> np.array_equal(np.concatenate(chunks, 1), conv(x).numpy())
        True
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: Padding = 0,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
        activation: str = "none",
    ) -> None:
        super().__init__(in_channels, out_channels, [kernel_size], groups, bias)
        self.in_channels, self.kernel_size = in_channels, kernel_size
        self.stride, self.padding, self.dilation, self.activation = stride, padding, dilation, activation

    def forward(self, x: Tensor, lengths: Tensor | None = None, return_lengths: bool = False) -> Any:
        """Convolve whole sequences.

        Args:
            x: [batch, time, in].
            lengths: [batch] int64, valid frames of each row; None for all.
            return_lengths: give the number of windows of each row too.

        Returns:
            y [batch, windows, out], zero behind the windows of each row; with `return_lengths` also [batch] int64.
        """
        arguments: dict[str, Any] = {
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "groups": self.groups,
            "activation": self.activation,
        }
        if return_lengths:
            return ops.conv1d(x, self.weight, self.bias, lengths, return_lengths=True, **arguments)
        return ops.conv1d(x, self.weight, self.bias, lengths, **arguments)

    @property
    def carry_name(self) -> str:
        """The name of the carried frames in a state: the module's path and "frames"."""
        return f"{self.path}.frames" if self.path else "frames"

    def add_carry(self, state: State) -> None:
        """Declare the frames that a stream carries from chunk to chunk, zeros at first: for `initial_state`."""
        state.add_carry(self.carry_name, ((self.kernel_size - 1) * self.dilation, self.in_channels))

    def stream(self, x: Tensor, state: State, lengths: Tensor | None = None) -> Tensor:
        """Convolve the next chunk of a stream.

        Args:
            x: [batch, time, in]; time a multiple of the stride.
            state: holds the frames before x (see `add_carry`) and gets those before the next chunk.
            lengths: [batch] int64, valid frames of each row; None for all.

        Returns:
            y [batch, time / stride, out]. `padding` has no part in it: no output sees later frames.
        """
        y, state.carry[self.carry_name] = ops.conv1d(
            x,
            self.weight,
            self.bias,
            lengths,
            carry=state.carry[self.carry_name],
            stride=self.stride,
            dilation=self.dilation,
            groups=self.groups,
            activation=self.activation,
        )
        return y


class Conv2d(_Convolution):
    """Convolution over planes (see `ops.conv2d`), `weight` [out, in / groups, kernel height, kernel width].

    Args:
        in_channels: size of the last axis of x.
        out_channels: size of the last axis of y.
        kernel_size: taps: a number or a pair (vertical, horizontal).
        stride: from one window to the next: a number or a pair.
        padding: zeros around x: a number, a pair, four (top, bottom, left, right) or "same".
        dilation: from one tap to the next: a number or a pair.
        groups: a divisor of both channels.
        bias: whether there is a bias.
        activation: "none", "relu", "gelu", "gelu_tanh", "tanh" or "sigmoid"; computed together with the product.

    Example:
        >>> import numpy as np
        >>> from pyseq import nn
        >>> nn.Conv2d(3, 8, 3, padding="same")(np.ones((2, 6, 5, 3), np.float32)).shape
        (2, 6, 5, 8)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] = 1,
        padding: Padding = 0,
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
        bias: bool = True,
        activation: str = "none",
    ) -> None:
        super().__init__(in_channels, out_channels, pair(kernel_size), groups, bias)
        self.stride, self.padding, self.dilation, self.activation = stride, padding, dilation, activation

    def forward(self, x: Tensor) -> Tensor:
        """X [batch, height, width, in] -> y [batch, out height, out width, out]."""
        return ops.conv2d(
            x,
            self.weight,
            self.bias,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            groups=self.groups,
            activation=self.activation,
        )
