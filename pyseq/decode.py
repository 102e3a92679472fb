"""Greedy and beam search, and scoring, for any model that predicts the next token.

The search is C++. It asks the model through two functions: `step(tokens) -> logits` and `reorder(parents)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pyseq import _core
from pyseq.program import Program
from pyseq.search_options import SearchOptions, SearchPlan
from pyseq.state import State
from pyseq.tensor import Tensor

if TYPE_CHECKING:
    from typing_extensions import Unpack

Array = NDArray[Any]


class StepModel(Protocol):
    """What a search needs of a model. It may also have `attention()`, see `Hypothesis.attention`."""

    def step(self, tokens: Array) -> Array:
        """Tokens [rows, time] int64, the next ones of every row -> logits [rows, time, vocabulary] float32."""

    def reorder(self, parents: Array) -> None:
        """Row r of the state becomes what row parents[r] was; the number of rows may change."""


@dataclass(frozen=True)
class Hypothesis:
    """One result of a search."""

    ids: list[int]  # without start and end marks
    score: float  # log probability / length ** length_penalty, the end mark counted in the length
    token_log_probs: list[float]  # one per id, and one for the end mark when finished
    finished: bool  # False: cut at max_length, or stopped
    attention: Array | None = None  # [ids, source positions], when asked for and known
    top_tokens: list[list[tuple[int, float]]] | None = None  # the likeliest (id, log probability) there, when asked for


class EagerStepModel:
    """A module with `step(tokens, state)`, run eagerly.

    Args:
        module: the module.
        state: where it starts; changed by the search.
    """

    def __init__(self, module: Any, state: State) -> None:
        self.module = module
        self.state = state

    def step(self, tokens: Array) -> Array:
        """Tokens [rows, time] -> logits [rows, time, vocabulary]."""
        logits: Tensor = self.module.step(Tensor(tokens), self.state)
        return logits.numpy()

    def reorder(self, parents: Array) -> None:
        """Row r of the state becomes what row parents[r] was."""
        self.state.reorder(parents)


def program_step_model(
    program: Program, state: _core.State, attention: str | None = None, head: int = -1
) -> _core.ProgramStepModel:
    """The `step` function of a program with a state (which is cloned).

    Args:
        program: the program.
        state: where it starts, after `encode`.
        attention: the module path whose attention hypotheses carry.
        head: which head of it; −1 for the mean.
    """
    return _core.ProgramStepModel(program.new_session(), state, attention, head)


def search(
    model: StepModel | _core.ProgramStepModel,
    sources: int,
    *,
    start: int,
    end: int,
    prefixes: Sequence[Sequence[int]] = (),
    deadline: float | None = None,
    cancel: _core.CancelToken | None = None,
    **options: Unpack[SearchOptions],
) -> list[list[Hypothesis]]:
    """Find likely token sequences.

    Args:
        model: any object with `step` and `reorder`, or a `program_step_model`; it has one row per source at first.
        sources: how many.
        start: the token fed first.
        end: the token that closes a hypothesis.
        prefixes: per source the tokens that its hypotheses begin with; they are part of ids and score.
        deadline: seconds after which the call gives up.
        cancel: a token that makes the call stop.
        options: see `pyseq.search_options.SearchOptions`.

    Returns:
        per source its hypotheses, best first.

    Raises:
        ArgumentError: an impossible option, or options that leave no hypothesis. DeadlineError, CancelledError.

    Example:
        >>> import numpy as np
        >>> from pyseq import decode
        >>> class CountDown:  # after token n comes n − 1
        ...     def step(self, tokens):
        ...         return np.eye(5, dtype=np.float32)[np.maximum(tokens - 1, 0)] * 9
        ...     def reorder(self, parents): pass
        >>> decode.search(CountDown(), 1, start=4, end=0)[0][0].ids
        [3, 2, 1]
    """
    plan = SearchPlan(options)
    each = plan.sources(sources, prefixes)
    found = _core.search(model, sources, start, end, plan.core, [], each, deadline, cancel)
    return [[as_hypothesis(hypothesis) for hypothesis in hypotheses] for hypotheses in found]


def score(
    model: StepModel | _core.ProgramStepModel,
    targets: Sequence[Sequence[int]],
    *,
    start: int,
    end: int,
    length_penalty: float = 0.0,
    with_end: bool = True,
    deadline: float | None = None,
    cancel: _core.CancelToken | None = None,
) -> list[Hypothesis]:
    """Log probabilities of given targets.

    Args:
        model: as for `search`; it has one row per target.
        targets: token ids without start and end marks.
        start: the token fed first.
        end: the token that closes a target.
        length_penalty: scores are log probabilities divided by length ** length_penalty.
        with_end: whether the end mark belongs to the target.
        deadline: seconds after which the call gives up.
        cancel: a token that makes the call stop.

    Returns:
        a hypothesis per target.

    Raises:
        ArgumentError: a token outside the vocabulary. DeadlineError, CancelledError.
    """
    rows = [[int(token) for token in target] for target in targets]
    found = _core.score(model, rows, start, end, length_penalty, with_end, deadline, cancel)
    return [as_hypothesis(hypothesis) for hypothesis in found]


def as_hypothesis(found: _core.Hypothesis) -> Hypothesis:
    """A hypothesis of the core as plain data."""
    attention = None if found.attention is None else np.asarray(found.attention)
    top_tokens = found.top_tokens or None
    return Hypothesis(list(found.ids), found.score, list(found.token_log_probs), found.finished, attention, top_tokens)
