"""pyseq: ops on packed weights, and exported programs where a model has several layers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyseq
from bench.peers.model import Array, Call, Missing
from pyseq import _core


def start(threads: int) -> None:
    """Set the threads of this process."""
    pyseq.set_num_threads(threads)


def packed(weight: Array, precision: str, gates: int = 1) -> Any:
    """A weight as a program holds it."""
    return _core.pack_weight(weight, gates=gates, dtype=precision)


def supported(call: Call, what: str) -> Call:
    """The call, tried once; what the library says it cannot do yet is missing."""
    try:
        call()
    except (pyseq.UnsupportedError, pyseq.DTypeError) as error:
        raise Missing(f"{what}: {error}") from error
    return call


def program(module: Any, examples: dict[str, Array], precision: str) -> Any:
    """An exported module, loaded with its weights stored in a precision."""
    inputs = {name: pyseq.Input(array, _dims(array)) for name, array in examples.items()}
    content = pyseq.export(module, None, inputs)
    try:
        return pyseq.Program.parse(content, dtype=precision)
    except (pyseq.UnsupportedError, pyseq.DTypeError) as error:
        raise Missing(f"a program with {precision} weights: {error}") from error


def loaded(folder: Path, precision: str) -> Any:
    """The object for a checkpoint's task, from a program file beside it that is made anew when the package changes."""
    file = folder / f"pyseq-{precision}.safetensors"
    package = max(source.stat().st_mtime for source in Path(pyseq.__file__).parent.rglob("*.py"))
    if not file.is_file() or file.stat().st_mtime < package:
        from pyseq.quantization import quantize

        quantize(pyseq.load(folder).program, precision, file)
    return pyseq.load(file)


def _dims(array: Array) -> tuple[str | int, ...]:
    """Batch and time vary, the width of a state [batch, width] does not."""
    return ("batch", "time", array.shape[2]) if array.ndim == 3 else ("batch", array.shape[1])
