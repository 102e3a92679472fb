"""``pyseq bench``: micro-benchmarks of the ops on this machine."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import asdict
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import typer

import pyseq
from pyseq.cli.table import print_table

if TYPE_CHECKING:
    from pyseq import MachineLimits


class Format(str, Enum):
    """How the figures are printed."""

    table = "table"
    json = "json"
    csv = "csv"


class Storage(str, Enum):
    """Storage types of packed weights."""

    float32 = "float32"
    bfloat16 = "bfloat16"
    int8 = "int8"


def bench(
    ops: Annotated[list[str] | None, typer.Argument(help="Ops to measure (default: all).")] = None,
    output: Annotated[Format, typer.Option("--output", "-o", help="table, json or csv.")] = Format.table,
    budget: Annotated[float, typer.Option(min=0.0, help="Seconds per case.")] = 0.3,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads to use (default: CPUs usable).")] = None,
    isa: Annotated[str | None, typer.Option(help="Instruction-set tier to use (default: the best).")] = None,
    dtype: Annotated[
        Storage | None, typer.Option(help="Only ops with packed weights, stored in this type (default: float32).")
    ] = None,
    limits: Annotated[bool, typer.Option("--limits", help="Show what the machine can do at most, no ops.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="With --limits: measure them again.")] = False,
) -> None:
    """Measure ops: median time of a call, GFLOP/s and GB/s. Or, with --limits, the machine itself."""
    from pyseq.bench.cases import CASES, with_storage
    from pyseq.bench.timing import measure

    if threads is not None:
        pyseq.set_num_threads(threads)
    if isa is not None:
        pyseq.set_isa(isa)
    if limits:
        print_limits([pyseq.machine_limits(count, fresh=fresh) for count in sorted({1, pyseq.num_threads()})], output)
        return
    known = sorted({case.op for case in CASES})
    for name in ops or []:
        if name not in known:
            raise typer.BadParameter(f"no op '{name}'; ops: {', '.join(known)}")
    cases = CASES if dtype is None else with_storage(CASES, dtype.value)
    chosen = [case for case in cases if not ops or case.op in ops]
    if not chosen:
        raise typer.BadParameter(f"--dtype is for ops with packed weights: {', '.join(sorted({c.op for c in cases}))}")
    measured = [asdict(measure(case, budget)) for case in chosen]
    print_measurements(measured, output)


def print_measurements(measured: list[dict[str, Any]], output: Format) -> None:
    """All figures in the wanted form; the machine's description goes with JSON and to standard error."""
    machine = {"version": pyseq.__version__, "isa": pyseq.active_isa(), "threads": pyseq.num_threads()}
    if output is Format.json:
        print(json.dumps({**machine, "cases": measured}))
        return
    if output is Format.csv:
        writer = csv.DictWriter(sys.stdout, list(measured[0]))
        writer.writeheader()
        writer.writerows(measured)
        return
    print(" ".join(f"{name}={value}" for name, value in machine.items()), file=sys.stderr)
    rows = [
        [
            figures["op"],
            figures["label"],
            f"{figures['microseconds']:.1f}",
            f"{figures['gflops']:.1f}",
            f"{figures['gigabytes']:.1f}",
        ]
        for figures in measured
    ]
    print_table(["op", "case", "us", "GFLOP/s", "GB/s"], rows)


def print_limits(measured: list[MachineLimits], output: Format) -> None:
    """Peaks and bandwidths, a column per number of threads."""
    if output is Format.json:
        print(json.dumps([asdict(limits) for limits in measured]))
        return
    header = ["limit", "unit", *(f"threads={limits.threads}" for limits in measured)]
    rows = [
        [f"peak {dtype}", "GFLOP/s", *(f"{limits.peak[dtype]:.1f}" for limits in measured)]
        for dtype in measured[0].peak
    ] + [
        [f"read {level}", "GB/s", *(f"{limits.bandwidth[level]:.1f}" for limits in measured)]
        for level in measured[0].bandwidth
    ]
    if output is Format.csv:
        csv.writer(sys.stdout).writerows([header, *rows])
        return
    print(f"cpu={measured[0].cpu} isa={measured[0].isa}", file=sys.stderr)
    print_table(header, rows)
