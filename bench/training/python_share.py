"""Python's share of a training step: tape, modules and dispatch, beside the time inside the core.

    python -m bench.training.python_share [--hidden 256 --batch 32 --time 64 --cell lstm]

Every call into the core during a step is timed from outside; what is left of the step is Python. The timing of a call
costs about 0.2 µs, which counts as Python.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import pyseq
from bench.training.language_models import VOCABULARY, Case
from bench.training.pyseq_training import PyseqTraining
from pyseq import _core, autograd
from pyseq.models import LanguageModelOptions, RecurrentLanguageModel
from pyseq.train import FlatParameters


class CoreClock:
    """Seconds spent inside functions of the core."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.calls = 0

    def timed(self, function: Any) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            begin = time.perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                self.seconds += time.perf_counter() - begin
                self.calls += 1

        return call


class TimedRecord:
    """A record of the core whose way back is timed."""

    def __init__(self, record: Any, clock: CoreClock) -> None:
        self.vjp = clock.timed(record.vjp)


def watch(clock: CoreClock, optimizer: Any, parameters: FlatParameters) -> None:
    """Put the clock around every door into the core that a step goes through."""
    record_op = _core.record_op

    def timed_record_op(*arguments: Any) -> Any:
        begin = time.perf_counter()
        outputs, record = record_op(*arguments)
        clock.seconds += time.perf_counter() - begin
        clock.calls += 1
        return outputs, None if record is None else TimedRecord(record, clock)

    setattr(autograd._core, "record_op", timed_record_op)  # noqa: B010
    for name in ("zero_gradients", "clip_gradient_norm"):
        setattr(parameters, name, clock.timed(getattr(parameters, name)))
    optimizer.step = clock.timed(optimizer.step)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--time", type=int, default=64)
    parser.add_argument("--cell", default="lstm")
    parser.add_argument("--steps", type=int, default=20)
    arguments = parser.parse_args()
    pyseq.set_num_threads(1)
    case = Case(arguments.cell, arguments.hidden, 2, arguments.batch, arguments.time)
    sizes = LanguageModelOptions(VOCABULARY, 64, case.width, case.kind, case.layers)
    training = PyseqTraining(RecurrentLanguageModel(sizes).initialize(0), case)
    training.step()
    clock = CoreClock()
    watch(clock, training.optimizer, training.parameters)
    begin = time.perf_counter()
    for _ in range(arguments.steps):
        training.step()
    total = time.perf_counter() - begin
    print(f"step {total / arguments.steps * 1e3:.1f} ms, {clock.calls / arguments.steps:.0f} calls into the core")
    print(f"Python's share {(1 - clock.seconds / total) * 100:.2f} %")


if __name__ == "__main__":
    main()
