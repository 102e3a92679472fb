"""Which tensors of a program may be stored in panels of a narrow type."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

from pyseq.packing import ROW_MAJOR, agreed_gates, gates_of_input, input_definitions
from pyseq.program import Program

MOST_INT8_DEPTH = 65536  # sums over more columns would not fit int32


def packable(program: Program, dtype: str) -> dict[str, int]:
    """Matrices and weights of convolutions that all their readers take packed, and with how many gates interleaved."""
    shapes = {tensor["name"]: tensor["shape"] for tensor in program.tensors}
    agreed = agreed_gates(_readings(program.description))
    return {name: gates for name, gates in agreed.items() if _holds(shapes[name], dtype)}


def _holds(shape: list[int], dtype: str) -> bool:
    """Matrices [out, in], and weights of convolutions [out, in, taps...], which are packed as [out, taps · in]."""
    return len(shape) >= 2 and 0 not in shape and (dtype != "int8" or prod(shape[1:]) <= MOST_INT8_DEPTH)


def _readings(description: dict[str, Any]) -> Iterator[tuple[str, int]]:
    """Every use of a tensor: its name, and the gates that the reader wants interleaved."""
    definitions = input_definitions()
    for function in description["functions"]:
        for node in function["nodes"]:
            inputs = definitions.get(node["op"])
            for index, reference in enumerate(node["inputs"]):
                if _is_tensor(reference):
                    yield reference[2:], ROW_MAJOR if inputs is None else gates_of_input(inputs[index])
        for output in [*function.get("outputs", []), *function.get("updates", [])]:
            if _is_tensor(output["value"]):
                yield output["value"][2:], ROW_MAJOR


def _is_tensor(reference: str | None) -> bool:
    return reference is not None and reference.startswith("w:")
