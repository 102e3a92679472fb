"""The ROC curve of a detector as a picture: words detected over false alarms."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pyseq import _core
from pyseq.viz.plotting import new_axes, save, set_title

if TYPE_CHECKING:
    from pyseq.metrics import RocPoint

LINEAR_UP_TO = 0.1  # alarms per minute: below, the axis is linear, so that 0 has a place


def roc_curve(
    points: Sequence[RocPoint],
    to: str | os.PathLike[str] | None = None,
    *,
    chosen: RocPoint | None = None,
    allowed: float | None = None,
    title: str = "",
) -> Any:
    """Draw the receiver operating characteristic of a detector.

    Args:
        points: what each threshold gives (`pyseq.metrics.roc`).
        to: where to save the picture (.svg, .png, .pdf); None: nowhere.
        chosen: the operating point, marked with its threshold.
        allowed: false alarms per minute that are allowed: a line.
        title: above the curve.

    Returns:
        matplotlib's Axes.

    Raises:
        ArgumentError: no points. UnsupportedError: matplotlib is not installed.
    """
    if not points:
        raise _core.ArgumentError("roc_curve: got no points, expected at least one")
    axes = new_axes("false alarms per minute", "share of words detected")
    ordered = sorted({(point.alarms_per_minute, point.detected) for point in points})
    axes.plot(*zip(*ordered, strict=True), color="#1446a0", marker=".", markersize=4)
    if allowed is not None:
        axes.axvline(allowed, color="#888888", linestyle="--", linewidth=1, label=f"allowed: {allowed:g} per minute")
    if chosen is not None:
        label = f"threshold {chosen.threshold:.4g}: {chosen.detected:.1%}, {chosen.alarms_per_minute:.2g} per minute"
        axes.plot([chosen.alarms_per_minute], [chosen.detected], "o", color="#c0392b", label=label)
    axes.set_xscale("symlog", linthresh=LINEAR_UP_TO)
    axes.set_xlim(left=-LINEAR_UP_TO / 20)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_ylim(0.5 if ordered[-1][1] > 0.75 else 0, 1.01)  # what is good lies high up
    axes.grid(alpha=0.3)
    if chosen is not None or allowed is not None:
        axes.legend(loc="lower right", frameon=False)
    if title:
        set_title(axes.figure, title)
    return save(axes, to)
