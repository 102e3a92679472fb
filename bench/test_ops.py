"""Micro-benchmarks of every op under pytest-benchmark: ``pytest bench --benchmark-only``.

GFLOP/s and GB/s follow from the cost that the op declares; they stand in ``extra_info`` of the JSON output. The same
cases run without pytest through ``pyseq bench``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pyseq
from pyseq import _core, ops
from pyseq.bench.cases import CASES, BenchCase


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.op}-{case.label}")
def test_op(benchmark: Any, case: BenchCase) -> None:
    inputs = case.make(np.random.default_rng(0))
    benchmark(getattr(ops, case.op), **inputs, **case.attributes)
    benchmark.extra_info["isa"] = pyseq.active_isa()
    benchmark.extra_info["threads"] = pyseq.num_threads()
    if benchmark.stats is not None:
        flops, traffic = _core.op_cost(case.op, inputs, dict(case.attributes))
        seconds = benchmark.stats.stats.median
        benchmark.extra_info["GFLOP/s"] = flops / seconds / 1e9
        benchmark.extra_info["GB/s"] = traffic / seconds / 1e9
