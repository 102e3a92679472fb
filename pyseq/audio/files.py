"""Sound files: WAV, FLAC and OGG, read and written through soundfile."""

from __future__ import annotations

import importlib
import io
import os
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pyseq import _core
from pyseq.audio.resampling import resample

Samples = NDArray[np.float32]


class Sound(NamedTuple):
    """Samples [time] (or [time, channels]) float32 from −1 to 1, and how many there are in a second."""

    samples: Samples
    rate: int

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / self.rate


def read(
    file: str | os.PathLike[str] | bytes | BinaryIO, rate: int | None = None, *, keep_channels: bool = False
) -> Sound:
    """Read a sound file.

    Args:
        file: a path, the bytes of a file, or an open file.
        rate: samples per second wanted; None: as the file has them.
        keep_channels: give all channels [time, channels] instead of their mean.

    Returns:
        the sound.

    Raises:
        FormatError: not a sound file that libsndfile knows. UnsupportedError: soundfile is not installed.

    Example:
        >>> import io, numpy as np
        >>> from pyseq import audio
        >>> content = io.BytesIO()
        >>> audio.write(content, np.array([0, 0.5, -0.5], np.float32), 8000)
        >>> sound = audio.read(content.getvalue())
        >>> sound.samples, sound.rate
        (array([ 0. ,  0.5, -0.5], dtype=float32), 8000)
    """
    soundfile = _soundfile()
    source: Any = io.BytesIO(file) if isinstance(file, bytes) else file
    if isinstance(source, str | os.PathLike) and not os.path.exists(source):
        raise FileNotFoundError(f"{os.fspath(source)}: no such file")
    try:
        samples, found = soundfile.read(source, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise _core.FormatError(f"{_name_of(file)} is not a sound file that can be read: {error}") from None
    mono = samples if keep_channels else samples.mean(axis=1, dtype=np.float32)
    if rate is not None and rate != found:
        return Sound(resample(mono, found, rate), rate)
    return Sound(np.ascontiguousarray(mono), int(found))


def write(file: str | os.PathLike[str] | BinaryIO, samples: NDArray[Any], rate: int, format: str | None = None) -> None:
    """Write a sound file: 16 bits per sample; the suffix (or `format`, "WAV", "FLAC", "OGG") tells the kind.

    Args:
        file: a path or an open file (WAV unless `format` says otherwise).
        samples: [time] or [time, channels] from −1 to 1.
        rate: samples per second.
        format: the kind of file.

    Raises:
        UnsupportedError: soundfile is not installed.
    """
    is_path = isinstance(file, str | os.PathLike)
    _soundfile().write(file, samples, rate, format=format or (None if is_path else "WAV"))


def _name_of(file: Any) -> str:
    return os.fspath(file) if isinstance(file, str | os.PathLike) else "the file"


def _soundfile() -> Any:
    try:
        return importlib.import_module("soundfile")
    except ImportError:
        raise _core.UnsupportedError('sound files need soundfile: pip install "pyseq[audio]"') from None
