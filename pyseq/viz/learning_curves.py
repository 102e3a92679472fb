"""Learning curves from the metrics of a training run."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pyseq import _core
from pyseq.viz.plotting import new_axes, save

Curves = dict[str, tuple[list[int], list[float]]]


def read_curves(file: str | os.PathLike[str]) -> Curves:
    r"""The metrics of a run by name: steps and values.

    Args:
        file: metrics.csv of a run.

    Raises:
        FormatError: it is not such a file.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from pyseq import viz
        >>> file = Path(tempfile.mkdtemp()) / "metrics.csv"
        >>> _ = file.write_text("step,epoch,seconds,name,value\n1,0,0.1,train/loss,2.5\n2,0,0.2,train/loss,2.0\n")
        >>> viz.read_curves(file)
        {'train/loss': ([1, 2], [2.5, 2.0])}
    """
    curves: Curves = {}
    with Path(file).open(newline="", encoding="utf-8") as opened:
        try:
            for row in csv.DictReader(opened):
                steps, values = curves.setdefault(row["name"], ([], []))
                steps.append(int(row["step"]))
                values.append(float(row["value"]))
        except (KeyError, TypeError, ValueError):
            raise _core.FormatError(f"{os.fspath(file)} does not hold the metrics of a run") from None
    return curves


def learning_curves(
    file: str | os.PathLike[str],
    to: str | os.PathLike[str] | None = None,
    names: Sequence[str] = ("train/loss", "evaluation/loss"),
) -> Any:
    """Draw metrics of a run over its steps.

    Args:
        file: metrics.csv of a run.
        to: where to save the picture (.svg, .png, .pdf); None: nowhere.
        names: the metrics; those that the run does not have are left out.

    Returns:
        matplotlib's Axes.

    Raises:
        ArgumentError: the run has none of these metrics. UnsupportedError: matplotlib is not installed.
    """
    curves = read_curves(file)
    drawn = [name for name in names if name in curves]
    if not drawn:
        raise _core.ArgumentError(
            f"learning_curves: {os.fspath(file)} has none of {', '.join(names)}: {sorted(curves)}"
        )
    axes = new_axes("step", "loss" if all(name.endswith("/loss") for name in drawn) else "")
    for name in drawn:
        axes.plot(*curves[name], label=name)
    axes.legend()
    return save(axes, to)
