"""Reading `model.bin` of a CTranslate2 folder: named arrays, in the binary versions 2 to 6.

Everything is little-endian. The file comes from outside: every count and size is checked against what is there before
anything is read.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyseq import _core

Array = NDArray[Any]

OLDEST_VERSION, NEWEST_VERSION = 2, 6
FIRST_VERSION_WITH_ALIASES = 3
FIRST_VERSION_WITH_TYPES = 4
TYPES = ("float32", "int8", "int16", "int32", "float16", "bfloat16")
TYPES_BY_SIZE = {4: "float32", 2: "int16", 1: "int8"}  # before version 4
ITEM_SIZES = {"float32": 4, "int8": 1, "int16": 2, "int32": 4, "float16": 2, "bfloat16": 2}
MAX_RANK = 8
INT16_SCALE = 1000.0  # of int16 variables without a scale of their own


@dataclass(frozen=True)
class ModelFile:
    """The contents of `model.bin`."""

    name: str  # of the specification: "TransformerSpec"
    revision: int
    variables: dict[str, Array]  # aliases among them: the same array under two names


def read_model_file(path: Path) -> ModelFile:
    """Read the file; quantised and half-precision variables come as float32.

    Raises:
        FormatError: what is wrong with the file. UnsupportedError: another binary version.
    """
    reader = _Reader(path)
    version = reader.number("I", "version")
    if not OLDEST_VERSION <= version <= NEWEST_VERSION:
        raise _core.UnsupportedError(
            f"{path}: binary version {version}, expected one from {OLDEST_VERSION} to {NEWEST_VERSION}"
        )
    name, revision = reader.text("name"), reader.number("I", "revision")
    stored: dict[str, Array] = {}
    types: dict[str, str] = {}
    for _ in range(reader.number("I", "number of variables")):
        variable = reader.text("name of a variable")
        if variable in stored:
            reader.fail(f"variable {variable!r} comes twice")
        stored[variable], types[variable] = _read_array(reader, variable, version)
    variables = _dequantised(reader, stored, types)
    if version >= FIRST_VERSION_WITH_ALIASES:
        for _ in range(reader.number("I", "number of aliases")):
            alias, original = reader.text("alias"), reader.text("name behind an alias")
            if original in variables:
                variables.setdefault(alias, variables[original])
            elif original not in stored:  # scales are gone, and so may be their aliases
                reader.fail(f"alias {alias!r} stands for {original!r}, which is missing")
    reader.finish()
    return ModelFile(name, revision, variables)


class _Reader:
    """A cursor over the bytes of a file that never goes beyond its end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bytes = path.read_bytes()
        self.position = 0

    def fail(self, problem: str) -> Any:
        raise _core.FormatError(f"{self.path}: {problem}")

    def take(self, size: int, what: str) -> memoryview:
        if size > len(self.bytes) - self.position:
            self.fail(f"cut short: {what} needs {size} bytes at {self.position}, the file has {len(self.bytes)}")
        self.position += size
        return memoryview(self.bytes)[self.position - size : self.position]

    def number(self, code: str, what: str) -> int:
        value: int = struct.unpack(f"<{code}", self.take(struct.calcsize(f"<{code}"), what))[0]
        return value

    def text(self, what: str) -> str:
        """u16 length with the closing NUL, bytes, NUL."""
        size = self.number("H", what)
        raw = bytes(self.take(size, what))
        if not raw.endswith(b"\0") or b"\0" in raw[:-1]:
            self.fail(f"{what} at {self.position - size} does not end in a zero byte")
        try:
            return raw[:-1].decode()
        except UnicodeDecodeError:
            return str(self.fail(f"{what} at {self.position - size} is not UTF-8"))

    def finish(self) -> None:
        if self.position != len(self.bytes):
            self.fail(f"{len(self.bytes) - self.position} bytes are left over at the end")


def _read_array(reader: _Reader, name: str, version: int) -> tuple[Array, str]:
    rank = reader.number("B", f"rank of {name}")
    if rank > MAX_RANK:
        reader.fail(f"variable {name!r} has {rank} axes, expected at most {MAX_RANK}")
    shape = [reader.number("I", f"shape of {name}") for _ in range(rank)]
    if version >= FIRST_VERSION_WITH_TYPES:
        number, size = reader.number("B", f"type of {name}"), reader.number("I", f"size of {name}")
        type_name = TYPES[number] if number < len(TYPES) else str(reader.fail(f"{name}: unknown type {number}"))
    else:
        item_size, count = reader.number("B", f"item size of {name}"), reader.number("I", f"count of {name}")
        type_name = TYPES_BY_SIZE.get(item_size) or str(reader.fail(f"{name}: unknown item size {item_size}"))
        size = item_size * count
    expected = ITEM_SIZES[type_name]
    for sizes in shape:  # Python's integers do not overflow
        expected *= sizes
    if size != expected:
        reader.fail(f"variable {name!r} has {size} bytes, but shape {shape} of {type_name} takes {expected}")
    raw = np.frombuffer(reader.take(size, f"variable {name!r}"), np.uint8)
    if type_name == "bfloat16":  # the upper half of a float32
        return (raw.view("<u2").astype(np.uint32) << 16).view(np.float32).reshape(shape), type_name
    return raw.view(np.dtype(type_name).newbyteorder("<")).reshape(shape), type_name


def _dequantised(reader: _Reader, stored: dict[str, Array], types: dict[str, str]) -> dict[str, Array]:
    """All weights as float32; numbers without axes (flags) keep their type. Scales are used up."""
    variables: dict[str, Array] = {}
    for name, array in stored.items():
        if name.endswith("_scale") and name.removesuffix("_scale") in stored:
            continue
        if array.ndim == 0 or types[name] == "int32":
            variables[name] = array
        elif types[name] in ("int8", "int16"):
            scale = stored.get(f"{name}_scale", np.float32(INT16_SCALE) if types[name] == "int16" else None)
            if scale is None:
                reader.fail(f"variable {name!r} is int8, but {name}_scale is missing")
            variables[name] = _divided(reader, name, array, np.asarray(scale))
        else:
            variables[name] = np.ascontiguousarray(array, np.float32)
    return variables


def _divided(reader: _Reader, name: str, array: Array, scale: Array) -> Array:
    """Quantised values by the scale of the whole variable or of each row."""
    if scale.ndim > 0 and scale.shape != array.shape[:1]:
        reader.fail(f"{name}_scale has shape {list(scale.shape)}, expected one scale per row of {list(array.shape)}")
    if not np.all(scale > 0):
        reader.fail(f"{name}_scale has values that are not positive")
    rows = scale.astype(np.float32).reshape(scale.shape + (1,) * (array.ndim - scale.ndim))
    result: Array = array.astype(np.float32) / rows
    return result
