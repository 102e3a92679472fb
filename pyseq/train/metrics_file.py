"""Metrics of a run: a CSV file, and TensorBoard's events when asked for."""

from __future__ import annotations

import csv
import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pyseq import _core

HEADER = ["step", "epoch", "seconds", "name", "value"]


class MetricsFile:
    """One line per value: step, epoch, seconds since the start, name, value.

    Args:
        file: the CSV file; None: values are kept nowhere.
        step: the step that the run goes on from; later lines of an earlier run are removed.
        tensorboard: a folder for TensorBoard's event files; None: none.

    Raises:
        UnsupportedError: TensorBoard's writer is not installed.
    """

    def __init__(self, file: Path | None, step: int = 0, tensorboard: Path | None = None) -> None:
        self._board: Any = None if tensorboard is None else open_tensorboard(tensorboard)
        self._file = None
        if file is not None:
            lines = earlier_lines(file, step) if step else []
            text = "".join(",".join(line) + "\n" for line in [HEADER, *lines])
            _core.write_file(file, text.encode())
            self._file = file.open("a", newline="", encoding="utf-8")
            self._writer = csv.writer(self._file, lineterminator="\n")

    def write(self, step: int, epoch: int, seconds: float, values: Mapping[str, float]) -> None:
        """Add values; they are on disk afterwards, as far as the system tells."""
        if self._file is not None:
            self._writer.writerows([step, epoch, f"{seconds:.3f}", name, repr(v)] for name, v in values.items())
            self._file.flush()
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(name, value, step)

    def close(self) -> None:
        """Close the files."""
        if self._file is not None:
            self._file.close()
        if self._board is not None:
            self._board.close()


def earlier_lines(file: Path, step: int) -> list[list[str]]:
    """The lines of an earlier run up to a step; a last line that was cut off is left out."""
    if not file.exists():
        return []
    with file.open(newline="", encoding="utf-8") as opened:
        lines = [line for line in csv.reader(opened) if len(line) == len(HEADER)]
    return [line for line in lines if line[0].isdigit() and int(line[0]) <= step]


def open_tensorboard(folder: Path) -> Any:
    """A writer of event files."""
    try:
        writer: Any = importlib.import_module("tensorboardX")
    except ImportError:
        raise _core.UnsupportedError(
            'TensorBoard\'s writer is not installed: pip install "pyseq[tensorboard]"'
        ) from None
    return writer.SummaryWriter(str(folder))
