"""The ``pyseq`` command. Results go to standard output, messages to standard error."""

from __future__ import annotations

from pyseq.cli.app import main

__all__ = ["main"]
