"""Linear-chain conditional random fields: loss, probabilities of labels, the best path."""

from __future__ import annotations

from typing import Any, Literal, overload

from pyseq.tensor import OperandT, apply


@overload
def crf_loss(
    emissions: OperandT,
    transitions: OperandT,
    targets: OperandT,
    start: OperandT | None = ...,
    end: OperandT | None = ...,
    lengths: OperandT | None = ...,
    *,
    return_gradient: Literal[False] = ...,
) -> OperandT: ...


@overload
def crf_loss(
    emissions: OperandT,
    transitions: OperandT,
    targets: OperandT,
    start: OperandT | None = ...,
    end: OperandT | None = ...,
    lengths: OperandT | None = ...,
    *,
    return_gradient: Literal[True],
) -> tuple[OperandT, OperandT, OperandT]: ...


def crf_loss(
    emissions: OperandT,
    transitions: OperandT,
    targets: OperandT,
    start: OperandT | None = None,
    end: OperandT | None = None,
    lengths: OperandT | None = None,
    *,
    return_gradient: bool = False,
) -> Any:
    """Negative log-likelihood of each row's labels: loss = ln Σ_π exp s(π) − s(targets).

    s(π) = start[π₁] + Σ_t emissions[t, π_t] + Σ_t transitions[π_{t−1}, π_t] + end[π_T], and the sum runs over all paths
    of labels (forward algorithm in the log domain). A score of −∞ forbids what it stands for.

    Args:
        emissions: [batch, time, labels] float32.
        transitions: [labels, labels] float32, from (row) one label to (column) the next.
        targets: [batch, time] int64.
        start: [labels] float32, of first labels; None for zeros.
        end: [labels] float32, of last labels; None for zeros.
        lengths: [batch] int64, steps of each row; None for all.
        return_gradient: give the derivatives too.

    Returns:
        loss [batch]: 0 for a row without steps, infinite where the targets are forbidden, NaN where a score of the row
        is NaN or +∞. With `return_gradient` also gradient [batch, time, labels], that of each row's loss by its
        emissions (zero beyond lengths), and transition_gradient [batch, labels, labels]; both are NaN where the loss is
        not finite.

    Raises:
        ShapeError: sizes that do not fit. OutOfRangeError: a target that is no label. ValueError: a length that
            emissions do not have.

    Source:
        Lafferty, McCallum, Pereira, "Conditional random fields" (2001).

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> emissions, transitions = np.zeros((1, 3, 2), np.float32), np.zeros((2, 2), np.float32)
        >>> probability = np.exp(-ops.crf_loss(emissions, transitions, np.array([[0, 1, 1]])))  # of 8 equal paths
        >>> print(probability.round(4))
        [0.125]
    """
    inputs = (emissions, transitions, targets, start, end, lengths)
    if not return_gradient:
        return apply("crf_loss", inputs)[0]
    return tuple(apply("crf_loss", inputs, wanted=("gradient", "transition_gradient")))


def crf_marginals(
    emissions: OperandT,
    transitions: OperandT,
    start: OperandT | None = None,
    end: OperandT | None = None,
    lengths: OperandT | None = None,
) -> OperandT:
    """The probability of every label at every step: p[t, j] = Σ of P(π) over the paths π with π_t = j.

    P(π) is proportional to exp s(π); see `crf_loss` for s and the arguments.

    Returns:
        probabilities [batch, time, labels]: zero beyond lengths, NaN in a row without a path, or with NaN or +∞.

    Raises:
        ShapeError: sizes that do not fit. ValueError: a length that emissions do not have.

    Source:
        Rabiner, "A tutorial on hidden Markov models" (1989), forward-backward procedure.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> emissions = np.log(np.array([[[1, 3], [1, 1]]], np.float32))
        >>> print(ops.crf_marginals(emissions, np.zeros((2, 2), np.float32)).round(4))
        [[[0.25 0.75]
          [0.5  0.5 ]]]
    """
    result: OperandT = apply("crf_marginals", (emissions, transitions, start, end, lengths))[0]
    return result


def viterbi(
    emissions: OperandT,
    transitions: OperandT,
    start: OperandT | None = None,
    end: OperandT | None = None,
    lengths: OperandT | None = None,
) -> tuple[OperandT, OperandT]:
    """The best path of each row: argmax_π s(π), with s and the arguments as in `crf_loss`.

    Of equally good paths it is the one with the lowest label where they part, seen from the end.

    Returns:
        path [batch, time] (int64, zero beyond lengths) and its score [batch]: −∞ where all paths are forbidden, NaN
        where a score of the row is NaN or +∞; such paths mean nothing.

    Raises:
        ShapeError: sizes that do not fit. ValueError: a length that emissions do not have.

    Source:
        Viterbi, "Error bounds for convolutional codes and an asymptotically optimum decoding algorithm" (1967).

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> emissions = np.array([[[0, 1], [2, 0]]], np.float32)
        >>> forbidden = np.array([[0, 0], [-np.inf, 0]], np.float32)  # 0 does not follow 1
        >>> path, score = ops.viterbi(emissions, forbidden)
        >>> path.tolist(), score.tolist()
        ([[0, 0]], [2.0])
    """
    path, score = apply("viterbi", (emissions, transitions, start, end, lengths), wanted=("score",))
    return path, score
