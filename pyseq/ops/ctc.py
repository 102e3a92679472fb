"""Connectionist temporal classification: a loss for labels without an alignment."""

from __future__ import annotations

from typing import Any, Literal, overload

from pyseq.tensor import OperandT, apply


@overload
def ctc_loss(
    logits: OperandT,
    targets: OperandT,
    lengths: OperandT | None = ...,
    target_lengths: OperandT | None = ...,
    *,
    blank: int = ...,
    zero_infinity: bool = ...,
    return_gradient: Literal[False] = ...,
) -> OperandT: ...


@overload
def ctc_loss(
    logits: OperandT,
    targets: OperandT,
    lengths: OperandT | None = ...,
    target_lengths: OperandT | None = ...,
    *,
    blank: int = ...,
    zero_infinity: bool = ...,
    return_gradient: Literal[True],
) -> tuple[OperandT, OperandT]: ...


def ctc_loss(
    logits: OperandT,
    targets: OperandT,
    lengths: OperandT | None = None,
    target_lengths: OperandT | None = None,
    *,
    blank: int = 0,
    zero_infinity: bool = False,
    return_gradient: bool = False,
) -> Any:
    """CTC loss of each sequence: loss = −ln Σ_π Π_t softmax(logits_t)[π_t].

    The sum runs over all alignments π of the frames with classes that give the target when repetitions are merged and
    blanks are removed. The softmax is part of the op; log-probabilities are logits too, since softmax leaves them as
    they are. Probabilities keep the precision of float32 for sequences of any length.

    Args:
        logits: [batch, time, classes] float32.
        targets: [batch, labels] int64, classes other than the blank.
        lengths: [batch] int64, frames of each row; None for all.
        target_lengths: [batch] int64, labels of each row; None for all.
        blank: the class that stands for no label.
        zero_infinity: give loss and gradient 0 where no alignment is possible.
        return_gradient: give the derivatives too.

    Returns:
        loss [batch], infinite where the target has no alignment with the frames (more labels, and repetitions of a
        label, than frames); with `return_gradient` also gradient [batch, time, classes], that of each row's loss with
        respect to its logits: zero beyond lengths, NaN where the loss is infinite.

    Raises:
        ShapeError: sizes that do not fit. OutOfRangeError: a target that is no class. ValueError: lengths outside the
            arrays, a target that is the blank.

    Source:
        Graves et al., "Connectionist temporal classification" (2006).

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> logits, targets = np.zeros((1, 2, 2), np.float32), np.array([[1]])
        >>> probability = np.exp(-ops.ctc_loss(logits, targets))  # of 11, 01 and 10, each 1/4
        >>> print(probability.round(4))
        [0.75]
    """
    inputs = (logits, targets, lengths, target_lengths)
    attributes = {"blank": blank, "zero_infinity": zero_infinity}
    if not return_gradient:
        return apply("ctc_loss", inputs, attributes)[0]
    loss, gradient = apply("ctc_loss", inputs, attributes, wanted=("gradient",))
    return loss, gradient
