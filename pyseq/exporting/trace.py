"""Recording every function of a module on its example inputs."""

from __future__ import annotations

from collections.abc import Mapping

from pyseq import _core
from pyseq.exporting.functions import call, named_outputs, takes_state
from pyseq.exporting.inputs import Input
from pyseq.nn import Module
from pyseq.state import State
from pyseq.tensor import recording
from pyseq.tracing import DeclaredState, FunctionRecorder, ProgramRecorder, TracedCache, example_of


def trace(module: Module, functions: Mapping[str, Mapping[str, Input]]) -> ProgramRecorder:
    """Record functions in the given order; the state that one returns is the example for those that take one."""
    program = ProgramRecorder(module.path, list(module.named_tensors()))
    state: State | None = None
    for name, inputs in functions.items():
        state = _trace_function(program, module, name, inputs, state)
    return program


def _trace_function(
    program: ProgramRecorder, module: Module, name: str, inputs: Mapping[str, Input], state: State | None
) -> State | None:
    recorder = FunctionRecorder(program, name)
    arguments = {key: recorder.add_input(key, value.example) for key, value in inputs.items()}
    with recording(recorder):
        stateful = callable(getattr(module, name, None)) and takes_state(module, name)
        if stateful:
            state = _initial_state(module, name, inputs) if state is None else _traced_state(recorder, state)
        result = call(module, name, arguments, state)
        for key, tensor in named_outputs(name, result).items():
            reference = recorder.refer(tensor, name)
            assert reference is not None
            recorder.outputs.append((key, reference))
        state = result if isinstance(result, State) else state
        if state is not None and (stateful or state is result):
            _record_updates(recorder, state)
    return state


def _initial_state(module: Module, name: str, inputs: Mapping[str, Input]) -> State:
    """The state that a streaming model starts from."""
    make = getattr(module, "initial_state", None)
    if make is None:
        raise _core.ArgumentError(
            f"export: function {name!r} takes a state; define initial_state(rows) or export a function that returns "
            "a state before it"
        )
    rows = next((value.example.shape[0] for value in inputs.values() if value.example.ndim), 1)
    state: State = make(rows)
    return state


def _traced_state(recorder: FunctionRecorder, state: State) -> State:
    """What a function before left, as this function finds it."""
    rows = example_of(state.rows)
    assert rows is not None
    traced = State(len(rows))
    traced.varying = set(state.varying)
    for held, new in ((state.carry, traced.carry), (state.memory, traced.memory)):
        for name, tensor in held.items():
            example = example_of(tensor)
            assert example is not None
            new[name] = recorder.state_tensor(name, example)
    traced.cache = {name: TracedCache(name, cache.example.copy()) for name, cache in state.cache.items()}
    return traced


def _record_updates(recorder: FunctionRecorder, state: State) -> None:
    for kind, tensors in (("carry", state.carry), ("memory", state.memory)):
        for name, tensor in tensors.items():
            reference = recorder.refer(tensor, f"state {name!r}")
            if reference is None or reference == f"s:{name}":
                continue
            example = example_of(tensor)
            assert example is not None
            declared = "varying" if kind == "carry" and name in state.varying else kind
            shape = example.shape[1:] if declared == "carry" else ()
            recorder.program.declare(name, DeclaredState(declared, str(example.dtype), shape))
            recorder.updates[name] = reference
