"""The benchmark against other libraries: how it counts and judges. Nothing here is timed against a limit."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.append(str(Path(__file__).resolve().parent.parent))  # bench/ is no part of the package

from bench.peers import limits, run
from bench.peers.engines import recurrent_onnx
from bench.peers.engines.recurrent_pyseq import batch_first
from bench.peers.interleave import _compare, _reference, measure_case
from bench.peers.model import PRECISIONS, Case, Phase, Target, normal, peer_of, precision_of
from bench.peers.report import duration, markdown
from bench.peers.timing import Plan, Samples, estimate_seconds, take_turn
from bench.peers.verdict import Line, _checks, lines
from bench.peers.worker import Worker, WorkerError
from bench.peers.workloads import WORKLOADS
from bench.peers.workloads.attention import _decode_step
from bench.peers.workloads.recurrent import SHAPES, Shape, phases, state_dict
from pyseq import ops

FIGURES = {"float32": 1e9, "int8": 4e9, "l1": 9e9, "l2": 4e9, "l3": 2e9, "memory": 1e9}
SMALL = ["rowwise softmax 1x16", "linear 1x512x2048", "attention 12x512x64 decode", "recurrent gru step H512x2"]


def engine(precision: str, median: float, **more: Any) -> dict[str, Any]:
    return {"precision": precision, "median": median, **more}


def judged(engines: dict[str, Any], case: str = "1x512x2048", threads: int = 1) -> Line:
    row = {"workload": "linear", "case": case, "threads": threads, "engines": engines}
    return lines([row], {})[0]


def test_names_of_engines_tell_library_and_precision() -> None:
    assert [peer_of(name) for name in ("torch", "torch:int8")] == ["torch", "torch"]
    names = ("torch", "openvino:bfloat16", "torch:int8", "onnxruntime:attention-23")
    assert [precision_of(name) for name in names] == ["float32", "bfloat16", "int8", "float32"]


@pytest.mark.parametrize(("workload", "case"), [(w, case) for w in WORKLOADS.values() for case in w.cases])
def test_every_case_has_a_reference_a_pyseq_engine_and_targets_of_known_precisions(workload: Any, case: str) -> None:
    made = workload.build(case, 1)
    assert made.reference in made.engines
    assert "pyseq" in made.engines
    assert set(made.targets) <= set(PRECISIONS)
    assert {precision_of(name) for name in made.engines} <= set(made.tolerance)
    assert set(workload.quick) <= set(workload.cases)


@pytest.mark.parametrize("name", SMALL)
def test_pyseq_engines_give_finite_values(name: str) -> None:
    workload, _, case = name.partition(" ")
    made = WORKLOADS[workload].build(case, 1)
    call = made.engines["pyseq"]()
    assert np.isfinite(made.output(call())).all()


def test_a_decoding_step_attends_to_every_key() -> None:
    query, key, value = (normal(seed, 1, rows, 6) for seed, rows in ((1, 1), (2, 5), (3, 5)))
    call = _decode_step(2, query, key, value)
    first, again = call(), call()
    assert np.array_equal(first, again)  # the cache is as long in every call
    expected = ops.attention(query, key, value, num_heads=2)
    np.testing.assert_allclose(first, expected, rtol=1e-5, atol=1e-6)


def test_turns_with_stolen_time_do_not_count() -> None:
    samples = Samples()
    for _ in range(3):
        samples.add([1.0, 3.0], stolen=0.0, threads=1)
    samples.add([9.0], stolen=1.0, threads=1)
    assert samples.summary() == {
        "median": 2.0,
        "minimum": 1.0,
        "maximum": 3.0,
        "samples": 6,
        "turns": 4,
        "clean_turns": 3,
    }


def test_all_turns_count_when_too_few_are_clean() -> None:
    samples = Samples()
    for seconds, stolen in ((1.0, 0.0), (5.0, 1.0), (6.0, 1.0)):
        samples.add([seconds], stolen, threads=1)
    assert samples.summary()["median"] == 5.0


def test_stolen_turns_are_repeated_for_twice_the_budget_at_most() -> None:
    plan, stolen = Plan(rounds=7, fewest=3, budget=5), Samples([([1.0], False)] * 7)
    assert not plan.enough([stolen], done=7, elapsed=9)
    assert plan.enough([stolen], done=7, elapsed=11)
    clean = Samples([([1.0], True)] * 7)
    assert plan.enough([clean], done=7, elapsed=1)
    assert plan.enough([clean], done=3, elapsed=6)
    assert not plan.enough([clean], done=2, elapsed=60)


def test_short_calls_are_timed_several_at_a_time() -> None:
    calls: list[int] = []
    samples = take_turn(lambda: calls.append(1), estimate=1e-7)
    assert len(calls) >= 10_000 * len(samples)
    assert estimate_seconds(lambda: calls.append(1)) < 1e-3


def test_work_is_bound_by_what_takes_longer() -> None:
    many_flops = limits.bound([Phase(flops=1e9, weights=10)], "float32", 1, {1: FIGURES})
    few_flops = limits.bound([Phase(flops=10, weights=1000)], "float32", 1, {1: FIGURES})
    assert many_flops is not None
    assert few_flops is not None
    assert (many_flops.kind, many_flops.seconds) == ("compute", 1.0)
    assert (few_flops.kind, few_flops.seconds) == ("bandwidth", 4000 / 4e9)


def test_narrow_weights_are_fewer_bytes_and_activations_are_not() -> None:
    phase = Phase(weights=100, activations=40, passes=10)
    assert [phase.bytes(precision) for precision in PRECISIONS] == [4040, 2040, 1040]
    assert phase.working_set("int8") == 104


def test_the_level_follows_from_the_size_and_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "cache_bytes", lambda level, default: {2: 1000, 3: 10_000}[level])
    assert [limits.level_of(size, 1) for size in (900, 901, 7500, 7501)] == ["l2", "l3", "l3", "memory"]
    assert limits.level_of(1800, 2) == "l2"


def test_no_limit_is_given_for_an_unknown_peak_or_unknown_work() -> None:
    assert limits.bound([Phase(flops=1)], "bfloat16", 1, {1: FIGURES}) is None
    assert limits.bound([Phase(flops=1)], "float32", 2, {1: FIGURES}) is None
    assert limits.bound([], "float32", 1, {1: FIGURES}) is None
    assert limits.bound([Phase(activations=1)], "bfloat16", 1, {1: FIGURES}) is not None


def test_limits_are_the_best_of_several_runs() -> None:
    assert limits.best({1: {"l2": 3.0, "l3": 1.0}}, {1: {"l2": 2.0, "l3": 4.0}, 2: {"l2": 5.0}}) == {
        1: {"l2": 3.0, "l3": 4.0},
        2: {"l2": 5.0},
    }


def test_limits_without_a_compiler_are_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "/no/such/compiler")
    assert limits.measure([1]) == {}


def test_recurrent_work_reads_the_recurrent_weights_once_per_step() -> None:
    first, steps = phases("lstm", Shape(time=10, batch=2, hidden=8, layers=1))
    assert first.weights == steps.weights == 4 * 8 * 8
    assert steps.bytes("float32") == 10 * 4 * 256 + 8 * 2 * 10 * 8
    assert first.flops == steps.flops == 2 * 10 * 2 * 256
    both = phases("gru", Shape(time=1, batch=1, hidden=8, layers=2, directions=2))
    assert [phase.weights for phase in both] == [2 * 24 * 8, 2 * 24 * 8, 2 * 24 * 16, 2 * 24 * 8]


def test_onnx_gates_stand_in_their_own_order() -> None:
    rows = np.arange(8.0)
    assert recurrent_onnx._reordered("lstm", rows).tolist() == [0, 1, 6, 7, 2, 3, 4, 5]  # i f g o -> i o f g
    assert recurrent_onnx._reordered("gru", rows[:6]).tolist() == [2, 3, 0, 1, 4, 5]  # r z n -> z r n


def test_states_of_both_directions_stand_side_by_side() -> None:
    state = np.arange(4 * 3 * 2, dtype=np.float32).reshape(4, 3, 2)  # 2 layers, 2 directions, batch 3
    arrays = batch_first(np.zeros((5, 3, 2), np.float32), [state], directions=2)
    assert list(arrays) == ["x", "h0", "h1"]
    assert arrays["x"].shape == (3, 5, 2)
    assert arrays["h1"][1].tolist() == [*state[2, 1], *state[3, 1]]


def test_weights_have_the_names_and_shapes_of_pytorch() -> None:
    weights = state_dict("gru", SHAPES["B1 H256x2 bidirectional"])
    assert weights["weight_ih_l1_reverse"].shape == (768, 512)
    assert weights["bias_hh_l0"].shape == (768,)
    assert len(weights) == 16


def test_the_fastest_library_that_agrees_is_the_best() -> None:
    line = judged(
        {
            "torch": engine("float32", 3.0, agrees=True),
            "openvino": engine("float32", 1.0, agrees=False),
            "numpy": engine("float32", 2.0, agrees=True),
            "torch:int8": engine("int8", 0.1, agrees=True),
            "pyseq": engine("float32", 1.0, agrees=True),
        }
    )
    assert (line.best_peer, line.ratio) == ("numpy", 2.0)


@pytest.mark.parametrize(
    ("pyseq", "verdict"),
    [
        ({"median": 1.0, "agrees": True}, "met"),
        ({"median": 2.0, "agrees": True}, "missed"),
        ({"median": 0.1, "agrees": False}, "wrong result"),
        ({"missing": "not yet"}, "missing"),
        ({"error": "ValueError: x"}, "missing"),
    ],
)
def test_verdicts(pyseq: dict[str, Any], verdict: str) -> None:
    engines = {"torch": engine("int8", 1.9, agrees=True), "pyseq:int8": {"precision": "int8", **pyseq}}
    assert judged(engines).verdict == verdict  # asked: ratio 1.8


def test_a_share_without_limits_is_missed() -> None:
    line = Line("linear", "", 1, "float32", seconds=1.0, peer_seconds=9.0)
    assert [check.met for check in _checks(line, Target(ratio=2, share=0.5))] == [True, False]
    assert [check.met for check in _checks(replace(line, share=0.5), Target(share=0.5))] == [True]


def test_a_second_thread_scales_or_reaches_the_bandwidth() -> None:
    line = Line("linear", "", 2, "float32", seconds=1.0, peer_seconds=9.0, bound_by="compute", scaling=1.9)
    target = Target(ratio=1.1)
    assert [check.met for check in _checks(line, target)] == [True, True]
    assert [check.met for check in _checks(replace(line, scaling=1.8), target)] == [True, False]
    reading = replace(line, bound_by="bandwidth", share=0.8)
    assert [check.met for check in _checks(reading, target)] == [True, False]
    assert [check.met for check in _checks(reading, replace(target, scaling=1.85))] == [True, True]
    assert [check.met for check in _checks(replace(reading, scaling=1.1), replace(target, scaling=1))] == [True, True]
    assert [check.met for check in _checks(replace(reading, scaling=0.9), replace(target, scaling=1))] == [True, False]
    assert _checks(line, Target()) == []


def test_scaling_is_the_ratio_to_one_thread() -> None:
    rows = [
        {
            "workload": "linear",
            "case": "1x512x2048",
            "threads": threads,
            "engines": {"pyseq": engine("float32", median)},
        }
        for threads, median in ((2, 1.0), (1, 1.5))
    ]
    assert [(line.threads, line.scaling) for line in lines(rows, {})] == [(1, None), (2, 1.5)]


def test_engines_are_measured_in_processes_and_reported() -> None:
    workload = WORKLOADS["linear"]
    plan = Plan(rounds=1, fewest=1, budget=0)
    rows = list(run.rows_with(1, [(workload, "1x512x2048")], ["numpy", "pyseq"], plan))
    engines = rows[0]["engines"]
    assert list(engines) == ["numpy", "pyseq", "pyseq:bfloat16", "pyseq:int8"]
    assert all(engine["median"] > 0 for engine in engines.values())
    result = {
        "date": "today",
        "command": "measure",
        "machine": "one",
        "versions": {"pyseq": "1"},
        "load": None,
        "minutes": 0.1,
        "limits": {"1": FIGURES},
        "rows": json.loads(json.dumps(rows)),
    }
    text = markdown(result)
    assert "| linear 1x512x2048 | float32 |" in text
    assert "    measure\n" in text
    assert text.count("\n| linear 1x512x2048 |") == 4  # three precisions, and the medians


def test_what_an_engine_raises_becomes_its_row() -> None:
    case = WORKLOADS["linear"].build("1x512x2048", 1)
    absent = replace(case, engines={"pyseq": case.engines["pyseq"], "pyseq:other": case.engines["pyseq"]})
    worker = Worker(1)
    try:
        row = measure_case("linear", "1x512x2048", absent, 1, {"pyseq": worker}, Plan(1, 1, 0))
        with pytest.raises(WorkerError, match="KeyError"):
            worker.ask("turn", "pyseq")  # forgotten after the case
    finally:
        worker.close()
    assert "median" in row["engines"]["pyseq"]
    assert row["engines"]["pyseq:other"]["error"].startswith("KeyError")


def test_a_process_that_does_not_answer_is_replaced() -> None:
    worker = Worker(1, seconds=0.0)
    try:
        with pytest.raises(WorkerError, match="no answer within 0 s"):
            worker.ask("forget")
        worker._patience = 60
        assert worker.ask("forget") is None
        worker._process.kill()
        worker._process.join()
        with pytest.raises(WorkerError, match="died"):
            worker.ask("forget")
        assert worker.ask("forget") is None
    finally:
        worker.close()


class Answer:
    """Stands in for a library's process."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def ask(self, question: str, *_: Any) -> Any:
        assert question == "exact"
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_results_are_compared_with_an_exact_one_where_the_case_has_it() -> None:
    case = WORKLOADS["ctc_loss"].build("C32", 1)
    inexact, exact = np.array([1.01, 2.0]), np.array([1.0, 2.0])
    results = {"torch": inexact, "pyseq": exact}

    def reference(case: Case, answer: Any) -> Any:
        workers: Any = {"torch": Answer(answer)}
        return _reference("ctc_loss", "C32", case, 1, workers, results)

    assert reference(case, exact) is exact
    assert reference(case, WorkerError("its process died")) is None
    assert reference(replace(case, exact=None), exact) is inexact
    engines: dict[str, Any] = {name: {"precision": "float32"} for name in results}
    _compare(case, exact, results, engines)
    assert [engine["agrees"] for engine in engines.values()] == [True, True]
    _compare(case, np.array([1.0, np.nan]), results, engines)
    assert [engine["agrees"] for engine in engines.values()] == [False, False]
    _compare(case, np.ones(3), results, engines)
    assert [engine["agrees"] for engine in engines.values()] == [False, False]


