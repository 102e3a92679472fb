"""Weights of a checkpoint into a module: every tensor accounted for, all problems listed at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyseq import _core
from pyseq.hub.checkpoint import as_float32
from pyseq.nn import Module

Array = NDArray[Any]


@dataclass(frozen=True)
class Source:
    """Where a parameter comes from."""

    name: str
    transposed: bool = False  # stored as [in, out]
    part: int = 0  # of `parts` equal ones, along the outputs
    parts: int = 1
    as_row: bool = False  # stored as [1, n]

    def shape_of(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The stored shape that gives a parameter of this shape."""
        stored = (shape[0] * self.parts, *shape[1:])
        if self.as_row:
            return (1, *stored)
        return stored[::-1] if self.transposed else stored

    def taken_from(self, stored: Array) -> Array:
        """The parameter's values."""
        if self.as_row:
            return as_float32(stored[0])
        whole = stored.T if self.transposed else stored
        rows = len(whole) // self.parts
        return as_float32(whole[self.part * rows : (self.part + 1) * rows])


Names = Mapping[str, str | Source]
LEGACY = (
    (re.compile(r"\bLayerNorm\.gamma$"), "LayerNorm.weight"),
    (re.compile(r"\bLayerNorm\.beta$"), "LayerNorm.bias"),
)


def load_weights(
    where: Path,
    module: Module,
    tensors: Mapping[str, Array],
    names: Names,
    prefix: str = "",
    ignored: Iterable[str] = (),
) -> None:
    """Fill a module's parameters.

    Args:
        where: the folder, for messages.
        module: the module; of the names of a shared parameter one is enough.
        tensors: the checkpoint.
        names: per parameter or buffer of the module its source.
        prefix: what names of a base model begin with in `names`; files may leave it out.
        ignored: regular expressions of names that may be left over.

    Raises:
        FormatError: lists tensors that are missing, unexpected, or of another shape.
    """
    stored = _Stored(tensors, prefix)
    missing, unfit, given = [], [], set()
    for ours, tensor in module.named_tensors():
        if ours not in names or id(tensor) in given:
            continue
        named = names[ours]
        source = named if isinstance(named, Source) else Source(named)
        array = stored.take(source.name)
        expected = source.shape_of(tensor.data.shape)
        given.add(id(tensor))
        if array is None:
            missing.append(source.name)
        elif array.shape != expected:
            unfit.append(f"{source.name} {list(array.shape)}, expected {list(expected)}")
        else:
            np.copyto(tensor.data, source.taken_from(array))
    pattern = re.compile("|".join(f"(?:{name})" for name in ("(?!)", *ignored)))
    problems = [
        f"{title}: {', '.join(dict.fromkeys(found))}"
        for title, found in (
            ("missing", missing),
            ("unexpected", [name for name in stored.left() if not pattern.fullmatch(name)]),
            ("of another shape", unfit),
        )
        if found
    ]
    if problems:
        raise _core.FormatError(f"{where}: tensors do not fit the model of config.json; {'; '.join(problems)}")
    unnamed = [ours for ours, tensor in module.named_parameters() if id(tensor) not in given]
    assert not unnamed, unnamed


class _Stored:
    """Tensors of a file under their names of today, with or without the prefix of the base model."""

    def __init__(self, tensors: Mapping[str, Array], prefix: str) -> None:
        self.prefix = prefix
        self.arrays: dict[str, Array] = {}
        for name, array in tensors.items():
            for old, new in LEGACY:
                name = old.sub(new, name)
            self.arrays[name] = array
        self.taken: set[str] = set()

    def take(self, name: str) -> Array | None:
        for candidate in (name, name.removeprefix(self.prefix)):
            if candidate in self.arrays:
                self.taken.add(candidate)
                return self.arrays[candidate]
        return None

    def left(self) -> list[str]:
        return [name for name in self.arrays if name not in self.taken]
