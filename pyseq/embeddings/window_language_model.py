"""The neural language model of a fixed window: the next word from the last n."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pyseq import _core, nn, ops
from pyseq.embeddings.corpus import Corpus
from pyseq.embeddings.word_vectors import WordVectors
from pyseq.tensor import Operand, Tensor


class WindowLanguageModel(nn.Module):
    """Bengio et al. (2003): y = b + W x + U tanh(d + H x), x = the vectors of the last n words, one after the other.

    Args:
        words: of the vocabulary.
        window: n.
        width: of the vectors.
        hidden: units; 0 leaves the tanh layer out.
        direct: whether x reaches the output directly (W).

    Raises:
        ArgumentError: a window below 1, or a model with neither hidden units nor direct connections.

    Source:
        A Neural Probabilistic Language Model (2003).

    Example:
        >>> import numpy as np
        >>> from pyseq.embeddings import WindowLanguageModel
        >>> model = WindowLanguageModel(words=50, window=3, width=8, hidden=16)
        >>> model(np.zeros((4, 3), np.int64)).shape
        (4, 50)
    """

    def __init__(self, words: int, window: int = 4, width: int = 60, hidden: int = 50, direct: bool = True) -> None:
        if window < 1 or (hidden == 0 and not direct):
            raise _core.ArgumentError(
                f"WindowLanguageModel: window {window}, hidden {hidden}, direct {direct}: nothing to predict from"
            )
        self.window = window
        self.embedding = nn.Embedding(words, width)
        self.hidden = nn.Linear(window * width, hidden) if hidden else None
        self.output = nn.Linear(hidden, words) if hidden else None
        self.direct = nn.Linear(window * width, words, bias=not hidden) if direct else None

    def forward(self, tokens: Operand) -> Tensor:
        """Logits of the next word.

        Args:
            tokens: [batch, window] int64.

        Returns:
            logits [batch, words].
        """
        x = ops.merge_axes(self.embedding(tokens), axis=1)  # [batch, window * width]
        y: Tensor | None = None
        if self.hidden is not None and self.output is not None:
            y = self.output(ops.tanh(self.hidden(x)))
        if self.direct is not None:
            y = self.direct(x) if y is None else y + self.direct(x)
        assert y is not None
        return y

    def vectors(self, corpus: Corpus) -> WordVectors:
        """What the model learned of the words of a corpus."""
        return WordVectors(corpus.words, self.embedding.weight.numpy().copy(), counts=corpus.counts)


def windows(tokens: NDArray[np.int32], window: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All runs of `window` words within sentences, and the word behind each.

    Args:
        tokens: numbers with -1 behind every sentence, as a `Corpus` has them.
        window: words.

    Returns:
        [n, window] and [n] int64.

    Example:
        >>> import numpy as np
        >>> from pyseq.embeddings import windows
        >>> inputs, targets = windows(np.array([3, 1, 2, -1, 0, 5, -1, 4, 4, 1, 0, -1]), 2)
        >>> inputs.tolist(), targets.tolist()
        ([[3, 1], [4, 4], [4, 1]], [2, 1, 0])
    """
    if len(tokens) <= window:
        return np.zeros((0, window), np.int64), np.zeros(0, np.int64)
    runs = np.lib.stride_tricks.sliding_window_view(np.asarray(tokens, np.int64), window + 1)
    whole = runs[(runs >= 0).all(axis=1)]
    return np.ascontiguousarray(whole[:, :-1]), np.ascontiguousarray(whole[:, -1])
