"""The short-time Fourier transform: spectra of the windows of a signal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, overload

from pyseq.tensor import OperandT, apply


@overload
def stft(
    x: OperandT,
    window: OperandT,
    lengths: OperandT | None = ...,
    carry: None = ...,
    *,
    hop: int,
    fft_size: int = ...,
    padding: int | Sequence[int] = ...,
    output: str = ...,
    remove_mean: bool = ...,
    preemphasis: float = ...,
    return_lengths: Literal[False] = ...,
) -> OperandT: ...


@overload
def stft(
    x: OperandT,
    window: OperandT,
    lengths: OperandT | None = ...,
    *,
    carry: OperandT,
    hop: int,
    fft_size: int = ...,
    padding: int | Sequence[int] = ...,
    output: str = ...,
    remove_mean: bool = ...,
    preemphasis: float = ...,
    return_lengths: Literal[False] = ...,
) -> tuple[OperandT, OperandT]: ...


@overload
def stft(
    x: OperandT,
    window: OperandT,
    lengths: OperandT | None = ...,
    carry: OperandT | None = ...,
    *,
    hop: int,
    fft_size: int = ...,
    padding: int | Sequence[int] = ...,
    output: str = ...,
    remove_mean: bool = ...,
    preemphasis: float = ...,
    return_lengths: Literal[True],
) -> tuple[OperandT, ...]: ...


def stft(
    x: OperandT,
    window: OperandT,
    lengths: OperandT | None = None,
    carry: OperandT | None = None,
    *,
    hop: int,
    fft_size: int = 0,
    padding: int | Sequence[int] = 0,
    output: str = "complex",
    remove_mean: bool = False,
    preemphasis: float = 0.0,
    return_lengths: bool = False,
) -> Any:
    """Spectra of windows: X[t, k] = Σ_n window[n] · x[hop · t + n − before] · exp(−2πikn / fft_size), k ≤ fft_size / 2.

    A stream is transformed in chunks by handing on a carry of window − hop samples, zeros at first: the chunks' spectra
    together have the bits of the whole with padding (window − hop, 0). Chunks are multiples of hop, but for a last one
    that is cut by lengths.

    Args:
        x: [batch, samples] float32.
        window: [window], the weight of every sample of a frame.
        lengths: [batch] int64, valid samples of each row; None for all. A row gives what it gives alone, then zeros.
        carry: [batch, window − hop], the samples before x, in the place of padding.
        hop: samples from one frame to the next.
        fft_size: size of the transform, even, without a prime factor above 7: frames are filled up with zeros at their
            end; 0: that of the window.
        padding: zeros before and after x: a number or a pair.
        output: "complex" (real parts of all frequencies, then imaginary parts), "power" (|X|²) or "magnitude" (|X|).
        remove_mean: subtract from each frame its mean, before all else.
        preemphasis: subtract from each sample of a frame this share of the one before it (of itself, at the start).
        return_lengths: give the number of frames of each row too.

    Returns:
        y [batch, ⌊(samples + before + after − window) / hop⌋ + 1, fft_size / 2 + 1] (complex: twice as wide); with
        `carry` also the next carry; with `return_lengths` also the frames of each row [batch].

    Raises:
        ShapeError: a carry that does not fit, samples beside it that are no multiple of hop. ValueError: an fft_size
            that is odd, smaller than the window or has a prime factor above 7; padding beside a carry.

    Source:
        Allen and Rabiner, "A unified approach to short-time Fourier analysis and synthesis" (1977).

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> x = np.cos(np.arange(8) * np.pi / 2, dtype=np.float32)[None]  # a period of four samples
        >>> ops.stft(x, np.ones(4, np.float32), hop=4, output="power").round(3)[0]
        array([[0., 4., 0.],
               [0., 4., 0.]], dtype=float32)
    """
    attributes = {
        "hop": hop,
        "fft_size": fft_size,
        "padding": [padding, padding] if isinstance(padding, int) else list(padding),
        "output": output,
        "remove_mean": remove_mean,
        "preemphasis": preemphasis,
    }
    wanted = [*(["next_carry"] if carry is not None else []), *(["y_lengths"] if return_lengths else [])]
    results = apply("stft", (x, window, lengths, carry), attributes, wanted=wanted)
    if not wanted:
        return results[0]
    return tuple(result for result in results if result is not None)
