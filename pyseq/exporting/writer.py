"""A recorded program as the bytes of a program file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pyseq import _core
from pyseq.exporting.inputs import Input
from pyseq.packing import ROW_MAJOR, agreed_gates, gates_of_input, input_definitions
from pyseq.tracing import FunctionRecorder, ProgramRecorder, Reference, function_json

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
    content = _core.write_safetensors(None, metadata, tensors)
    assert content is not None  # the bytes, since there is no path
    return content


def _function(recorder: FunctionRecorder, functions: Mapping[str, Mapping[str, Input]]) -> dict[str, Any]:
    public = recorder.parent is None
    inputs = functions[recorder.name] if public else {}
    return function_json(recorder, public, {name: value.dims or () for name, value in inputs.items()})


def packing(program: ProgramRecorder) -> dict[str, int]:
    """Weights that every reader takes packed, and with how many gates interleaved."""
    agreed = agreed_gates(_readings(program))
    return {name: agreed[f"w:{name}"] for name in program.weights if f"w:{name}" in agreed}


def _readings(program: ProgramRecorder) -> Iterator[tuple[Reference, int]]:
    """Everything that is read, and with how many gates interleaved its reader wants it."""
    definitions = input_definitions()
    for function in program.functions:
        for reference in [*dict(function.outputs).values(), *function.updates.values()]:
            yield reference, ROW_MAJOR
        for node in function.nodes:
            for position, operand in enumerate(node.inputs):
                if operand is None:
                    continue
                if node.op not in definitions:  # scan and repeat pass it on
                    yield operand, ROW_MAJOR
                else:
                    yield operand, gates_of_input(definitions[node.op][position])
