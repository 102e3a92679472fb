"""What a person at a terminal sees of a training run."""

from __future__ import annotations

import sys
from typing import Any


class ProgressBar:
    """A line with loss, speed and the time that is left; nothing when quiet or when nobody looks at a terminal.

    Args:
        quiet: show nothing.
        steps: how many the run takes, None: not known.
        first: the step that it starts from.
    """

    def __init__(self, quiet: bool, steps: int | None, first: int) -> None:
        self._bar: Any = None
        if quiet or not sys.stderr.isatty():
            return
        from tqdm import tqdm

        shape = "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}{postfix}]"
        self._bar = tqdm(total=steps, initial=first, unit="step", bar_format=shape, dynamic_ncols=True, leave=False)

    def show(self, step: int, loss: float, speed: float, left: float | None) -> None:
        """Draw it anew (seldom: tqdm looks at the clock)."""
        if self._bar is not None:
            remaining = "" if left is None else f", {clock(left)} left"
            self._bar.set_postfix_str(f"loss {loss:.4f}, {speed:,.0f} tokens/s{remaining}", refresh=False)
            self._bar.update(step - self._bar.n)

    def say(self, text: str) -> None:
        """A line that stays."""
        if self._bar is not None:
            self._bar.write(text, file=sys.stderr)

    def close(self) -> None:
        """Take it away."""
        if self._bar is not None:
            self._bar.close()


def clock(seconds: float) -> str:
    """A time for people: 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
