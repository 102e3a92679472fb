"""A small convolutional network that turns a picture into a grid of vectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pyseq import _core, nn, ops
from pyseq.tensor import Buffer, Tensor


class ConvolutionBlock(nn.Module):
    """Convolution, batch normalisation, ReLU.

    Args:
        in_channels: of x.
        out_channels: of y.
        kernel_size: taps in both directions.
        stride: of the windows.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int = 3, stride: int = 1) -> None:
        padding = "same" if stride == 1 else (kernel_size - stride) // 2
        self.convolution = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """X [batch, height, width, in] -> y [batch, out height, out width, out]."""
        y: Tensor = ops.relu(self.norm(self.convolution(x)))
        return y


class ImageEncoder(nn.Module):
    """Stages of 3×3 convolutions; between stages, the largest of every 2×2 values goes on.

    The first convolution looks at 4×4 values, with stride 2. The grid has 2^stages times fewer rows and columns than
    the picture. Values are taken relative to those of the background, so that the zeros around a picture continue it.

    Args:
        channels: of each stage.
        depth: convolutions of each stage.
        input_channels: 3 for red, green, blue.
        background: the value of pixels that show nothing, 1 for white.

    Raises:
        ArgumentError: no stage.

    Example:
        >>> import numpy as np
        >>> from pyseq.models import ImageEncoder
        >>> ImageEncoder([8, 16])(np.zeros((2, 32, 32, 3), np.float32)).shape
        (2, 64, 16)
    """

    def __init__(
        self, channels: Sequence[int], depth: int = 2, input_channels: int = 3, background: float = 1.0
    ) -> None:
        if not channels:
            raise _core.ArgumentError("ImageEncoder: channels is empty, expected one stage at least")
        blocks: list[nn.Module] = []
        before = input_channels
        for stage, count in enumerate(channels):
            if stage:
                blocks.append(nn.MaxPool2d(2))
            for _ in range(depth):
                is_first = not blocks
                blocks.append(ConvolutionBlock(before, count, 4 if is_first else 3, 2 if is_first else 1))
                before = count
        self.blocks = nn.Sequential(*blocks)
        self.background = Buffer(np.full(input_channels, background, np.float32))
        self.output_size, self.stages = before, len(channels)

    def forward(self, images: Tensor) -> Tensor:
        """Annotations of a picture's places.

        Args:
            images: [batch, height, width, channels] float32 from 0 to 1.

        Returns:
            [batch, places, output_size], places row by row.
        """
        result: Tensor = ops.merge_axes(self.blocks(ops.subtract(images, self.background)), axis=1)
        return result

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of the places of a picture of this size."""
        return height >> self.stages, width >> self.stages
