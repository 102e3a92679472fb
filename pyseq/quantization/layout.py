"""Which tensors of a program may be stored in panels of a narrow type."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pyseq import _core
from pyseq.program import Program

ROW_MAJOR = 0  # a reader that wants the tensor as it is
MOST_INT8_DEPTH = 65536  # sums over more columns would not fit int32


def packable(program: Program, dtype: str) -> dict[str, int]:
    """Matrices that all their readers take packed, and with how many gates interleaved."""
    wanted: dict[str, set[int]] = {}
    for name, gates in _readings(program.description):
        wanted.setdefault(name, set()).add(gates)
    shapes = {tensor["name"]: tensor["shape"] for tensor in program.tensors}
    return {
        name: gates.pop()
        for name, gates in wanted.items()
        if len(gates) == 1 and ROW_MAJOR not in gates and _holds(shapes[name], dtype)
    }


def _holds(shape: list[int], dtype: str) -> bool:
    return len(shape) == 2 and 0 not in shape and (dtype != "int8" or shape[1] <= MOST_INT8_DEPTH)


def _readings(description: dict[str, Any]) -> Iterator[tuple[str, int]]:
    """Every use of a tensor: its name, and the gates that the reader wants interleaved."""
    schemas = {schema["name"]: schema["inputs"] for schema in _core.op_schemas()}
    for function in description["functions"]:
        for node in function["nodes"]:
            inputs: Any = schemas.get(node["op"])
            for index, reference in enumerate(node["inputs"]):
                if _is_tensor(reference):
                    yield reference[2:], ROW_MAJOR if inputs is None else _gates(inputs[index])
        for output in [*function.get("outputs", []), *function.get("updates", [])]:
            if _is_tensor(output["value"]):
                yield output["value"][2:], ROW_MAJOR


def _is_tensor(reference: str | None) -> bool:
    return reference is not None and reference.startswith("w:")


def _gates(definition: dict[str, Any]) -> int:
    """A table whose rows are gathered shares the layout of a plain product."""
    gates: int = definition["pack_gates"]
    return 1 if definition["accepts_packed"] else gates
