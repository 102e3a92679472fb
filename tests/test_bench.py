"""The micro-benchmarks: every op has a case, and every case runs. Nothing here is timed against a limit."""

from __future__ import annotations

import numpy as np
import pytest

from pyseq import _core, ops
from pyseq.bench.cases import CASES, BenchCase
from pyseq.bench.timing import measure, sample, way_back


def test_every_registered_op_has_a_benchmark_case() -> None:
    assert {case.op for case in CASES} == {schema["name"] for schema in _core.op_schemas()}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.op}-{case.label}")
def test_case_runs(case: BenchCase) -> None:
    inputs = case.make(np.random.default_rng(0))
    if case.gradients:
        found = [gradient for gradient in way_back(case, inputs)() if gradient is not None]
        assert len(found) == len(case.gradients)
        assert all(np.isfinite(gradient).all() for gradient in found)
        return
    result = getattr(ops, case.op)(**inputs, **case.attributes)
    outputs = result if isinstance(result, tuple) else (result,)
    assert all(np.isfinite(output).all() for output in outputs)


def test_rates_follow_from_the_declared_cost() -> None:
    case = next(case for case in CASES if case.label == "512x512x512")
    measured = measure(case, budget=0.01)
    seconds = measured.microseconds / 1e6
    assert measured.gflops * seconds * 1e9 == pytest.approx(2 * 512**3, rel=0.01)
    assert measured.minimum <= measured.microseconds


def test_sampling_calls_at_least_three_times() -> None:
    calls: list[int] = []
    assert len(sample(lambda: calls.append(1), budget=0.0)) == 3
    assert len(calls) >= 4
