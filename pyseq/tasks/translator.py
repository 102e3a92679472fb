"""Translator: text in, hypotheses out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

from pyseq import _core
from pyseq._core import ArgumentError
from pyseq.program import Program
from pyseq.search_options import PhraseReader, SearchOptions, SearchPlan, Token
from pyseq.tasks.generator import Generator
from pyseq.tasks.hypothesis import Hypothesis

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Translator:
    """Turns texts into texts with a program whose task is "translator". Made by `pyseq.load`.

    Usable from many threads at once. The result for a text does not depend on the texts beside it.

    Args:
        program: the program.

    Raises:
        FormatError: the program has another task.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self._core = _core.Translator(program.core)
        self._reader: PhraseReader = self._core
        self._target = program.vocabulary(program.task["target_vocabulary"])

    def translate(
        self, text: str, *, target_prefix: str = "", phrases: Sequence[str | Sequence[int]] = (), **options: Any
    ) -> Hypothesis:
        """The best translation of one text that begins with a prefix and contains phrases; more: `translate_batch`.

        Example:
            >>> import pyseq
            >>> from pyseq.decode import Regex
            >>> dates = pyseq.load("dates")
            >>> dates.translate("May 5, 1998", allowed=Regex("19.*"), phrases=["-12-"], beam_size=4).text
            '1998-12-05'
        """
        return self.translate_batch([text], target_prefixes=[target_prefix], phrases=[phrases], **options)[0][0]

    def translate_batch(
        self,
        texts: Sequence[str],
        *,
        target_prefixes: Sequence[str | Sequence[Token]] = (),
        ensemble: Sequence[Translator] = (),
        ensemble_mean: str = "probabilities",
        ensemble_weights: Sequence[float] = (),
        language_model: Generator | None = None,
        language_model_weight: float = 0.0,
        replace_unknowns: bool | Mapping[str, str] = False,
        deadline: float | None = None,
        cancel: _core.CancelToken | None = None,
        **options: Unpack[SearchOptions],
    ) -> list[list[Hypothesis]]:
        """Translate texts.

        Args:
            texts: the sources.
            target_prefixes: per text what its translations begin with, as text or as tokens; () for nothing.
            ensemble: translators with the same target vocabulary, whose probabilities are averaged with this one's.
            ensemble_mean: of "probabilities" or "log_probabilities"; see `decode.ensemble`.
            ensemble_weights: of this model, then of those; () for equal ones.
            language_model: a generator over the target vocabulary with a start mark; see `decode.fuse`.
            language_model_weight: how much it has to say.
            replace_unknowns: an unknown token becomes the token of the source that got most of its attention, or what a
                dictionary has for that one; ids stay.
            deadline: seconds after which the call gives up.
            cancel: a token that makes the call stop.
            options: see `pyseq.search_options.SearchOptions`; tokens are ids or texts of the target vocabulary.

        Returns:
            per text its hypotheses, best first.

        Raises:
            ArgumentError: an impossible option. OutOfRangeError: a character that the model does not know and that it
                has no unknown token for. DeadlineError, CancelledError.
        """
        plan = SearchPlan(options, self._token_id, self._reader)
        each = plan.sources(len(texts), [self._prefix(prefix) for prefix in target_prefixes])
        translation = _core.TranslationOptions(
            ensemble=[translator._core for translator in ensemble],
            ensemble_mean=ensemble_mean,
            ensemble_weights=list(ensemble_weights),
            language_model=None if language_model is None else language_model.core,
            language_model_weight=language_model_weight,
            replace_unknowns=replace_unknowns is not False,
            dictionary={} if isinstance(replace_unknowns, bool) else dict(replace_unknowns),
        )
        found = self._core.translate_batch(list(texts), plan.core, [], each, translation, deadline, cancel)
        return [
            [Hypothesis.of_core(translation, text, self._target) for translation in translations]
            for text, translations in zip(texts, found, strict=True)
        ]

    def score(
        self,
        source: str,
        target: str,
        *,
        length_penalty: float = 0.0,
        deadline: float | None = None,
        cancel: _core.CancelToken | None = None,
    ) -> Hypothesis:
        """How likely the model finds a given translation.

        Args:
            source: the text.
            target: its translation.
            length_penalty: the score is the log probability divided by length ** length_penalty.
            deadline: seconds after which the call gives up.
            cancel: a token that makes the call stop.

        Raises:
            ArgumentError: an empty source. OutOfRangeError: a character that the model does not know.
        """
        found = self._core.score(source, target, length_penalty, deadline, cancel)
        return Hypothesis.of_core(found, source, self._target)

    def source_tokens(self, text: str) -> list[str]:
        """What the model reads of a text: the columns of its attention."""
        vocabulary = self.program.vocabulary(self.program.task["source_vocabulary"])
        pieces = [vocabulary.token(id) for id in vocabulary.encode(text)] if vocabulary.unit == "subword" else None
        suffix = [vocabulary.token(id) for id in self.program.task.get("source_suffix", [])]
        return [*(vocabulary.split(text) if pieces is None else pieces), *suffix]

    def save(self, file: str | PathLike[str]) -> None:
        """Write the program file: what `pyseq.load` and C++ open."""
        self.program.save(file)

    def _prefix(self, prefix: str | Sequence[Token]) -> list[int]:
        if isinstance(prefix, str):
            return self._target.encode(prefix)
        return [self._token_id(token) if isinstance(token, str) else token for token in prefix]

    def _token_id(self, token: str) -> int:
        found = self._target.find(token)
        if found is None:
            raise ArgumentError(f"translate: {token!r} is not a token of the target vocabulary")
        return found
