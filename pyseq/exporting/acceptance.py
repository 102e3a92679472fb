"""Acceptance: an exported program must give the bits of the eager module at sizes that it was not traced with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pyseq.dim import TraceError
from pyseq.exporting.functions import call, named_outputs, takes_state
from pyseq.exporting.inputs import Input
from pyseq.nn import Module
from pyseq.program import Program
from pyseq.state import State
from pyseq.tensor import Array, Tensor

Functions = Mapping[str, Mapping[str, Input]]
STEPS = 3  # how often a function with state is run; rows are reordered after the first


def accept(module: Module, functions: Functions, program: Program) -> None:
    """Compare at batch 1 and everything else 1, then at batch 3 and other sizes than the examples'.

    Where the removal of padding leaves zeros in a memory, the module has values that nobody looks at: memories are
    compared with those of the program with its padding.

    Raises:
        TraceError: names the function and the output that differ.
    """
    padded = program.with_dtype(None, remove_padding=False)
    for smallest in (True, False):
        _Trial(module, functions, padded, smallest, with_memory=True).run()
        if program.functions != padded.functions:
            _Trial(module, functions, program, smallest, with_memory=False).run()


class _Trial:
    """One choice of sizes: the eager module and the program side by side."""

    def __init__(
        self, module: Module, functions: Functions, program: Program, smallest: bool, with_memory: bool
    ) -> None:
        self.module = module
        self.with_memory = with_memory
        self.functions = functions
        self.session = program.new_session()
        self.random = np.random.default_rng(0)
        self.sizes: dict[str, int] = {}
        for inputs in functions.values():
            for value in inputs.values():
                for dim, size in zip(value.dims or (), value.example.shape, strict=True):
                    if isinstance(dim, str):
                        self.sizes.setdefault(dim, 1 if smallest else _other_size(size))
        self.sizes["batch"] = 1 if smallest else 3
        self.eager_state: State | None = None
        self.program_state: Any = self.session.new_state(self.sizes["batch"])

    def run(self) -> None:
        for function in self.functions:
            if not takes_state(self.module, function):
                self.compare(function)
                continue
            if self.eager_state is None:
                self.eager_state = self.module.initial_state(self.sizes["batch"])  # type: ignore[attr-defined]
            for step in range(STEPS):
                self.compare(function)
                if step == 0:
                    self.reorder()

    def reorder(self) -> None:
        """One row more, the others moved on by one."""
        assert self.eager_state is not None
        rows = self.sizes["batch"]
        parents = [(row + 1) % rows for row in range(rows)] + [0]
        self.eager_state.reorder(parents)
        self.program_state.reorder(parents)
        self.sizes["batch"] = len(parents)

    def compare(self, function: str) -> None:
        inputs = {name: self.draw(function, name) for name in self.functions[function]}
        tensors = {name: Tensor(array) for name, array in inputs.items()}
        result = call(self.module, function, tensors, self.eager_state)
        if isinstance(result, State):
            self.eager_state = result
        expected = named_outputs(function, result)
        outputs, _ = self.session.run(function, inputs, self.program_state)
        for name, tensor in expected.items():
            self.compare_output(function, f"output {name!r}", outputs[name], tensor.data)
        if self.eager_state is not None:
            memory = self.eager_state.memory if self.with_memory else {}
            for name, tensor in (self.eager_state.carry | memory).items():
                self.compare_output(function, f"state {name!r}", self.program_state.tensor(name), tensor.data)

    def compare_output(self, function: str, name: str, actual: Array | None, expected: Array) -> None:
        if actual is not None and actual.shape == expected.shape and actual.tobytes() == expected.tobytes():
            return
        sizes = ", ".join(f"{dim}={size}" for dim, size in self.sizes.items())
        if actual is None or actual.shape != expected.shape:
            got = "nothing" if actual is None else f"shape {list(actual.shape)}"
            problem = f"gives {got} where the module gives shape {list(expected.shape)}"
        else:
            problem = f"differs from the module by up to {np.abs(actual - expected).max():.3g}"
        raise TraceError(
            f"export: function {function!r}, {name}: at other sizes than the example's ({sizes}) the program "
            f"{problem}; something that depends on sizes or values was computed outside of pyseq's ops"
        )

    def draw(self, function: str, name: str) -> Array:
        """Values of the example at this trial's sizes; lengths are ragged."""
        value = self.functions[function][name]
        shape = tuple(self.sizes[dim] if isinstance(dim, str) else dim for dim in value.dims or ())
        if name == "lengths" or name.endswith("_lengths"):
            longest = self.longest(function, name)
            lengths = self.random.integers(min(1, longest), longest + 1, shape)
            lengths[:1] = longest
            return lengths
        if value.example.size == 0:
            return np.zeros(shape, value.example.dtype)
        return self.random.choice(value.example.reshape(-1), shape)

    def longest(self, function: str, name: str) -> int:
        """How long a row can be: axis 1 of the input that the lengths belong to, or of the shortest one."""
        inputs = self.functions[function]
        owner = inputs.get(name.removesuffix("_lengths")) if name != "lengths" else None
        owners = inputs.values() if owner is None else [owner]
        times = [dims[1] for dims in (value.dims or () for value in owners) if len(dims) > 1]
        return min((self.sizes[dim] if isinstance(dim, str) else dim for dim in times), default=1)


def _other_size(size: int) -> int:
    """Not the example's size; smaller where possible, so that tables of positions suffice."""
    return size - 1 if size > 2 else size + 1
