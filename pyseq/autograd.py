"""Gradients: a tape notes the ops that run under it, and walks back over them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np

from pyseq import _core
from pyseq.tensor import Array, Attributes, CacheLike, Operand, Parameter, Tensor, current_label, recording

Gradients = list[Array | None]


class Record(Protocol):
    """What takes gradients back over one node: a call of an op (`_core.OpRecord`), or a whole loop."""

    def vjp(self, gradients: Gradients, wanted: list[bool]) -> Sequence[Any]:
        """Gradients of the inputs that are wanted, from those of the outputs; None is zero."""


class Node:
    """One record on a tape: its inputs, and the gradients of its outputs as far as they are known."""

    __slots__ = ("gradients", "inputs", "record", "tape")

    def __init__(self, tape: Tape, record: Record, inputs: Sequence[Operand | None], outputs: int) -> None:
        self.tape = tape
        self.record = record
        # What has no gradient is not kept from being freed.
        self.inputs = [x if tape.follows(x) else None for x in inputs]
        self.gradients: Gradients = [None] * outputs


class Origin:
    """Where a tensor comes from: output `index` of a node."""

    __slots__ = ("index", "node")

    def __init__(self, node: Node, index: int) -> None:
        self.node = node
        self.index = index


class Tape:
    """A list of what was computed, in order: ops that run in its `with` block and read parameters or their results.

    Gradients of a scalar loss L: ∂L/∂x = Σ over the ops that read x of their vector-Jacobian products with ∂L/∂y, from
    the last op to the first.

    Example:
        >>> import numpy as np, pyseq
        >>> weight = pyseq.Parameter(np.array([[2.0, 3.0]], np.float32))
        >>> x = pyseq.Tensor(np.array([[1.0, -1.0]], np.float32))
        >>> with pyseq.Tape() as tape:
        ...     y = pyseq.ops.linear(x, weight)
        ...     loss = pyseq.ops.sum(y * y)
        >>> tape.backward(loss)
        >>> weight.grad
        array([[-2.,  2.]], dtype=float32)
    """

    def __init__(self, parent: Tape | None = None) -> None:
        self._nodes: list[Node] = []
        self._parent = parent  # of the tape of a loop body: the tape that the loop runs under
        self._blocks: list[AbstractContextManager[None]] = []

    def __enter__(self) -> Tape:
        block = recording(self)
        block.__enter__()
        self._blocks.append(block)
        return self

    def __exit__(self, *error: Any) -> None:
        self._blocks.pop().__exit__(*error)

    def __len__(self) -> int:
        """The number of nodes that are kept."""
        return len(self._nodes)

    def follows(self, x: Operand | None) -> bool:
        """Whether x has a gradient on this tape: a parameter that is not frozen, or what was computed from one."""
        if isinstance(x, Parameter):
            return x.requires_grad
        if not isinstance(x, Tensor) or x.origin is None:
            return False
        return self.computed(x) or (self._parent is not None and self._parent.follows(x))

    def computed(self, x: Tensor) -> bool:
        """Whether x is an output of a node of this tape."""
        return x.origin is not None and x.origin.node.tape is self

    def outside(self) -> Iterator[Tensor]:
        """What its nodes read that has a gradient and was not computed on this tape."""
        return (x for node in self._nodes for x in node.inputs if isinstance(x, Tensor) and not self.computed(x))

    def apply(
        self,
        op: str,
        inputs: Sequence[Operand | None],
        attributes: Attributes,
        caches: Sequence[CacheLike],
        wanted: Sequence[str],
    ) -> list[Any]:
        """Run one op; note it down when one of its inputs has a gradient."""
        label = current_label()
        if caches or not any(map(self.follows, inputs)):
            return _core.call_op(op, inputs, attributes, caches, wanted, label, Tensor)
        arrays = [x.data if isinstance(x, Tensor) else x for x in inputs]
        outputs, record = _core.record_op(op, arrays, dict(attributes), list(wanted), label)
        results = [None if y is None else Tensor(y) for y in outputs]
        if record is not None:
            self.add(record, inputs, results)
        return results

    def add(self, record: Record, inputs: Sequence[Operand | None], outputs: Sequence[Tensor | None]) -> None:
        """Note down something that was computed, with its own way back."""
        node = Node(self, record, inputs, len(outputs))
        for index, output in enumerate(outputs):
            if output is not None and output.dtype == np.float32:
                output.origin = Origin(node, index)
        self._nodes.append(node)

    def backward(self, loss: Tensor, gradient: Array | None = None) -> None:
        """Add the gradients of a loss to `grad` of every parameter that it was computed from; the tape is then empty.

        Args:
            loss: what the parameters are to be judged by; one value, unless a gradient is given.
            gradient: the gradient of what follows with respect to `loss`, of its shape; None: ones.

        Raises:
            ArgumentError: the loss was not computed on this tape from a parameter, or has more than one value.
        """
        if gradient is None:
            if loss.data.size != 1:
                raise _core.ArgumentError(f"backward: loss has shape {list(loss.shape)}, expected one value")
            gradient = np.ones(loss.data.shape, np.float32)
        if not self.follows(loss):
            raise _core.ArgumentError("backward: loss was not computed on this tape from a parameter")
        self.walk_back([(loss, gradient)], add_to_parameter)

    def walk_back(self, seeds: Sequence[tuple[Tensor, Array]], give: Callable[[Tensor, Array], None]) -> None:
        """Walk over all nodes from the last one, freeing them; `give` takes the gradients of what is not of this tape.

        That is parameters, and for the tape of a loop body what the loop reads from outside.
        """
        for tensor, gradient in seeds:
            self._send(tensor, gradient, give)
        while self._nodes:
            node = self._nodes.pop()
            if all(gradient is None for gradient in node.gradients):
                continue
            results = node.record.vjp(node.gradients, [x is not None for x in node.inputs])
            for x, result in zip(node.inputs, results, strict=True):
                if isinstance(x, Tensor) and result is not None:
                    self._send(x, result, give)

    def _send(self, x: Tensor, gradient: Array, give: Callable[[Tensor, Array], None]) -> None:
        if gradient.shape != x.data.shape:
            raise _core.ShapeError(f"backward: gradient {list(gradient.shape)} of a tensor {list(x.data.shape)}")
        if x.origin is None or not self.computed(x):
            return give(x, gradient)
        gradients, index = x.origin.node.gradients, x.origin.index
        known = gradients[index]
        # A sum goes to new memory: several tensors may share one gradient.
        gradients[index] = gradient if known is None else _add(known, gradient)
        return None


def add_to_parameter(parameter: Tensor, gradient: Array) -> None:
    """Add to `grad` of a parameter, in place where there is one."""
    assert isinstance(parameter, Parameter)
    if parameter.grad is None:
        parameter.grad = gradient.copy()
    else:
        np.add(parameter.grad, gradient, out=parameter.grad)


def _add(a: Array, b: Array) -> Array:
    result: Array = _core.call_op("add", (a, b), None, (), (), "", Tensor)[0]
    return result
