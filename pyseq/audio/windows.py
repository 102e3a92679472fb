"""Windows: the weight of every sample of a frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pyseq import _core

NAMES = ("hann", "hamming", "blackman", "povey", "rectangular")


def window(name: str, size: int, periodic: bool = True) -> NDArray[np.float32]:
    """The weights of a frame's samples.

    Args:
        name: "hann", "hamming", "blackman", "povey" (Kaldi's: hann to the power 0.85) or "rectangular".
        size: samples.
        periodic: a period of size samples (for spectra); else of size − 1, so that the window is symmetric.

    Returns:
        [size] float32.

    Raises:
        ArgumentError: another name.

    Source:
        Harris, "On the use of windows for harmonic analysis with the discrete Fourier transform" (1978).

    Example:
        >>> from pyseq import audio
        >>> audio.window("hann", 4)
        array([0. , 0.5, 1. , 0.5], dtype=float32)
    """
    turns = 2 * np.pi * np.arange(size) / max(1, size if periodic else size - 1)
    if name == "hann":
        values = 0.5 - 0.5 * np.cos(turns)
    elif name == "hamming":
        values = 0.54 - 0.46 * np.cos(turns)
    elif name == "blackman":
        values = 0.42 - 0.5 * np.cos(turns) + 0.08 * np.cos(2 * turns)
    elif name == "povey":
        values = (0.5 - 0.5 * np.cos(turns)) ** 0.85
    elif name == "rectangular":
        values = np.ones(size)
    else:
        raise _core.ArgumentError(f"window: name is {name!r}, expected one of {', '.join(NAMES)}")
    return values.astype(np.float32)
