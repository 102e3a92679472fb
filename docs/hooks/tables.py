"""The tables of the site, made from what was measured (bench/) and from the error classes."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
RESULTS = ROOT / "bench" / "RESULTS.json"
QUALITY = ROOT / "bench" / "QUALITY.md"


def row(cells: list[str]) -> str:
    """A line of a table."""
    return f"| {' | '.join(cells)} |"


def table(header: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown."""
    return "\n".join([row(header), row(["---"] * len(header)), *map(row, rows)])


def duration(seconds: float) -> str:
    """1.23 ms."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def speed_machine() -> str:
    """Where and with what the speeds were measured."""
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    return f"{results['date']}, {results['machine']}; {versions}.\n\n    {results['command']}"


def speed_table(threads: int) -> str:
    """A row per case and precision: pyseq's median time beside the fastest other library's."""
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    rows = []
    for measured in results["rows"]:
        if measured["threads"] == threads:
            rows += speed_rows(measured)
    return table(["workload", "case", "precision", "pyseq", "fastest peer", "speed of pyseq over it"], rows)


def speed_rows(measured: dict[str, Any]) -> list[list[str]]:
    """Those of one case: pyseq in each precision, and the fastest peer with the same one and the same results."""
    engines: dict[str, dict[str, Any]] = measured["engines"]
    rows = []
    for name, own in engines.items():
        if not name.startswith("pyseq") or "median" not in own:
            continue
        peers = {
            peer: figures["median"]
            for peer, figures in engines.items()
            if not peer.startswith("pyseq")
            and figures.get("agrees")
            and "median" in figures
            and figures["precision"] == own["precision"]
        }
        best = min(peers, key=lambda peer: peers[peer], default=None)
        against = ["–", "–"]
        if best is not None:
            against = [f"{best} {duration(peers[best])}", f"{peers[best] / own['median']:.2f}"]
        rows.append([measured["workload"], measured["case"], own["precision"], duration(own["median"]), *against])
    return rows


def quality() -> str:
    """What the recipes reach, as bench/QUALITY.md has it, without its title."""
    return QUALITY.read_text(encoding="utf-8").partition("\n")[2].strip()


def error_classes() -> list[type[Exception]]:
    """The error classes of the package, the base class first."""
    import pyseq

    found = [getattr(pyseq, name) for name in pyseq.__all__]
    found = [value for value in found if inspect.isclass(value) and issubclass(value, Exception)]
    return sorted(found, key=lambda error: (len(error.__mro__), error.__name__))


def error_table() -> str:
    """A row per error class: its name, and the builtin that it also is."""
    rows = []
    for error in error_classes():
        ours = [base.__name__ for base in error.__mro__[1:] if base.__module__.startswith("pyseq")]
        builtins = [base.__name__ for base in error.__bases__ if base.__module__ == "builtins"]
        first = (inspect.getdoc(error) or "").split("\n")[0]
        rows.append([f"`pyseq.{error.__name__}`", ", ".join(ours) or "–", ", ".join(builtins) or "–", first])
    return table(["class", "is a", "and the builtin", "meaning"], rows)


TABLES = {
    "speed-machine": speed_machine,
    "speed-1": lambda: speed_table(1),
    "speed-2": lambda: speed_table(2),
    "quality": quality,
    "errors": error_table,
}


def with_tables(text: str) -> str:
    """The page with its tables in the places of `<!-- table: NAME -->`."""
    return re.sub(r"^<!-- table: ([\w-]+) -->$", lambda match: TABLES[match.group(1)](), text, flags=re.MULTILINE)
