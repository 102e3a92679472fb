"""Loops as ops: `scan` runs a function over time, `repeat` runs one until every position has halted.

Both take a Python function and work on arrays, on tensors, and while a model is exported; then the function becomes a
function of the program and the loop runs in C++. Under a tape a loop is one node: gradients reach xs, the first states
and everything that the function reads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from pyseq import _core
from pyseq.autograd import Tape
from pyseq.dim import Size, example_size
from pyseq.loop_gradients import RecordedLoop
from pyseq.tensor import Array, Operand, Tensor, active_door, active_recorder, recording
from pyseq.tracing import FunctionRecorder, Reference, TracedTensor, example_of, share_constants

OneOrMore = Any  # a tensor or array, or a tuple of them
StateT = TypeVar("StateT")
Body = Callable[[list[Array]], list[Array]]  # a loop body on plain arrays


def scan(
    function: Callable[[Any, StateT], tuple[Any, StateT]],
    xs: OneOrMore,
    state: StateT,
    lengths: Operand | None = None,
) -> tuple[Any, StateT]:
    """Run a function over time: y_t, state_t = function(x_t, state_{t−1}).

    Args:
        function: of x_t [batch, ...] and the state; gives y_t [batch, ...] and the next state, of the same shapes.
        xs: [batch, time, ...], or a tuple of such.
        state: [batch, ...], or a tuple of such.
        lengths: [batch] int64; beyond its length a row keeps its state and gives zero y. None for all of time.

    Returns:
        ys [batch, time, ...] (a tuple if y_t is one) and the final state.

    Raises:
        ShapeError: xs, state or lengths disagree about batch or time, or the function changes the state's shape.

    Example:
        >>> import numpy as np, pyseq
        >>> def add_up(x, total):
        ...     total = total + x
        ...     return total, total
        >>> x, zero = pyseq.Tensor(np.ones((1, 3), np.float32)), pyseq.Tensor(np.zeros(1, np.float32))
        >>> ys, total = pyseq.scan(add_up, x, zero)
        >>> ys.numpy(), total.numpy()
        (array([[1., 2., 3.]], dtype=float32), array([3.], dtype=float32))
    """
    sequences, states = _flat(xs), _flat(state)
    recorder = _recorder()
    loop = _Loop(recorder, "scan")
    y_structure: list[Any] = []

    def body(tensors: list[Any]) -> list[Any]:
        y, next_state = function(_like(xs, tensors[: len(sequences)]), _like(state, tensors[len(sequences) :]))
        y_structure[:] = [y]
        return [*_flat(y), *_flat(next_state)]

    arrays = [_array(x) for x in sequences]
    limits = None if lengths is None else _array(lengths)
    bound = loop.bind(body, "scan", sequences)
    ys, finals, masks = _run_scan(bound, arrays, [_array(s) for s in states], limits)
    if loop.recorded is not None:
        outputs: list[Any] = loop.put_on_tape([*sequences, *states], [*ys, *finals], masks)
    elif recorder is not None:
        attributes = {"xs": len(sequences), "states": len(states), "ys": len(ys)}
        operands = [*sequences, *states]
        ending = [recorder.refer(lengths, "scan")]
        outputs = loop.add_node(recorder, operands, ending, attributes, [*ys, *finals])
    else:
        outputs = _wrap([*ys, *finals], [*sequences, *states])
    return _like(y_structure[0], outputs[: len(ys)]), _like(state, outputs[len(ys) :])


def repeat(
    function: Callable[[StateT], StateT],
    state: StateT,
    max_steps: Size,
    until: Callable[[StateT], Any] | None = None,
) -> tuple[StateT, Any]:
    """Run a function up to max_steps times: state = function(state), until every position has halted.

    Args:
        function: of the state; gives the next one, of the same shapes.
        state: [batch, ...], or a tuple of such.
        max_steps: an integer, or a size such as `x.shape[1]`.
        until: of the state; gives a mask whose shape is a prefix of every state's shape. It is asked before each step;
            a position whose mask is not zero is halted: it keeps its state from then on. None: all steps are run.

    Returns:
        the final state, and the steps that each position ran (int64, the mask's shape; [batch] without `until`).

    Raises:
        ShapeError: the function changes the state's shape, or the mask's shape is no prefix of it.

    Source:
        Graves, "Adaptive computation time for recurrent neural networks" (2016), for masks per position.

    Example:
        >>> import numpy as np, pyseq
        >>> from pyseq import ops
        >>> x = pyseq.Tensor(np.array([1, 3], np.float32))
        >>> limit = pyseq.Tensor(np.array(-7.5, np.float32))
        >>> y, steps = pyseq.repeat(lambda y: y + y, x, 10, until=lambda y: ops.relu(y + limit))
        >>> y.numpy(), steps.numpy()
        (array([ 8., 12.], dtype=float32), array([3, 2]))
    """
    states = _flat(state)
    recorder = _recorder()
    loop = _Loop(recorder, "repeat")
    step = loop.bind(lambda tensors: _flat(function(_like(state, tensors))), "repeat", ())
    mask = None if until is None else loop.bind(lambda tensors: [until(_like(state, tensors))], "until")
    arrays = [_array(s) for s in states]
    finals, steps, masks = _run_repeat(step, mask, arrays, example_size(max_steps))
    if loop.recorded is not None:
        outputs: list[Any] = loop.put_on_tape(states, [*finals, steps], masks)
    elif recorder is not None:
        if loop.op not in loop.bodies:  # the examples halt at once: the body still has to be known
            step(arrays)
        attributes = {"states": len(states), "max_steps": max_steps}
        outputs = loop.add_node(recorder, states, [], attributes, [*finals, steps])
    else:
        outputs = _wrap([*finals, steps], states)
    return _like(state, outputs[:-1]), outputs[-1]


class _Loop:
    """The bodies of one loop: plain functions, or recorded ones, for a program or for a tape."""

    def __init__(self, recorder: FunctionRecorder | None, op: str) -> None:
        self.recorder = recorder
        self.op = op
        self.bodies: dict[str, FunctionRecorder] = {}
        door = active_door()
        self.tape = door if isinstance(door, Tape) else None
        self.recorded: RecordedLoop | None = None

    def bind(
        self, function: Callable[[list[Any]], list[Any]], role: str, sequences: Sequence[Operand] | None = None
    ) -> Body:
        """A body on arrays. Of a program's body the first run is kept; later ones only compute.

        With `sequences`, the xs of the loop, a tape keeps every run; without, the body has no gradient.
        """
        recorder = self.recorder
        if self.tape is not None:
            if sequences is None:
                return lambda arrays: _without_tape(function, arrays)
            self.recorded = RecordedLoop(function, self.tape, [self.tape.follows(x) for x in sequences])
            return self.recorded.body
        if recorder is None:
            return lambda arrays: [_array(x) for x in function([Tensor(a) for a in arrays])]

        def body(arrays: list[Array]) -> list[Array]:
            with recorder.body(f"{recorder.name}.{role}{len(recorder.program.functions)}") as recorded:
                inputs: list[Any] = [recorded.add_input(f"{role}{n}", array) for n, array in enumerate(arrays)]
                results = function(inputs)
                for number, result in enumerate(results):
                    reference = recorded.refer(result, self.op)
                    assert reference is not None
                    recorded.outputs.append((f"output{number}", reference))
            if self.bodies.setdefault(role, recorded) is not recorded:
                recorder.program.discard(recorded)
            return [_array(result) for result in results]

        return body

    def put_on_tape(self, operands: Sequence[Operand], results: list[Array], masks: list[Array]) -> list[Tensor]:
        """The results of the loop, as a node of its tape when anything in it has a gradient."""
        assert self.tape is not None
        assert self.recorded is not None
        self.recorded.finish(masks)
        outputs = [Tensor(result) for result in results]
        inputs = [*operands, *self.recorded.read]
        if any(map(self.tape.follows, inputs)):
            self.tape.add(self.recorded, inputs, outputs)
        return outputs

    def add_node(
        self,
        recorder: FunctionRecorder,
        operands: Sequence[Operand],
        ending: list[Reference | None],
        attributes: dict[str, Any],
        results: list[Array],
    ) -> list[TracedTensor | None]:
        """The node of the loop in the function around it."""
        constants = share_constants(list(self.bodies.values()))
        inputs = [recorder.refer(x, self.op) for x in operands]
        attributes = {**attributes, "consts": len(constants)}
        body, until = self.bodies[self.op], self.bodies.get("until")
        return recorder.add_node(self.op, [*inputs, *constants, *ending], attributes, results, body, until)


def _run_scan(
    body: Body, xs: list[Array], states: list[Array], lengths: Array | None
) -> tuple[list[Array], list[Array], list[Array]]:
    """The loop of `scan` on arrays: ys, final states, and for every step which rows it counted for."""
    batch, time = _check_sequences(xs, states, lengths)
    # One run on zeros when there is no step: it tells the shapes of y.
    first = [x[:, 0] if time else np.zeros((batch, *x.shape[2:]), x.dtype) for x in xs]
    steps: list[list[Array]] = []
    masks: list[Array] = []
    for t in range(max(time, 1)):
        current = [np.ascontiguousarray(x[:, t]) for x in xs] if time else first
        results = body([*current, *states])
        ys, following = results[: len(results) - len(states)], results[len(results) - len(states) :]
        _check_same_shapes("scan", states, following)
        alive = np.ones(batch, bool) if lengths is None else t < lengths
        steps.append([_select(alive, y, np.zeros_like(y)) for y in ys])
        if time:
            masks.append(alive)
            states = [_select(alive, new, old) for new, old in zip(following, states, strict=True)]
    stacked = [np.stack([step[n] for step in steps], axis=1) for n in range(len(steps[0]))]
    return [np.ascontiguousarray(y[:, :time]) for y in stacked], states, masks


def _run_repeat(
    body: Body, until: Body | None, states: list[Array], max_steps: int
) -> tuple[list[Array], Array, list[Array]]:
    """The loop of `repeat` on arrays: final states, steps, and for every step which positions it counted for."""
    if until is None:
        halted, steps = np.zeros(states[0].shape[:1], bool), np.zeros(states[0].shape[:1], np.int64)
    else:
        halted = _mask(until, states)
        steps = np.zeros(halted.shape, np.int64)
    masks: list[Array] = []
    for _ in range(max_steps):
        if halted.size > 0 and halted.all():
            break
        following = body(states)
        _check_same_shapes("repeat", states, following)
        states = [_select(~halted, new, old) for new, old in zip(following, states, strict=True)]
        steps += ~halted
        masks.append(~halted)
        if until is not None:
            halted = halted | _mask(until, states)
    return states, steps, masks


def _mask(until: Body, states: list[Array]) -> Array:
    mask = until(states)[0] != 0
    for state in states:
        if state.shape[: mask.ndim] != mask.shape:
            raise _core.ShapeError(
                f"repeat: until gives a mask {list(mask.shape)}, expected a prefix of the state's {list(state.shape)}"
            )
    return np.asarray(mask)


def _select(alive: Array, new: Array, old: Array) -> Array:
    """New values where a position is alive; the mask's axes are the first ones of the values."""
    mask = alive.reshape(alive.shape + (1,) * (new.ndim - alive.ndim))
    return np.where(mask, new, old)


def _check_sequences(xs: list[Array], states: list[Array], lengths: Array | None) -> tuple[int, int]:
    if not xs or any(x.ndim < 2 for x in xs):
        raise _core.ShapeError("scan: xs has no sequence [batch, time, ...]")
    batch, time = xs[0].shape[:2]
    for name, arrays, expected in (("xs", xs, (batch, time)), ("state", states, (batch,))):
        for array in arrays:
            if array.shape[: len(expected)] != expected:
                raise _core.ShapeError(f"scan: {name} has shape {list(array.shape)}, expected {list(expected)} first")
    if lengths is not None:
        if lengths.shape != (batch,):
            raise _core.ShapeError(f"scan: lengths has shape {list(lengths.shape)}, expected [{batch}]")
        if np.any((lengths < 0) | (lengths > time)):
            raise _core.ArgumentError(f"scan: lengths are {lengths}, expected numbers in [0, {time}]")
    return batch, time


def _check_same_shapes(op: str, states: list[Array], following: list[Array]) -> None:
    before, after = [s.shape for s in states], [s.shape for s in following]
    if before != after:
        raise _core.ShapeError(f"{op}: the state has shapes {before} before a step and {after} after it")


def _without_tape(function: Callable[[list[Any]], list[Any]], arrays: list[Array]) -> list[Array]:
    with recording(None):
        return [_array(x) for x in function([Tensor(a) for a in arrays])]


def _recorder() -> FunctionRecorder | None:
    recorder = active_recorder()
    assert recorder is None or isinstance(recorder, FunctionRecorder)
    return recorder


def _flat(value: OneOrMore) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, tuple | list) else [value]


def _like(structure: Any, flat: list[Any]) -> Any:
    """The flat list in the structure of an example: None, one tensor, or a tuple."""
    if structure is None:
        return None
    return tuple(flat) if isinstance(structure, tuple | list) else flat[0]


def _array(value: Any) -> Array:
    """The values of a tensor or array, in and out of an export."""
    array = example_of(value)
    assert array is not None
    return array


def _wrap(results: list[Array], operands: list[Any]) -> list[Any]:
    """Results as tensors when an operand is one."""
    return [Tensor(r) for r in results] if any(isinstance(x, Tensor) for x in operands) else list(results)
