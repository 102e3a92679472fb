"""Batch normalisation as modules, channels last."""

from __future__ import annotations

import numpy as np

from pyseq import _core, ops
from pyseq.nn import initialization
from pyseq.nn.module import Module
from pyseq.tensor import Buffer, Tensor, active_recorder


class _BatchNorm(Module):
    """Parameters and running statistics under PyTorch's names."""

    def __init__(self, channels: int, epsilon: float = 1e-5, momentum: float | None = 0.1) -> None:
        self.weight = initialization.empty(channels)
        self.bias = initialization.empty(channels)
        self.running_mean = Buffer(np.zeros(channels, np.float32))
        self.running_var = Buffer(np.ones(channels, np.float32))
        self.num_batches_tracked = Buffer(np.zeros((), np.int64))
        self.epsilon, self.momentum = epsilon, momentum
        self.reset_parameters(initialization.construction_generator())

    def reset_parameters(self, random: np.random.Generator) -> None:
        """Scale 1, shift 0; running statistics as if nothing had been seen: mean 0, variance 1."""
        for tensor, value in (
            (self.weight, 1),
            (self.bias, 0),
            (self.running_mean, 0),
            (self.running_var, 1),
            (self.num_batches_tracked, 0),
        ):
            tensor.data[...] = value

    def _normalise(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        if not self.training or active_recorder() is not None:
            statistics = (self.running_mean, self.running_var)
            return ops.batch_norm(x, self.weight, self.bias, *statistics, lengths, self.epsilon)
        count = int(np.prod(x.data.shape[:-1])) if lengths is None else int(lengths.data.sum())
        if count < 2:
            raise _core.ArgumentError(
                f"{type(self).__name__}: x {list(x.data.shape)} has {count} valid rows, expected 2 or more in training"
            )
        y, mean, variance = ops.batch_norm(
            x, self.weight, self.bias, lengths=lengths, epsilon=self.epsilon, return_statistics=True
        )
        self._follow(mean.data, variance.data, count)
        return y

    def _follow(self, mean: np.ndarray, variance: np.ndarray, count: int) -> None:
        """Running statistics move to those of a batch; the variance is made unbiased first: n / (n − 1) times it."""
        self.num_batches_tracked.data[...] += 1
        rate = 1 / int(self.num_batches_tracked.data) if self.momentum is None else self.momentum
        for running, new in ((self.running_mean, mean), (self.running_var, variance * np.float32(count / (count - 1)))):
            running.data[...] += np.float32(rate) * (new - running.data)


class BatchNorm1d(_BatchNorm):
    """Normalise channels of sequences or rows (see `ops.batch_norm`), then scale by `weight` and shift by `bias`.

    While training with the statistics of the batch, which the buffers `running_mean` and `running_var` follow; in
    evaluation and in programs with those.

    Args:
        channels: size of the last axis.
        epsilon: added to the variance.
        momentum: weight of a new batch in the running statistics; None: the mean over all batches.

    Example:
        >>> import numpy as np
        >>> from pyseq import nn
        >>> norm = nn.BatchNorm1d(1, epsilon=0.0)
        >>> norm(np.array([[1], [3]], np.float32)).numpy().ravel(), norm.running_mean.numpy()
        (array([-1.,  1.], dtype=float32), array([0.2], dtype=float32))
    """

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """X [..., channels] -> y [..., channels]; with lengths [batch], x [batch, time, channels], padding gives 0.

        Raises:
            ArgumentError: fewer than two valid rows while training.
        """
        return self._normalise(x, lengths)


class BatchNorm2d(_BatchNorm):
    """Normalise channels of planes: as `BatchNorm1d`, for x [batch, height, width, channels].

    Args:
        channels: size of the last axis.
        epsilon: added to the variance.
        momentum: weight of a new batch in the running statistics; None: the mean over all batches.

    Example:
        >>> import numpy as np
        >>> from pyseq import nn
        >>> nn.BatchNorm2d(3)(np.ones((2, 5, 5, 3), np.float32)).shape
        (2, 5, 5, 3)
    """

    def forward(self, x: Tensor) -> Tensor:
        """X [batch, height, width, channels] -> y of the same shape.

        Raises:
            ShapeError: x has not four axes.
            ArgumentError: fewer than two rows of channels while training.
        """
        if x.ndim != 4:
            raise _core.ShapeError(f"BatchNorm2d: x has {x.ndim} axes, expected [batch, height, width, channels]")
        return self._normalise(x, None)
