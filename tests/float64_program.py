"""A program in float64: runs the functions of a program file with the references of the op table, one sequence."""

from __future__ import annotations

from typing import Any

import numpy as np
import reference_attention
from op_table import ROWS

import pyseq
from pyseq import _core

Array = np.ndarray[Any, Any]
INPUTS = {
    schema["name"]: [entry["name"] for entry in schema["inputs"] if entry["kind"] != "cache"]
    for schema in _core.op_schemas()
}
CACHE_PLACE = 4  # of the cache among the inputs of cached_attention


class Float64Program:
    """Weights and state of one sequence. Caches are pairs of all keys and values so far."""

    def __init__(self, program: pyseq.Program) -> None:
        description = program.description
        self.functions = {function["name"]: function for function in description["functions"]}
        self.weights = {tensor["name"]: program.tensor(tensor["name"]) for tensor in program.tensors}
        self.state: dict[str, Any] = {}
        for entry in description["state"]:
            zeros = np.zeros((1, *entry["shape"]), np.int64 if entry["dtype"] == "int64" else np.float64)
            self.state[entry["name"]] = zeros if entry["kind"] == "carry" else None

    def run(self, name: str, **inputs: Array) -> dict[str, Array]:
        function = self.functions[name]
        values = {f"%{index}": inputs[entry["name"]] for index, entry in enumerate(function["inputs"])}
        for node in function["nodes"]:
            results = self._node(node, values)
            values.update({key: value for key, value in zip(node["outputs"], results, strict=False) if key})
        outputs = {entry["name"]: self._read(entry["value"], values) for entry in function["outputs"]}
        updates = {entry["state"]: self._read(entry["value"], values) for entry in function.get("updates", [])}
        self.state.update(updates)
        return outputs

    def _node(self, node: dict[str, Any], values: dict[str, Array]) -> tuple[Array, ...]:
        attributes = {key: self._attribute(value, values) for key, value in node["attrs"].items()}
        operands = [self._read(entry, values) for entry in node["inputs"]]
        if node["op"] == "pack_keys":  # a matter of layout, which the reference of attention does without
            return (operands[0],)
        if node["op"] == "cached_attention":
            return self._cached_attention(node["inputs"][CACHE_PLACE], operands, attributes)
        named = {key: value for key, value in zip(INPUTS[node["op"]], operands, strict=False) if value is not None}
        return ROWS[node["op"]].judge(named, attributes)

    def _cached_attention(self, cache: str, operands: list[Any], attributes: dict[str, Any]) -> tuple[Array, ...]:
        query, *new = operands[:3]
        past = self.state[cache[2:]]
        keys, values = new if past is None else (np.concatenate(pair, axis=1) for pair in zip(past, new, strict=True))
        self.state[cache[2:]] = (keys, values)
        return reference_attention.attention(query, keys, values, causal=True, **attributes)

    def _read(self, entry: str | None, values: dict[str, Array]) -> Any:
        if entry is None:
            return None
        if entry == "rows":
            return np.zeros(1, np.int64)
        if entry.startswith("%"):
            return values[entry]
        return self.weights[entry[2:]] if entry.startswith("w:") else self.state[entry[2:]]

    def _attribute(self, value: Any, values: dict[str, Array]) -> Any:
        if not isinstance(value, dict):
            return value
        kind, entry, axis = value["dim"]
        assert kind == "size"
        return self._read(entry, values).shape[axis]
