"""Running the functions of a module, eagerly or under a recorder, and naming what they return."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from pyseq import _core
from pyseq.nn import Module
from pyseq.state import State
from pyseq.tensor import Tensor

OUTPUT_NAMES = {"step": "logits"}  # what decoders look for


def call(module: Module, function: str, inputs: Mapping[str, Tensor], state: State | None) -> Any:
    """Run one function; `forward` through the module's call, as users do."""
    if not callable(getattr(module, function, None)):
        raise _core.ArgumentError(f"export: {type(module).__name__} has no function {function!r}")
    arguments: dict[str, Any] = dict(inputs)
    if takes_state(module, function):
        arguments["state"] = state
    return module(**arguments) if function == "forward" else getattr(module, function)(**arguments)


def takes_state(module: Module, function: str) -> bool:
    """Whether the function has an argument `state`."""
    return "state" in inspect.signature(getattr(module, function)).parameters


def named_outputs(function: str, result: Any) -> dict[str, Tensor]:
    """What a function returned, by name: "output" for one tensor ("logits" for `step`), "output_0" … for several."""
    if result is None or isinstance(result, State):
        return {}
    if isinstance(result, Mapping):
        outputs = dict(result)
    elif isinstance(result, tuple | list):
        outputs = {f"output_{number}": tensor for number, tensor in enumerate(_flattened(result))}
    else:
        outputs = {OUTPUT_NAMES.get(function, "output"): result}
    for name, tensor in outputs.items():
        if not isinstance(tensor, Tensor):
            raise _core.ArgumentError(
                f"export: function {function!r} gives a {type(tensor).__name__} as {name!r}, expected a tensor"
            )
    return outputs


def _flattened(results: Any) -> list[Any]:
    if not isinstance(results, tuple | list):
        return [results]
    return [tensor for result in results for tensor in _flattened(result)]
