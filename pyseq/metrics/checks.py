"""What all metrics ask of their arguments, and libraries that are imported when a metric needs them."""

from __future__ import annotations

import importlib
from collections.abc import Sized
from typing import Any

from pyseq import _core


def same_number(name: str, hypotheses: Sized, references: Sized) -> None:
    """Raise ArgumentError unless there is one reference (or list of references) per hypothesis, and at least one."""
    if len(hypotheses) != len(references):
        raise _core.ArgumentError(f"{name}: {len(hypotheses)} hypotheses and {len(references)} references")
    if not len(hypotheses):
        raise _core.ArgumentError(f"{name}: no hypotheses, expected one at least")


def library(name: str) -> Any:
    """Import sacrebleu or jiwer.

    Raises:
        UnsupportedError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        raise _core.UnsupportedError(f'this metric needs {name}: pip install "pyseq[metrics]"') from None
