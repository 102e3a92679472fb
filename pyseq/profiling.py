"""Profile: where the time of a program goes, op by op, and how near each op comes to the machine's limits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyseq import _core
from pyseq.machine import MachineLimits, machine_limits

GROUPINGS = {"name": ("function", "op", "name"), "op": ("op",), "function": ("function",)}
COLUMNS = ("calls", "ms", "share", "GFLOP/s", "GB/s", "% limit")
OUTSIDE = "(outside ops)"  # planning, arguments and results of a run


@dataclass(frozen=True)
class ProfileRow:
    """What one op of a program took, or several that were put together. Fields that differ among them are empty."""

    function: str
    op: str
    name: str  # module path
    calls: int
    seconds: float  # without ops inside of it (bodies of loops)
    share: float  # of all seconds
    gflops: float  # per second
    gigabytes: float  # per second, every operand read or written once
    limit_share: float | None  # of the nearer limit: peak arithmetic or bandwidth; None where nothing is computed


@dataclass(frozen=True)
class Events:
    """Every call in the order in which it began; the figures of a call stand at one index."""

    nodes: list[dict[str, str]]
    node: NDArray[np.int64]
    depth: NDArray[np.int64]
    start: NDArray[np.float64]
    seconds: NDArray[np.float64]
    overhead: NDArray[np.float64]  # what collecting the call took, a part of the calls around it
    flops: NDArray[np.float64]
    bytes: NDArray[np.float64]

    def own_seconds(self) -> NDArray[np.float64]:
        """Seconds without those of the calls inside, and without what collecting them took."""
        own = self.seconds.copy()
        for depth in range(1, int(self.depth.max(initial=0)) + 1):
            inner = np.flatnonzero(self.depth == depth)
            outer = np.flatnonzero(self.depth == depth - 1)
            parents = outer[np.searchsorted(outer, inner) - 1]
            np.subtract.at(own, parents, self.seconds[inner] + self.overhead[inner])
        return np.maximum(own, 0.0)


class Profile:
    """Collects what the runs of a `with` block take, on the thread that entered it; made by `Program.profile`.

    Everything that runs the program is collected: `Program.run`, and every step of a `Translator`'s search. Profiling
    costs a fraction of a microsecond per op, which is not counted.

    Args:
        program: collect this program's runs alone.

    Example:
        >>> import numpy as np, pyseq
        >>> from pyseq import nn
        >>> program = pyseq.Program.parse(pyseq.export(nn.ReLU(), None, {"x": np.ones((2, 3), np.float32)}))
        >>> with program.profile() as profile:
        ...     y = program.run("forward", x=np.ones((4, 8), np.float32))
        >>> [(row.op, row.calls) for row in profile.rows(by="op") if row.op == "relu"]
        [('relu', 1)]
    """

    def __init__(self, program: _core.Program | None = None) -> None:
        self._core = _core.Profile(program)

    def __enter__(self) -> Profile:
        self._core.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._core.stop()

    def clear(self) -> None:
        """Forget what was collected: after runs that warm up."""
        self._core.clear()

    def events(self) -> Events:
        """Every call."""
        return Events(self._core.nodes(), *self._core.events())

    def rows(self, by: str = "name", limits: MachineLimits | None = None) -> list[ProfileRow]:
        """What was collected, the longest first.

        Args:
            by: "name" for every op of the program, "op" for all ops of a kind, "function" for all of a function.
            limits: what the shares of the limit refer to; None for `pyseq.machine_limits()`, which measures for a
                second when it is called for the first time on a machine.

        Raises:
            ArgumentError: an unknown `by`.
        """
        if by not in GROUPINGS:
            raise _core.ArgumentError(f"profile: by is {by!r}, expected one of {', '.join(GROUPINGS)}")
        return summarise(self.events(), GROUPINGS[by], limits or machine_limits())

    def table(self, by: str = "name", limits: MachineLimits | None = None) -> str:
        """The rows as aligned text."""
        return format_rows(self.rows(by, limits), GROUPINGS[by])

    def as_json(self, by: str = "name", limits: MachineLimits | None = None) -> str:
        """The rows and the machine's limits as a JSON object."""
        limits = limits or machine_limits()
        return json.dumps({"limits": asdict(limits), "rows": [asdict(row) for row in self.rows(by, limits)]})

    def trace(self) -> dict[str, Any]:
        """The calls as a Chrome trace, which Perfetto and chrome://tracing show."""
        return chrome_trace(self.events())

    def save_trace(self, file: str | PathLike[str]) -> None:
        """Write the Chrome trace as a JSON file."""
        Path(file).write_text(json.dumps(self.trace()), encoding="utf-8")


