"""The report in Markdown: a table of verdicts per thread count, then every engine's median."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench.peers.limits import Figures
from bench.peers.verdict import Line, lines

LIMIT_NAMES = {
    "float32": ("float32 multiply-add", "GFLOP/s"),
    "bfloat16": ("bfloat16 dot", "GFLOP/s"),
    "int8": ("int8 dot", "GOP/s"),
    "l1": ("read L1", "GB/s"),
    "l2": ("read L2", "GB/s"),
    "l3": ("read L3", "GB/s"),
    "memory": ("read memory", "GB/s"),
}
EXPLANATION = """\
Every library has a process of its own and gets the same weights and inputs; results are compared before anything is
timed. Engines are timed in turn, A B C A B C …: a pause, uncounted calls, then samples for 30 ms; 3 to 7 rounds, more
where the hypervisor took processor time. Figures are medians; ratios are to be compared, absolute times move with what
else the machine does.

*ratio*: speed over the fastest library's in the same precision class (engines whose results differ too much do not
count). *limit*: least time under the machine's limits over the time taken, with what sets it: arithmetic at peak, or
every operand read once from the level that can hold it (recurrent weights once per step), phases that depend on each
other added up. More than 100 % means that a nearer level held a part. *target*: for one thread; with more, a row must
also be 1.85 times as fast as with one thread, or reach 85 % of the bandwidth where that is the bound (whole models and
sound: not slower than with one thread). A dash: no figure. `LIMITS.md` tells what limits rows that miss their target.
"""


def markdown(result: Mapping[str, Any]) -> str:
    """The whole report from what the JSON file holds."""
    limits: dict[int, Figures] = {int(threads): figures for threads, figures in result["limits"].items()}
    compared = lines(result["rows"], limits)
    parts = [
        "# pyseq beside other libraries\n",
        f"    {result['command']}\n",
        _machine(result),
        EXPLANATION,
    ]
    parts += [_summary(compared), _limits(limits)]
    for threads in sorted({line.threads for line in compared}):
        parts.append(_verdicts([line for line in compared if line.threads == threads], threads))
    parts.append(_medians(result["rows"]))
    return "\n".join(part for part in parts if part)


def _machine(result: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    load = "" if result.get("load") is None else f" Load when it started: {result['load']:.1f}."
    return f"{result['date']}, {result['machine']}, {result['minutes']:.1f} minutes.{load}\n{versions}.\n"


def _summary(compared: Sequence[Line]) -> str:
    counts: dict[str, int] = {}
    for line in compared:
        counts[line.verdict] = counts.get(line.verdict, 0) + 1
    return "Rows: " + ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items())) + ".\n"


def _limits(limits: Mapping[int, Figures]) -> str:
    if not limits:
        return "The machine's limits were not measured.\n"
    counts = sorted(limits)
    text = ["## Limits of this machine\n", _row("", *(_threads(count) for count in counts)), _rule(1 + len(counts))]
    for key, (name, unit) in LIMIT_NAMES.items():
        if any(key in limits[count] for count in counts):
            figures = (f"{limits[count][key] / 1e9:.0f}" if key in limits[count] else "-" for count in counts)
            text.append(_row(f"{name}, {unit}", *figures))
    return "\n".join(text) + "\n"


def _verdicts(compared: Sequence[Line], threads: int) -> str:
    heads = ["work", "precision", "pyseq", "best peer", "ratio", "limit", *(["scaling"] if threads > 1 else [])]
    heads += ["target", "verdict"]
    text = [f"## {_threads(threads)}\n", _row(*heads), _rule(len(heads))]
    for line in compared:
        cells = [f"{line.workload} {line.case}", line.precision, duration(line.seconds), _peer(line)]
        cells += [_number(line.ratio), "-" if line.share is None else f"{line.share:.0%} {line.bound_by}"]
        cells += [_number(line.scaling)] if threads > 1 else []
        text.append(_row(*cells, ", ".join(check.asked for check in line.checks) or "-", _verdict(line)))
    return "\n".join(text) + "\n"


def _peer(line: Line) -> str:
    return f"{line.best_peer.partition(':')[0]} {duration(line.peer_seconds)}" if line.best_peer else "-"


def _verdict(line: Line) -> str:
    failed = [check.asked for check in line.checks if not check.met]
    if line.verdict == "missing":
        return f"missing: {line.absent}" if line.absent else "missing"
    return f"missed: {', '.join(failed)}" if line.verdict == "missed" else line.verdict


def _medians(rows: Sequence[Mapping[str, Any]]) -> str:
    text = ["## Every engine\n", _row("work", "threads", "medians"), _rule(3)]
    for row in rows:
        engines = " · ".join(f"{name} {_engine(engine)}" for name, engine in row["engines"].items())
        text.append(_row(f"{row['workload']} {row['case']}", str(row["threads"]), engines))
    return "\n".join(text) + "\n"


def _engine(engine: Mapping[str, Any]) -> str:
    if "median" not in engine:
        return "missing" if "missing" in engine else f"failed ({engine.get('error', 'no reason given')[:60]})"
    return duration(engine["median"]) + ("" if engine.get("agrees", True) else " (other result)")


def duration(seconds: float | None) -> str:
    """Three digits in µs or ms."""
    if seconds is None:
        return "-"
    return f"{seconds * 1e6:.3g} µs" if seconds < 1e-3 else f"{seconds * 1e3:.4g} ms"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _rule(columns: int) -> str:
    return "|" + "---|" * columns
