"""How far the values inside a program move when its weights are narrow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyseq import _core
from pyseq.program import Observer, Program
from pyseq.quantization.weights import decibels, ratio

Array = NDArray[Any]
MOST_STEPS = 32  # of one output; layers do not change their ways later on
Run = Callable[[Program, Observer], object]  # runs a program on some data, with an observer


@dataclass(frozen=True)
class LayerError:
    """The error of one op's first output y, which becomes ŷ: what earlier layers added is part of it."""

    name: str  # module path
    op: str
    calls: int
    relative: float  # ‖ŷ − y‖ / ‖y‖ over all calls
    largest: float  # max |ŷ − y| / max |y|
    signal_to_noise: float  # −20 log10(relative), in dB


class _Sums:
    """Errors of one op, added up over its calls."""

    def __init__(self) -> None:
        self.calls = 0
        self.noise = self.signal = 0.0  # sums of squares
        self.largest_noise = self.largest_signal = 0.0

    def add(self, exact: Array, narrow: Array) -> None:
        difference = narrow.astype(np.float64) - exact
        self.calls += 1
        self.noise += float(np.square(difference).sum())
        self.signal += float(np.square(exact, dtype=np.float64).sum())
        self.largest_noise = max(self.largest_noise, float(np.abs(difference).max(initial=0.0)))
        self.largest_signal = max(self.largest_signal, float(np.abs(exact).max(initial=0.0)))


def compare_runs(exact: Program, narrow: Program, run: Run) -> list[LayerError]:
    """Run two forms of a program on the same data and compare what every op computes.

    Args:
        exact: the program with float32 weights.
        narrow: the same program with other weights (`Program.with_dtype`).
        run: called as run(program, observe) for both; it must do the same with each, and pass `observe` on to
            `Program.run`.

    Returns:
        one entry per op that gives float32 values, in the order of their first call.

    Raises:
        ArgumentError: the two runs did not execute the same ops.
    """
    expected = _outputs_of(exact, run)
    sums: dict[tuple[str, str], _Sums] = {}
    position = 0

    def compare(op: str, name: str, _inputs: list[Any], outputs: list[Any]) -> None:
        nonlocal position
        if position >= len(expected) or expected[position][:2] != (op, name):
            raise _core.ArgumentError(f"compare_runs: op {position} is {op} {name} in one program only")
        wanted = expected[position][2]
        position += 1
        if wanted is not None:
            sums.setdefault((name, op), _Sums()).add(wanted, outputs[0])

    run(narrow, compare)
    if position != len(expected):
        raise _core.ArgumentError(f"compare_runs: {len(expected)} ops ran in one program, {position} in the other")
    return [_error(name, op, total) for (name, op), total in sums.items()]


def _outputs_of(program: Program, run: Run) -> list[tuple[str, str, Array | None]]:
    """Op, module path and first output (None when it is not float32) of every op that runs."""
    found: list[tuple[str, str, Array | None]] = []

    def note(op: str, name: str, _inputs: list[Any], outputs: list[Any]) -> None:
        first = outputs[0]
        is_real = isinstance(first, np.ndarray) and first.dtype == np.float32
        found.append((op, name, first if is_real else None))

    run(program, note)
    return found


def _error(name: str, op: str, total: _Sums) -> LayerError:
    relative = ratio(total.noise**0.5, total.signal**0.5)
    largest = ratio(total.largest_noise, total.largest_signal)
    return LayerError(name, op, total.calls, relative, largest, decibels(relative))


def run_on_arrays(function: str, inputs: Mapping[str, Array]) -> Run:
    """A run of one function on given arrays, with a fresh state where it wants one."""

    def run(program: Program, observe: Observer) -> None:
        rows = next((len(array) for array in inputs.values() if array.ndim), 1)
        state = program.new_state(rows) if program.state else None
        arrays: Any = inputs  # names of inputs that are names of options would be taken for those
        program.run(function, state=state, observe=observe, **arrays)

    return run


def run_on_texts(texts: list[str], references: list[list[int]]) -> Run:
    """Encode texts with a translator's program and step through given outputs, one text at a time."""

    def run(program: Program, observe: Observer) -> None:
        for source, steps in _sequences(program, texts, references):
            state = program.new_state(1)
            lengths = np.array([source.size], np.int64)
            program.run("encode", state=state, observe=observe, tokens=source[None], lengths=lengths)
            for token in steps:
                program.run("step", state=state, observe=observe, tokens=np.array([[token]], np.int64))

    return run


def _sequences(program: Program, texts: list[str], references: list[list[int]]) -> Iterator[tuple[Array, list[int]]]:
    task = program.task
    vocabulary = program.vocabulary(task["source_vocabulary"])
    for text, reference in zip(texts, references, strict=True):
        source = vocabulary.encode(text) + list(task.get("source_suffix", []))
        if source:
            yield np.array(source, np.int64), [task["start"], *reference][:MOST_STEPS]
