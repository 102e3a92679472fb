"""TextClassifier: a label for a sequence of words, by one reader or the mean of several."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyseq import _core, nn, ops
from pyseq.models.recurrent_state import CELLS
from pyseq.models.word_encoder import WordVectorTable
from pyseq.nn import initialization
from pyseq.tensor import Array, Buffer, Tensor


@dataclass(frozen=True)
class TextClassifierOptions:
    """Sizes of a classifier.

    Args:
        words: entries of the table of word vectors.
        labels: their number.
        reader: "average": the mean of the words' vectors; "rnn": a bidirectional recurrent network, of whose outputs
            the largest value over time is taken; "cnn": convolutions, of which likewise; "words": a score of every
            word for every label. Several are joined with +, as in "rnn+words": each has word vectors of its own.
        word_size: size of a word vector.
        cell: of the network: "rnn", "gru" or "lstm".
        hidden_size: units of each direction.
        dropout: share of values left out while training.
        word_dropout: share of the words whose vectors are left out while training.
        filters: values that each convolution of "cnn" gives.
    """

    words: int
    labels: int
    reader: str = "average"
    word_size: int = 100
    cell: str = "lstm"
    hidden_size: int = 64
    dropout: float = 0.5
    word_dropout: float = 0.0
    filters: int = 100


class _Reader(nn.Module):
    """Words -> logits = W r + b, where r is what a subclass reads out of word vectors."""

    def __init__(self, options: TextClassifierOptions, width: int, vectors: Array | None, frozen: bool) -> None:
        self.words = WordVectorTable(options.words, options.word_size, vectors, frozen)
        self.word_dropout = nn.Dropout(options.word_dropout, shared_axis=-1)
        self.dropout = nn.Dropout(options.dropout)
        self.output = nn.Linear(width, options.labels)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Tokens [batch, time], lengths [batch] -> logits [batch, labels]."""
        logits: Tensor = self.output(self.dropout(self.read(self.word_dropout(self.words(tokens)), lengths)))
        return logits

    def read(self, vectors: Tensor, lengths: Tensor) -> Tensor:
        """Vectors [batch, time, size] -> r [batch, width]."""
        raise NotImplementedError


class _Average(_Reader):
    def __init__(self, options: TextClassifierOptions, vectors: Array | None, frozen: bool) -> None:
        super().__init__(options, options.word_size, vectors, frozen)

    def read(self, vectors: Tensor, lengths: Tensor) -> Tensor:
        mean: Tensor = ops.mean(vectors, axis=1, lengths=lengths)
        return mean


class _Recurrent(_Reader):
    def __init__(self, options: TextClassifierOptions, vectors: Array | None, frozen: bool) -> None:
        super().__init__(options, 2 * options.hidden_size, vectors, frozen)
        self.network = CELLS[options.cell](options.word_size, options.hidden_size, bidirectional=True)

    def read(self, vectors: Tensor, lengths: Tensor) -> Tensor:
        states, _ = self.network(self.dropout(vectors), lengths)
        largest: Tensor = ops.max(states, axis=1, lengths=lengths)
        return largest


class _Convolutional(_Reader):
    KERNELS = (2, 3)

    def __init__(self, options: TextClassifierOptions, vectors: Array | None, frozen: bool) -> None:
        super().__init__(options, len(self.KERNELS) * options.filters, vectors, frozen)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(options.word_size, options.filters, kernel, padding="same", activation="relu")
            for kernel in self.KERNELS
        )

    def read(self, vectors: Tensor, lengths: Tensor) -> Tensor:
        seen = self.dropout(vectors)
        a, b = (ops.max(one(seen, lengths), axis=1, lengths=lengths) for one in self.convolutions)
        both: Tensor = ops.concat(a, b)
        return both


class _Words(nn.Module):
    """A score of every word for every label: logits = b + Σ_t S[word_t]."""

    def __init__(self, options: TextClassifierOptions, scores: Array | None) -> None:
        self._given = scores
        self.scores = initialization.empty(options.words, options.labels)
        self.bias = initialization.empty(options.labels)
        self.dropout = nn.Dropout(options.word_dropout, shared_axis=-1)

    def reset_parameters(self, random: np.random.Generator) -> None:
        """The given scores, or 0."""
        self.bias.data[...] = 0
        self.scores.data[...] = 0 if self._given is None else self._given

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Tokens [batch, time], lengths [batch] -> logits [batch, labels]."""
        scores = self.dropout(ops.embedding(tokens, self.scores))
        logits: Tensor = ops.add(ops.sum(scores, axis=1, lengths=lengths), self.bias)
        return logits


class TextClassifier(nn.Module):
    """Many to one: P(label | words) = softmax of the mean of the logits of all readers.

    Args:
        options: sizes.
        vectors: word vectors that every reader begins with, see `WordVectorTable`.
        frozen: whether they stay as they are.
        scores: [words, labels], what "words" begins with, such as log P(word | label); None: 0.

    Raises:
        ArgumentError: another reader.

    Source:
        Iyyer et al., "Deep unordered composition rivals syntactic methods for text classification" (2015); Conneau et
        al., "Supervised learning of universal sentence representations" (2017), BiLSTM with max pooling; Kim,
        "Convolutional neural networks for sentence classification" (2014); Wang, Manning, "Baselines and bigrams"
        (2012), linear models that begin with what naive Bayes counts.

    Example:
        >>> import numpy as np
        >>> from pyseq.models import TextClassifier, TextClassifierOptions
        >>> options = TextClassifierOptions(words=10, labels=2, reader="rnn+words", word_size=4)
        >>> model = TextClassifier(options).eval()
        >>> model.classify(np.array([[1, 2, 0]]), np.array([2]))["logits"].shape
        (1, 2)
    """

    def __init__(
        self,
        options: TextClassifierOptions,
        vectors: Array | None = None,
        frozen: bool = False,
        scores: Array | None = None,
    ) -> None:
        kinds = options.reader.split("+")
        unknown = set(kinds) - {*READERS, "words"}
        if unknown:
            known = ", ".join(READERS)
            raise _core.ArgumentError(
                f"TextClassifier: reader is {options.reader!r}, expected {known} or words, or some joined by +"
            )
        self.share = Buffer(np.full(options.labels, 1 / len(kinds), np.float32))
        self.readers: nn.ModuleList[nn.Module] = nn.ModuleList(
            _Words(options, scores) if kind == "words" else READERS[kind](options, vectors, frozen) for kind in kinds
        )

    def logits(self, tokens: Tensor, lengths: Tensor) -> list[Tensor]:
        """What every reader says: [batch, labels] of each."""
        return [reader(tokens, lengths) for reader in self.readers]

    def losses(self, tokens: Tensor, lengths: Tensor, labels: Tensor, label_smoothing: float = 0.0) -> Tensor:
        """Σ over readers −ln P(label | words) [batch]: each learns by itself."""
        logits = self.logits(tokens, lengths)
        losses: Tensor = ops.cross_entropy(logits[0], labels, label_smoothing=label_smoothing)
        for one in logits[1:]:
            losses = ops.add(losses, ops.cross_entropy(one, labels, label_smoothing=label_smoothing))
        return losses

    def classify(self, tokens: Tensor, lengths: Tensor) -> dict[str, Tensor]:
        """Tokens [batch, time], lengths [batch] -> logits [batch, labels]."""
        logits = self.logits(tokens, lengths)
        total = logits[0]
        for one in logits[1:]:
            total = ops.add(total, one)
        return {"logits": total * self.share}


READERS = {"average": _Average, "rnn": _Recurrent, "cnn": _Convolutional}
