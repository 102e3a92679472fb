"""Measure pyseq and other libraries on the same work, in turn.

    pip install ".[bench]"
    python -m bench.peers.run --out bench/RESULTS.md        everything, with 1 and 2 threads; also writes RESULTS.json
    python -m bench.peers.run --quick                       a few cases with one thread
    python -m bench.peers.run --only linear,"lstm step"     workloads by name, cases by a part of theirs
    python -m bench.peers.run --peers torch --threads 1     pyseq beside one library

Run from the root of the repository on an idle machine. `--merge` keeps the rows of an older JSON file that are not
measured anew.
"""

from __future__ import annotations

import argparse
import datetime
import json
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.peers import limits, machine
from bench.peers.interleave import Row, measure_case
from bench.peers.model import Workload
from bench.peers.report import duration, markdown
from bench.peers.timing import Plan
from bench.peers.worker import Worker
from bench.peers.workloads import WORKLOADS

QUICK = Plan(rounds=3, budget=2)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="Markdown file; the figures go beside it as JSON")
    parser.add_argument("--only", default="", help="names of workloads, or parts of names of cases, comma-separated")
    parser.add_argument("--peers", default="", help="libraries beside pyseq, comma-separated (default: all installed)")
    parser.add_argument("--threads", default="", help="comma-separated (default: 1,2; with --quick 1)")
    parser.add_argument("--quick", action="store_true", help="a few cases, fewer rounds")
    parser.add_argument("--budget", type=float, default=5, help="seconds per case after which 3 rounds are enough")
    parser.add_argument("--merge", type=Path, help="an older JSON file whose other rows are kept")
    return parser.parse_args(arguments)


def selected(only: str, quick: bool) -> Iterator[tuple[Workload, str]]:
    """The cases that are asked for."""
    wanted = [part.strip() for part in only.split(",") if part.strip()]
    for workload in WORKLOADS.values():
        for case in workload.quick if quick and not wanted else workload.cases:
            if not wanted or any(part == workload.name or part in case for part in wanted):
                yield workload, case


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All rows, as they are written to JSON."""
    start = time.monotonic()
    threads = [int(count) for count in (options.threads or ("1" if options.quick else "1,2")).split(",")]
    cases = list(selected(options.only, options.quick))
    if not cases:
        raise SystemExit(f"--only {options.only}: no such case; workloads: {', '.join(WORKLOADS)}")
    result: dict[str, Any] = {
        "date": datetime.datetime.now().isoformat(timespec="minutes"),
        "command": shlex.join(["python", "-m", "bench.peers.run", *sys.argv[1:]]),
        "machine": machine.describe(),
        "versions": machine.versions(),
        "load": machine.load(),
        "limits": limits.measure(threads),
        "rows": [],
    }
    peers = set(options.peers.split(",")) | {"pyseq"} if options.peers else None
    names = [name for name in machine.available() if peers is None or name in peers]
    plan = QUICK if options.quick else Plan(budget=options.budget)
    for count in threads:
        result["rows"] += rows_with(count, cases, names, plan)
    result["limits"] = limits.best(result["limits"], limits.measure(threads))  # what the whole run saw
    result["minutes"] = (time.monotonic() - start) / 60
    return result


def rows_with(threads: int, cases: Sequence[tuple[Workload, str]], names: Sequence[str], plan: Plan) -> Iterator[Row]:
    """The rows of one thread count, printed as they come."""
    workers = {name: Worker(threads) for name in names}
    try:
        for workload, case in cases:
            row = measure_case(workload.name, case, workload.build(case, threads), threads, workers, plan)
            print(_line(row), flush=True)
            yield row
    finally:
        for worker in workers.values():
            worker.close()


def _line(row: Row) -> str:
    engines = (
        f"{name} {duration(engine['median']) if 'median' in engine else engine.get('missing') or engine.get('error')}"
        for name, engine in row["engines"].items()
    )
    return f"{row['threads']} {row['workload']} {row['case']}: {', '.join(engines)}"


def merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The new rows in the places of the old ones. All commands are told, and the best limits that any run saw."""
    fresh = {(row["workload"], row["case"], row["threads"]): row for row in new["rows"]}
    rows = [fresh.pop((row["workload"], row["case"], row["threads"]), row) for row in old["rows"]]
    before = {int(threads): figures for threads, figures in old["limits"].items()}
    command = f"{old['command']}\n    {new['command']}"
    minutes = old["minutes"] + new["minutes"]
    known = limits.best(before, new["limits"])
    return {**new, "command": command, "minutes": minutes, "rows": rows + list(fresh.values()), "limits": known}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, then write or print the report."""
    options = parse(arguments)
    result = measure(options)
    if options.merge:
        result = merged(json.loads(options.merge.read_text()), result)
    if options.out is None:
        print(markdown(result))
        return
    options.out.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")
    options.out.write_text(markdown(result))


if __name__ == "__main__":
    main()
