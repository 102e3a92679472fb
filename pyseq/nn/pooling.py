"""Pooling as modules: the largest value or the mean of every channel in windows, channels last."""

from __future__ import annotations

from collections.abc import Sequence

from pyseq import ops
from pyseq.nn.module import Module
from pyseq.tensor import Tensor

Sizes = int | Sequence[int]


class MaxPool1d(Module):
    """Largest values in windows along time (see `ops.max_pool1d`).

    Args:
        kernel_size: frames of a window.
        stride: frames from one window to the next; None for the kernel.
        padding: frames that windows may reach beyond both ends.

    Example:
        >>> import numpy as np
        >>> from pyseq import nn
        >>> nn.MaxPool1d(2)(np.ones((2, 6, 3), np.float32)).shape
        (2, 3, 3)
    """

    def __init__(self, kernel_size: int, stride: int | None = None, padding: Sizes = 0) -> None:
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """X [batch, time, channels], lengths [batch] -> y [batch, windows, channels]."""
        return ops.max_pool1d(x, lengths, kernel=self.kernel_size, stride=self.stride, padding=self.padding)


class MeanPool1d(Module):
    """Means over windows along time (see `ops.mean_pool1d`).

    Args:
        kernel_size: frames of a window.
        stride: frames from one window to the next; None for the kernel.
        padding: frames that windows may reach beyond both ends.
        count_padding: whether padding counts as zeros.

    Example:
        >>> import numpy as np
        >>> from pyseq import nn
        >>> nn.MeanPool1d(2)(np.ones((2, 6, 3), np.float32)).shape
        (2, 3, 3)
    """

    def __init__(
        self, kernel_size: int, stride: int | None = None, padding: Sizes = 0, count_padding: bool = False
    ) -> None:
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        self.count_padding = count_padding

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """X [batch, time, channels], lengths [batch] -> y [batch, windows, channels]."""
        return ops.mean_pool1d(
            x,
            lengths,
            kernel=self.kernel_size,
            stride=self.stride,
            padding=self.padding,
            count_padding=self.count_padding,
        )


class MaxPool2d(Module):
    """Largest values in windows of planes (see `ops.max_pool2d`).

    Args:
        kernel_size: a number or a pair (vertical, horizontal).
        stride: a number or a pair; None for the kernel.
        padding: a number, a pair or four (top, bottom, left, right).

    Example:
        >>> import numpy as np
        >>> from pyseq import nn
        >>> nn.MaxPool2d(2)(np.ones((2, 6, 4, 3), np.float32)).shape
        (2, 3, 2, 3)
    """

    def __init__(self, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0) -> None:
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding

    def forward(self, x: Tensor) -> Tensor:
        """X [batch, height, width, channels] -> y [batch, out height, out width, channels]."""
        return ops.max_pool2d(x, kernel=self.kernel_size, stride=self.stride, padding=self.padding)


class MeanPool2d(Module):
    """Means over windows of planes (see `ops.mean_pool2d`).

    Args:
        kernel_size: a number or a pair (vertical, horizontal).
        stride: a number or a pair; None for the kernel.
        padding: a number, a pair or four (top, bottom, left, right).
        count_padding: whether padding counts as zeros.

    Example:
        >>> import numpy as np
        >>> from pyseq import nn
        >>> nn.MeanPool2d(2)(np.ones((2, 6, 4, 3), np.float32)).shape
        (2, 3, 2, 3)
    """

    def __init__(
        self, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0, count_padding: bool = False
    ) -> None:
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        self.count_padding = count_padding

    def forward(self, x: Tensor) -> Tensor:
        """X [batch, height, width, channels] -> y [batch, out height, out width, channels]."""
        return ops.mean_pool2d(
            x, kernel=self.kernel_size, stride=self.stride, padding=self.padding, count_padding=self.count_padding
        )
