"""Checkpoints: everything that a run needs to go on, in one safetensors file that is written atomically."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pyseq import _core
from pyseq.nn import Module
from pyseq.tensor import Array

FORMAT = "pyseq.checkpoint"
VERSION = 1
SECTIONS = ("parameters", "optimizer", "average", "task", "data")


@dataclass
class Checkpoint:
    """Arrays by section ("parameters", "optimizer", "average", "task", "data") and name, and plain facts.

    Example:
        >>> import numpy as np, tempfile
        >>> from pathlib import Path
        >>> from pyseq.train import Checkpoint
        >>> file = Path(tempfile.mkdtemp()) / "last.safetensors"
        >>> Checkpoint({"parameters": {"weight": np.ones(2, np.float32)}}, {"step": 7}).save(file)
        >>> Checkpoint.load(file).facts["step"]
        7
    """

    arrays: dict[str, dict[str, Array]]
    facts: dict[str, Any] = field(default_factory=dict)

    def section(self, name: str) -> dict[str, Array]:
        """The arrays of a section; none when the checkpoint has no such section."""
        return self.arrays.get(name, {})

    def save(self, file: str | os.PathLike[str]) -> None:
        """Write the file: a crash at any moment leaves the old one or the new one, whole."""
        tensors = {
            f"{section}.{name}": np.require(array, requirements="C")
            for section, arrays in self.arrays.items()
            for name, array in arrays.items()
        }
        facts = json.dumps({"version": VERSION, **self.facts}, default=_plain)
        _core.write_safetensors(Path(file), {"format": FORMAT, FORMAT: facts}, tensors)

    @classmethod
    def load(cls, file: str | os.PathLike[str]) -> Checkpoint:
        """Read a file.

        Raises:
            FormatError: it is not a checkpoint, or one of a newer version.
        """
        metadata, tensors = _core.read_safetensors(Path(file), mmap=False)
        if metadata.get("format") != FORMAT or FORMAT not in metadata:
            raise _core.FormatError(f"{os.fspath(file)} is not a checkpoint of a training run")
        facts = json.loads(metadata[FORMAT])
        if facts.get("version") != VERSION:
            raise _core.FormatError(
                f"{os.fspath(file)} is a checkpoint of version {facts.get('version')}, expected {VERSION}"
            )
        arrays: dict[str, dict[str, Array]] = {section: {} for section in SECTIONS}
        for full_name, array in tensors.items():
            section, _, name = full_name.partition(".")
            arrays.setdefault(section, {})[name] = array
        return cls(arrays, facts)


def tensors_of(module: Module) -> dict[str, Array]:
    """All parameters and buffers of a module, a shared one once."""
    seen: set[int] = set()
    arrays = {}
    for name, tensor in module.named_tensors():
        if id(tensor) not in seen:
            seen.add(id(tensor))
            arrays[name] = tensor.data
    return arrays


def split_arrays(state: Mapping[str, Any]) -> tuple[dict[str, Array], dict[str, Any]]:
    """What is stored as tensors, and what as plain facts."""
    arrays = {name: value for name, value in state.items() if isinstance(value, np.ndarray)}
    return arrays, {name: value for name, value in state.items() if name not in arrays}


def remove_leftovers(file: Path) -> None:
    """Remove what killed processes left beside a file while they were writing it."""
    for leftover in file.parent.glob(f".{file.name}.*.tmp"):
        leftover.unlink(missing_ok=True)


def _plain(value: Any) -> Any:
    """NumPy's numbers as Python's."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"checkpoint: a {type(value).__name__} is neither a number, a text nor an array")
