"""A program file with narrow weights."""

from __future__ import annotations

import json
from os import PathLike
from pathlib import Path

from pyseq import _core
from pyseq.program import Program
from pyseq.quantization.layout import packable

DTYPES = ("float32", "bfloat16", "int8")


def quantize(program: Program, dtype: str = "int8", file: str | PathLike[str] | None = None) -> bytes:
    """A program file whose matrices are stored as bfloat16 or int8, or as float32 in the layout of the kernels.

    int8 is symmetric with one scale per output channel, w ≈ scale · q with q in [-127, 127] and scale = max |w| / 127;
    inputs of products are quantised row by row, from their least to their largest value, when the program runs.
    Matrices that something reads value by value stay as they are. The file is mapped when it is loaded, as any other.

    Args:
        program: the program.
        dtype: "float32", "bfloat16" or "int8".
        file: where to write it, atomically; None only returns the bytes.

    Returns:
        the bytes of the file.

    Raises:
        ArgumentError: an unknown dtype, or a weight that int8 cannot hold (not finite). OSError: writing failed.

    Example:
        >>> import numpy as np, pyseq
        >>> from pyseq import nn
        >>> from pyseq.quantization import quantize
        >>> content = pyseq.export(nn.Linear(64, 64), None, {"x": np.ones((1, 1, 64), np.float32)})
        >>> small = quantize(pyseq.Program.parse(content), "int8")
        >>> [tensor["dtype"] for tensor in pyseq.Program.parse(small).tensors if "weight" in tensor["name"]]
        ['int8']
    """
    if dtype not in DTYPES:
        raise _core.ArgumentError(f"quantize: dtype is {dtype!r}, expected one of {', '.join(DTYPES)}")
    gates = packable(program, dtype)
    tensors = {name: _stored(program, name, gates.get(name), dtype) for name in _names(program)}
    description = program.description
    description["packed"] = {
        tensor["name"]: {"gates": gates[tensor["name"]], "shape": tensor["shape"]}
        for tensor in program.tensors
        if tensor["name"] in gates
    }
    metadata = {"format": "pyseq", "pyseq.program": json.dumps(description, ensure_ascii=False)}
    content = _core.write_safetensors(None, metadata, tensors)
    assert content is not None  # the bytes, since there is no path
    if file is not None:
        _core.write_file(Path(file), content)
    return content


def _names(program: Program) -> list[str]:
    return [tensor["name"] for tensor in program.tensors]


def _stored(program: Program, name: str, gates: int | None, dtype: str) -> object:
    values = program.tensor(name)
    if gates is None:
        return values
    try:
        return _core.pack_weight(values, gates, dtype)
    except _core.ArgumentError as error:
        raise _core.ArgumentError(f"tensor {name}: {error}") from None
