"""SequenceTagger: a bidirectional LSTM over words that gives each a label, optionally with a CRF."""

from __future__ import annotations

from dataclasses import dataclass, field

from pyseq import nn, ops
from pyseq.models.word_encoder import WordEncoder, WordOptions
from pyseq.tensor import Array, Tensor


@dataclass(frozen=True)
class TaggerOptions:
    """Sizes of a tagger.

    Args:
        words: what words are made of.
        labels: their number.
        window: words that a convolution before the LSTM sees at once; 0: there is none.
        window_size: values that it gives.
        hidden_size: units of each direction of the LSTM.
        num_layers: layers of the LSTM.
        dropout: share of values left out while training, before and behind the LSTM.
        crf: whether labels are chosen together, by a conditional random field.
        constraints: which labels may follow each other, begin and end, for the CRF (see `nn.CRF`); None: all.
    """

    words: WordOptions
    labels: int
    window: int = 0
    window_size: int = 64
    hidden_size: int = 128
    num_layers: int = 1
    dropout: float = 0.5
    crf: bool = False
    constraints: tuple[Array, Array, Array] | None = field(default=None, compare=False)


class SequenceTagger(nn.Module):
    """Labels of words: emissions = W · BiLSTM(words) + b, then a softmax at every word, or a CRF over all of them.

    A convolution over neighbouring words may stand before the LSTM; the output layer then sees it too.

    Args:
        options: sizes.
        vectors: word vectors to begin with, see `WordVectorTable`.
        frozen: whether they stay as they are.

    Source:
        Lample et al., "Neural architectures for named entity recognition" (2016); Ma, Hovy, "End-to-end sequence
        labeling via bi-directional LSTM-CNNs-CRF" (2016).

    Example:
        >>> import numpy as np
        >>> from pyseq.models import SequenceTagger, TaggerOptions, WordOptions
        >>> tagger = SequenceTagger(TaggerOptions(WordOptions(words=10, word_size=4), labels=3, hidden_size=8)).eval()
        >>> found = tagger.tag(np.array([[1, 2, 3]]), np.array([3]))
        >>> found["logits"].shape, found["labels"].shape
        ((1, 3, 3), (1, 3))
    """

    def __init__(self, options: TaggerOptions, vectors: Array | None = None, frozen: bool = False) -> None:
        self.words = WordEncoder(options.words, vectors, frozen)
        width = options.words.size
        self.window = None
        if options.window:
            self.window = nn.Conv1d(width, options.window_size, options.window, padding="same", activation="relu")
            width = options.window_size
        self.lstm = nn.LSTM(width, options.hidden_size, options.num_layers, bidirectional=True, dropout=options.dropout)
        self.dropout = nn.Dropout(options.dropout)
        near = options.window_size if options.window else 0
        self.output = nn.Linear(2 * options.hidden_size + near, options.labels)
        self.crf = nn.CRF(options.labels, *(options.constraints or ())) if options.crf else None

    def emissions(
        self,
        tokens: Tensor,
        lengths: Tensor,
        letters: Tensor | None = None,
        letters_lengths: Tensor | None = None,
        spellings: Tensor | None = None,
    ) -> Tensor:
        """A score for every label of every word.

        Args:
            tokens: [batch, time], see `WordEncoder`.
            lengths: [batch].
            letters: [spellings, characters].
            letters_lengths: [spellings].
            spellings: [batch, time].

        Returns:
            [batch, time, labels].
        """
        seen = self.words(tokens, letters, letters_lengths, spellings)
        if self.window is not None:
            seen = self.window(seen, lengths)
        states, _ = self.lstm(self.dropout(seen), lengths)
        if self.window is not None:
            states = ops.concat(states, seen)
        scores: Tensor = self.output(self.dropout(states))
        return scores

    def losses(self, emissions: Tensor, targets: Tensor, lengths: Tensor) -> Tensor:
        """−ln P of the labels: with a CRF [batch], else [batch, time], where targets of padding are −100.

        Args:
            emissions: [batch, time, labels].
            targets: [batch, time].
            lengths: [batch].
        """
        if self.crf is not None:
            return self.crf.loss(emissions, targets, lengths)
        losses: Tensor = ops.cross_entropy(emissions, targets)
        return losses

    def tag(
        self,
        tokens: Tensor,
        lengths: Tensor,
        letters: Tensor | None = None,
        letters_lengths: Tensor | None = None,
        spellings: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """The labels of words; arguments as for `emissions`.

        Returns:
            labels [batch, time], the best ones (of a CRF: those of the best path), and logits [batch, time, labels],
            whose softmax are the probabilities at every word.
        """
        scores = self.emissions(tokens, lengths, letters, letters_lengths, spellings)
        if self.crf is None:
            return {"logits": ops.mask_rows(scores, lengths), "labels": ops.argmax(ops.mask_rows(scores, lengths))}
        path, _ = self.crf(scores, lengths)
        logits = ops.log(self.crf.marginals(scores, lengths))
        return {"logits": ops.mask_rows(logits, lengths), "labels": path}
