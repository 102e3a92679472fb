"""Tracing: a model runs once on example inputs while every op is computed and noted down.

A `FunctionRecorder` stands in the door of `tensor.apply`. It notes nodes whose operands are `Value`s of the function,
names of weights ("w:name"), names of states ("s:name") or the row -> source map ("rows"). `program_json` of the export
numbers the values at the end. The bodies of `scan` and `repeat` are functions of their own, with a parent: what they
use of the parent becomes one more input ("constant").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn, Union

import numpy as np

from pyseq import _core
from pyseq.dim import Dim, TraceError, example_size, refuse
from pyseq.tensor import (
    Array,
    Attributes,
    Buffer,
    CacheLike,
    Operand,
    Parameter,
    Tensor,
    current_label,
    recording,
    run,
)

__all__ = ["Dim", "FunctionRecorder", "Node", "ProgramRecorder", "TraceError", "TracedTensor", "Value"]


class Value:
    """Something that a function computes or is given; told apart by identity."""


Reference = Union[Value, str]  # noqa: UP007 (evaluated at run time)


class TracedTensor(Tensor):
    """A tensor whose values are not known yet: its shape is symbolic, its values cannot be read."""

    __slots__ = ("function", "reference")

    def __init__(self, example: Array, function: FunctionRecorder, reference: Reference) -> None:
        super().__init__(example)
        self.function = function
        self.reference = reference

    @property
    def example(self) -> Array:
        """The values for the example inputs: for the library alone."""
        return self._array

    @property
    def shape(self) -> tuple[Dim, ...]:
        """Symbolic sizes."""
        return tuple(Dim("size", (self, axis), size) for axis, size in enumerate(self._array.shape))

    @property
    def data(self) -> Array:
        """Not available."""
        self._refuse_values()

    def detach(self) -> TracedTensor:
        """The tensor itself: a program has no gradients."""
        return self

    def _refuse_values(self, *_: object, **__: object) -> NoReturn:
        refuse("values of a tensor were read", "compute with pyseq.ops, pyseq.scan and pyseq.repeat")

    __getitem__ = __iter__ = __bool__ = __float__ = __int__ = __len__ = __array__ = _refuse_values

    def __repr__(self) -> str:
        return f"TracedTensor(ndim={self.ndim}, dtype={self.dtype})"


@dataclass(frozen=True)
class TracedCache:
    """A key/value cache of the state, by name."""

    name: str
    example: _core.KvCache


@dataclass(eq=False)
class Node:
    """One op, scan or repeat of a function."""

    op: str
    name: str
    inputs: list[Reference | None]
    attributes: dict[str, Any]
    outputs: list[Value | None]
    body: FunctionRecorder | None = None
    until: FunctionRecorder | None = None


@dataclass
class DeclaredState:
    """What the program file says about a state."""

    kind: str  # "carry", "cache", "memory" or "varying"
    dtype: str
    shape: tuple[int, ...]


@dataclass
class ProgramRecorder:
    """What the functions of one export share.

    Args:
        root: the path of the exported module within its model.
        tensors: its parameters and buffers with names.
    """

    root: str
    tensors: Sequence[tuple[str, Parameter | Buffer]]
    weights: dict[str, Array] = field(default_factory=dict)  # those in use
    states: dict[str, DeclaredState] = field(default_factory=dict)
    functions: list[FunctionRecorder] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._names: dict[int, str] = {}
        for name, tensor in self.tensors:
            self._names.setdefault(id(tensor.data), name)

    def weight(self, array: Array) -> str | None:
        """The reference to a registered array, or None."""
        name = self._names.get(id(array))
        if name is None:
            return None
        self.weights[name] = array
        return f"w:{name}"

    def declare(self, name: str, state: DeclaredState) -> None:
        """Note a state; all functions must agree on it."""
        known = self.states.setdefault(name, state)
        if known != state:
            raise TraceError(f"state {name!r} is {state} here and {known} elsewhere")

    def discard(self, function: FunctionRecorder) -> None:
        """Forget the last function and the bodies recorded within it."""
        del self.functions[self.functions.index(function) :]

    def local_name(self, label: str) -> str:
        """A module path within the exported module."""
        return label.removeprefix(f"{self.root}.") if self.root and label != self.root else label


_SCHEMAS: dict[str, Any] = {}


def _input_kinds(op: str) -> list[str]:
    if not _SCHEMAS:
        _SCHEMAS.update((schema["name"], schema) for schema in _core.op_schemas())
    return [definition["kind"] for definition in _SCHEMAS[op]["inputs"]]


class FunctionRecorder:
    """Notes down one function of a program while it runs on example values."""

    def __init__(self, program: ProgramRecorder, name: str, parent: FunctionRecorder | None = None) -> None:
        self.program = program
        self.name = name
        self.parent = parent
        self.inputs: list[tuple[str, TracedTensor]] = []
        self.constants: dict[Reference, TracedTensor] = {}  # reference in the parent -> input of this function
        self.nodes: list[Node] = []
        self.outputs: list[tuple[str, Reference]] = []
        self.updates: dict[str, Reference] = {}
        program.functions.append(self)

    def add_input(self, name: str, example: Array) -> TracedTensor:
        """One more input of the function."""
        tensor = TracedTensor(example, self, Value())
        self.inputs.append((name, tensor))
        return tensor

    def state_tensor(self, name: str, example: Array) -> TracedTensor:
        """A carried tensor or a memory as it stands when the function starts."""
        return TracedTensor(example, self, f"s:{name}")

    # What tensor.Recorder asks for.

    def declare_carry(self, name: str, zeros: Array) -> Tensor:
        """A carried state at the start of the function."""
        self.program.declare(name, DeclaredState("carry", str(zeros.dtype), zeros.shape[1:]))
        return self.state_tensor(name, zeros)

    def declare_cache(self, name: str, cache: _core.KvCache) -> CacheLike:
        """A cache of the state."""
        shape = (cache.heads, cache.head_dim, cache.value_dim)
        self.program.declare(name, DeclaredState("cache", cache.dtype, shape))
        return TracedCache(name, cache)

    def declare_rows(self, rows: Array) -> Tensor:
        """The row -> source map."""
        return TracedTensor(rows, self, "rows")

    def apply(
        self,
        op: str,
        inputs: Sequence[Operand | None],
        attributes: Attributes,
        caches: Sequence[CacheLike],
        wanted: Sequence[str],
    ) -> list[Any]:
        """Compute an op on the example values and note it down."""
        references = [self.refer(x, op) for x in inputs]
        numbers = {name: example_size(value) for name, value in attributes.items()}
        held = [cache.example for cache in caches]
        results = run(op, [example_of(x) for x in inputs], numbers, held, wanted)
        tensors, states = iter(references), iter(f"s:{cache.name}" for cache in caches)
        operands = [next(states if kind == "cache" else tensors, None) for kind in _input_kinds(op)]
        return self.add_node(op, operands, attributes, results)

    def refer(self, operand: Operand | None, reader: str) -> Reference | None:
        """How this function names an operand: a value or state of its own, a weight, or a constant of a body."""
        if operand is None:
            return None
        if not isinstance(operand, TracedTensor):
            reference = self.program.weight(operand.data if isinstance(operand, Tensor) else operand)
            if reference is None:
                refuse(
                    f"{reader} was given an array that is no part of the module",
                    "make it one (self.name = nn.Buffer(array)) or an input of the function",
                )
            return reference
        if operand.function is self:
            return operand.reference
        if self.parent is None:
            refuse(f"{reader} was given a tensor of another function", "pass tensors on as arguments or state")
        outside = self.parent.refer(operand, reader)
        assert outside is not None
        if outside not in self.constants:
            self.constants[outside] = self.add_input(f"constant{len(self.constants)}", operand.example)
        return self.constants[outside].reference

    def add_node(
        self,
        op: str,
        inputs: list[Reference | None],
        attributes: Attributes,
        results: Sequence[Array | None],
        body: FunctionRecorder | None = None,
        until: FunctionRecorder | None = None,
    ) -> list[TracedTensor | None]:
        """Note down a node; the results are its outputs for the example values."""
        outputs = [None if result is None else TracedTensor(result, self, Value()) for result in results]
        values = [None if output is None else output.reference for output in outputs]
        attributes = {name: self._size_attribute(value, op) for name, value in attributes.items()}
        name = self.program.local_name(current_label())
        self.nodes.append(Node(op, name or op, inputs, attributes, values, body, until))  # type: ignore[arg-type]
        return outputs

    def _size_attribute(self, value: Any, op: str) -> Any:
        """An attribute; the tensors within a size become references of this function."""
        if not isinstance(value, Dim):
            return value
        left, right = value.operands
        if value.operator == "size":
            return Dim("size", (self.refer(left, op), right), value.example)
        operands = (self._size_attribute(left, op), self._size_attribute(right, op))
        return Dim(value.operator, operands, value.example)

    @contextmanager
    def body(self, name: str) -> Iterator[FunctionRecorder]:
        """Record the body of a scan or repeat."""
        recorder = FunctionRecorder(self.program, name, self)
        with recording(recorder):
            yield recorder


def example_of(operand: Operand | None) -> Array | None:
    """The values of an operand for the example inputs."""
    if operand is None:
        return None
    if isinstance(operand, TracedTensor):
        return operand.example
    return operand.data if isinstance(operand, Tensor) else operand


def share_constants(functions: Sequence[FunctionRecorder]) -> list[Reference]:
    """Give several bodies the same constants in the same order; returns them as the parent names them."""
    shared: dict[Reference, Array] = {}
    for function in functions:
        for reference, tensor in function.constants.items():
            shared.setdefault(reference, tensor.example)
    for function in functions:
        own = dict(function.constants)
        function.inputs = function.inputs[: len(function.inputs) - len(own)]
        function.constants = {}
        for number, (reference, example) in enumerate(shared.items()):
            if reference in own:
                function.inputs.append((f"constant{number}", own[reference]))
            else:
                function.add_input(f"constant{number}", example)
            function.constants[reference] = function.inputs[-1][1]
    return list(shared)


def function_json(function: FunctionRecorder, public: bool, dims: Mapping[str, Sequence[str | int]]) -> dict[str, Any]:
    """A function as the program file has it, its values numbered: inputs first, then outputs of nodes."""
    numbers: dict[Value, str] = {}

    def number(value: Any) -> str:
        return numbers.setdefault(value, f"%{len(numbers)}")

    def reference(value: Reference | None) -> str | None:
        return numbers[value] if isinstance(value, Value) else value

    def attribute(value: Any) -> Any:
        return {"dim": expression(value)} if isinstance(value, Dim) else value

    def expression(value: Any) -> Any:
        if not isinstance(value, Dim):
            return value
        left, right = value.operands
        if value.operator == "size":
            return ["size", reference(left), right]
        return [value.operator, expression(left), expression(right)]

    inputs = []
    for name, tensor in function.inputs:
        number(tensor.reference)
        sizes = dims.get(name, [f"{name}.{axis}" for axis in range(tensor.ndim)])
        inputs.append({"name": name, "dtype": str(tensor.dtype), "dims": list(sizes)})
    nodes = []
    for node in function.nodes:
        record: dict[str, Any] = {"op": node.op, "name": node.name}
        if node.body is not None:
            record["function"] = node.body.name
        if node.op == "repeat":
            record["until"] = None if node.until is None else node.until.name
        record["inputs"] = [reference(value) for value in _without_trailing_nulls(node.inputs)]
        record["attrs"] = {name: attribute(value) for name, value in node.attributes.items()}
        record["outputs"] = [None if value is None else number(value) for value in node.outputs]
        nodes.append(record)
    return {
        "name": function.name,
        "public": public,
        "inputs": inputs,
        "nodes": nodes,
        "outputs": [{"name": name, "value": reference(value)} for name, value in function.outputs],
        "updates": [{"state": name, "value": reference(value)} for name, value in function.updates.items()],
    }


def _without_trailing_nulls(references: list[Reference | None]) -> list[Reference | None]:
    end = len(references)
    while end > 0 and references[end - 1] is None:
        end -= 1
    return references[:end]


def as_examples(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Example inputs as a program takes them: int32 becomes int64, everything is contiguous."""
    return {
        name: np.ascontiguousarray(array, np.int64 if array.dtype == np.int32 else None)
        for name, array in arrays.items()
    }
