"""A sound as a picture: time, frequency, and how strong it is."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyseq import audio
from pyseq.viz.plotting import new_axes, save

Samples = NDArray[np.float32]
DYNAMIC_RANGE = 80.0  # decibels below the loudest that are shown


def spectrogram(samples: Samples, rate: int, mel: int = 0) -> Samples:
    """Decibels below the loudest place, at most 80, of frames of 25 ms every 10 ms.

    Args:
        samples: [time] float32.
        rate: samples per second.
        mel: mel filters in place of frequencies; 0: none.

    Returns:
        [frames, frequencies] float32, 0 at the loudest place.

    Example:
        >>> import numpy as np
        >>> from pyseq import viz
        >>> viz.spectrogram(np.sin(np.arange(8000, dtype=np.float32)), 8000, mel=40).shape
        (100, 40)
    """
    logs = audio.Features(audio.log_mel(rate, mel, floor=1e-10))(samples) * np.float32(10 / np.log(10))
    found: Samples = np.maximum(logs - logs.max(initial=-100), -DYNAMIC_RANGE)
    return found


def spectrogram_plot(samples: Samples, rate: int, to: str | os.PathLike[str] | None = None, mel: int = 0) -> Any:
    """Draw a spectrogram.

    Args:
        samples: [time] float32.
        rate: samples per second.
        to: where to save the picture (.svg, .png, .pdf); None: nowhere.
        mel: mel filters in place of frequencies; 0: none.

    Returns:
        matplotlib's Axes.

    Raises:
        UnsupportedError: matplotlib is not installed.
    """
    values = spectrogram(samples, rate, mel)
    axes = new_axes("seconds", "mel filter" if mel else "Hz")
    extent = (0, len(samples) / rate, 0, mel or rate / 2)
    image = axes.imshow(values.T, origin="lower", aspect="auto", extent=extent, cmap="magma")
    axes.figure.colorbar(image, ax=axes, label="dB")
    return save(axes, to)
