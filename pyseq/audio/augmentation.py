"""What makes training data more varied: noise, speed, and pieces of spectra left out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pyseq import _core
from pyseq.audio.resampling import resample

Samples = NDArray[np.float32]


def mix_noise(speech: Samples, noise: Samples, snr: float, random: np.random.Generator) -> Samples:
    """Speech over a random piece of noise at a signal-to-noise ratio of 10 log10(Σ speech² / Σ noise²) decibels.

    Args:
        speech: [time] float32.
        noise: [any time]; repeated where it is shorter.
        snr: in decibels.
        random: where the piece begins.

    Returns:
        [time] float32, not scaled back to [−1, 1].

    Raises:
        ShapeError: no noise.

    Example:
        >>> import numpy as np
        >>> from pyseq import audio
        >>> speech, noise = np.ones(100, np.float32), np.full(7, 5, np.float32)
        >>> round(float(audio.mix_noise(speech, noise, 20, np.random.default_rng(0))[0]), 3)
        1.1
    """
    if len(noise) == 0:
        raise _core.ShapeError("mix_noise: noise has no samples")
    begin = int(random.integers(len(noise)))
    piece = np.take(noise, np.arange(begin, begin + len(speech)), mode="wrap")
    signal, disturbance = (float(np.square(x, dtype=np.float64).sum()) for x in (speech, piece))
    gain = np.sqrt(signal / max(disturbance, 1e-20)) * 10 ** (-snr / 20)
    return (speech + np.float32(gain) * piece).astype(np.float32)


def change_speed(samples: Samples, factor: float) -> Samples:
    """Faster speech with higher voices (factor above 1), or slower: the sound resampled.

    Args:
        samples: [time] float32.
        factor: 0.9, 1.0 and 1.1 are usual.

    Returns:
        about time / factor samples.

    Raises:
        UnsupportedError: soxr is not installed.

    Source:
        Ko et al., "Audio augmentation for speech recognition" (2015).

    Example:
        >>> import numpy as np
        >>> from pyseq import audio
        >>> audio.change_speed(np.zeros(1100, np.float32), 1.1).shape
        (1000,)
    """
    return resample(samples, round(1000 * factor), 1000)


def spec_augment(
    x: Samples,
    random: np.random.Generator,
    *,
    time_masks: int = 2,
    time_width: int = 20,
    frequency_masks: int = 2,
    frequency_width: int = 10,
    warp: int = 0,
    value: float | None = None,
) -> Samples:
    """Features with stripes of time and of frequency left out, and time stretched on one side.

    Args:
        x: [frames, width] float32; not changed.
        random: what is left out.
        time_masks: stripes of frames, each 0 to `time_width` (and at most a fifth of all frames) wide.
        time_width: see above.
        frequency_masks: stripes of features, each 0 to `frequency_width` wide.
        frequency_width: see above.
        warp: a frame is moved by up to as many frames, and the others with it; 0: none is.
        value: what stands in the stripes; None: the mean of x.

    Returns:
        [frames, width] float32.

    Source:
        Park et al., "SpecAugment" (2019).

    Example:
        >>> import numpy as np
        >>> from pyseq import audio
        >>> x = audio.spec_augment(np.ones((50, 40), np.float32), np.random.default_rng(0), value=0)
        >>> bool((x == 0).any()), bool((x == 1).any())
        (True, True)
    """
    y = _warped(x, warp, random) if warp > 0 else x.copy()
    fill = np.float32(x.mean()) if value is None else np.float32(value)
    frames, width = x.shape
    for _ in range(time_masks):
        size = int(random.integers(0, min(time_width, frames // 5) + 1))
        begin = int(random.integers(0, frames - size + 1))
        y[begin : begin + size] = fill
    for _ in range(frequency_masks):
        size = int(random.integers(0, min(frequency_width, width) + 1))
        begin = int(random.integers(0, width - size + 1))
        y[:, begin : begin + size] = fill
    return y


def _warped(x: Samples, reach: int, random: np.random.Generator) -> Samples:
    """Frame `center` goes to `center + shift`; in between, frames are interpolated."""
    frames = len(x)
    if frames <= 2 * reach + 1:
        return x.copy()
    center = int(random.integers(reach, frames - reach))
    moved = center + int(random.integers(-reach, reach + 1))
    places = np.interp(np.arange(frames), [0, max(1, moved), frames - 1], [0, center, frames - 1])
    before = np.minimum(places.astype(int), frames - 2)
    share = (places - before).astype(np.float32)[:, None]
    result: Samples = x[before] * (1 - share) + x[before + 1] * share
    return result
