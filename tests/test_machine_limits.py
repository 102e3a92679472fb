"""Machine limits: measured figures that are plausible, kept between processes, and asked for by the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from test_cli import output_of

import pyseq
from pyseq import _core, machine
from pyseq.bench.timing import sample
from pyseq.machine import MachineLimits


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(machine, "SECONDS", 0.01)
    return tmp_path / "pyseq" / "limits.json"


def some_limits() -> MachineLimits:
    return MachineLimits(
        cpu="a processor",
        isa="v3",
        threads=2,
        peak={"float32": 100.0, "bfloat16": 200.0, "int8": 400.0},
        bandwidth={"L1": 800.0, "L2": 400.0, "L3": 100.0, "DRAM": 20.0},
        capacity={"L1": 64 << 10, "L2": 2 << 20, "L3": 32 << 20},
    )


@pytest.mark.parametrize("isa", pyseq.available_isas())
@pytest.mark.parametrize("dtype", machine.PEAK_TYPES)
def test_peaks_of_every_tier(isa: str, dtype: str) -> None:
    before = pyseq.active_isa()
    pyseq.set_isa(isa)
    try:
        peak = _core.measure_peak(dtype, 0.01)
    finally:
        pyseq.set_isa(before)
    assert 1e8 < peak < 1e13 * pyseq.num_threads()


def test_a_product_stays_below_the_peak() -> None:
    x = np.ones((256, 256), np.float32)
    weight = _core.pack_weight(x)
    before = pyseq.num_threads()
    pyseq.set_num_threads(1)
    try:
        peak = max(_core.measure_peak("float32", 0.05) for _ in range(4))
        best = min(sample(lambda: pyseq.ops.linear(x, weight), 0.1))
    finally:
        pyseq.set_num_threads(before)
    assert 2 * 256**3 / best < 1.3 * peak  # clocks may rise between the two


def test_errors_of_the_measuring_functions() -> None:
    with pytest.raises(pyseq.ArgumentError, match='dtype is "float64", expected float32, bfloat16 or int8'):
        _core.measure_peak("float64")
    with pytest.raises(pyseq.ArgumentError, match="bytes_per_thread is 3, expected 4 KiB to 4 GiB"):
        _core.measure_read_bandwidth(3)


def test_limits_are_measured_once_and_kept(own_cache: Path) -> None:
    first = pyseq.machine_limits(1)
    assert first.threads == 1
    assert first.isa == pyseq.active_isa()
    assert all(rate > 0 for rate in [*first.peak.values(), *first.bandwidth.values()])
    assert pyseq.machine_limits(1) == first
    (entry,) = json.loads(own_cache.read_text()).values()
    assert entry["peak"] == first.peak
    kept = json.loads(own_cache.read_text())
    next(iter(kept.values()))["peak"]["float32"] = 1.5
    own_cache.write_text(json.dumps(kept))
    assert pyseq.machine_limits(1).peak["float32"] == 1.5
    assert pyseq.machine_limits(1, fresh=True).peak["float32"] != 1.5


@pytest.mark.parametrize("damage", ["", "[]", "{", '{"key": 3}'])
def test_a_damaged_file_is_measured_anew(own_cache: Path, damage: str) -> None:
    own_cache.parent.mkdir()
    own_cache.write_text(damage)
    limits = pyseq.machine_limits(1)
    assert pyseq.machine_limits(1) == limits


def test_a_cache_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert pyseq.machine_limits(1).peak["float32"] > 0


def test_measuring_leaves_the_number_of_threads() -> None:
    before = pyseq.num_threads()
    machine.measure(1)
    assert pyseq.num_threads() == before


def test_the_nearer_limit_counts() -> None:
    limits = some_limits()
    assert [limits.level_of(size) for size in (1 << 10, 1 << 20, 3 << 20, 1 << 30)] == ["L1", "L2", "L3", "DRAM"]
    assert limits.least_seconds(1e9, 0) == pytest.approx(0.01)
    assert limits.least_seconds(1e9, 0, "int8") == pytest.approx(0.0025)
    assert limits.least_seconds(0, 1e9) == pytest.approx(0.05)
    assert limits.least_seconds(1e9, 1e9) == pytest.approx(0.05)
    assert limits.least_seconds(1e10, 1e9) == pytest.approx(0.1)


def test_sizes_of_caches(tmp_path: Path) -> None:
    for index, (level, kind, size) in enumerate(
        [(1, "Data", "48K"), (1, "Instruction", "32K"), (2, "Unified", "2048K")]
    ):
        folder = tmp_path / f"index{index}"
        folder.mkdir()
        (folder / "level").write_text(f"{level}\n")
        (folder / "type").write_text(f"{kind}\n")
        (folder / "size").write_text(f"{size}\n")
    assert machine.cache_sizes(tmp_path) == {"L1": 48 << 10, "L2": 2 << 20, "L3": machine.USUAL_CACHES["L3"]}
    assert machine.cache_sizes(tmp_path / "absent") == machine.USUAL_CACHES


def test_bench_limits_prints_them() -> None:
    printed = json.loads(output_of("bench", "--limits", "--threads", 1, "--output", "json"))
    assert [entry["threads"] for entry in printed] == [1]
    assert printed[0]["peak"]["float32"] > 0
    rows = [line.split(",") for line in output_of("bench", "--limits", "--threads", 1, "-o", "csv").splitlines()]
    assert rows[0] == ["limit", "unit", "threads=1"]
    assert [row[0] for row in rows[1:]] == [
        *(f"peak {dtype}" for dtype in machine.PEAK_TYPES),
        *(f"read {level}" for level in ("L1", "L2", "L3", "DRAM")),
    ]
