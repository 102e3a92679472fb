"""safetensors files of any element type, mapped into memory and not trusted; the core reads program files."""

from __future__ import annotations

import json
import math
import mmap
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyseq import _core

Array = NDArray[Any]

LENGTH_BYTES = 8
MAX_HEADER_BYTES = 100_000_000  # a rule of the format
DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2"}
DTYPES |= {"I8": "<i1", "U8": "<u1", "BOOL": "?"}


def read_safetensors(file: Path) -> dict[str, Array]:
    """All tensors by name, read-only; bfloat16 becomes float32.

    Raises:
        FormatError: a damaged file: tensors beyond its end, that overlap, or whose sizes and bytes disagree.
    """
    with file.open("rb") as stream:
        size = file.stat().st_size
        if size < LENGTH_BYTES:
            raise _core.FormatError(f"{file}: {size} bytes, too short for a safetensors file")
        content = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    length = int.from_bytes(content[:LENGTH_BYTES], "little")
    if length > min(MAX_HEADER_BYTES, size - LENGTH_BYTES):
        raise _core.FormatError(f"{file}: a header of {length} bytes, the file has {size}")
    header = _header(file, content[LENGTH_BYTES : LENGTH_BYTES + length])
    data = np.frombuffer(content, np.uint8, offset=LENGTH_BYTES + length) if size > LENGTH_BYTES + length else _NOTHING
    ranges: list[tuple[int, int, str]] = []
    tensors = {name: _tensor(file, name, entry, data, ranges) for name, entry in header.items()}
    ranges.sort()
    for (_, end, first), (begin, _, second) in pairwise(ranges):
        if begin < end:
            raise _core.FormatError(f"{file}: tensors {first!r} and {second!r} overlap")
    return tensors


_NOTHING = np.zeros(0, np.uint8)


def _header(file: Path, text: bytes) -> dict[str, Any]:
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _core.FormatError(f"{file}: the header is not JSON: {error}") from None
    if not isinstance(header, dict):
        raise _core.FormatError(f"{file}: the header is not a JSON object")
    header.pop("__metadata__", None)
    return header


def _tensor(file: Path, name: str, entry: Any, data: Array, ranges: list[tuple[int, int, str]]) -> Array:
    def is_sizes(value: Any) -> bool:
        return isinstance(value, list) and all(type(size) is int and size >= 0 for size in value)

    fields: dict[str, Any] = entry if isinstance(entry, dict) else {}
    shape, offsets, dtype = (fields.get(key, 0) for key in ("shape", "data_offsets", "dtype"))
    if not is_sizes(shape) or not is_sizes(offsets) or len(offsets) != 2 or not isinstance(dtype, str):
        raise _core.FormatError(f"{file}: tensor {name!r} has a damaged entry")
    if dtype not in DTYPES:
        raise _core.UnsupportedError(f"{file}: tensor {name!r} has type {dtype}, expected one of {', '.join(DTYPES)}")
    begin, end = offsets
    expected = math.prod(shape) * np.dtype(DTYPES[dtype]).itemsize
    if not begin <= end <= len(data) or end - begin != expected:
        raise _core.FormatError(
            f"{file}: tensor {name!r} of {dtype} {shape} takes {expected} bytes, but stands at {begin} to {end} "
            f"of {len(data)}"
        )
    ranges.append((begin, end, name))
    values = np.frombuffer(data[begin:end], DTYPES[dtype])
    if dtype == "BF16":  # the upper half of a float32
        values = (values.astype(np.uint32) << 16).view(np.float32)
    return values.reshape(shape)
