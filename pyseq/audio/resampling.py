"""Other sample rates, through soxr."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyseq import _core


def resample(samples: NDArray[np.float32], rate: float, new_rate: float) -> NDArray[np.float32]:
    """The same sound with another number of samples per second (soxr, high quality).

    Args:
        samples: [time] or [time, channels] float32.
        rate: samples per second.
        new_rate: those wanted.

    Returns:
        float32 of about time · new_rate / rate samples.

    Raises:
        UnsupportedError: soxr is not installed.

    Example:
        >>> import numpy as np
        >>> from pyseq import audio
        >>> audio.resample(np.zeros(800, np.float32), 8000, 16000).shape
        (1600,)
    """
    if rate <= 0 or new_rate <= 0:
        raise _core.ArgumentError(f"resample: rates are {rate} and {new_rate}, expected positive numbers")
    if rate == new_rate:
        return samples
    try:
        soxr: Any = importlib.import_module("soxr")
    except ImportError:
        raise _core.UnsupportedError('other sample rates need soxr: pip install "pyseq[audio]"') from None
    changed: NDArray[np.float32] = soxr.resample(np.ascontiguousarray(samples, np.float32), rate, new_rate)
    return changed
