"""SpeechRecognizer: speech as text, with the times of its words."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyseq import _core, ctc
from pyseq.program import Program
from pyseq.tasks.joint_search import JointSearch, Speller, log_softmax
from pyseq.tasks.sounds import SoundLike, batches, field, samples_of
from pyseq.tasks.transcripts import Transcript, Word, words_of

Array = NDArray[Any]


def collapsed(best: Array, blank: int) -> tuple[list[int], list[tuple[int, int]]]:
    """Labels of frames without repetitions and blanks, and for each its first and last frame.

    Example:
        >>> import numpy as np
        >>> from pyseq.tasks.speech_recognizer import collapsed
        >>> collapsed(np.array([0, 3, 3, 0, 3, 5]), blank=0)
        ([3, 3, 5], [(1, 2), (4, 4), (5, 5)])
    """
    if len(best) == 0:
        return [], []
    begins = np.flatnonzero(np.diff(best, prepend=best[0] - 1))
    ends = np.append(begins[1:], len(best)) - 1
    kept = [(int(best[begin]), (int(begin), int(end))) for begin, end in zip(begins, ends, strict=True)]
    return [id for id, _ in kept if id != blank], [span for id, span in kept if id != blank]


class SpeechRecognizer:
    """Writes down what is said, with a program whose task is "speech_recognizer". Made by `pyseq.load`.

    The program gives logits of tokens for every frame (CTC); it may have a decoder with attention beside it. It takes
    samples, its front end being part of it, or features that others have computed (`takes_samples` says which; the task
    in the file describes them). Usable from many threads at once. The result for a sound does not depend on the sounds
    beside it.

    Args:
        program: the program.

    Raises:
        FormatError: the program has another task.
    """

    def __init__(self, program: Program) -> None:
        task = program.task
        if task.get("kind") != "speech_recognizer":
            raise _core.FormatError(f"speech_recognizer: the program's task is {task.get('kind')!r}")
        self.program = program
        self.vocabulary = program.vocabulary(field(task, "vocabulary", str))
        self.blank: int = field(task, "blank", int)
        self.frame_seconds = float(field(task, "frame_seconds", (int, float)))
        signal = field(task, "input", dict)
        self.takes_samples = "samples" in signal
        self._signal: dict[str, Any] = signal.get("samples") or signal.get("features") or {}
        self.speller = Speller.of_task(task, self.blank)
        self._separator: str | None = task.get("word_separator", None if self.vocabulary.unit == "word" else " ")

    @property
    def rate(self) -> int | None:
        """Samples per second that the model takes; None for models that take features."""
        return int(self._signal["rate"]) if self.takes_samples else None

    def decoder(self, **options: Any) -> ctc.Decoder:
        """A beam search over this model's tokens, for `transcribe`: language model, lexicon, hot words.

        Args:
            **options: those of `pyseq.ctc.Decoder`.
        """
        tokens = [self.vocabulary.token(id) for id in range(len(self.vocabulary))]
        if self._separator is None:  # each token is a word: U+2581 begins one
            tokens, separator = [f"\u2581{token}" for token in tokens], ""
        else:
            separator = self._separator if self._separator in tokens else ""
        return ctc.Decoder(tokens, blank=self.blank, separator=separator, **options)

    def transcribe(self, sound: SoundLike, decoder: ctc.Decoder | JointSearch | None = None) -> Transcript:
        """What is said in one sound; see `transcribe_batch`."""
        return self.transcribe_batch([sound], decoder)[0]

    def transcribe_batch(
        self, sounds: Sequence[SoundLike], decoder: ctc.Decoder | JointSearch | None = None
    ) -> list[Transcript]:
        """What is said: of every frame the likeliest token, without repetitions and blanks; or what a decoder finds.

        Args:
            sounds: files, `audio.Sound`s, or samples [time] at the model's `rate`; for models that take features,
                arrays [frames, features].
            decoder: from `decoder`: a search over CTC's frames; or a `JointSearch`, for models with a decoder. None
                takes the likeliest tokens, with such models `JointSearch()`.

        Returns:
            transcripts, whose words have times and confidences.

        Raises:
            ShapeError: samples that are not [time], or features of another width. FormatError: not a sound file.
            ArgumentError: a `JointSearch` for a model without a decoder.
        """
        if decoder is None and self.speller is not None:
            decoder = JointSearch()
        if isinstance(decoder, JointSearch):
            return self._spelled(sounds, decoder)
        found = self.log_probs_batch(sounds)
        if decoder is None:
            return [self._transcript(log_probs) for log_probs in found]
        return [self._searched(log_probs, decoder) for log_probs in found]

    def align(self, sound: SoundLike, text: str) -> Transcript:
        """When the words of a known text are said (forced alignment), see `pyseq.ctc.align`.

        Args:
            sound: as for `transcribe_batch`.
            text: what is said, spelled with the model's tokens.

        Returns:
            a transcript of this text, whose words have times and confidences.

        Raises:
            ArgumentError: a text that the tokens cannot spell, or that does not fit into the sound's frames.
        """
        ids = self.decoder().spell(text)
        if ids is None:
            raise _core.ArgumentError(f"align: the model has no tokens that spell {text!r}")
        log_probs = np.ascontiguousarray(self.log_probs(sound), np.float32)
        found = ctc.align(log_probs[None], np.array(ids, np.int64).reshape(1, -1), blank=self.blank)[0]
        return self._written(found)

    def log_probs(self, sound: SoundLike) -> Array:
        """Logarithms of the probabilities of all tokens, [frames, tokens], for decoders; see `transcribe_batch`."""
        return self.log_probs_batch([sound])[0]

    def log_probs_batch(self, sounds: Sequence[SoundLike]) -> list[Array]:
        """The same of several sounds."""
        signals = [self._signal_of(sound) for sound in sounds]
        found: list[Any] = [None] * len(signals)
        for places, inputs in batches(signals):
            outputs = self.program.run("recognize", **inputs)
            for row, place in enumerate(places):
                found[place] = log_softmax(outputs["logits"][row, : int(outputs["lengths"][row])])
        return found

    def _spelled(self, sounds: Sequence[SoundLike], search: JointSearch) -> list[Transcript]:
        if self.speller is None:
            raise _core.ArgumentError(
                "transcribe: the model has no decoder with attention, expected one for JointSearch"
            )
        signals = [self._signal_of(sound) for sound in sounds]
        found: list[Any] = [None] * len(signals)
        for places, inputs in batches(signals):
            hypotheses, frames = self.speller.write(self.program, inputs, search)
            for place, hypothesis, log_probs in zip(places, hypotheses, frames, strict=True):
                found[place] = self._timed(hypothesis.ids, log_probs)
        return found

    def _timed(self, ids: list[int], log_probs: Array) -> Transcript:
        """Tokens at the places that CTC gives them, spread evenly where it has none for them."""
        try:
            return self._written(
                ctc.align(log_probs[None], np.array(ids, np.int64).reshape(1, -1), blank=self.blank)[0]
            )
        except _core.ArgumentError:
            ends = np.linspace(0, len(log_probs), len(ids) + 1).tolist()
            return self._of_tokens(ids, list(pairwise(ends)), [0.0] * len(ids))

    def _signal_of(self, sound: SoundLike) -> Array:
        if self.takes_samples:
            signal = self._signal
            return samples_of(sound, signal["rate"], signal.get("loudness", 0.0), bool(signal.get("normalize")))
        if not isinstance(sound, np.ndarray) or sound.ndim != 2 or sound.shape[1] != self._signal.get("width"):
            got = list(sound.shape) if isinstance(sound, np.ndarray) else type(sound).__name__
            about = f" ({self._signal['about']})" if "about" in self._signal else ""
            raise _core.ShapeError(
                f"transcribe: got {got}, expected features [frames, {self._signal.get('width')}]{about}: this model "
                "does not take samples"
            )
        return np.ascontiguousarray(sound, np.float32)

    def _transcript(self, log_probs: Array) -> Transcript:
        ids, spans = collapsed(log_probs.argmax(-1), self.blank)
        confidences = [
            float(np.exp(log_probs[first : last + 1, id].max())) for id, (first, last) in zip(ids, spans, strict=True)
        ]
        return self._of_tokens(ids, [(first, last + 1) for first, last in spans], confidences)

    def _searched(self, log_probs: Array, decoder: ctc.Decoder) -> Transcript:
        hypotheses, seconds = decoder.decode(np.ascontiguousarray(log_probs, np.float32)), self.frame_seconds
        if not hypotheses:
            return Transcript("")
        best = hypotheses[0]
        if not self._has_separator and not decoder.has_lexicon:
            return self._written(best.alignment)
        words = [Word(w.text, w.start * seconds, w.end * seconds, w.confidence) for w in best.words]
        return Transcript(best.text, words)

    def _written(self, found: ctc.Alignment) -> Transcript:
        places = list(zip(found.start.tolist(), found.end.tolist(), strict=True))
        return self._of_tokens(found.tokens.tolist(), places, found.confidence.tolist())

    def _of_tokens(self, ids: list[int], places: Sequence[tuple[float, float]], confidences: list[float]) -> Transcript:
        seconds, tokens = self.frame_seconds, []
        for id, (start, end), confidence in zip(ids, places, confidences, strict=True):
            tokens.append((self.vocabulary.decode([id]), start * seconds, end * seconds, confidence))
        words = words_of(tokens, self._separator if self._has_separator else None)
        whole = " ".join(word.text for word in words) if self._has_separator else self.vocabulary.decode(ids)
        return Transcript(whole, words)

    @property
    def _has_separator(self) -> bool:
        """Otherwise every token is a word."""
        return self._separator is not None and self.vocabulary.find(self._separator) is not None

    def save(self, file: str | PathLike[str]) -> None:
        """Write the program file."""
        self.program.save(file)
