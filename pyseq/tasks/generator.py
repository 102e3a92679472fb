"""Generator: a language model that continues texts and judges them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from os import PathLike
from typing import TYPE_CHECKING, Any

from pyseq import _core
from pyseq.program import Program
from pyseq.search_options import PhraseReader, SearchOptions, SearchPlan
from pyseq.tasks.drawing import DrawingOptions, drawing_options
from pyseq.tasks.hypothesis import Hypothesis, token_id
from pyseq.tasks.serving import GenerationService

if TYPE_CHECKING:
    from typing_extensions import Unpack


@dataclass(frozen=True)
class TextScore:
    """How likely a language model finds a text."""

    tokens: list[str]  # those that were judged: all but the first, where the model has no start mark
    token_log_probs: list[float]  # natural logarithms, one per token

    @property
    def log_prob(self) -> float:
        """The log probability of the text."""
        return math.fsum(self.token_log_probs)

    @property
    def perplexity(self) -> float:
        """Exp of the mean negative log probability per token; 1 is certainty, NaN for no tokens."""
        if not self.tokens:
            return math.nan
        return math.exp(-self.log_prob / len(self.tokens))


class Generator:
    """Continues texts with a program whose task is "generator". Made by `pyseq.load`.

    Usable from many threads at once.

    Args:
        program: the program.

    Raises:
        FormatError: the program has another task.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.core = _core.Generator(program.core)
        self._vocabulary = program.vocabulary(program.task["vocabulary"])

    @property
    def reader(self) -> PhraseReader:
        """Reads constraints that are given as texts."""
        return self.core

    def stream(
        self,
        prompt: str = "",
        *,
        deadline: float | None = None,
        cancel: _core.CancelToken | None = None,
        **options: Unpack[DrawingOptions],
    ) -> Iterator[str]:
        """Write on after a prompt, piece by piece.

        Each token is drawn from softmax(logits / temperature), cut down to the likely ones.

        Args:
            prompt: how the text begins; may be empty where the model has a start mark.
            deadline: seconds after which writing gives up.
            cancel: a token that makes it stop.
            options: see `pyseq.tasks.drawing.DrawingOptions`.

        Returns:
            an iterator over what each token adds to the text; it ends at the end mark, at max_length, or where the
                model has no positions left.

        Raises:
            ArgumentError: an impossible option, an empty prompt without a start mark, one of more tokens than the
                model has positions for, or nothing that is allowed. OutOfRangeError: a character or word that the
                model does not know. DeadlineError, CancelledError.
        """
        chosen = drawing_options(options, self.reader)
        return self.pieces(self.core.stream(self.prompt_text(prompt, "generate"), chosen, deadline, cancel))

    # What the recurrent-network literature calls it.
    sample = stream

    def generate(self, prompt: str = "", **options: Any) -> str:
        """The prompt and what follows it; options as for `stream`."""
        return prompt + "".join(self.stream(prompt, **options))

    def generate_batch(
        self,
        prompts: Sequence[str],
        *,
        prefixes: Sequence[str] = (),
        deadline: float | None = None,
        cancel: _core.CancelToken | None = None,
        **options: Unpack[SearchOptions],
    ) -> list[list[Hypothesis]]:
        """Search for what follows each of several prompts, or draw it with all options of a search.

        argmax_y log P(y | prompt) = Σ log P(y_t | prompt, y_1 … y_(t−1)), by beam search; `stream` draws instead.

        Args:
            prompts: how the texts begin. Prompts of the same length are read together, equal ones once.
            prefixes: per prompt what follows it in any case, or with `prefix_bias` rather; () for nothing.
            deadline: seconds after which the call gives up.
            cancel: a token that makes the call stop.
            options: see `pyseq.search_options.SearchOptions`. Repetition penalty, n-grams and suppressed sequences look
                at the prompt, too; constraints and lengths are of what follows it. Without an end mark hypotheses end
                at max_length, or where constraints allow nothing more.

        Returns:
            per prompt its hypotheses, best first; their text is what they add to the prompt.

        Raises:
            ArgumentError: an impossible option, or a prompt that is empty without a start mark, or longer than the
                model has positions for. OutOfRangeError: a character or word that the model does not know.
                DeadlineError, CancelledError.
        """
        plan = SearchPlan(options, lambda token: token_id(token, self._vocabulary, "generate"), self.reader)
        each = plan.sources(len(prompts), [self._prefix(prefix) for prefix in prefixes])
        texts = [self.prompt_text(prompt, "generate") for prompt in prompts]
        found = self.core.generate_batch(texts, plan.core, each, deadline, cancel)
        return [
            [self._readable(Hypothesis.of_core(one, prompt, self._vocabulary), text) for one in continuations]
            for prompt, text, continuations in zip(prompts, texts, found, strict=True)
        ]

    def serve(self, max_rows: int = 16, prompt_cache_bytes: int = 256 << 20) -> GenerationService:
        """A service that writes many texts at the same time; see `GenerationService`.

        Example:
            >>> import numpy as np, pyseq
            >>> from pyseq.models import LanguageModelOptions, RecurrentLanguageModel
            >>> model = RecurrentLanguageModel(LanguageModelOptions(4, embedding_size=4, hidden_size=8)).initialize(1)
            >>> task = {"kind": "generator", "vocabulary": "text", "start": None, "end": None, "max_length": 9}
            >>> vocabularies = {"text": pyseq.text.Vocabulary("abcd", unit="character")}
            >>> examples = {"step": {"tokens": np.array([[1, 2], [3, 0]])}}
            >>> data = pyseq.export(model, None, examples, task=task, vocabularies=vocabularies)
            >>> generator = pyseq.tasks.Generator(pyseq.Program.parse(data))
            >>> with generator.serve() as service:
            ...     requests = [service.submit(prompt, seed=3) for prompt in ("ab", "cab", "d")]
            ...     texts = [request.text() for request in requests]
            >>> texts == [generator.generate(prompt, seed=3) for prompt in ("ab", "cab", "d")]
            True
        """
        return GenerationService(self, max_rows, prompt_cache_bytes)

    def score(self, text: str) -> TextScore:
        """How likely the model finds a text: log P(text) = Σ log P(token | tokens before it).

        Args:
            text: at least one token; without a start mark the first one is taken for granted.

        Raises:
            ArgumentError: an empty text, or one that the model has no positions for. OutOfRangeError: a character or
                word that the model does not know.
        """
        found = self.core.score(self.prompt_text(text, "score"))
        return TextScore(list(found.tokens), list(found.token_log_probs))

    def save(self, file: str | PathLike[str]) -> None:
        """Write the program file: what `pyseq.load` and C++ open."""
        self.program.save(file)

    # What differs where a tokenizer stands between texts and the core.

    def prompt_text(self, text: str, caller: str) -> str:
        """The text that the core reads."""
        return text

    def _prefix(self, text: str) -> list[int]:
        return self._vocabulary.encode(text)

    def pieces(self, tokens: Iterable[_core.GeneratedToken]) -> Iterator[str]:
        """What tokens add to a text; goes on after what iteration over them raises."""
        return map(attrgetter("text"), tokens)

    def _readable(self, hypothesis: Hypothesis, prompt: str) -> Hypothesis:
        return hypothesis
