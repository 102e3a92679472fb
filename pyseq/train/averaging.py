"""ExponentialAverage: averaged weights beside those that are trained."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pyseq import _core
from pyseq.train.flat import FlatParameters


class ExponentialAverage:
    """θ̄ = d θ̄ + (1 − d) θ after every update, with d = min(decay, (1 + n) / (10 + n)) after n updates.

    The average often generalises better than the last parameters, and less of it depends on when training stops.

    Args:
        parameters: what is trained.
        decay: 0.999 averages over about the last thousand updates.

    Source:
        Polyak, Juditsky, "Acceleration of stochastic approximation by averaging" (1992).

    Example:
        >>> from pyseq import nn, train
        >>> flat = train.FlatParameters(nn.Linear(1, 1, bias=False))
        >>> flat.values[0] = 0.0
        >>> average = train.ExponentialAverage(flat, decay=0.9)
        >>> flat.values[0] = 1.0
        >>> average.update()
        >>> with average.applied():
        ...     print(flat.values[0])
        0.9
        >>> print(flat.values[0])
        1.0
    """

    def __init__(self, parameters: FlatParameters, decay: float = 0.999) -> None:
        if not 0 <= decay < 1:
            raise _core.ArgumentError(f"ExponentialAverage: decay is {decay}, expected within [0, 1)")
        self.parameters, self.decay = parameters, decay
        self.values = parameters.new_buffer()
        self.values[:] = parameters.values
        self.updates = 0

    def update(self) -> None:
        """Take in the parameters as they are now."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        _core.move_average(self.values, self.parameters.values, 1 - decay)
        self.updates += 1

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Within the block the parameters are the averages: for evaluation and export."""
        trained = self.parameters.values.copy()
        self.parameters.values[:] = self.values
        try:
            yield
        finally:
            self.parameters.values[:] = trained
