"""``pyseq listen MODEL [FILE]``: a trigger word, or speech, in a sound file or in samples of standard input."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

import pyseq
from pyseq.tasks import SegmentOptions, TriggerDetector, VoiceActivity
from pyseq.tasks.sounds import samples_of
from pyseq.tasks.voice_activity import SegmentTracker
from pyseq.viz import TriggerMap, trigger_page

PIECE_SECONDS = 0.1  # of a file at once
INT16 = 32768.0


def listen(
    model: Annotated[Path, typer.Argument(help="A trigger-word detector, or voice activity (silero_vad.onnx).")],
    file: Annotated[
        Path | None,
        typer.Argument(help="A sound file; without one, raw samples (16 bits, little endian, mono) of standard input."),
    ] = None,
    threshold: Annotated[float | None, typer.Option(help="Least probability (default: the model's, or 0.5).")] = None,
    html: Annotated[
        Path | None, typer.Option(help="Of a file and a trigger word: write a page with spectrogram and probability.")
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads to use.")] = 1,
) -> None:
    """Say when a word is said, or when somebody speaks, as it happens. Samples come at the rate of the model.

    Example: arecord -t raw -f S16_LE -r 16000 | pyseq listen silero_vad.onnx
    """
    if threads is not None:
        pyseq.set_num_threads(threads)
    detector = pyseq.load(model)
    if isinstance(detector, TriggerDetector):
        words = detector.stream(threshold)
        for samples in pieces(file, detector.rate):
            for event in words.push(samples)[0]:
                print(f"{event.seconds:.2f}\t{detector.word}\t{event.probability:.3f}", flush=True)
        if html is not None and file is not None:
            html.write_text(trigger_page([map_of(detector, file, threshold)]), encoding="utf-8")
    elif isinstance(detector, VoiceActivity):
        stream = detector.stream()
        tracker = SegmentTracker(detector.chunk_seconds, SegmentOptions(0.5 if threshold is None else threshold))
        for samples in pieces(file, detector.rate):
            for probability in stream.push(samples):
                change = tracker.push(float(probability))
                if change is not None:
                    print(f"{change[1]:.2f}\t{change[0]}", flush=True)
    else:
        name = type(detector).__name__
        raise pyseq.ArgumentError(f"listen: {model} is a {name}, expected a TriggerDetector or VoiceActivity")


def map_of(detector: TriggerDetector, file: Path, threshold: float | None) -> TriggerMap:
    """What the page shows of a sound."""
    samples = samples_of(file, detector.rate)
    events = [event.seconds for event in detector.detect(samples, threshold)]
    level = detector.threshold if threshold is None else threshold
    probabilities, seconds = detector.probabilities(samples), detector.step_seconds
    return TriggerMap(f"{file.name}: {detector.word}", samples, detector.rate, probabilities, seconds, level, events)


def pieces(file: Path | None, rate: int) -> Iterator[NDArray[Any]]:
    """Samples of a file, or of standard input as soon as they are there."""
    size = int(PIECE_SECONDS * rate)
    if file is not None:
        samples = samples_of(file, rate)
        for begin in range(0, len(samples), size):
            yield samples[begin : begin + size]
        return
    rest = b""
    stream: Any = sys.stdin.buffer
    while content := stream.read1(2 * size):
        content = rest + content
        whole = len(content) // 2 * 2
        rest = content[whole:]
        yield np.frombuffer(content[:whole], "<i2").astype(np.float32) / np.float32(INT16)
