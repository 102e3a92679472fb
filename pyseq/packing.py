"""Which layout the readers of a weight agree on: packed in panels for some number of gates, or row-major."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any, TypeVar

from pyseq import _core

Weight = TypeVar("Weight", bound=Hashable)  # whatever tells weights apart

ROW_MAJOR = 0  # gates that a reader asks for which wants the weight as it is


def input_definitions() -> dict[str, Any]:
    """The inputs of every op, by its name."""
    return {schema["name"]: schema["inputs"] for schema in _core.op_schemas()}


def gates_of_input(definition: dict[str, Any]) -> int:
    """The gates that an op's input is packed with; a table whose rows are gathered shares the layout of a product."""
    gates: int = definition["pack_gates"]
    return 1 if definition["accepts_packed"] else gates


def agreed_gates(readings: Iterable[tuple[Weight, int]]) -> dict[Weight, int]:
    """From every reading of a weight (which, gates wanted): the weights that all their readers want packed alike."""
    wanted: dict[Weight, set[int]] = {}
    for weight, gates in readings:
        wanted.setdefault(weight, set()).add(gates)
    return {weight: gates.pop() for weight, gates in wanted.items() if len(gates) == 1 and ROW_MAJOR not in gates}
