"""How a case is timed: calls in a row until a budget is spent; the median call counts."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyseq import _core, ops
from pyseq.bench.cases import BenchCase, Inputs

SAMPLE_SECONDS = 2e-4  # short calls are timed several at a time, so that the clock costs nothing


@dataclass(frozen=True)
class Measurement:
    """One case as measured; rates follow from the cost that the op declares."""

    op: str
    label: str
    microseconds: float  # median of one call
    minimum: float  # of one call, microseconds
    gflops: float
    gigabytes: float  # per second, every operand read or written once
    samples: int


def measure(case: BenchCase, budget: float = 0.3) -> Measurement:
    """Time one case for about `budget` seconds."""
    inputs = case.make(np.random.default_rng(0))
    function = getattr(ops, case.op)
    arguments = {**inputs, **case.attributes}
    flops, traffic = _core.op_cost(case.op, inputs, dict(case.attributes))
    call = way_back(case, inputs) if case.gradients else lambda: function(**arguments)
    if case.gradients:
        flops, traffic = 2 * flops, 2 * traffic  # every product has two transposed ones
    seconds = sample(call, budget)
    median = float(np.median(seconds))
    return Measurement(
        op=case.op,
        label=case.label,
        microseconds=median * 1e6,
        minimum=float(np.min(seconds)) * 1e6,
        gflops=flops / median / 1e9,
        gigabytes=traffic / median / 1e9,
        samples=len(seconds),
    )


def way_back(case: BenchCase, inputs: Inputs) -> Callable[[], object]:
    """A call that computes the gradients of a case from a random one of its first output."""
    schema = next(schema for schema in _core.op_schemas() if schema["name"] == case.op)
    names = [definition["name"] for definition in schema["inputs"]]
    operands = [inputs.get(name) for name in names]
    outputs, record = _core.record_op(case.op, operands, dict(case.attributes), [], case.op)
    assert record is not None
    assert outputs[0] is not None
    first = np.random.default_rng(1).standard_normal(outputs[0].shape, dtype=np.float32)
    gradients: list[NDArray[Any] | None] = [first, *[None] * (len(outputs) - 1)]
    wanted = [name in case.gradients for name in names]
    return lambda: record.vjp(gradients, wanted)


def sample(call: Callable[[], object], budget: float) -> list[float]:
    """Seconds of one call, sampled after a warm-up until the budget is spent."""
    start = time.perf_counter()
    call()
    calls = max(1, int(SAMPLE_SECONDS / max(time.perf_counter() - start, 1e-9)))
    seconds: list[float] = []
    end = time.perf_counter() + budget
    while time.perf_counter() < end or len(seconds) < 3:
        start = time.perf_counter()
        for _ in range(calls):
            call()
        seconds.append((time.perf_counter() - start) / calls)
    return seconds
