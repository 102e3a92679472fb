"""The machine's limits, measured by `limits.cpp`, and the least time that work takes under them."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.peers.model import Phase

SOURCE = Path(__file__).with_name("limits.cpp")
FLAGS = ["-O3", "-march=native", "-std=c++17", "-ffp-contract=fast", "-pthread"]
# A level holds what is read again and again when this share of it suffices; the rest serves other data.
L2_SHARE, L3_SHARE = 0.9, 0.75
REPEATS = 2

Figures = Mapping[str, float]  # "float32", …: operations per second; "l2", "l3", "memory": bytes per second


def measure(threads: Sequence[int]) -> dict[int, Figures]:
    """Per thread count; empty without a compiler, since a report is useful without limits as well."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder, "limits")
        try:
            subprocess.run([os.environ.get("CXX", "g++"), *FLAGS, str(SOURCE), "-o", str(program)], check=True)
            runs = [
                {count: json.loads(subprocess.check_output([str(program), str(count)])) for count in threads}
                for _ in range(REPEATS)
            ]
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"limits are not measured: {error}")
            return {}
    return best(*runs)


def best(*runs: Mapping[int, Figures]) -> dict[int, Figures]:
    """The largest figure of several runs: a busy neighbour makes a machine look slower than it is, never faster."""
    merged: dict[int, dict[str, float]] = {}
    for run in runs:
        for threads, figures in run.items():
            known = merged.setdefault(threads, {})
            known.update({name: max(figure, known.get(name, 0.0)) for name, figure in figures.items()})
    return dict(merged)


def cache_bytes(level: int, default: int) -> int:
    """Size of one cache of a level, as Linux tells it."""
    for index in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*"):
        try:
            if (index / "level").read_text().strip() == str(level):
                return int((index / "size").read_text().strip().removesuffix("K")) * 1024
        except (OSError, ValueError):
            break
    return default


def level_of(working_set: float, threads: int) -> str:
    """Where data of that size stays between two readings. Every core has an L2 of its own, all share the L3."""
    if working_set <= L2_SHARE * cache_bytes(2, 1 << 20) * threads:
        return "l2"
    return "l3" if working_set <= L3_SHARE * cache_bytes(3, 32 << 20) else "memory"


@dataclass(frozen=True)
class Bound:
    """The least seconds of a case and what sets them."""

    compute: float  # seconds of the phases that arithmetic bounds
    bandwidth: float  # of those that reading bounds

    @property
    def seconds(self) -> float:
        """Of all phases, one after the other."""
        return self.compute + self.bandwidth

    @property
    def kind(self) -> str:
        """What bounds the larger part: "compute" or "bandwidth"."""
        return "compute" if self.compute >= self.bandwidth else "bandwidth"


def bound(phases: Sequence[Phase], precision: str, threads: int, limits: Mapping[int, Figures]) -> Bound | None:
    """None where the machine's limits or the work are unknown."""
    figures = limits.get(threads, {})
    if not phases or not figures or (precision not in figures and any(phase.flops for phase in phases)):
        return None
    compute = bandwidth = 0.0
    for phase in phases:
        arithmetic = phase.flops / figures[precision] if phase.flops else 0.0
        reading = phase.bytes(precision) / figures[level_of(phase.working_set(precision), threads)]
        if arithmetic >= reading:
            compute += arithmetic
        else:
            bandwidth += reading
    return Bound(compute, bandwidth)
