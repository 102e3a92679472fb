"""Profiles: every op of a run is collected with its cost, loops contain their bodies, and searches all their steps."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_folders import write_folder
from test_cli import output_of, pyseq_command

import pyseq
from pyseq import _core, nn, ops
from pyseq.machine import MachineLimits
from pyseq.profiling import Events, format_rows, summarise

LIMITS = MachineLimits(
    cpu="a processor",
    isa="v3",
    threads=1,
    peak={"float32": 100.0, "bfloat16": 200.0, "int8": 400.0},
    bandwidth={"L1": 800.0, "L2": 400.0, "L3": 100.0, "DRAM": 20.0},
    capacity={"L1": 32 << 10, "L2": 1 << 20, "L3": 32 << 20},
)


class TwoLayers(nn.Module):
    """Two products with a rectifier between them."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 16)
        self.second = nn.Linear(16, 4)

    def forward(self, x: pyseq.Tensor) -> pyseq.Tensor:
        return self.second(ops.relu(self.first(x)))


class Scanned(nn.Module):
    """A loop over time with two ops in its body."""

    def forward(self, x: pyseq.Tensor, start: pyseq.Tensor) -> pyseq.Tensor:
        def step(x: pyseq.Tensor, total: pyseq.Tensor) -> tuple[pyseq.Tensor, pyseq.Tensor]:
            total = ops.tanh(total + x)
            return total, total

        ys, _ = pyseq.scan(step, x, start)
        return ys


