"""Classifier, Generator and Translator of programs whose texts go through a subword tokenizer.

The core sees a program whose vocabulary are the tokens, with spaces between them; these classes stand around it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from pyseq import _core
from pyseq.program import Program
from pyseq.search_options import Token
from pyseq.tasks.classifier import Classification, Classifier
from pyseq.tasks.drawing import drawing_options
from pyseq.tasks.generator import Generator
from pyseq.tasks.hypothesis import Hypothesis
from pyseq.tasks.token_ids import tokenizer_of
from pyseq.tasks.tokenizer_constraints import TokenizerConstraints
from pyseq.tasks.translator import Translator
from pyseq.text import SubwordTokenizer

UNFINISHED = "\N{REPLACEMENT CHARACTER}"  # what a decoder writes for bytes that are no whole character yet
MOST_PENDING = 8  # tokens that one character can take


class TokenizedClassifier(Classifier):
    """A `Classifier` that also reads pairs of texts."""

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self.tokenizer = tokenizer_of(program)

    def classify_batch(
        self,
        texts: Sequence[str | tuple[str, str]],
        deadline: float | None = None,
        cancel: _core.CancelToken | None = None,
    ) -> list[Classification]:
        """The classes of texts, or of pairs of texts (premise and hypothesis); see `Classifier`.

        What is longer than the model reads is cut.

        Raises:
            UnsupportedError: a pair for a model without segments. DeadlineError, CancelledError.
        """
        found: list[Any] = [None] * len(texts)
        single = [number for number, text in enumerate(texts) if isinstance(text, str)]
        lines = [self.tokenizer.as_tokens(self.tokenizer.encode(str(texts[number]))) for number in single]
        for number, classification in zip(single, super().classify_batch(lines, deadline, cancel), strict=True):
            found[number] = classification
        for number, text in enumerate(texts):
            if not isinstance(text, str):
                found[number] = self._classify_pair(*text, deadline, cancel)
        return found

    def _classify_pair(
        self, first: str, second: str, deadline: float | None, cancel: _core.CancelToken | None
    ) -> Classification:
        ids, segments = self.tokenizer.encode_segments(first, second)
        inputs: dict[str, Any] = {"tokens": np.array([ids]), "lengths": np.array([len(ids)])}
        if "classify_pair" in self.program.function_names:
            inputs["segments"] = np.array([segments])
            logits = self.program.run("classify_pair", deadline=deadline, cancel=cancel, **inputs)["logits"][0]
        else:
            logits = self.program.run("classify", deadline=deadline, cancel=cancel, **inputs)["logits"][0]
        weights = np.exp(logits.astype(np.float64) - logits.max())
        order = np.argsort(-weights, kind="stable")
        ranking = [(self.labels[label], float(weights[label] / weights.sum())) for label in order]
        return Classification(*ranking[0], ranking)


class TokenizedGenerator(Generator):
    """A `Generator` of subword tokens."""

    @cached_property
    def tokenizer(self) -> SubwordTokenizer:
        """Texts to ids and back; made when it is first used."""
        return tokenizer_of(self.program)

    @cached_property
    def reader(self) -> TokenizerConstraints:
        """Reads constraints that are given as texts."""
        return TokenizerConstraints(self.tokenizer)

    def stream_ids(self, ids: Sequence[int], **options: Any) -> Iterator[int]:
        """Token ids that follow given ones; options as for `stream`."""
        chosen = drawing_options(options, self.reader)  # type: ignore[arg-type]  # checked there
        return (token.id for token in self.core.stream(self.tokenizer.as_tokens(ids), chosen, None, None))

    def prompt_text(self, text: str, caller: str) -> str:
        """The text that the core reads: tokens with spaces between them."""
        ids = self.tokenizer.encode(text)
        if not ids and self.program.task.get("empty_prompt") is not None:
            ids = [self.program.task["empty_prompt"]]
        if not ids:
            raise _core.ArgumentError(f"{caller}: the text is empty, and the model has no token that begins one")
        return self.tokenizer.as_tokens(ids)

    def _prefix(self, text: str) -> list[int]:
        return self.tokenizer.encode_target(text)

    def pieces(self, tokens: Iterable[_core.GeneratedToken]) -> Iterator[str]:
        """What tokens add to a text. A piece may be empty, while a character is not whole yet."""
        return map(_Pieces(self.tokenizer), tokens)

    def _readable(self, hypothesis: Hypothesis, prompt: str) -> Hypothesis:
        # The last token of the prompt is context: a decoder may drop the space before the first of its tokens.
        context = self._vocabulary.encode(prompt)[-1:]
        text = self.tokenizer.decode([*context, *hypothesis.ids])[len(self.tokenizer.decode(context)) :]
        return replace(hypothesis, text=text)


class _Pieces:
    """What one token after the other adds to a text."""

    def __init__(self, tokenizer: SubwordTokenizer) -> None:
        self._tokenizer = tokenizer
        self._shown = ""
        self._pending: list[int] = []

    def __call__(self, token: _core.GeneratedToken) -> str:
        self._pending.append(token.id)
        text = self._tokenizer.decode(self._pending)
        if text.endswith(UNFINISHED) and len(self._pending) < MOST_PENDING:
            return ""
        piece = text[len(self._shown) :]
        # A decoder may drop the space before the first of its tokens: the last one stays as context.
        self._pending = self._pending[-1:]
        self._shown = self._tokenizer.decode(self._pending)
        return piece


class TokenizedTranslator(Translator):
    """A `Translator` of subword tokens."""

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self.tokenizer = tokenizer_of(program)
        self._reader = TokenizerConstraints(self.tokenizer)

    def translate_batch(
        self, texts: Sequence[str], *, target_prefixes: Sequence[str | Sequence[Token]] = (), **options: Any
    ) -> list[list[Hypothesis]]:
        """See `Translator.translate_batch`."""
        first = self.program.task.get("first")
        begin = [] if first is None else [self.tokenizer.tokens[first]]
        prefixes = target_prefixes or ([""] * len(texts) if begin else [])
        found = super().translate_batch(
            [self._source_tokens(text) for text in texts],
            target_prefixes=[self._prefix_tokens(begin, prefix) for prefix in prefixes],
            **options,
        )
        return [[self._readable(hypothesis) for hypothesis in hypotheses] for hypotheses in found]

    def score(self, source: str, target: str, **options: Any) -> Hypothesis:
        """See `Translator.score`."""
        return self._readable(super().score(self._source_tokens(source), self._target_tokens(target), **options))

    def source_tokens(self, text: str) -> list[str]:
        """See `Translator.source_tokens`."""
        return super().source_tokens(self._source_tokens(text))

    def _prefix_tokens(self, begin: list[str], prefix: str | Sequence[Token]) -> str | Sequence[Token]:
        if not isinstance(prefix, str):
            return [*begin, *prefix]
        return " ".join([*begin, self._target_tokens(prefix)]).strip()

    def _source_tokens(self, text: str) -> str:
        return self.tokenizer.as_tokens(self.tokenizer.encode(text))

    def _target_tokens(self, text: str) -> str:
        return self.tokenizer.as_tokens(self.tokenizer.encode_target(text)) if text else ""

    def _readable(self, hypothesis: Hypothesis) -> Hypothesis:
        return replace(hypothesis, text=self.tokenizer.decode(hypothesis.ids))
