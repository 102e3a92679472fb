"""From figures to verdicts: best peer of a precision class, share of the machine's limit, targets met or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.peers.limits import Figures, bound
from bench.peers.model import PRECISIONS, SCALED, Case, Target, peer_of
from bench.peers.workloads import WORKLOADS

Row = dict[str, Any]
TWO_THREAD_BANDWIDTH = 0.85  # share, where reading is the bound


@dataclass(frozen=True)
class Check:
    """One condition of a target."""

    asked: str
    met: bool


@dataclass
class Line:
    """pyseq beside the best peer in one precision class of one case."""

    workload: str
    case: str
    threads: int
    precision: str
    seconds: float | None = None  # of pyseq
    absent: str = ""  # why there is no figure of pyseq
    agrees: bool = True
    best_peer: str = ""
    peer_seconds: float | None = None
    share: float | None = None  # of the limit
    bound_by: str = ""
    scaling: float | None = None  # over one thread
    checks: list[Check] = field(default_factory=list)

    @property
    def ratio(self) -> float | None:
        """pyseq's speed over the best peer's."""
        return self.peer_seconds / self.seconds if self.seconds and self.peer_seconds else None

    @property
    def verdict(self) -> str:
        """ "met", "missed", or why it cannot be said."""
        if self.seconds is None:
            return "missing"
        if not self.agrees:
            return "wrong result"
        if not self.checks:
            return "no target"
        return "met" if all(check.met for check in self.checks) else "missed"


def lines(rows: Sequence[Row], limits: Mapping[int, Figures]) -> list[Line]:
    """Every precision class of every row, one thread first."""
    made: list[Line] = []
    alone: dict[tuple[str, str, str], float] = {}  # seconds with one thread
    for row in sorted(rows, key=lambda row: int(row["threads"])):
        case = WORKLOADS[row["workload"]].build(row["case"], row["threads"])
        for precision in PRECISIONS:
            line = _line(row, case, precision, limits)
            if line is None:
                continue
            key = (line.workload, line.case, precision)
            if line.threads == 1 and line.seconds:
                alone[key] = line.seconds
            elif line.seconds and key in alone:
                line.scaling = alone[key] / line.seconds
            line.checks = _checks(line, case.targets.get(precision, Target()))
            made.append(line)
    return made


def _line(row: Row, case: Case, precision: str, limits: Mapping[int, Figures]) -> Line | None:
    engines = {name: engine for name, engine in row["engines"].items() if engine["precision"] == precision}
    own = {name: engine for name, engine in engines.items() if peer_of(name) == "pyseq"}
    peers = {
        name: engine
        for name, engine in engines.items()
        if name not in own and "median" in engine and engine.get("agrees", True)
    }
    if not own:
        return None
    line = Line(row["workload"], row["case"], row["threads"], precision)
    best = min(peers, key=lambda name: float(peers[name]["median"]), default="")
    if best:
        line.best_peer, line.peer_seconds = best, peers[best]["median"]
    engine = next(iter(own.values()))
    line.agrees = engine.get("agrees", True)
    line.absent = engine.get("missing") or engine.get("error", "")
    line.seconds = engine.get("median")
    least = bound(case.phases, precision, row["threads"], limits)
    if line.seconds and least:
        line.share, line.bound_by = least.seconds / line.seconds, least.kind
    return line


def _checks(line: Line, target: Target) -> list[Check]:
    checks = []
    if target.seconds is not None:
        checks.append(
            Check(f"≤ {target.seconds * 1e6:.2g} µs", line.seconds is not None and line.seconds <= target.seconds)
        )
    if target.ratio is not None:
        checks.append(Check(f"ratio ≥ {target.ratio:g}", line.ratio is not None and line.ratio >= target.ratio))
    if line.threads == 1 and target.share is not None:
        checks.append(Check(f"≥ {target.share:.0%} of limit", line.share is not None and line.share >= target.share))
    if line.threads > 1 and (target.ratio is not None or target.share is not None):
        checks.append(_second_thread(line, target))
    return checks


def _second_thread(line: Line, target: Target) -> Check:
    if line.bound_by == "bandwidth" and target.scaling is None:
        asked = f"≥ {TWO_THREAD_BANDWIDTH:.0%} of bandwidth"
        return Check(asked, line.share is not None and line.share >= TWO_THREAD_BANDWIDTH)
    asked_scaling = SCALED if target.scaling is None else target.scaling
    return Check(f"scaling ≥ {asked_scaling:g}", line.scaling is not None and line.scaling >= asked_scaling)
