"""LocalWindow: the part of a source that local attention looks at."""

from __future__ import annotations

import numpy as np

from pyseq import _core, ops
from pyseq.nn.linear import Linear
from pyseq.nn.module import Module, as_tensor
from pyseq.tensor import Buffer, Tensor

OUTSIDE = -1e4  # what a score loses outside of the window: its weight is 0 in float32


class LocalWindow(Module):
    """What local attention adds to its scores: −(s − p)² / 2σ² within p ± size, where σ = size / 2; −10⁴ outside.

    "predicted" (local-p): p = length · sigmoid(vᵀ tanh(W query)) for a source of that length. "monotonic" (local-m):
    p = the number of the step, and all of the window counts alike. Weights are normalised after the Gaussian, so that
    they add up to 1; Luong et al. normalise before it.

    Args:
        query_size: size of the queries.
        size: positions on either side of p.
        alignment: "predicted" or "monotonic".

    Raises:
        ArgumentError: a size below 1, or another alignment.

    Source:
        Luong et al., "Effective approaches to attention-based neural machine translation" (2015), section 3.2.

    Example:
        >>> import numpy as np
        >>> from pyseq import nn
        >>> window, source = nn.LocalWindow(6, 1, "monotonic"), np.zeros((1, 4, 8), np.float32)
        >>> positions, length = window.measure(source, np.array([4]))
        >>> bias, _ = window(np.zeros((1, 2, 6), np.float32), positions, length, np.zeros((1, 1), np.float32))
        >>> (bias.numpy()[0, 0] > -1).astype(int)
        array([[1, 1, 0, 0],
               [1, 1, 1, 0]])
    """

    def __init__(self, query_size: int, size: int, alignment: str = "predicted") -> None:
        if size < 1:
            raise _core.ArgumentError(f"LocalWindow: size is {size}, expected at least 1")
        if alignment not in ("predicted", "monotonic"):
            raise _core.ArgumentError(f"LocalWindow: alignment is {alignment!r}, expected 'predicted' or 'monotonic'")
        self.size, self.is_predicted = size, alignment == "predicted"
        self.one = Buffer(np.ones((1, 1), np.float32))
        self.scale = Buffer(np.array(2.0 / size**2, np.float32))  # 1 / 2σ²
        self.half = Buffer(np.array(size, np.float32))
        self.outside = Buffer(np.array(OUTSIDE, np.float32))
        self.start = Buffer(np.array(1.0, np.float32))
        if self.is_predicted:
            self.hidden = Linear(query_size, query_size, bias=False, activation="tanh")
            self.place = Linear(query_size, 1, bias=False)

    def measure(self, source: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """The positions [sources, time, 1] of a source [sources, time, ...], and its lengths as floats [sources, 1]."""
        ones = _ones(as_tensor(source))
        return ops.subtract(self._count(ones, None)[0], self.start), ops.sum(ones, axis=1, lengths=lengths)

    def forward(
        self, query: Tensor, positions: Tensor, length: Tensor, step: Tensor, rows: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """The bias of scores, and the number of the next step.

        Args:
            query: [batch, tq, query_size].
            positions: [sources, tk, 1], from `measure`.
            length: [sources, 1], from `measure`.
            step: [batch, 1], queries before these.
            rows: [batch] int64, the source of each row; None when row r reads source r.

        Returns:
            bias [batch, 1, tq, tk]; step + tq [batch, 1].
        """
        if rows is not None:
            positions, length = ops.gather_rows(positions, rows), ops.gather_rows(length, rows)
        ones = _ones(query)  # [batch, tq, 1]
        counted, after = self._count(ones, step)
        if self.is_predicted:
            share = ops.sigmoid(self.place(self.hidden(query)))
            center = ops.multiply(share, ops.matmul(ones, ops.split_axis(length, axis=0, size=1)))
        else:
            center = ops.subtract(counted, self.start)
        distance = _outer_difference(positions, center, ones)
        seen = self._hard_window(_outer_difference(positions, center.detach(), ones))
        if self.is_predicted:
            gaussian = ops.multiply(ops.multiply(distance, distance), self.scale)
            seen = ops.subtract(seen, gaussian)
        return ops.split_axis(seen, axis=0, size=1), after

    def _hard_window(self, distance: Tensor) -> Tensor:
        """0 where |distance| is at most the size, a large negative number elsewhere."""
        magnitude = ops.add(ops.relu(distance), ops.relu(ops.negative(distance)))
        beyond = ops.relu(ops.subtract(magnitude, self.half))
        return ops.clip(ops.multiply(beyond, self.outside), OUTSIDE, 0.0)

    def _count(self, ones: Tensor, before: Tensor | None) -> tuple[Tensor, Tensor]:
        """Running counts [batch, time, 1] that go on from `before` [batch, 1], and the last."""
        return ops.rnn(ones, self.one, self.one, h0=before, nonlinearity="relu")


def _ones(x: Tensor) -> Tensor:
    """[batch, time, 1] for x [batch, time, ...]."""
    return ops.clip(ops.slice(x.detach(), axis=2, begin=0, end=1), 1.0, 1.0)


def _outer_difference(positions: Tensor, center: Tensor, ones: Tensor) -> Tensor:
    """S − p for positions s [batch, tk, 1] and p [batch, tq, 1]: [batch, tq, tk], as one product."""
    pairs = ops.concat(ones, center)  # [batch, tq, 2]
    minus = ops.negative(_ones(positions))
    return ops.matmul(pairs, ops.concat(positions, minus), transpose_b=True)