def floats(*shape: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(5).standard_normal(shape).astype(np.float32)


@pytest.fixture(scope="module")
def content() -> bytes:
    return pyseq.export(TwoLayers(), None, {"x": pyseq.Input(floats(2, 8), dims=("batch", 8))})


@pytest.fixture
def program(content: bytes) -> pyseq.Program:
    return pyseq.Program.parse(content)


def test_every_op_of_every_run_is_collected(program: pyseq.Program) -> None:
    x = floats(3, 8)
    expected = program.run("forward", x=x)["output"]
    with program.profile() as profile:
        for _ in range(5):
            np.testing.assert_array_equal(program.run("forward", x=x)["output"], expected)
    rows = {(row.op, row.name): row for row in profile.rows(limits=LIMITS)}
    ops_seen = [node["op"] for node in program.functions[0]["nodes"]]
    assert sorted(op for op, _ in rows) == sorted([*ops_seen, "(outside ops)"])
    assert all(row.calls == 5 for row in rows.values())
    assert sum(row.share for row in rows.values()) == pytest.approx(1)
    first = next(row for row in rows.values() if row.name == "first")
    flops, size = _core.op_cost(
        "linear", {"x": x, "weight": program.tensor("first.weight"), "bias": program.tensor("first.bias")}
    )
    assert first.gflops * first.seconds * 1e9 == pytest.approx(5 * flops)
    assert first.gigabytes * first.seconds * 1e9 == pytest.approx(5 * size)
    assert first.limit_share == pytest.approx(5 * LIMITS.least_seconds(flops, size) / first.seconds)


def test_nothing_is_collected_outside_of_the_block_or_of_other_programs(program: pyseq.Program, content: bytes) -> None:
    x, other = floats(1, 8), pyseq.Program.parse(content)
    program.run("forward", x=x)
    with program.profile() as profile:
        other.run("forward", x=x)
    program.run("forward", x=x)
    assert profile.events().node.size == 0
    assert profile.rows(limits=LIMITS) == []
    with pyseq.Profile() as everything:
        other.run("forward", x=x)
        program.run("forward", x=x)
    assert np.count_nonzero(everything.events().depth == 0) == 2


def test_other_threads_are_not_collected(program: pyseq.Program) -> None:
    with program.profile() as profile:
        thread = threading.Thread(target=lambda: program.run("forward", x=floats(1, 8)))
        thread.start()
        thread.join()
    assert profile.events().node.size == 0


def test_blocks_nest_and_the_inner_one_collects(program: pyseq.Program) -> None:
    x = floats(1, 8)
    with program.profile() as outer:
        with program.profile() as inner:
            program.run("forward", x=x)
        assert outer.events().node.size == 0
        program.run("forward", x=x)
    assert outer.events().node.size == inner.events().node.size > 0
    inner.clear()
    assert inner.events().node.size == 0
    with inner:
        program.run("forward", x=x)
    assert inner.events().node.size == outer.events().node.size


def test_a_profile_is_used_by_one_block_at_a_time(program: pyseq.Program) -> None:
    profile = program.profile()
    with pytest.raises(pyseq.ArgumentError, match="it is not collecting"):
        profile.__exit__()
    with profile:
        with pytest.raises(pyseq.ArgumentError, match="it is collecting already"):
            profile.__enter__()
        errors: list[str] = []

        def stop() -> None:
            try:
                profile.__exit__()
            except pyseq.ArgumentError as error:
                errors.append(str(error))

        thread = threading.Thread(target=stop)
        thread.start()
        thread.join()
        assert errors == ["profile: another thread has started it"]
        inner = program.profile()
        inner.__enter__()
        with pytest.raises(pyseq.ArgumentError, match="started later has not been stopped"):
            profile.__exit__()
        inner.__exit__()
    with pytest.raises(pyseq.ArgumentError, match="by is 'size', expected one of name, op, function"):
        profile.rows(by="size")


def test_a_run_that_fails_leaves_a_profile_that_works(program: pyseq.Program) -> None:
    with program.profile() as profile:
        with pytest.raises(pyseq.ShapeError):
            program.run("forward", x=floats(1, 9))
        with pytest.raises(pyseq.DeadlineError):
            program.run("forward", x=floats(1, 8), deadline=0.0)
        program.run("forward", x=floats(1, 8))
    events = profile.events()
    assert events.depth.min() == 0
    assert events.depth.max() == 1
    assert (events.own_seconds() >= 0).all()


def test_clearing_inside_of_a_run_is_refused(program: pyseq.Program) -> None:
    with program.profile() as profile, pytest.raises(pyseq.ArgumentError, match="inside of a run"):
        program.run("forward", x=floats(1, 8), observe=lambda *_: profile.clear())
    profile.clear()


def test_loops_contain_their_bodies() -> None:
    start = pyseq.Input(floats(2, 3), dims=("batch", 3))
    program = pyseq.Program.parse(pyseq.export(Scanned(), None, {"x": floats(2, 4, 3), "start": start}))
    with program.profile() as profile:
        program.run("forward", x=floats(1, 6, 3), start=floats(1, 3))
    rows = {row.op: row for row in profile.rows(by="op", limits=LIMITS)}
    assert rows["scan"].calls == 1
    assert rows["tanh"].calls == rows["add"].calls == 6
    assert rows["scan"].limit_share is None
    events = profile.events()
    scan = next(i for i, node in enumerate(events.node.tolist()) if events.nodes[node]["op"] == "scan")
    end = events.start[scan] + events.seconds[scan]
    inner = np.flatnonzero(events.depth == events.depth[scan] + 1)
    assert inner.size == 12
    assert (events.start[inner] >= events.start[scan]).all()
    assert (events.start[inner] + events.seconds[inner] <= end + 1e-9).all()
    assert events.own_seconds()[scan] < events.seconds[scan]


def test_the_types_of_the_weights_decide_the_peak(content: bytes) -> None:
    program = pyseq.Program.parse(content, dtype="int8")
    with program.profile() as profile:
        program.run("forward", x=floats(1, 8))
    types = {node["op"]: node["dtype"] for node in profile.events().nodes}
    assert types["linear"] == "int8"


def test_all_steps_of_a_search_are_collected(tmp_path: Path) -> None:
    translator = pyseq.load(write_folder(tmp_path / "model"))
    plain = translator.translate("abc", beam_size=2, max_length=6)
    with translator.program.profile() as profile:
        profiled = translator.translate("abc", beam_size=2, max_length=6)
    assert profiled.ids == plain.ids
    assert profiled.score == plain.score
    rows = {row.function: row for row in profile.rows(by="function", limits=LIMITS)}
    events = profile.events()
    runs = [events.nodes[node]["function"] for node in events.node[events.depth == 0].tolist()]
    assert runs.count("encode") == 1
    assert runs.count("step") >= len(plain.ids)
    assert rows["step"].calls > rows["encode"].calls


def made_up_events() -> Events:
    return Events(
        nodes=[
            {"function": "f", "op": "", "name": "", "dtype": "float32"},
            {"function": "f", "op": "scan", "name": "loop", "dtype": "float32"},
            {"function": "body", "op": "linear", "name": "cell", "dtype": "int8"},
        ],
        node=np.array([0, 1, 2, 2, 0]),
        depth=np.array([0, 1, 2, 2, 0]),
        start=np.array([0.0, 1.0, 2.0, 4.0, 10.0]),
        seconds=np.array([9.0, 6.0, 1.0, 3.0, 1.0]),
        overhead=np.array([0.5, 0.25, 0.5, 0.5, 0.5]),
        flops=np.array([0.0, 0.0, 4e11, 4e11, 0.0]),
        bytes=np.array([0.0, 0.0, 1e9, 1e9, 0.0]),
    )


def test_seconds_are_counted_once() -> None:
    assert made_up_events().own_seconds().tolist() == [2.75, 1.0, 1.0, 3.0, 1.0]
    rows = summarise(made_up_events(), ("op",), LIMITS)
    assert [(row.op, row.calls, row.seconds) for row in rows] == [
        ("linear", 2, 4.0),
        ("(outside ops)", 2, 3.75),
        ("scan", 1, 1.0),
    ]
    linear = rows[0]
    assert linear.share == pytest.approx(4 / 8.75)
    assert linear.gflops == pytest.approx(200)
    assert linear.gigabytes == pytest.approx(0.5)
    assert linear.limit_share == pytest.approx(2 / 4)  # 4e11 at 400 GFLOP/s takes 1 s, 1e9 bytes less


def test_the_table_is_aligned() -> None:
    lines = format_rows(summarise(made_up_events(), ("op",), LIMITS), ("op",)).splitlines()
    assert lines[0].split() == ["op", "calls", "ms", "share", "GFLOP/s", "GB/s", "%", "limit"]
    assert lines[1].split() == ["linear", "2", "4000.000", "45.7%", "200.00", "0.50", "50.0"]
    assert len(lines[0]) == len(lines[1])


def test_the_trace_is_one_that_perfetto_reads(program: pyseq.Program, tmp_path: Path) -> None:
    with program.profile() as profile:
        program.run("forward", x=floats(3, 8))
    profile.save_trace(tmp_path / "trace.json")
    trace = json.loads((tmp_path / "trace.json").read_text())
    complete = [event for event in trace["traceEvents"] if event["ph"] == "X"]
    assert len(complete) == profile.events().node.size
    for event in complete:
        assert event["dur"] >= 0
        assert {"name", "cat", "ts", "pid", "tid"} <= event.keys()
    outer, *inner = complete
    assert outer["cat"] == "function"
    assert {event["name"] for event in inner} >= {"first", "second"}
    for event in inner:
        assert outer["ts"] <= event["ts"]
        assert event["ts"] + event["dur"] <= outer["ts"] + outer["dur"] + 1e-3


def test_the_command_profiles_a_plain_program(content: bytes, tmp_path: Path) -> None:
    file, trace = tmp_path / "model.safetensors", tmp_path / "trace.json"
    file.write_bytes(content)
    finished = pyseq_command("profile", file, "--batch", 3, "--repeat", 2, "--by", "op", "--trace", trace)
    assert finished.returncode == 0, finished.stderr
    assert "runs=2" in finished.stderr
    lines = finished.stdout.splitlines()
    assert lines[0].split()[:3] == ["op", "calls", "ms"]
    assert {line.split()[0] for line in lines[1:]} >= {"linear"}
    assert len(json.loads(trace.read_text())["traceEvents"]) > 4
    printed = json.loads(output_of("profile", file, "--json", "--function", "forward", "--dtype", "int8"))
    assert printed["limits"]["isa"] == pyseq.active_isa()
    assert {row["name"] for row in printed["rows"]} >= {"first", "second"}
    failed = pyseq_command("profile", file, "--function", "backward")
    assert failed.returncode == 1
    assert "no function 'backward', expected forward" in failed.stderr


def test_the_command_profiles_a_translator(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "model")
    by_text = json.loads(output_of("profile", folder, "abc", "--json", "--max-length", 6, "--by", "function"))
    calls = {row["function"]: row["calls"] for row in by_text["rows"]}
    assert calls["step"] > calls["encode"]
    made_up = json.loads(output_of("profile", folder, "--json", "--time", 5, "--repeat", 3, "--by", "function"))
    assert {row["function"] for row in made_up["rows"]} >= {"encode", "step"}
