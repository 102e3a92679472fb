"""What recipes with spoken digits share: the recordings, and strings of them."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pyseq import audio, data
from pyseq.audio import FeatureOptions

Array = NDArray[np.float32]
RATE = 8000
FILE = "recordings.zip"
HELD_OUT_NUMBERS = range(5, 10)  # of every digit and speaker
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


class Recording(NamedTuple):
    """One digit, said once."""

    digit: int
    speaker: str
    number: int
    samples: Array


def features(num_filters: int) -> FeatureOptions:
    """What is computed of samples at 8 kHz."""
    return audio.log_mel(RATE, num_filters, low=60.0, high=3800.0, floor=1e-5)


def read_recordings(path: Path | None) -> list[Recording]:
    """All recordings of the data set, as loud as each other."""
    recordings = []
    with zipfile.ZipFile(data.find("fsdd", path) / FILE) as archive:
        for name in sorted(archive.namelist()):
            if not name.endswith(".wav"):
                continue
            digit, speaker, number = Path(name).stem.split("_")
            samples = loud(audio.read(archive.read(name), RATE).samples)
            recordings.append(Recording(int(digit), speaker, int(number), samples))
    return recordings


def split(recordings: Sequence[Recording], speaker: str) -> tuple[list[Recording], list[Recording]]:
    """Recordings to learn from, and those held out: a speaker's, or with "none" a tenth of everybody's."""
    held_out = [r for r in recordings if (r.speaker == speaker if speaker != "none" else r.number in HELD_OUT_NUMBERS)]
    chosen = {id(recording) for recording in held_out}
    return [recording for recording in recordings if id(recording) not in chosen], held_out


def loud(samples: Array) -> Array:
    """The same sound with a root mean square of 0.1."""
    return (samples * (0.1 / max(float(np.sqrt(np.square(samples, dtype=np.float64).mean())), 1e-6))).astype(np.float32)


def varied(samples: Array, chance: np.random.Generator, noise: float) -> Array:
    """A digit as training hears it: louder or softer, and with a probability over noise of 5 to 30 dB."""
    samples = samples * np.float32(10 ** chance.uniform(-0.3, 0.3))
    if chance.random() >= noise:
        return samples
    return audio.mix_noise(samples, colored_noise(len(samples), chance), float(chance.uniform(5, 30)), chance)


def colored_noise(size: int, chance: np.random.Generator) -> Array:
    """White, pink or brown noise."""
    spectrum = np.fft.rfft(chance.standard_normal(size))
    frequencies = np.maximum(np.arange(len(spectrum)), 1.0)
    return np.fft.irfft(spectrum / frequencies ** chance.choice([0, 0.5, 1.0]), size).astype(np.float32)


def joined(pieces: Sequence[Array], chance: np.random.Generator, longest_gap: float) -> Array:
    """Digits one after the other with pauses before, between and after them, up to `longest_gap` seconds each."""
    parts: list[Array] = []
    for piece in pieces:
        parts += [np.zeros(int(chance.uniform(0, longest_gap) * RATE), np.float32), piece]
    parts.append(np.zeros(int(chance.uniform(0, longest_gap) * RATE), np.float32))
    return np.concatenate(parts)


def speeds(recordings: Sequence[Recording], factors: Sequence[float]) -> list[list[Array]]:
    """For each recording its samples at every speed."""
    return [[audio.change_speed(recording.samples, factor) for factor in factors] for recording in recordings]
