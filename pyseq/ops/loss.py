"""Losses of classification."""

from __future__ import annotations

from typing import Any

from pyseq.tensor import OperandT, apply


def cross_entropy(
    logits: OperandT,
    targets: OperandT,
    weight: OperandT | None = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    return_gradient: bool = False,
) -> Any:
    """Cross-entropy of every position: loss = −Σ_c q_c ln p_c with p = softmax(logits).

    q_c = (1 − s) · weight_target for the target class, plus s / n · weight_c for every class; s is the label smoothing,
    n the number of classes. Positions whose target is `ignore_index` (padding) have loss 0 and gradient 0.

    Args:
        logits: [..., n] float32.
        targets: [...] int64, each a class or ignore_index.
        weight: [n], 1 when None.
        ignore_index: the target of positions that do not count.
        label_smoothing: s, within 0 to 1.
        return_gradient: also return the gradient of each loss with respect to its logits.

    Returns:
        loss [...]; or (loss, gradient [..., n]).

    Raises:
        ShapeError: targets have not the shape of logits without the last axis. OutOfRangeError: a class that is none.
        ValueError: label_smoothing is not within 0 to 1.

    Source:
        Szegedy et al., "Rethinking the Inception architecture for computer vision" (2016), for label smoothing.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> ops.cross_entropy(np.zeros((2, 4), np.float32), np.array([1, -100]))
        array([1.3862944, 0.       ], dtype=float32)
    """
    attributes = {"ignore_index": ignore_index, "label_smoothing": label_smoothing}
    wanted = ["gradient"] if return_gradient else []
    loss, gradient = apply("cross_entropy", (logits, targets, weight), attributes, wanted=wanted)
    return (loss, gradient) if return_gradient else loss


def binary_cross_entropy(
    logits: OperandT,
    targets: OperandT,
    pos_weight: OperandT | None = None,
    return_gradient: bool = False,
) -> Any:
    """Binary cross-entropy of every logit: loss = −w t ln σ(x) − (1 − t) ln(1 − σ(x)), without overflow.

    Args:
        logits: x, [...] float32.
        targets: t, [...] float32, each within 0 to 1; a constant.
        pos_weight: w, [n] for logits [..., n]; 1 when None.
        return_gradient: also return the gradient of each loss with respect to its logit.

    Returns:
        loss [...]; or (loss, gradient [...]).

    Raises:
        ShapeError: targets have not the shape of logits, or pos_weight not one value per entry of the last axis.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> ops.binary_cross_entropy(np.array([0, 2000], np.float32), np.array([1, 1], np.float32))
        array([0.6931472, 0.       ], dtype=float32)
    """
    wanted = ["gradient"] if return_gradient else []
    loss, gradient = apply("binary_cross_entropy", (logits, targets, pos_weight), wanted=wanted)
    return (loss, gradient) if return_gradient else loss
