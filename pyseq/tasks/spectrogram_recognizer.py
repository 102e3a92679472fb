"""SpectrogramRecognizer: speech as text, token by token, from spectrograms."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pyseq import _core, audio
from pyseq.program import Program
from pyseq.search_options import SearchOptions, SearchPlan
from pyseq.tasks.hypothesis import Hypothesis
from pyseq.tasks.sounds import SoundLike, samples_of
from pyseq.tasks.token_ids import tokenizer_of
from pyseq.tasks.transcripts import Transcript
from pyseq.text import SubwordTokenizer

if TYPE_CHECKING:
    from typing_extensions import Unpack

Array = NDArray[Any]

RATE, HOP = 16000, 160  # of the spectrograms that Whisper reads


class SpectrogramRecognizer:
    """Writes what is said in spectrograms with a program whose task is "spectrogram_recognizer". Made by `pyseq.load`.

    Spectrograms are float32 arrays [frames, bins], as the model's front end makes them (of Whisper's published models:
    3000 frames, 30 seconds, of 80 or 128 logarithmic mel bins). The result for one does not depend on those beside it.

    Args:
        program: the program.

    Raises:
        FormatError: the program has another task.
    """

    def __init__(self, program: Program) -> None:
        if program.task.get("kind") != "spectrogram_recognizer":
            raise _core.FormatError(f"spectrogram_recognizer: the program's task is {program.task.get('kind')!r}")
        self.program = program

    @cached_property
    def tokenizer(self) -> SubwordTokenizer:
        """Ids to texts; made when it is first used."""
        return tokenizer_of(self.program)

    def logits(self, features: Array, tokens: Sequence[int]) -> Array:
        """What the model expects behind each of some tokens.

        Args:
            features: [frames, bins].
            tokens: what is written, the start mark first.

        Returns:
            logits [tokens, vocabulary].
        """
        state = self._read([features])
        found = self.program.run("step", state=state, tokens=np.array([list(tokens)], np.int64))
        logits: Array = found["logits"][0]
        return logits

    def detect_language(self, features: Array) -> str:
        """The likeliest language of a spectrogram, as the model writes it ("<|en|>").

        Raises:
            UnsupportedError: a model of one language.
        """
        languages: dict[str, int] = self.program.task["languages"]
        if not languages:
            raise _core.UnsupportedError("detect_language: the model has no tokens for languages")
        logits = self.logits(features, [self.program.task["start"]])[0]
        return max(languages, key=lambda name: float(logits[languages[name]]))

    def write(self, features: Array, **options: Any) -> Hypothesis:
        """The best text of one spectrogram; options as for `write_batch`."""
        return self.write_batch([features], **options)[0][0]

    def write_batch(
        self,
        features: Sequence[Array],
        *,
        language: str | None = None,
        task: str | None = None,
        prefix: Sequence[int] | None = None,
        deadline: float | None = None,
        cancel: _core.CancelToken | None = None,
        **options: Unpack[SearchOptions],
    ) -> list[list[Hypothesis]]:
        """Likely token sequences of spectrograms.

        Args:
            features: arrays [frames, bins].
            language: "en" or "<|en|>"; None for what the model's settings say, or for the likeliest one.
            task: "transcribe" or "translate" (to English); None for what the model's settings say.
            prefix: ids that texts begin with, in place of those for language and task.
            deadline: seconds after which the call gives up.
            cancel: a token that makes the call stop.
            options: see `pyseq.search_options.SearchOptions`, tokens by their ids; what the model's settings suppress
                is suppressed unless `suppress` and `suppress_first` are given.

        Returns:
            per spectrogram its hypotheses, best first; ids include the prefix, texts do not have its marks.

        Raises:
            ShapeError: other features. ArgumentError: an impossible option, or a language or task that the model does
                not know. DeadlineError, CancelledError.
        """
        settings = self.program.task
        chosen: dict[str, Any] = {
            "suppress": settings["suppress"],
            "suppress_first": settings["suppress_first"],
            "max_length": settings["max_length"],
            **options,
        }
        plan = SearchPlan(chosen)  # type: ignore[arg-type]
        prefixes = [self._prefix(spectrogram, language, task, prefix) for spectrogram in features]
        path, head = settings["attention"]["path"], settings["attention"]["head"]
        model = _core.ProgramStepModel(self.program.new_session(), self._read(features), path, head)
        each = plan.sources(len(features), prefixes)
        marks = settings["start"], settings["end"]
        found = _core.search(model, len(features), *marks, plan.core, [], each, deadline, cancel)
        return [[self._hypothesis(hypothesis) for hypothesis in hypotheses] for hypotheses in found]

    def transcribe(self, sound: SoundLike, **options: Any) -> Transcript:
        """What is said in a sound, 30 seconds after the other.

        Args:
            sound: a file, an `audio.Sound`, or samples [time] at 16,000 Hz.
            options: as for `write_batch`.

        Returns:
            the text alone: words have no times here.

        Raises:
            ShapeError: samples that are not [time]. FormatError: not a sound file.
        """
        samples = samples_of(sound, RATE)
        size = self.program.task["max_frames"] * HOP
        bins, seconds = self.program.task["bins"], size / RATE
        parts = [samples[begin : begin + size] for begin in range(0, len(samples), size)]
        found = self.write_batch([audio.whisper_features(part, bins, seconds) for part in parts], **options)
        return Transcript(" ".join(hypotheses[0].text.strip() for hypotheses in found))

    def save(self, file: str | PathLike[str]) -> None:
        """Write the program file: what `pyseq.load` and C++ open."""
        self.program.save(file)

    def _read(self, features: Sequence[Array]) -> _core.State:
        """The state after `encode`."""
        frames = [len(spectrogram) for spectrogram in features]
        most, bins = self.program.task["max_frames"], self.program.task["bins"]
        for spectrogram in features:
            if np.ndim(spectrogram) != 2 or spectrogram.shape[1] != bins or not 0 < len(spectrogram) <= most:
                raise _core.ShapeError(
                    f"features has shape {list(np.shape(spectrogram))}, expected [1 to {most} frames, {bins} bins]"
                )
        padded = np.zeros((len(features), max(frames, default=1), bins), np.float32)
        for row, spectrogram in enumerate(features):
            padded[row, : len(spectrogram)] = spectrogram
        state = self.program.new_state(len(features))
        self.program.run("encode", state=state, features=padded, lengths=np.array(frames, np.int64))
        return state

    def _prefix(
        self, features: Array, language: str | None, task: str | None, prefix: Sequence[int] | None
    ) -> list[int]:
        """The marks of language, task and absent time stamps."""
        if prefix is not None:
            return list(prefix)
        settings = self.program.task
        marks: list[int | None] = list(settings["forced"])
        if language is not None or (settings["languages"] and (not marks or marks[0] is None)):
            marks[:1] = [self._language(language or self.detect_language(features))]
        if task is not None or (language is not None and settings["tasks"] and len(marks) < 2):
            marks[1:2] = [self._named("tasks", "transcribe" if task is None else task)]
        last = settings["no_timestamps"]
        if last is not None and (not marks or marks[-1] != last):
            marks.append(last)
        return [mark for mark in marks if mark is not None]

    def _language(self, language: str) -> int:
        return self._named("languages", language if language.startswith("<|") else f"<|{language}|>")

    def _named(self, kind: str, name: str) -> int:
        known: dict[str, int] = self.program.task[kind]
        if name not in known:
            raise _core.ArgumentError(f"write: {name!r} is not among the {kind} of the model ({', '.join(known)})")
        return known[name]

    def _hypothesis(self, found: _core.Hypothesis) -> Hypothesis:
        tokens = self.tokenizer.tokens
        return Hypothesis(
            text=self.tokenizer.decode(found.ids),
            tokens=[tokens[id] for id in found.ids],
            ids=list(found.ids),
            score=found.score,
            token_log_probs=list(found.token_log_probs),
            finished=found.finished,
            attention=None if found.attention is None else np.asarray(found.attention),
        )
