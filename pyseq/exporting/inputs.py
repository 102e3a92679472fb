"""Input: an example for an argument of an exported function, with names for the sizes that vary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyseq import _core
from pyseq.tensor import Array, Tensor


@dataclass(frozen=True)
class Input:
    """An example of an argument.

    Args:
        example: an array of typical values.
        dims: per axis a name for a size that varies from run to run, or the number for one that does not; equal names
            are equal sizes. None for the usual: [batch], [batch, time], then [batch, time, ...] with fixed sizes.

    Example:
        >>> import numpy as np, pyseq
        >>> pyseq.Input(np.zeros((2, 7)), dims=("batch", "target_time")).dims
        ('batch', 'target_time')
    """

    example: Array
    dims: Sequence[str | int] | None = None

    def resolved(self, place: str) -> Input:
        """The example as a program takes it (int64 for int32), with dims for every axis."""
        example = self.example.data if isinstance(self.example, Tensor) else np.asarray(self.example)
        example = np.ascontiguousarray(example, np.int64 if example.dtype == np.int32 else None)
        dims = default_dims(example) if self.dims is None else tuple(self.dims)
        if len(dims) != example.ndim:
            raise _core.ArgumentError(f"export: {place} has {example.ndim} axes, but dims {dims}")
        for axis, (size, dim) in enumerate(zip(example.shape, dims, strict=True)):
            if not isinstance(dim, str) and dim != size:
                raise _core.ArgumentError(f"export: {place} has size {size} along axis {axis}, but dims say {dim}")
        return Input(example, dims)


def default_dims(example: Array) -> tuple[str | int, ...]:
    """[batch, time, features...]."""
    return (*("batch", "time")[: example.ndim], *example.shape[2:])


def resolve_inputs(example_inputs: Mapping[str, Any]) -> dict[str, dict[str, Input]]:
    """Per function its inputs; a mapping of arrays alone belongs to `forward`."""
    nested = [isinstance(value, Mapping) for value in example_inputs.values()]
    if any(nested) != all(nested):
        raise _core.ArgumentError("export: example_inputs mixes arguments and functions, expected one kind")
    functions = example_inputs if nested and all(nested) else {"forward": example_inputs}
    return {
        function: {
            name: (value if isinstance(value, Input) else Input(value)).resolved(f"{function}.{name}")
            for name, value in arguments.items()
        }
        for function, arguments in functions.items()
    }
