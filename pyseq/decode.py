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
from pyseq.constraints import Regex, Trie
from pyseq.program import Program
from pyseq.search_options import SearchOptions, SearchPlan
from pyseq.search_trace import Trace, save_traces
from pyseq.state import State
from pyseq.tensor import Tensor

if TYPE_CHECKING:
    from typing_extensions import Unpack

Array = NDArray[Any]

__all__ = [
    "EagerStepModel",
    "Hypothesis",
    "Regex",
    "StepModel",
    "Trace",
    "Trie",
    "as_hypothesis",
    "ctc_prefixes",
    "ensemble",
    "fuse",
    "joint",
    "program_step_model",
    "save_traces",
    "score",
    "search",
]


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
    trace: Trace | None = None  # of the search of its source, when asked for
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


AnyStepModel = StepModel | _core.ProgramStepModel | _core.Ensemble | _core.Fusion | _core.CtcPrefixes


def ensemble(
    models: Sequence[AnyStepModel], *, mean: str = "probabilities", weights: Sequence[float] = ()
) -> _core.Ensemble:
    """Several models of one vocabulary as one: p = Σ w p_i, or log p = Σ w log p_i, normalised.

    Args:
        models: anything that `search` takes, each with the same rows.
        mean: of "probabilities" or "log_probabilities".
        weights: one per model, divided by their sum; () for equal ones.

    Returns:
        a model for `search` and `score`; its attention is that of the first one that has any.

    Example:
        >>> import numpy as np
        >>> from pyseq import decode
        >>> class Constant:
        ...     def __init__(self, *p): self.logits = np.log(np.float32(p))
        ...     def step(self, tokens): return np.broadcast_to(self.logits, (*tokens.shape, 2)).copy()
        ...     def reorder(self, parents): pass
        >>> both = decode.ensemble([Constant(0.9, 0.1), Constant(0.5, 0.5)])
        >>> round(float(np.exp(decode.score(both, [[]], start=1, end=0)[0].score)), 3)
        0.7
    """
    return _core.Ensemble(list(models), mean, list(weights))


def fuse(
    model: AnyStepModel, language_model: AnyStepModel, weight: float, language_start: int | None = None
) -> _core.Fusion:
    """A language model has a say (shallow fusion): score = log p(token) + weight · log p_language(token).

    Args:
        model: anything that `search` takes.
        language_model: another one with the same vocabulary and rows.
        weight: 0 or more.
        language_start: what the language model reads in the place of the model's start mark; None for the same.

    Returns:
        a model for `search` and `score`, whose token_log_probs are these scores.

    Source:
        Gulcehre et al. 2015, On Using Monolingual Corpora in Neural Machine Translation.
    """
    return _core.Fusion(model, language_model, weight, language_start)


def ctc_prefixes(log_probs: Array, lengths: Array | None = None, *, blank: int = 0, end: int) -> _core.CtcPrefixes:
    """CTC as a model of the next token: p(c | g) = p(gc…) / p(g…), and p(end | g) = p(g) / p(g…).

    p(g…) is the probability that the frames show labels that begin with g, summed over all paths.

    Args:
        log_probs: [sources, time, classes] float32, of a model with CTC; classes are tokens.
        lengths: [sources] int64, valid frames; None for all.
        blank: the class of the blank, which is never said.
        end: the token that closes a hypothesis, whose class never counts.

    Returns:
        a model for `search`, `score` and `joint`.

    Raises:
        ShapeError, DTypeError: other arrays. ArgumentError: no such class, frames that are not log-probabilities.

    Source:
        Watanabe et al., "Hybrid CTC/attention architecture for end-to-end speech recognition" (2017), algorithm 2.

    Example:
        >>> import numpy as np
        >>> from pyseq import decode
        >>> frames = np.log(np.float32([[[0.2, 0, 0.5, 0.3], [0.6, 0, 0.3, 0.1]]]) + 1e-20)
        >>> frame_model = decode.ctc_prefixes(frames, blank=0, end=1)
        >>> best = decode.search(frame_model, 1, start=0, end=1, beam_size=4, n_best=2)[0]
        >>> [(hypothesis.ids, round(float(np.exp(hypothesis.score)), 3)) for hypothesis in best]
        [([2], 0.51), ([3], 0.23)]
    """
    return _core.CtcPrefixes(log_probs, lengths, blank, end)


def joint(model: AnyStepModel, prefixes: AnyStepModel, ctc_weight: float) -> _core.Fusion:
    """Joint CTC/attention decoding: score = (1 − λ) log p_attention(token) + λ log p_ctc(token).

    Attention alone may leave parts out or repeat them; CTC holds it to the order of the frames.

    Args:
        model: an encoder-decoder, anything that `search` takes.
        prefixes: what CTC says of the same sources, from `ctc_prefixes`.
        ctc_weight: λ, from 0 to 1.

    Returns:
        a model for `search` and `score`; a language model can be fused with it.

    Raises:
        ArgumentError: a weight outside of 0 to 1.

    Source:
        Watanabe et al., "Hybrid CTC/attention architecture for end-to-end speech recognition" (2017).
    """
    if not 0 <= ctc_weight <= 1:
        raise _core.ArgumentError(f"joint: ctc_weight is {ctc_weight}, expected 0 to 1")
    return _core.Fusion(model, prefixes, ctc_weight, None, 1 - ctc_weight)


def search(
    model: AnyStepModel,
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
        model: any object with `step` and `reorder`, a `program_step_model`, an `ensemble` of models, or models put
            together by `fuse`; it has one row per source at first.
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
    model: AnyStepModel,
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
    trace = None if found.trace is None else Trace(found.trace)
    return Hypothesis(
        list(found.ids), found.score, list(found.token_log_probs), found.finished, attention, trace, top_tokens
    )
