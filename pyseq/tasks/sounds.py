"""What tasks that hear share: sounds from files or arrays, as their models take them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyseq import _core, audio
from pyseq.audio import Sound

Array = NDArray[np.float32]
SoundLike = str | os.PathLike[str] | Sound | NDArray[Any]
LARGEST_BATCH = 16  # sounds at once: bounds memory


def samples_of(sound: SoundLike, rate: int, loudness: float = 0.0, normalize: bool = False) -> Array:
    """Samples [time] float32 at a rate.

    Args:
        sound: a file, a `Sound` (at any rate), or samples [time] that have the rate already.
        rate: samples per second.
        loudness: the root mean square that the model expects; 0: any.
        normalize: whether the model expects mean 0 and variance 1.

    Raises:
        ShapeError: samples that are not [time], or none.
    """
    if isinstance(sound, str | os.PathLike):
        sound = audio.read(sound, rate)
    if isinstance(sound, Sound):
        samples = sound.samples.mean(axis=1) if sound.samples.ndim == 2 else sound.samples
        sound = audio.resample(samples, sound.rate, rate)
    samples = np.ascontiguousarray(sound, np.float32)
    if samples.ndim != 1 or len(samples) == 0:
        raise _core.ShapeError(f"sound: samples {list(samples.shape)}, expected [time], at least one")
    if normalize:
        return audio.normalized(samples)
    if loudness > 0:
        level = float(np.sqrt(np.square(samples, dtype=np.float64).mean()))
        samples = samples * np.float32(loudness / max(level, 1e-6))
    return samples


def batches(signals: Sequence[Array]) -> list[tuple[list[int], dict[str, Any]]]:
    """Signals of like lengths together: places in the list, and the inputs of a model."""
    order = sorted(range(len(signals)), key=lambda place: len(signals[place]))
    made = []
    for begin in range(0, len(order), LARGEST_BATCH):
        places = order[begin : begin + LARGEST_BATCH]
        lengths = np.array([len(signals[place]) for place in places], np.int64)
        x = np.zeros((len(places), int(lengths.max()), *signals[places[0]].shape[1:]), np.float32)
        for row, place in enumerate(places):
            x[row, : lengths[row]] = signals[place]
        made.append((places, {"x": x, "lengths": lengths}))
    return made


def field(task: Mapping[str, Any], name: str, kind: type | tuple[type, ...]) -> Any:
    """A field of a task.

    Raises:
        FormatError: it is missing or of another type.
    """
    value = task.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise _core.FormatError(f"{task.get('kind')}: the task has {name} = {value!r}")
    return value
