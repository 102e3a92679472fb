"""Labels of paths, and where they stand: greedy decoding, forced alignment, words and segments."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pyseq import _core

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float32]


def collapse(path: IntArray | Sequence[int], *, blank: int = 0) -> IntArray:
    """The labels of a path of classes: repetitions merged, blanks left out.

    labels = path[path ≠ blank and path ≠ its predecessor]

    Args:
        path: [time] int64, a class per frame.
        blank: the class that stands for no label.

    Returns:
        labels [labels] int64.

    Raises:
        ShapeError: a path that is not one row.

    Source:
        Graves et al., "Connectionist temporal classification" (2006).

    Example:
        >>> from pyseq import ctc
        >>> ctc.collapse([0, 3, 3, 0, 3, 1, 1])
        array([3, 3, 1])
    """
    return _core.ctc_collapse(np.ascontiguousarray(path, np.int64), blank)


def greedy(
    log_probs: FloatArray,
    lengths: IntArray | None = None,
    *,
    blank: int = 0,
    deadline: float | None = None,
    cancel: _core.CancelToken | None = None,
) -> list[_core.CtcAlignment]:
    """The labels of the likeliest path of every row, with their frames.

    labels = collapse(argmax_c log_probs[t, c])

    Args:
        log_probs: [batch, time, classes] float32, log-probabilities of the classes of each frame.
        lengths: [batch] int64, frames of each row; None for all.
        blank: the class that stands for no label.
        deadline: seconds after which the call gives up; None for no limit.
        cancel: stops the call from another thread.

    Returns:
        An `Alignment` per row: tokens, start, end, log_probs and confidence of every label, log_prob of the path.

    Raises:
        ShapeError, DTypeError: arrays that do not fit. ArgumentError: NaN or inf in a frame, named with its row.

    Source:
        Graves et al., "Connectionist temporal classification" (2006), best path decoding.

    Example:
        >>> import numpy as np
        >>> from pyseq import ctc
        >>> log_probs = np.log(np.array([[[0.1, 0.8, 0.1], [0.2, 0.7, 0.1], [0.6, 0.2, 0.2]]], np.float32))
        >>> row = ctc.greedy(log_probs)[0]
        >>> print(row.tokens, row.start, row.end, row.confidence.round(3))
        [1] [0] [2] [0.748]
    """
    return _core.ctc_greedy(log_probs, lengths, blank, deadline, cancel)


def align(
    log_probs: FloatArray,
    targets: IntArray,
    lengths: IntArray | None = None,
    target_lengths: IntArray | None = None,
    *,
    blank: int = 0,
    deadline: float | None = None,
    cancel: _core.CancelToken | None = None,
) -> list[_core.CtcAlignment]:
    """Forced alignment: the likeliest path that shows the given labels, by the Viterbi recursion.

    π* = argmax over π with collapse(π) = target of Σ_t log_probs[t, π_t]

    Args:
        log_probs: [batch, time, classes] float32, log-probabilities of the classes of each frame.
        targets: [batch, labels] int64, classes other than the blank.
        lengths: [batch] int64, frames of each row; None for all.
        target_lengths: [batch] int64, labels of each row; None for all.
        blank: the class that stands for no label.
        deadline: seconds after which the call gives up; None for no limit.
        cancel: stops the call from another thread.

    Returns:
        An `Alignment` per row: its tokens are the target; start, end, log_probs and confidence of each.

    Raises:
        ShapeError, DTypeError: arrays that do not fit. OutOfRangeError: a target that is no class. ArgumentError: a
            target without an alignment (the frames that it needs are named), NaN or inf in a frame.

    Source:
        Graves et al., "Connectionist temporal classification" (2006); Kürzinger et al., "CTC-segmentation of large
        corpora" (2020).

    Example:
        >>> import numpy as np
        >>> from pyseq import ctc
        >>> log_probs = np.log(np.array([[[0.1, 0.8, 0.1], [0.2, 0.7, 0.1], [0.6, 0.2, 0.2]]], np.float32))
        >>> row = ctc.align(log_probs, np.array([[1, 2]]))[0]
        >>> print(row.start, row.end, row.confidence.round(3))
        [0 2] [2 3] [0.748 0.2  ]
    """
    return _core.ctc_align(log_probs, targets, lengths, target_lengths, blank, deadline, cancel)


def words(alignment: _core.CtcAlignment, separator: int) -> list[_core.CtcSpan]:
    """The words of an alignment: its labels between separators.

    confidence = exp(Σ log_probs / Σ frames) over the labels of a word

    Args:
        alignment: from `greedy`, `align` or a decoder.
        separator: the label between words, which belongs to none.

    Returns:
        A `Span` per word: labels first to last, frames start to end (the last ones excluded), confidence.

    Example:
        >>> import numpy as np
        >>> from pyseq import ctc
        >>> log_probs = np.log(np.full((1, 5, 3), 1 / 3, np.float32))
        >>> row = ctc.align(log_probs, np.array([[1, 2, 1, 1]]))[0]
        >>> [(word.first, word.last, word.start, word.end) for word in ctc.words(row, separator=2)]
        [(0, 1, 0, 1), (2, 4, 2, 5)]
    """
    return _core.ctc_words(alignment, separator)


def segments(alignment: _core.CtcAlignment, words: Sequence[_core.CtcSpan], pause: int) -> list[_core.CtcSpan]:
    """Words with less than a pause between them, joined.

    Args:
        alignment: what the words come from.
        words: spans in their order.
        pause: frames without a word that end a segment, at least 1.

    Returns:
        A `Span` per segment, of labels, as those of words.

    Raises:
        ArgumentError: a pause below 1. OutOfRangeError: words of another alignment.

    Example:
        >>> import numpy as np
        >>> from pyseq import ctc
        >>> paths = np.eye(3, dtype=np.float32)[[[1, 2, 1, 2, 0, 0, 1]]] * 9
        >>> row = ctc.greedy(paths)[0]
        >>> words = ctc.words(row, separator=2)
        >>> [(segment.start, segment.end) for segment in ctc.segments(row, words, pause=3)]
        [(0, 3), (6, 7)]
    """
    return _core.ctc_segments(alignment, list(words), pause)
