"""The tensors of a checkpoint folder: safetensors files or PyTorch's, whole or in shards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyseq import _core
from pyseq.hub.safetensors_file import read_safetensors
from pyseq.hub.torch_file import read_torch_file

Array = NDArray[Any]

SAFETENSORS, TORCH = "model.safetensors", "pytorch_model.bin"
WEIGHT_FILES = (SAFETENSORS, f"{SAFETENSORS}.index.json", TORCH, f"{TORCH}.index.json")


def has_weights(folder: Path) -> bool:
    """Whether a folder has any of the files."""
    return any((folder / name).is_file() for name in WEIGHT_FILES)


def read_tensors(folder: Path) -> dict[str, Array]:
    """All tensors of a checkpoint by name; the first of `WEIGHT_FILES` that is there counts.

    Raises:
        FormatError: a file is damaged, missing or not what it should be, or a tensor comes twice.
    """
    for name in WEIGHT_FILES:
        if (folder / name).is_file():
            files = _shards(folder / name) if name.endswith(".index.json") else [folder / name]
            tensors: dict[str, Array] = {}
            for file in files:
                for key, array in _read_file(file):
                    if key in tensors:
                        raise _core.FormatError(f"{file}: tensor {key!r} is in another shard too")
                    tensors[key] = array
            return tensors
    raise _core.FormatError(f"{folder}: no weights, expected one of {', '.join(WEIGHT_FILES)}")


def read_json(file: Path) -> dict[str, Any]:
    """A JSON file that holds an object; FormatError otherwise."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise _core.FormatError(f"{file}: not JSON: {error}") from None
    if not isinstance(found, dict):
        raise _core.FormatError(f"{file}: expected a JSON object")
    return found


def _shards(index: Path) -> list[Path]:
    """The files of an index, in order. They must stand beside it."""
    weight_map = read_json(index).get("weight_map")
    if not isinstance(weight_map, dict) or not all(isinstance(name, str) for name in weight_map.values()):
        raise _core.FormatError(f"{index}: expected a weight_map from tensors to files")
    names = sorted(set(weight_map.values()))
    for name in names:
        if Path(name).name != name:
            raise _core.FormatError(f"{index}: shard {name!r} is not beside the index")
        if not (index.parent / name).is_file():
            raise _core.FormatError(f"{index}: shard {name} is missing")
    return [index.parent / name for name in names]


def _read_file(file: Path) -> Iterator[tuple[str, Array]]:
    read = read_safetensors if file.suffix == ".safetensors" else read_torch_file
    return iter(read(file).items())


def as_float32(array: Array) -> Array:
    """The values as float32, without a copy where they are."""
    return np.ascontiguousarray(array, np.float32)