def summarise(events: Events, grouping: tuple[str, ...], limits: MachineLimits) -> list[ProfileRow]:
    """The calls of each group put together."""
    own = events.own_seconds()
    total = float(own.sum()) or 1.0
    least = [
        limits.least_seconds(flops, size, events.nodes[node]["dtype"])
        for node, flops, size in zip(events.node.tolist(), events.flops.tolist(), events.bytes.tolist(), strict=True)
    ]
    groups: dict[tuple[str, ...], list[int]] = {}
    for index, node in enumerate(events.node.tolist()):
        groups.setdefault(tuple(described(events.nodes[node])[field] for field in grouping), []).append(index)
    rows = []
    for key, indices in groups.items():
        seconds = float(own[indices].sum())
        at_least = sum(least[index] for index in indices)
        named = dict(zip(grouping, key, strict=True))
        rows.append(
            ProfileRow(
                function=named.get("function", ""),
                op=named.get("op", ""),
                name=named.get("name", ""),
                calls=len(indices),
                seconds=seconds,
                share=seconds / total,
                gflops=float(events.flops[indices].sum()) / max(seconds, 1e-12) / 1e9,
                gigabytes=float(events.bytes[indices].sum()) / max(seconds, 1e-12) / 1e9,
                limit_share=at_least / max(seconds, 1e-12) if at_least else None,
            )
        )
    return sorted(rows, key=lambda row: -row.seconds)


def described(node: Mapping[str, str]) -> dict[str, str]:
    """A node's fields; the run of a function itself is what happens outside of its ops."""
    return {**node, "op": node["op"] or OUTSIDE}


def format_rows(rows: list[ProfileRow], grouping: tuple[str, ...]) -> str:
    """Aligned columns, texts to the left and numbers to the right."""
    lines = [[*grouping, *COLUMNS]]
    for row in rows:
        texts = [str(getattr(row, field)) for field in grouping]
        limit = "" if row.limit_share is None else f"{100 * row.limit_share:.1f}"
        rates = [f"{row.gflops:.2f}", f"{row.gigabytes:.2f}", limit]
        lines.append([*texts, str(row.calls), f"{1e3 * row.seconds:.3f}", f"{100 * row.share:.1f}%", *rates])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            text.ljust(width) if place < len(grouping) else text.rjust(width)
            for place, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def chrome_trace(events: Events) -> dict[str, Any]:
    """Complete events with times in microseconds; calls that lie inside of others are shown below them."""
    trace: list[dict[str, Any]] = [
        {"ph": "M", "name": "process_name", "pid": 1, "tid": 1, "args": {"name": "pyseq"}},
    ]
    for index, number in enumerate(events.node.tolist()):
        node = events.nodes[number]
        entry: dict[str, Any] = {
            "ph": "X",
            "pid": 1,
            "tid": 1,
            "name": node["name"] or node["function"],
            "cat": node["op"] or "function",
            "ts": float(events.start[index]) * 1e6,
            "dur": float(events.seconds[index]) * 1e6,
        }
        if node["op"]:
            entry["args"] = {
                "op": node["op"],
                "function": node["function"],
                "dtype": node["dtype"],
                "flops": float(events.flops[index]),
                "bytes": float(events.bytes[index]),
            }
        trace.append(entry)
    return {"traceEvents": trace, "displayTimeUnit": "ns"}