def test_a_process_that_dies_between_cases_does_not_end_the_run() -> None:
    class Dying:
        def ask(self, question: str, *_: Any) -> Any:
            raise WorkerError(f"its process died on {question}")

    case = WORKLOADS["linear"].build("1x512x2048", 1)
    workers: Any = {"numpy": Dying()}
    row = measure_case("linear", "1x512x2048", case, 1, workers, Plan(1, 1, 0))
    assert row["engines"] == {"numpy": {"precision": "float32", "error": "its process died on build"}}


def test_cases_are_chosen_by_workload_or_by_a_part_of_their_names() -> None:
    names = [f"{workload.name} {case}" for workload, case in run.selected("ctc_loss,lstm step", quick=True)]
    assert names == ["recurrent lstm step H512x2", "ctc_loss C32", "ctc_loss C5000"]
    assert len(list(run.selected("", quick=False))) == sum(len(workload.cases) for workload in WORKLOADS.values())
    assert not list(run.selected("nothing like it", quick=False))


def test_merging_replaces_rows_and_keeps_the_others() -> None:
    def row(case: str, threads: int, mark: int) -> dict[str, Any]:
        return {"workload": "linear", "case": case, "threads": threads, "mark": mark}

    rows = [row("a", 1, 0), row("b", 1, 0)]
    old = {"limits": {"1": {"l2": 1.0}, "2": {"l2": 2.0}}, "rows": rows, "command": "all", "minutes": 9, "date": "then"}
    rows = [row("b", 1, 1), row("b", 2, 1)]
    new = {"limits": {1: {"l2": 3.0}}, "rows": rows, "command": "some", "minutes": 1, "date": "now"}
    merged = run.merged(old, new)
    assert [(each["case"], each["threads"], each["mark"]) for each in merged["rows"]] == [
        ("a", 1, 0),
        ("b", 1, 1),
        ("b", 2, 1),
    ]
    assert merged["limits"] == {1: {"l2": 3.0}, 2: {"l2": 2.0}}
    assert (merged["date"], merged["minutes"], merged["command"]) == ("now", 10, "all\n    some")


def test_durations_have_units() -> None:
    assert [duration(seconds) for seconds in (1.5e-6, 0.0123, None)] == ["1.5 µs", "12.3 ms", "-"]
