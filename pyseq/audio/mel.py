"""Mel scales, and the triangular filters that stand at equal distances on them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyseq import _core

# Slaney's scale is linear up to 1000 Hz (15 mel), then 27 mel take a factor of 6.4.
_SLANEY_STEP, _SLANEY_KNEE, _SLANEY_GROWTH = 200 / 3, 1000.0, np.log(6.4) / 27
SCALES = ("htk", "slaney")


def mel_of_hertz(hertz: ArrayLike, scale: str = "htk") -> NDArray[np.float64]:
    """Mel of frequencies: "htk", 1127 ln(1 + f / 700), or "slaney", f / 66.7 up to 1000 Hz, logarithmic from there.

    Args:
        hertz: frequencies.
        scale: "htk" (Kaldi's too) or "slaney" (Whisper's and librosa's).

    Returns:
        float64 of the same shape.

    Raises:
        ArgumentError: another scale.

    Source:
        O'Shaughnessy, "Speech communication" (1987); Slaney, "Auditory toolbox" (1998).

    Example:
        >>> from pyseq import audio
        >>> round(float(audio.mel_of_hertz(1000, "slaney")), 6)
        15.0
    """
    f = np.asarray(hertz, np.float64)
    if _is_htk(scale):
        return np.asarray(1127 * np.log1p(f / 700))
    bent = _SLANEY_KNEE / _SLANEY_STEP + np.log(np.maximum(f, _SLANEY_KNEE) / _SLANEY_KNEE) / _SLANEY_GROWTH
    return np.asarray(np.where(f < _SLANEY_KNEE, f / _SLANEY_STEP, bent))


def hertz_of_mel(mel: ArrayLike, scale: str = "htk") -> NDArray[np.float64]:
    """The inverse of `mel_of_hertz`.

    Args:
        mel: places on the scale.
        scale: "htk" or "slaney".

    Returns:
        float64 of the same shape.

    Raises:
        ArgumentError: another scale.

    Example:
        >>> from pyseq import audio
        >>> round(float(audio.hertz_of_mel(15, "slaney")), 6)
        1000.0
    """
    m = np.asarray(mel, np.float64)
    if _is_htk(scale):
        return np.asarray(700 * np.expm1(m / 1127))
    knee = _SLANEY_KNEE / _SLANEY_STEP
    bent = _SLANEY_KNEE * np.exp(_SLANEY_GROWTH * (np.maximum(m, knee) - knee))
    return np.asarray(np.where(m < knee, _SLANEY_STEP * m, bent))


def mel_filters(
    num_filters: int,
    fft_size: int,
    rate: int,
    low: float = 0.0,
    high: float | None = None,
    *,
    scale: str = "htk",
    slopes: str = "hertz",
    equal_area: bool = False,
) -> NDArray[np.float32]:
    """Triangles that overlap by half, equally far from each other on a mel scale.

    Args:
        num_filters: how many.
        fft_size: of the spectra that they weigh.
        rate: samples per second.
        low: where the first one begins, in Hz.
        high: where the last one ends; None: half of the rate.
        scale: "htk" or "slaney".
        slopes: in what the sides of the triangles are straight: "hertz", or "mel" (Kaldi's).
        equal_area: divide each by half its width in Hz (Slaney's).

    Returns:
        [num_filters, fft_size / 2 + 1] float32.

    Raises:
        ArgumentError: frequencies that are not 0 ≤ low < high ≤ rate / 2, or another name.

    Source:
        Davis and Mermelstein, "Comparison of parametric representations for monosyllabic word recognition" (1980).

    Example:
        >>> from pyseq import audio
        >>> audio.mel_filters(2, 8, 8000).round(2)
        array([[0.  , 0.68, 0.  , 0.  , 0.  ],
               [0.  , 0.32, 0.91, 0.45, 0.  ]], dtype=float32)
    """
    end = rate / 2 if high is None else high
    if not 0 <= low < end <= rate / 2 or num_filters < 1:
        raise _core.ArgumentError(
            f"mel_filters: {num_filters} filters from {low} to {end} Hz at a rate of {rate}, expected at least one, "
            f"and 0 <= low < high <= {rate / 2}"
        )
    if slopes not in ("hertz", "mel"):
        raise _core.ArgumentError(f"mel_filters: slopes is {slopes!r}, expected hertz or mel")
    mels = np.linspace(mel_of_hertz(low, scale), mel_of_hertz(end, scale), num_filters + 2)
    corners = hertz_of_mel(mels, scale)
    bins = np.arange(fft_size // 2 + 1) * (rate / fft_size)
    edges, places = (corners, bins) if slopes == "hertz" else (mels, mel_of_hertz(bins, scale))
    left, center, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    triangles = np.maximum(0, np.minimum((places - left) / (center - left), (right - places) / (right - center)))
    if equal_area:
        triangles *= 2 / (corners[2:] - corners[:-2])[:, None]
    return triangles.astype(np.float32)


def _is_htk(scale: str) -> bool:
    if scale not in SCALES:
        raise _core.ArgumentError(f"mel: scale is {scale!r}, expected one of {', '.join(SCALES)}")
    return scale == "htk"
