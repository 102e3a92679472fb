"""TextClassifier: a label for a sequence of words: average of their vectors, or a recurrent network over them."""

from __future__ import annotations

from dataclasses import dataclass

from pyseq import _core, nn, ops
from pyseq.models.recurrent_state import CELLS
from pyseq.models.word_encoder import WordVectorTable
from pyseq.tensor import Array, Tensor

READERS = ("average", "rnn")


@dataclass(frozen=True)
class TextClassifierOptions:
    """Sizes of a classifier.

    Args:
        words: entries of the table of word vectors.
        labels: their number.
        reader: "average": the mean of the words' vectors; "rnn": a bidirectional recurrent network, of whose outputs
            the largest value over time is taken.
        word_size: size of a word vector.
        cell: of the network: "rnn", "gru" or "lstm".
        hidden_size: units of each direction.
        dropout: share of values left out while training.
        word_dropout: share of the words whose vectors are left out while training.
    """

    words: int
    labels: int
    reader: str = "average"
    word_size: int = 100
    cell: str = "lstm"
    hidden_size: int = 64
    dropout: float = 0.5
    word_dropout: float = 0.0


class TextClassifier(nn.Module):
    """Many to one: logits = W r + b, where r is the mean of the word vectors or max_t of a bidirectional network.

    Args:
        options: sizes.
        vectors: word vectors to begin with, see `WordVectorTable`.
        frozen: whether they stay as they are.

    Raises:
        ArgumentError: another reader.

    Source:
        Iyyer et al., "Deep unordered composition rivals syntactic methods for text classification" (2015); Conneau et
        al., "Supervised learning of universal sentence representations" (2017), BiLSTM with max pooling.

    Example:
        >>> import numpy as np
        >>> from pyseq.models import TextClassifier, TextClassifierOptions
        >>> model = TextClassifier(TextClassifierOptions(words=10, labels=2, word_size=4)).eval()
        >>> model.classify(np.array([[1, 2, 0]]), np.array([2]))["logits"].shape
        (1, 2)
    """

    def __init__(self, options: TextClassifierOptions, vectors: Array | None = None, frozen: bool = False) -> None:
        if options.reader not in READERS:
            raise _core.ArgumentError(f"TextClassifier: reader is {options.reader!r}, expected one of {READERS}")
        self.words = WordVectorTable(options.words, options.word_size, vectors, frozen)
        self.word_dropout = nn.Dropout(options.word_dropout, shared_axis=-1)
        self.dropout = nn.Dropout(options.dropout)
        self.reader = None
        width = options.word_size
        if options.reader == "rnn":
            self.reader = CELLS[options.cell](width, options.hidden_size, bidirectional=True)
            width = 2 * options.hidden_size
        self.output = nn.Linear(width, options.labels)

    def classify(self, tokens: Tensor, lengths: Tensor) -> dict[str, Tensor]:
        """Tokens [batch, time], lengths [batch] -> logits [batch, labels]."""
        vectors = self.word_dropout(self.words(tokens))
        if self.reader is None:
            read = ops.mean(vectors, axis=1, lengths=lengths)
        else:
            states, _ = self.reader(self.dropout(vectors), lengths)
            read = ops.max(states, axis=1, lengths=lengths)
        return {"logits": self.output(self.dropout(read))}
