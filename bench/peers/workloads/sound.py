"""Log-mel spectra of sound: frames, Fourier transforms, mel filters, logarithm."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from bench.peers.engines import pyseq_engine
from bench.peers.model import Call, Case, Target, Workload, normal
from pyseq import audio

SECONDS = {"whisper 30 s": 30, "whisper 1 s": 1}
RATE, FFT, HOP, MELS = 16000, 400, 160, 80


def build(name: str, threads: int) -> Case:
    """Noise at 16 kHz; frames of 25 ms every 10 ms, 80 filters."""
    sound = normal(1, SECONDS[name] * RATE, scale=0.1)

    def with_librosa() -> Call:
        librosa: Any = import_module("librosa")

        def call() -> Any:
            power = librosa.feature.melspectrogram(
                y=sound, sr=RATE, n_fft=FFT, hop_length=HOP, n_mels=MELS, center=False
            )
            return np.log(np.maximum(power, 1e-10)).T

        return call

    def with_pyseq() -> Call:
        pyseq_engine.start(threads)
        options = audio.FeatureOptions(fft_size=FFT, num_filters=MELS, mel_scale="slaney", equal_area=True)
        compute = audio.Features(options)
        return lambda: compute(sound)

    return Case(
        engines={"librosa": with_librosa, "pyseq": with_pyseq},
        reference="librosa",
        targets={"float32": Target(ratio=1.5, scaling=1)},
    )


WORKLOAD = Workload("log-mel", list(SECONDS), build, quick=["whisper 1 s"])
