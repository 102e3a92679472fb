"""A recorded program as the bytes of a program file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pyseq import _core
from pyseq.exporting.inputs import Input
from pyseq.tracing import FunctionRecorder, ProgramRecorder, function_json

FORMAT_VERSION = 1


def program_bytes(
    program: ProgramRecorder,
    functions: Mapping[str, Mapping[str, Input]],
    task: Mapping[str, Any],
    vocabularies: Mapping[str, Any],
    pack: bool,
) -> bytes:
    """The whole file: the program as JSON in the metadata of a safetensors file, then the weights in use."""
    gates = packing(program) if pack else {}
    description = {
        "format": FORMAT_VERSION,
        "producer": f"pyseq {_core.__version__}",
        "task": dict(task),
        "vocabularies": {name: vocabulary.to_dict() for name, vocabulary in vocabularies.items()},
        "state": [
            {"name": name, "kind": state.kind, "dtype": state.dtype, "shape": list(state.shape)}
            for name, state in program.states.items()
        ],
        "packed": {name: {"gates": count, "shape": list(program.weights[name].shape)} for name, count in gates.items()},
        "functions": [_function(recorder, functions) for recorder in program.functions],
    }
    tensors = {
        name: _core.pack_weight(array, gates[name]) if name in gates else array
        for name, array in program.weights.items()
    }
    metadata = {"format": "pyseq", "pyseq.program": json.dumps(description, ensure_ascii=False)}
    content: bytes = _core.write_safetensors(None, metadata, tensors)
    return content


def _function(recorder: FunctionRecorder, functions: Mapping[str, Mapping[str, Input]]) -> dict[str, Any]:
    public = recorder.parent is None
    inputs = functions[recorder.name] if public else {}
    return function_json(recorder, public, {name: value.dims or () for name, value in inputs.items()})


def packing(program: ProgramRecorder) -> dict[str, int]:
    """Weights that every reader takes packed, and with how many gates interleaved."""
    schemas = {schema["name"]: schema for schema in _core.op_schemas()}
    gates: dict[str, set[int]] = {}  # 0: a reader that wants the weight as it is
    for function in program.functions:
        for reference in [r for _, r in function.outputs] + list(function.updates.values()):
            gates.setdefault(str(reference), set()).add(0)
        for node in function.nodes:
            definitions = schemas[node.op]["inputs"] if node.op in schemas else []
            for position, reference in enumerate(node.inputs):
                if isinstance(reference, str):
                    definition = definitions[position] if definitions else {"pack_gates": 0, "accepts_packed": False}
                    wanted = 1 if definition["accepts_packed"] else definition["pack_gates"]
                    gates.setdefault(reference, set()).add(wanted)
    chosen = {name: gates.get(f"w:{name}", {0}) for name in program.weights}
    return {name: count.pop() for name, count in chosen.items() if len(count) == 1 and 0 not in count}
