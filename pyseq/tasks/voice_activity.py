"""VoiceActivity: when somebody speaks."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pyseq import _core
from pyseq.program import Program
from pyseq.tasks.sounds import SoundLike, field, samples_of

Array = NDArray[Any]


class Segment(NamedTuple):
    """Speech from one time to another, in seconds."""

    start: float
    end: float


@dataclass(frozen=True)
class SegmentOptions:
    """How probabilities become segments of speech.

    Attributes:
        threshold: speech begins with a probability of at least this.
        end_threshold: it ends with one below this; None: 0.15 less.
        min_speech: seconds; shorter speech is left out.
        min_silence: seconds; shorter silence belongs to the speech around it.
        padding: seconds that segments grow at both ends, but never into each other.
    """

    threshold: float = 0.5
    end_threshold: float | None = None
    min_speech: float = 0.25
    min_silence: float = 0.1
    padding: float = 0.03


class SegmentTracker:
    """Where speech begins and ends, while probabilities come.

    Args:
        seconds: of a chunk.
        options: thresholds and durations; padding has no part in it.

    Example:
        >>> from pyseq.tasks.voice_activity import SegmentOptions, SegmentTracker
        >>> tracker = SegmentTracker(0.1, SegmentOptions())
        >>> [event for p in (0.1, 0.9, 0.4, 0.9, 0.1, 0.1) if (event := tracker.push(p))]
        [('start', 0.1), ('end', 0.4)]
    """

    def __init__(self, seconds: float, options: SegmentOptions) -> None:
        self.seconds, self.options = seconds, options
        given = options.end_threshold
        self._low = max(options.threshold - 0.15, 0.01) if given is None else given
        self._chunks = 0
        self.start: float | None = None  # of the speech that is going on
        self._silent: float | None = None  # since when, within speech

    def push(self, probability: float) -> tuple[str, float] | None:
        """("start", seconds) or ("end", seconds) when this chunk shows it; an end is known after the least silence."""
        now = self._chunks * self.seconds
        self._chunks += 1
        if probability >= self.options.threshold:
            self._silent = None
            if self.start is None:
                self.start = now
                return "start", now
        elif self.start is not None and probability < self._low:
            self._silent = now if self._silent is None else self._silent
            if now - self._silent >= self.options.min_silence - 1e-9:
                ended, self.start, self._silent = self._silent, None, None
                return "end", ended
        return None


def segments_of(probabilities: Array, seconds: float, total: float, options: SegmentOptions) -> list[Segment]:
    """Segments of speech of probabilities, one for every `seconds`.

    Args:
        probabilities: [chunks].
        seconds: of a chunk.
        total: seconds of the whole sound.
        options: thresholds and durations.

    Example:
        >>> import numpy as np
        >>> from pyseq.tasks.voice_activity import SegmentOptions, segments_of
        >>> p = np.array([0.1, 0.9, 0.8, 0.4, 0.9, 0.1, 0.1, 0.1])
        >>> segments_of(p, 0.1, 0.8, SegmentOptions(padding=0.05))
        [Segment(start=0.05, end=0.55)]
    """
    tracker = SegmentTracker(seconds, options)
    found: list[tuple[float, float]] = []
    start = 0.0
    for probability in probabilities:
        event = tracker.push(float(probability))
        if event is not None and event[0] == "start":
            start = event[1]
        elif event is not None:
            found.append((start, event[1]))
    if tracker.start is not None:
        found.append((start, total))
    return _padded([pair for pair in found if pair[1] - pair[0] > options.min_speech], total, options.padding)


def _padded(pairs: list[tuple[float, float]], total: float, padding: float) -> list[Segment]:
    grown = []
    for index, (start, end) in enumerate(pairs):
        before = start if index == 0 else (start - pairs[index - 1][1]) / 2
        after = total - end if index == len(pairs) - 1 else (pairs[index + 1][0] - end) / 2
        first, last = start - min(padding, before), min(end + min(padding, after), total)
        grown.append(Segment(round(first, 6), round(last, 6)))
    return grown


class VoiceActivity:
    """Says when somebody speaks, with a program whose task is "voice_activity". Made by `pyseq.load`.

    Args:
        program: the program.

    Raises:
        FormatError: the program has another task.
    """

    def __init__(self, program: Program) -> None:
        task = program.task
        if task.get("kind") != "voice_activity":
            raise _core.FormatError(f"voice_activity: the program's task is {task.get('kind')!r}")
        self.program = program
        self.rate: int = field(task, "rate", int)
        self.chunk: int = field(task, "chunk", int)

    @property
    def chunk_seconds(self) -> float:
        """Seconds of a chunk."""
        return self.chunk / self.rate

    def probabilities(self, sound: SoundLike) -> Array:
        """The probability of speech in every chunk: [chunks] float32; the last one is filled up with silence.

        Args:
            sound: a file, an `audio.Sound`, or samples [time] at the model's `rate`.
        """
        samples = samples_of(sound, self.rate)
        chunks = -(-len(samples) // self.chunk)
        x = np.zeros((1, chunks, self.chunk), np.float32)
        x.reshape(-1)[: len(samples)] = samples
        found: Array = self.program.run("step", state=self.program.new_state(1), x=x)["logits"][0]
        return found

    def segments(self, sound: SoundLike, options: SegmentOptions | None = None) -> list[Segment]:
        """When somebody speaks in a sound; arguments as for `probabilities`."""
        samples = samples_of(sound, self.rate)
        total = len(samples) / self.rate
        return segments_of(self.probabilities(samples), self.chunk_seconds, total, options or SegmentOptions())

    def stream(self) -> VoiceStream:
        """A detector for a sound that comes in pieces."""
        return VoiceStream(self)

    def save(self, file: str | PathLike[str]) -> None:
        """Write the program file."""
        self.program.save(file)


class VoiceStream:
    """One stream of sound; pieces may have any size."""

    def __init__(self, detector: VoiceActivity) -> None:
        self._detector = detector
        self._state = detector.program.new_state(1)
        self._rest = np.zeros(0, np.float32)

    def push(self, samples: Array) -> Array:
        """The probability of every chunk that these samples complete [chunks]."""
        size = self._detector.chunk
        known = np.concatenate([self._rest, np.asarray(samples, np.float32)])
        count = len(known) // size
        self._rest = known[count * size :]
        if count == 0:
            return np.zeros(0, np.float32)
        x = known[: count * size].reshape(1, count, size)
        found: Array = self._detector.program.run("step", state=self._state, x=x)["logits"][0]
        return found
