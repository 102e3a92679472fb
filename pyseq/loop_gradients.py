"""The way back over `scan` and `repeat`: a whole loop is one node of the tape that it runs under."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pyseq.autograd import Gradients, Tape
from pyseq.tensor import Array, Parameter, Tensor


@dataclass
class Step:
    """One run of the body: a tape of its own, what stood for its arguments, and its results."""

    tape: Tape
    arguments: list[Tensor]  # x_t..., states...
    results: list[Tensor]  # y_t..., next states...

    def outside(self) -> Iterator[Tensor]:
        """What has a gradient and was not computed in this step: read by an op, or handed through as a result."""
        yield from self.tape.outside()
        yield from (y for y in self.results if self.tape.follows(y) and not self.tape.computed(y))


class RecordedLoop:
    """The runs of a loop's body under a tape, then the record of the loop on that tape.

    Args:
        function: the body on tensors.
        tape: the tape that the loop runs under.
        follows_x: for each of xs, whether it has a gradient.
    """

    def __init__(self, function: Callable[[list[Tensor]], list[Tensor]], tape: Tape, follows_x: Sequence[bool]) -> None:
        self._function = function
        self._tape = tape
        self._follows_x = follows_x
        self._steps: list[Step] = []
        self._masks: list[Array] = []  # per step: [batch, ...], where the body's results were taken
        self.read: list[Tensor] = []  # what the body reads from outside that has a gradient

    def body(self, arrays: list[Array]) -> list[Array]:
        """Run the body once and keep what the way back needs."""
        arguments: list[Tensor] = []
        for index, array in enumerate(arrays):
            follows = self._follows_x[index] if index < len(self._follows_x) else True
            # A parameter is what a tape takes gradients of.
            arguments.append(Parameter(array) if follows and array.dtype == np.float32 else Tensor(array))
        tape = Tape(parent=self._tape)
        with tape:
            results = [y if isinstance(y, Tensor) else Tensor(y) for y in self._function(arguments)]
        self._steps.append(Step(tape, arguments, results))
        return [y.data for y in results]

    def finish(self, masks: Sequence[Array]) -> None:
        """Say which rows each step counted for; runs without a mask only told shapes."""
        self._masks = list(masks)
        del self._steps[len(masks) :]
        own = {id(x) for step in self._steps for x in step.arguments}
        found = {id(x): x for step in self._steps for x in step.outside() if id(x) not in own}
        self.read = list(found.values())

    def vjp(self, gradients: Gradients, wanted: list[bool]) -> Gradients:
        """Gradients of xs, of the first states and of what was read from outside, from those of ys and final states."""
        num_xs = len(self._follows_x)
        num_states = len(wanted) - num_xs - len(self.read)
        num_ys = len(gradients) - num_states if num_xs else 0  # `repeat` has neither; its last output counts steps
        of_ys = gradients[:num_ys]
        of_states = list(gradients[num_ys : num_ys + num_states])
        of_read: dict[int, Array] = {}
        of_xs: list[list[Array | None]] = [[] for _ in range(num_xs)]
        for t in range(len(self._steps) - 1, -1, -1):
            mask = self._masks[t]
            of_y = [None if g is None else g[:, t] for g in of_ys]
            of_arguments = self._step_back(self._steps.pop(), [*of_y, *of_states], mask, of_read)
            for x, gradient in zip(of_xs, of_arguments[:num_xs], strict=True):
                x.append(gradient)
            # Rows that had ended kept their state.
            of_states = [
                _sum(_where(~mask, before), through)
                for before, through in zip(of_states, of_arguments[num_xs:], strict=True)
            ]
        stacked = [_stack(x[::-1]) for x in of_xs]
        return [*stacked, *of_states, *(of_read.get(id(x)) for x in self.read)]

    def _step_back(
        self, step: Step, gradients: list[Array | None], mask: Array, of_read: dict[int, Array]
    ) -> list[Array | None]:
        """Gradients of one step's arguments; those of what it read from outside are added up in `of_read`."""
        places = {id(x): index for index, x in enumerate(step.arguments)}
        of_arguments: list[Array | None] = [None] * len(step.arguments)

        def give(x: Tensor, gradient: Array) -> None:
            if id(x) in places:
                of_arguments[places[id(x)]] = _sum(of_arguments[places[id(x)]], gradient)
            elif id(x) in of_read:
                np.add(of_read[id(x)], gradient, out=of_read[id(x)])
            else:
                of_read[id(x)] = gradient.copy()

        seeds = [
            (y, masked)
            for y, gradient in zip(step.results, gradients, strict=True)
            if step.tape.follows(y) and (masked := _where(mask, gradient)) is not None
        ]
        step.tape.walk_back(seeds, give)
        return of_arguments


def _where(mask: Array, gradient: Array | None) -> Array | None:
    """The gradient at the positions of a mask, zero elsewhere; None where that is all of it."""
    if gradient is None or not mask.any():
        return None
    if mask.all():
        return np.ascontiguousarray(gradient)
    spread = mask.reshape(mask.shape + (1,) * (gradient.ndim - mask.ndim))
    return np.where(spread, gradient, np.float32(0))


def _sum(a: Array | None, b: Array | None) -> Array | None:
    if a is None or b is None:
        return b if a is None else a
    return a + b


def _stack(steps: list[Array | None]) -> Array | None:
    """Gradients of the steps of one sequence [batch, time, ...]; None when no step has one."""
    known = [step for step in steps if step is not None]
    if not known:
        return None
    zero = np.zeros_like(known[0])
    return np.stack([zero if step is None else step for step in steps], axis=1)
