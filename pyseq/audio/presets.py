"""Features as other projects compute them: Whisper's log-mel, Kaldi's filter banks and cepstra."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyseq.audio.features import FeatureOptions, Features
from pyseq.audio.spectra import centered

Samples = NDArray[np.float32]
WHISPER_RATE, WHISPER_FFT, WHISPER_HOP = 16000, 400, 160
WHISPER_SECONDS = 30
KALDI_FLOOR = float(np.finfo(np.float32).eps)


def log_mel(rate: int = 16000, num_filters: int = 80, **others: Any) -> FeatureOptions:
    """Log-mel spectra for models of one's own: frames of 25 ms every 10 ms, padded so that every hop has a frame.

    Args:
        rate: samples per second.
        num_filters: mel filters.
        others: fields of `FeatureOptions` that differ.

    Returns:
        the options.

    Example:
        >>> from pyseq import audio
        >>> audio.log_mel(8000, 40).num_frames(8000)
        100
    """
    size, hop = rate // 40, rate // 100
    before = (size - hop) // 2
    chosen: dict[str, Any] = {
        "rate": rate,
        "window_size": size,
        "hop": hop,
        "padding": (before, size - hop - before),
        "num_filters": num_filters,
        "floor": 1e-6,
    }
    return FeatureOptions(**{**chosen, **others})


def kaldi_fbank(rate: int = 16000, num_filters: int = 80, **others: Any) -> FeatureOptions:
    """Kaldi's filter banks, `compute-fbank-feats` without dither: whole frames of 25 ms every 10 ms, "povey" window.

    Args:
        rate: samples per second.
        num_filters: mel filters, from 20 Hz to half of the rate.
        others: fields of `FeatureOptions` that differ; `scale=32768` for samples from −1 to 1 where a model was made
            with 16-bit integers.

    Returns:
        the options.

    Source:
        Povey et al., "The Kaldi speech recognition toolkit" (2011).

    Example:
        >>> import numpy as np
        >>> from pyseq import audio
        >>> audio.Features(audio.kaldi_fbank())(np.zeros(16000, np.float32)).shape
        (98, 80)
    """
    chosen: dict[str, Any] = {
        "rate": rate,
        "window_size": rate // 40,
        "hop": rate // 100,
        "window": "povey",
        "periodic": False,
        "remove_mean": True,
        "preemphasis": 0.97,
        "num_filters": num_filters,
        "low": 20.0,
        "slopes": "mel",
        "floor": KALDI_FLOOR,
    }
    return FeatureOptions(**{**chosen, **others})


def kaldi_mfcc(rate: int = 16000, num_cepstra: int = 13, num_filters: int = 23, **others: Any) -> FeatureOptions:
    """Kaldi's cepstra, `compute-mfcc-feats` without dither and without the energy in the place of coefficient 0.

    Args:
        rate: samples per second.
        num_cepstra: coefficients.
        num_filters: mel filters.
        others: fields of `FeatureOptions` that differ.

    Returns:
        the options.

    Example:
        >>> from pyseq import audio
        >>> audio.kaldi_mfcc().width
        13
    """
    return kaldi_fbank(rate, num_filters, num_cepstra=num_cepstra, **{"lifter": 22.0, **others})


def whisper_features(samples: Samples, num_filters: int = 80, seconds: float | None = WHISPER_SECONDS) -> Samples:
    """Whisper's input: log10 of mel spectra, no more than 8 below the largest, then (x + 4) / 4.

    Args:
        samples: [time] float32, 16,000 a second.
        num_filters: 80, or 128 for the third large model.
        seconds: what the sound is cut or filled up to; None: its own length.

    Returns:
        [frames, num_filters] float32, 100 frames a second.

    Source:
        Radford et al., "Robust speech recognition via large-scale weak supervision" (2022).

    Example:
        >>> import numpy as np
        >>> from pyseq import audio
        >>> audio.whisper_features(np.zeros(16000, np.float32)).shape
        (3000, 80)
    """
    x = np.asarray(samples, np.float32)
    if seconds is not None:
        size = round(seconds * WHISPER_RATE)
        x = np.pad(x[:size], (0, max(0, size - len(x))))
    logs = _whisper(num_filters)(centered(x, WHISPER_FFT))[:-1] * np.float32(1 / np.log(10))
    result: Samples = (np.maximum(logs, logs.max() - np.float32(8)) + np.float32(4)) / np.float32(4)
    return result


@cache
def _whisper(num_filters: int) -> Features:
    options = FeatureOptions(
        rate=WHISPER_RATE,
        window_size=WHISPER_FFT,
        hop=WHISPER_HOP,
        fft_size=WHISPER_FFT,
        num_filters=num_filters,
        mel_scale="slaney",
        equal_area=True,
        floor=1e-10,
    )
    return Features(options)
