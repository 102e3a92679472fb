"""Losses as modules: PyTorch's names, with masks for what is padding.

Every loss takes a `reduction`: "mean" over what counts, "sum", or "none". Means divide by the number of positions that
count, never by the size of a padded batch; when nothing counts they are 0. Targets and masks are constants.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pyseq import _core, ops
from pyseq.nn.module import Module
from pyseq.tensor import Array, Buffer, Tensor

REDUCTIONS = ("mean", "sum", "none")


def check_reduction(loss: str, reduction: str, choices: tuple[str, ...] = REDUCTIONS) -> str:
    """The reduction, when it is one."""
    if reduction not in choices:
        raise _core.ArgumentError(f"{loss}: reduction has {reduction!r}, expected one of {', '.join(choices)}")
    return reduction


def total(losses: Tensor) -> Tensor:
    """The sum of all values, []."""
    for _ in range(losses.ndim):
        losses = ops.sum(losses)
    return losses


def reduce(losses: Tensor, reduction: str, mask: Tensor | None = None, count: float | None = None) -> Tensor:
    """Losses [...] with those that do not count left out, then their mean, sum, or the losses themselves.

    Args:
        losses: [...].
        reduction: "mean", "sum" or "none".
        mask: zeros and ones, with the first axes of losses; None: everything counts.
        count: what a mean divides by; None: the number of losses that count.
    """
    if mask is not None:
        counted = spread(mask.data, losses.data.shape)
        losses = ops.multiply(losses, Tensor(counted))
        count = float(counted.sum(dtype=np.float64)) if count is None else count
    if reduction == "none":
        return losses
    if reduction == "sum":
        return total(losses)
    count = float(losses.data.size) if count is None else count
    return ops.multiply(total(losses), Tensor(np.array(1 / count if count else 0, np.float32)))


def spread(mask: Array, shape: tuple[int, ...]) -> Array:
    """A mask of the first axes as an array of the whole shape."""
    if mask.shape != shape[: mask.ndim]:
        raise _core.ShapeError(f"loss: mask has shape {list(mask.shape)}, expected the first axes of {list(shape)}")
    widened = mask.reshape(mask.shape + (1,) * (len(shape) - mask.ndim))
    return np.ascontiguousarray(np.broadcast_to(widened, shape), np.float32)


class CrossEntropyLoss(Module):
    """Cross-entropy of classes: loss = −Σ_c q_c ln softmax(logits)_c (see `ops.cross_entropy`).

    "mean" divides by the number of positions that count, with `weight` by the sum of their targets' weights.

    Args:
        weight: [n], of the classes; None for ones.
        ignore_index: the target of positions that do not count.
        reduction: "mean", "sum" or "none".
        label_smoothing: the part of a target that is spread over all classes.

    Example:
        >>> import numpy as np
        >>> from pyseq import nn
        >>> loss = nn.CrossEntropyLoss(ignore_index=0)
        >>> round(float(loss(np.zeros((2, 4), np.float32), np.array([1, 0]))), 6)
        1.386294
    """

    def __init__(
        self,
        weight: Array | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        self.weight = None if weight is None else Buffer(np.asarray(weight, np.float32))
        self.ignore_index = ignore_index
        self.reduction = check_reduction("CrossEntropyLoss", reduction)
        self.label_smoothing = label_smoothing

    def forward(self, logits: Tensor, targets: Tensor, mask: Tensor | None = None) -> Tensor:
        """Logits [..., n], targets [...] int64, mask [...] or its first axes -> loss [] or [...]."""
        losses = ops.cross_entropy(logits, targets, self.weight, self.ignore_index, self.label_smoothing)
        return reduce(losses, self.reduction, mask, self._count(targets.data, mask))

    def _count(self, targets: Array, mask: Tensor | None) -> float:
        counts = targets != self.ignore_index
        weights = counts.astype(np.float64)
        if self.weight is not None:
            weights = np.where(counts, self.weight.data[np.where(counts, targets, 0)], 0)
        if mask is not None:
            weights = weights * spread(mask.data, targets.shape)
        return float(weights.sum())


class BCEWithLogitsLoss(Module):
    """Binary cross-entropy of logits: loss = −w t ln σ(x) − (1 − t) ln(1 − σ(x)) (see `ops.binary_cross_entropy`).

    Args:
        pos_weight: w, [n] for logits [..., n]; None for ones.
        reduction: "mean", "sum" or "none".

    Example:
        >>> import numpy as np
        >>> from pyseq import nn
        >>> loss = nn.BCEWithLogitsLoss()(np.zeros((2, 3), np.float32), np.ones((2, 3), np.float32))
        >>> round(float(loss), 6)
        0.693147
    """

    def __init__(self, pos_weight: Array | None = None, reduction: str = "mean") -> None:
        self.pos_weight = None if pos_weight is None else Buffer(np.asarray(pos_weight, np.float32))
        self.reduction = check_reduction("BCEWithLogitsLoss", reduction)

    def forward(self, logits: Tensor, targets: Tensor, mask: Tensor | None = None) -> Tensor:
        """Logits and targets [...], mask [...] or its first axes -> loss [] or [...]."""
        return reduce(ops.binary_cross_entropy(logits, targets, self.pos_weight), self.reduction, mask)


class MSELoss(Module):
    """The squared error: loss = (x − t)².

    Args:
        reduction: "mean", "sum" or "none".

    Example:
        >>> import numpy as np
        >>> from pyseq import nn
        >>> x, target = np.array([[1, 2]], np.float32), np.array([[1, 4]], np.float32)
        >>> float(nn.MSELoss()(x, target))
        2.0
    """

    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = check_reduction("MSELoss", reduction)

    def forward(self, x: Tensor, targets: Tensor, mask: Tensor | None = None) -> Tensor:
        """X and targets [...], mask [...] or its first axes -> loss [] or [...]."""
        difference = ops.subtract(x, targets)
        return reduce(ops.multiply(difference, difference), self.reduction, mask)


class HingeLoss(Module):
    """The hinge loss of targets t = ±1: loss = max(0, margin − t x).

    Args:
        margin: where the loss ends.
        reduction: "mean", "sum" or "none".

    Source:
        Cortes and Vapnik, "Support-vector networks" (1995).

    Example:
        >>> import numpy as np
        >>> from pyseq import nn
        >>> x, target = np.array([0.5, -2], np.float32), np.array([1, 1], np.float32)
        >>> nn.HingeLoss(reduction="none")(x, target).numpy()
        array([0.5, 3. ], dtype=float32)
    """

    def __init__(self, margin: float = 1.0, reduction: str = "mean") -> None:
        self.margin = margin
        self.reduction = check_reduction("HingeLoss", reduction)

    def forward(self, x: Tensor, targets: Tensor, mask: Tensor | None = None) -> Tensor:
        """X and targets [...], mask [...] or its first axes -> loss [] or [...]."""
        excess = ops.subtract(ops.multiply(x, targets), Tensor(np.array(self.margin, np.float32)))
        return reduce(ops.relu(ops.negative(excess)), self.reduction, mask)


class KLDivLoss(Module):
    """The Kullback-Leibler divergence of log-probabilities x from targets: loss = t (ln t − x), 0 where t is 0.

    Args:
        reduction: "mean", "sum", "none", or "batchmean": the sum over the size of axis 0 (with a mask, over the number
            of positions of the mask that count).
        log_target: targets are ln t.

    Example:
        >>> import numpy as np
        >>> from pyseq import nn
        >>> x = np.log(np.array([[0.5, 0.5]], np.float32))
        >>> round(float(nn.KLDivLoss("batchmean")(x, np.array([[1, 0]], np.float32))), 6)
        0.693147
    """

    def __init__(self, reduction: str = "mean", log_target: bool = False) -> None:
        self.reduction = check_reduction("KLDivLoss", reduction, (*REDUCTIONS, "batchmean"))
        self.log_target = log_target

    def forward(self, x: Tensor, targets: Tensor, mask: Tensor | None = None) -> Tensor:
        """X and targets [...], mask [...] or its first axes -> loss [] or [...]."""
        t = targets.data.astype(np.float64)
        t, log_t = (np.exp(t), t) if self.log_target else (t, np.log(np.where(t > 0, t, 1)))
        entropy = Tensor((t * log_t).astype(np.float32))
        losses = ops.subtract(entropy, ops.multiply(x, Tensor(t.astype(np.float32))))
        if self.reduction != "batchmean":
            return reduce(losses, self.reduction, mask)
        count = float(len(losses.data)) if mask is None else float(mask.data.sum(dtype=np.float64))
        return reduce(losses, "mean", mask, count)


class CTCLoss(Module):
    """Connectionist temporal classification of logits (see `ops.ctc_loss`).

    "mean" divides the loss of every sequence by the number of its labels (at least 1), then takes the mean over the
    batch.

    Args:
        blank: the class of no label.
        reduction: "mean", "sum" or "none".
        zero_infinity: sequences without an alignment have loss 0.

    Example:
        >>> import numpy as np
        >>> from pyseq import nn
        >>> loss = nn.CTCLoss(reduction="none")
        >>> loss(np.zeros((1, 2, 2), np.float32), np.array([[1]])).numpy().round(4)
        array([0.2877], dtype=float32)
    """

    def __init__(self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False) -> None:
        self.blank = blank
        self.reduction = check_reduction("CTCLoss", reduction)
        self.zero_infinity = zero_infinity

    def forward(
        self, logits: Tensor, targets: Tensor, lengths: Tensor | None = None, target_lengths: Tensor | None = None
    ) -> Tensor:
        """Logits [batch, time, n], targets [batch, labels], their lengths [batch] -> loss [] or [batch]."""
        options: dict[str, Any] = {"blank": self.blank, "zero_infinity": self.zero_infinity}
        losses: Tensor = ops.ctc_loss(logits, targets, lengths, target_lengths, **options)
        if self.reduction == "mean":
            batch, most = targets.data.shape
            labels = np.full(batch, most) if target_lengths is None else target_lengths.data
            losses = ops.multiply(losses, Tensor((1 / np.maximum(labels, 1)).astype(np.float32)))
        return reduce(losses, self.reduction)
