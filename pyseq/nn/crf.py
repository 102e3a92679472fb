"""CRF: labels of a sequence that are likely together."""

from __future__ import annotations

import numpy as np

from pyseq import _core, ops
from pyseq.nn import initialization
from pyseq.nn.module import Module
from pyseq.tensor import Array, Buffer, Parameter, Tensor

RANGE = 0.1  # of initial scores


class CRF(Module):
    """Linear-chain conditional random field over paths π of labels.

    P(π) ∝ exp(start[π₁] + Σ_t (emissions[t, π_t] + transitions[π_{t−1}, π_t]) + end[π_T])

    What is not allowed has probability 0, in training and in decoding alike (see `text.tag_constraints` for BIO and
    BIOES labels): its score is −∞.

    Args:
        labels: their number.
        allowed: [labels, labels] of truth values, from (row) one label to (column) the next; None: all.
        allowed_start: [labels], first labels; None: all.
        allowed_end: [labels], last labels; None: all.

    Raises:
        ShapeError: constraints for another number of labels.

    Source:
        Lafferty, McCallum, Pereira, "Conditional random fields" (2001); Lample et al., "Neural architectures for named
        entity recognition" (2016).

    Example:
        >>> import numpy as np
        >>> from pyseq import nn
        >>> crf = nn.CRF(2, allowed=[[True, True], [False, True]])
        >>> emissions = np.array([[[0, 6], [3, 0]]], np.float32)  # alone they would say 1, 0
        >>> crf(emissions)[0].numpy().tolist()
        [[1, 1]]
        >>> crf.loss(emissions, np.array([[1, 1]])).shape
        (1,)
    """

    def __init__(
        self,
        labels: int,
        allowed: Array | None = None,
        allowed_start: Array | None = None,
        allowed_end: Array | None = None,
    ) -> None:
        self.transitions = initialization.empty(labels, labels)
        self.start = initialization.empty(labels)
        self.end = initialization.empty(labels)
        self.forbidden_transitions = _forbidden("allowed", allowed, (labels, labels))
        self.forbidden_start = _forbidden("allowed_start", allowed_start, (labels,))
        self.forbidden_end = _forbidden("allowed_end", allowed_end, (labels,))
        self.reset_parameters(initialization.construction_generator())

    def reset_parameters(self, random: np.random.Generator) -> None:
        """Uniform within ±0.1."""
        for scores in (self.transitions, self.start, self.end):
            scores.data[...] = random.uniform(-RANGE, RANGE, scores.data.shape)

    def forward(self, emissions: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Emissions [batch, time, labels], lengths [batch] -> best path [batch, time], its score [batch] (Viterbi)."""
        transitions, start, end = self._scores()
        return ops.viterbi(emissions, transitions, start, end, lengths)

    def loss(self, emissions: Tensor, targets: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Emissions, targets [batch, time], lengths -> −ln P(targets) [batch]; infinite where they are not allowed."""
        transitions, start, end = self._scores()
        losses: Tensor = ops.crf_loss(emissions, transitions, targets, start, end, lengths)
        return losses

    def marginals(self, emissions: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Emissions, lengths -> the probability of every label at every step [batch, time, labels]."""
        transitions, start, end = self._scores()
        return ops.crf_marginals(emissions, transitions, start, end, lengths)

    def _scores(self) -> tuple[Tensor, Tensor, Tensor]:
        return (
            _limited(self.transitions, self.forbidden_transitions),
            _limited(self.start, self.forbidden_start),
            _limited(self.end, self.forbidden_end),
        )


def _forbidden(name: str, allowed: Array | None, shape: tuple[int, ...]) -> Buffer | None:
    """0 where something is allowed, −∞ where it is not."""
    if allowed is None:
        return None
    array = np.asarray(allowed, bool)
    if array.shape != shape:
        raise _core.ShapeError(f"CRF: {name} has shape {list(array.shape)}, expected {list(shape)}")
    return Buffer(np.where(array, np.float32(0), np.float32(-np.inf)))


def _limited(scores: Parameter, forbidden: Buffer | None) -> Tensor:
    return scores if forbidden is None else ops.add(scores, forbidden)
