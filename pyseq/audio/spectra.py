"""Frames and spectra of one sound."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyseq import _core, ops
from pyseq.audio.windows import window as window_of

Samples = NDArray[np.float32]


def frames(samples: Samples, size: int, hop: int) -> Samples:
    """Overlapping pieces of a sound (a view, nothing is copied).

    Args:
        samples: [time].
        size: samples of a frame.
        hop: samples from one frame to the next.

    Returns:
        [⌊(time − size) / hop⌋ + 1, size], no frame when the sound is shorter than one.

    Raises:
        ArgumentError: a size or hop below 1.

    Example:
        >>> import numpy as np
        >>> from pyseq import audio
        >>> audio.frames(np.arange(5, dtype=np.float32), 3, 2)
        array([[0., 1., 2.],
               [2., 3., 4.]], dtype=float32)
    """
    if size < 1 or hop < 1:
        raise _core.ArgumentError(f"frames: size {size} and hop {hop}, expected at least 1")
    if len(samples) < size:
        return np.zeros((0, size), samples.dtype)
    return np.lib.stride_tricks.sliding_window_view(samples, size)[::hop]


def stft(
    samples: Samples, fft_size: int = 512, hop: int | None = None, window: str = "hann", center: bool = True
) -> NDArray[np.complex64]:
    """The short-time Fourier transform (see `ops.stft`).

    Args:
        samples: [time] float32.
        fft_size: samples of a frame and size of the transform, even, without a prime factor above 7.
        hop: samples from one frame to the next; None: a quarter of a frame.
        window: as for `audio.window`.
        center: whether frame t is centred at sample t · hop; the sound is reflected at its ends.

    Returns:
        [frames, fft_size / 2 + 1] complex64.

    Raises:
        ValueError: a size that has no fast transform.

    Example:
        >>> import numpy as np
        >>> from pyseq import audio
        >>> audio.stft(np.ones(1000, np.float32), 256).shape
        (16, 129)
    """
    y = _spectra(samples, fft_size, hop, window, center, "complex")
    bins = fft_size // 2 + 1
    values: NDArray[np.complex64] = y[:, :bins] + np.complex64(1j) * y[:, bins:]
    return values


def power_spectrogram(
    samples: Samples, fft_size: int = 512, hop: int | None = None, window: str = "hann", center: bool = True
) -> Samples:
    """|X|² of `audio.stft`, with the same arguments.

    Returns:
        [frames, fft_size / 2 + 1] float32.

    Example:
        >>> import numpy as np
        >>> from pyseq import audio
        >>> tone = np.sin(np.arange(1000) * np.pi / 4).astype(np.float32)  # an eighth of the rate
        >>> int(audio.power_spectrogram(tone, 256)[5].argmax())
        32
    """
    values: Samples = _spectra(samples, fft_size, hop, window, center, "power")
    return values


def centered(samples: Samples, fft_size: int) -> Samples:
    """The sound with half a frame at both ends, reflected."""
    reach = fft_size // 2
    if len(samples) <= reach:
        raise _core.ShapeError(f"stft: {len(samples)} samples, expected more than {reach} for centred frames")
    return np.pad(samples, reach, mode="reflect")


def _spectra(samples: Samples, fft_size: int, hop: int | None, window: str, center: bool, output: str) -> Any:
    x = np.ascontiguousarray(samples, np.float32)
    x = centered(x, fft_size) if center else x
    return ops.stft(x[None], window_of(window, fft_size), hop=hop or max(1, fft_size // 4), output=output)[0]
