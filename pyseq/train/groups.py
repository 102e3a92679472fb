"""Groups: parameters that are updated in their own way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from pyseq.tensor import Parameter
from pyseq.train.flat import FlatParameters
from pyseq.train.schedules import Schedule


@dataclass(frozen=True)
class Group:
    """Parameters chosen by name, with a learning rate or a weight decay of their own.

    Args:
        pattern: of their names: `*` any characters, `?` one, `[ab]` one of these.
        axes: only parameters with so many axes; 1: biases, norms and other vectors. None: all.
        learning_rate: a number or a schedule; None: that of the optimizer.
        weight_decay: None: that of the optimizer.

    Example:
        >>> from pyseq import nn, train
        >>> flat = train.FlatParameters(nn.Linear(3, 2))
        >>> optimizer = train.AdamW(flat, 1e-3, groups=[train.NO_DECAY_OF_VECTORS])
        >>> optimizer.describe()
        {'weight': (0.001, 0.01), 'bias': (0.001, 0.0)}
    """

    pattern: str = "*"
    axes: int | None = None
    learning_rate: float | Schedule | None = None
    weight_decay: float | None = None

    def holds(self, name: str, parameter: Parameter) -> bool:
        """Whether a parameter belongs to it."""
        return fnmatchcase(name, self.pattern) and self.axes in (None, parameter.ndim)


NO_DECAY_OF_VECTORS = Group(axes=1, weight_decay=0.0)


@dataclass
class Range:
    """Values [begin, end) of the flat buffers, all of one group."""

    begin: int
    end: int
    group: Group


def ranges_of(flat: FlatParameters, groups: Sequence[Group]) -> list[Range]:
    """The buffers from beginning to end; every parameter in the first group that holds it, neighbours joined."""
    everything = Group()
    ranges: list[Range] = []
    ends = [*list(flat.offsets.values())[1:], flat.size]
    for (name, parameter), end in zip(flat.parameters.items(), ends, strict=True):
        group = next((group for group in groups if group.holds(name, parameter)), everything)
        if ranges and ranges[-1].group == group:
            ranges[-1].end = end
        else:
            ranges.append(Range(flat.offsets[name], end, group))
    return ranges
