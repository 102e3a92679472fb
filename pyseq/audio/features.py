"""Features of sound: log-mel spectra and cepstra, of whole sounds, of batches inside a model, and of streams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyseq import _core, ops
from pyseq.audio.mel import mel_filters
from pyseq.audio.windows import window

Samples = NDArray[np.float32]
LARGEST = 3.0e38  # the upper bound of a clip that has none


@dataclass(frozen=True)
class FeatureOptions:
    """What features are computed of a sound.

    Attributes:
        rate: samples per second.
        window_size: samples of a frame.
        hop: samples from one frame to the next.
        fft_size: size of the transform, even, without a prime factor above 7; 0: the next power of two.
        window: as for `audio.window`.
        periodic: whether the window is periodic.
        padding: zeros before and after a sound; (0, 0): only whole frames count.
        scale: what samples are multiplied by: 32768 for those who count in 16-bit integers.
        remove_mean, preemphasis: of each frame (see `ops.stft`).
        magnitude: whether filters weigh |X| instead of |X|².
        num_filters: mel filters; 0: the spectrum itself.
        low, high, mel_scale, slopes, equal_area: of the filters (see `audio.mel_filters`).
        floor: the least value that a logarithm is taken of; 0: no logarithm.
        num_cepstra: cepstral coefficients (of an orthonormal cosine transform); 0: none.
        lifter: strength of the liftering 1 + lifter / 2 · sin(πi / lifter) of coefficient i; 0: none.
    """

    rate: int = 16000
    window_size: int = 400
    hop: int = 160
    fft_size: int = 0
    window: str = "hann"
    periodic: bool = True
    padding: tuple[int, int] = (0, 0)
    scale: float = 1.0
    remove_mean: bool = False
    preemphasis: float = 0.0
    magnitude: bool = False
    num_filters: int = 80
    low: float = 0.0
    high: float | None = None
    mel_scale: str = "htk"
    slopes: str = "hertz"
    equal_area: bool = False
    floor: float = 1e-10
    num_cepstra: int = 0
    lifter: float = 0.0

    @property
    def transform_size(self) -> int:
        """The size of the transform."""
        return self.fft_size or 1 << max(1, (self.window_size - 1).bit_length())

    @property
    def width(self) -> int:
        """Features of a frame."""
        return self.num_cepstra or self.num_filters or self.transform_size // 2 + 1

    def num_frames(self, samples: int) -> int:
        """Frames of a sound."""
        return max(0, (samples + sum(self.padding) - self.window_size) // self.hop + 1)

    def tables(self) -> dict[str, NDArray[np.float32]]:
        """The arrays that `features` needs: "window" [window_size], "filters" and "cepstra" where there are some.

        Raises:
            ArgumentError: options that do not go together.
        """
        if self.num_cepstra > self.num_filters:
            raise _core.ArgumentError(f"features: {self.num_cepstra} cepstra of {self.num_filters} filters")
        found = {"window": window(self.window, self.window_size, self.periodic) * np.float32(self.scale)}
        if self.num_filters:
            found["filters"] = mel_filters(
                self.num_filters,
                self.transform_size,
                self.rate,
                self.low,
                self.high,
                scale=self.mel_scale,
                slopes=self.slopes,
                equal_area=self.equal_area,
            )
        if self.num_cepstra:
            found["cepstra"] = cosine_transform(self.num_cepstra, self.num_filters, self.lifter)
        return found


def cosine_transform(num_cepstra: int, num_filters: int, lifter: float) -> NDArray[np.float32]:
    """[num_cepstra, num_filters]: an orthonormal cosine transform (DCT-II), liftered."""
    k, j = np.arange(num_cepstra)[:, None], np.arange(num_filters)[None]
    matrix = np.sqrt(2 / num_filters) * np.cos(np.pi / num_filters * (j + 0.5) * k)
    matrix[0] = np.sqrt(1 / num_filters)
    if lifter:
        matrix *= 1 + lifter / 2 * np.sin(np.pi * k / lifter)
    result: NDArray[np.float32] = matrix.astype(np.float32)
    return result


def features(x: Any, tables: Any, options: FeatureOptions, lengths: Any = None, carry: Any = None) -> tuple[Any, ...]:
    """Features of a batch, of arrays or of tensors: one path for whole sounds, for streams and inside of models.

    Args:
        x: [batch, samples].
        tables: those of `options.tables()`, arrays or tensors.
        options: what is computed.
        lengths: [batch], valid samples; None for all.
        carry: [batch, window_size − hop], the samples before x, in the place of padding.

    Returns:
        features [batch, frames, width], with a carry the next one, then the frames of each row [batch].
    """
    y, *others = ops.stft(
        x,
        tables["window"],
        lengths,
        carry=carry,
        hop=options.hop,
        fft_size=options.transform_size,
        padding=(0, 0) if carry is not None else options.padding,
        output="magnitude" if options.magnitude else "power",
        remove_mean=options.remove_mean,
        preemphasis=options.preemphasis,
        return_lengths=True,
    )
    if "filters" in tables:
        y = ops.linear(y, tables["filters"])
    if options.floor > 0:
        y = ops.log(ops.clip(y, options.floor, LARGEST))
    if "cepstra" in tables:
        y = ops.linear(y, tables["cepstra"])
    return y, *others


class Features:
    """Features of sounds.

    Args:
        options: what is computed.

    Raises:
        ArgumentError: options that do not go together.

    Example:
        >>> import numpy as np
        >>> from pyseq import audio
        >>> compute = audio.Features(audio.FeatureOptions(rate=8000, window_size=200, hop=80, num_filters=40))
        >>> compute(np.zeros(8000, np.float32)).shape
        (98, 40)
    """

    def __init__(self, options: FeatureOptions) -> None:
        self.options, self.tables = options, options.tables()

    def __call__(self, samples: Samples) -> Samples:
        """Samples [time] float32 -> features [frames, width] float32."""
        x = np.ascontiguousarray(samples, np.float32)
        if x.ndim != 1:
            raise _core.ShapeError(f"features: samples {list(x.shape)}, expected [time]")
        found: Samples = features(x[None], self.tables, self.options)[0][0]
        return found

    def stream(self) -> FeatureStream:
        """Features of a sound that comes in pieces."""
        return FeatureStream(self)


class FeatureStream:
    """Features of a sound that comes in pieces of any size: together they have the bits of the whole.

    Example:
        >>> import numpy as np
        >>> from pyseq import audio
        >>> compute = audio.Features(audio.FeatureOptions())
        >>> sound = np.random.default_rng(0).standard_normal(4000).astype(np.float32)
        >>> stream = compute.stream()
        >>> pieces = [stream.push(sound[:701]), stream.push(sound[701:702]), stream.push(sound[702:]), stream.finish()]
        >>> np.array_equal(np.concatenate(pieces), compute(sound))
        True
    """

    def __init__(self, compute: Features) -> None:
        self._compute = compute
        self._whole = FeatureOptions(**{**vars(compute.options), "padding": (0, 0)})
        self.reset()

    def reset(self) -> None:
        """Begin another sound."""
        self._rest = np.zeros(self._compute.options.padding[0], np.float32)
        self._skip = 0  # samples between frames that are yet to come, where the hop is larger than the window

    def push(self, samples: Samples) -> Samples:
        """The frames that are complete with these samples: [frames, width], perhaps none."""
        skipped = min(self._skip, len(samples))
        self._skip -= skipped
        known = np.concatenate([self._rest, np.asarray(samples[skipped:], np.float32)])
        count = self._whole.num_frames(len(known))
        self._rest = known[count * self._whole.hop :]
        self._skip += max(0, count * self._whole.hop - len(known))
        if count == 0:
            return np.zeros((0, self._whole.width), np.float32)
        found: Samples = features(known[None], self._compute.tables, self._whole)[0][0]
        return found

    def finish(self) -> Samples:
        """The frames that the padding at the end completes; the stream then begins another sound."""
        last = self.push(np.zeros(self._compute.options.padding[1], np.float32))
        self.reset()
        return last


def deltas(x: Samples, reach: int = 2, order: int = 2) -> Samples:
    """Features with their changes over time: d_t = Σ_n n (x_{t+n} − x_{t−n}) / (2 Σ_n n²), n = 1 … reach.

    Args:
        x: [frames, width].
        reach: frames to both sides; the first and last frame stand for those beyond the ends.
        order: 1: changes; 2: also those of the changes.

    Returns:
        [frames, width · (order + 1)] float32: features, changes, changes of changes.

    Raises:
        ArgumentError: a reach or order below 1.

    Source:
        Furui, "Speaker-independent isolated word recognition using dynamic features of speech spectrum" (1986).

    Example:
        >>> import numpy as np
        >>> from pyseq import audio
        >>> audio.deltas(np.arange(5, dtype=np.float32)[:, None], reach=1, order=1)[:, 1]
        array([0.5, 1. , 1. , 1. , 0.5], dtype=float32)
    """
    if reach < 1 or order < 1:
        raise _core.ArgumentError(f"deltas: reach {reach} and order {order}, expected at least 1")
    parts = [np.asarray(x, np.float32)]
    for _ in range(order):
        padded = np.pad(parts[-1], ((reach, reach), (0, 0)), mode="edge")
        count = len(parts[-1])
        sums = sum(
            n * (padded[reach + n : reach + n + count] - padded[reach - n : reach - n + count])
            for n in range(1, reach + 1)
        )
        parts.append(np.asarray(sums / (2 * sum(n * n for n in range(1, reach + 1))), np.float32))
    return np.concatenate(parts, axis=1)


def normalized(x: Samples, scale: bool = True, epsilon: float = 1e-7) -> Samples:
    """Values of mean 0 and variance 1 along time: (x − mean) / √(variance + ε).

    Args:
        x: [time], or features [frames, width], each feature by itself.
        scale: whether the variance is changed too.
        epsilon: what keeps silence finite (1e-7: that of wav2vec 2.0).

    Returns:
        float32 of the same shape.

    Example:
        >>> import numpy as np
        >>> from pyseq import audio
        >>> audio.normalized(np.array([1, 3], np.float32)).round(3)
        array([-1.,  1.], dtype=float32)
    """
    values = np.asarray(x, np.float64)
    centered = values - values.mean(axis=0)
    if scale:
        centered /= np.sqrt(values.var(axis=0) + epsilon)
    result: Samples = centered.astype(np.float32)
    return result
