"""GeneTagger: residual convolutions that keep the reading frame, and a label for every letter of a genome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pyseq import nn, ops
from pyseq.tensor import Array, Buffer, Tensor

CODON = 3


@dataclass(frozen=True)
class GeneTaggerOptions:
    """Sizes of a tagger.

    Args:
        letters: the table of letters.
        state_labels: [states], the label of every state that a letter can be in; states are finer than labels.
        letter_size: size of a letter's vector.
        window: letters that the first convolution sees at once.
        channels: values that describe a letter.
        frame_layers: residual convolutions over 3 letters that are 3, 6, 12, ... letters apart: in one reading frame.
        mixing_layers: convolutions over 5 neighbouring letters behind these, the second one with gaps of 4, then 16.
        scales: of `OpenFrames`.
        dropout: share of values left out while training.
    """

    letters: Sequence[str]
    state_labels: Array = field(compare=False)
    letter_size: int = 8
    window: int = 9
    channels: int = 64
    frame_layers: int = 5
    mixing_layers: int = 3
    scales: int = 8
    dropout: float = 0.1


class _Residual(nn.Module):
    """y = x + dropout(relu(convolution(norm(x))))."""

    def __init__(self, channels: int, kernel: int, dilation: int, dropout: float) -> None:
        self.norm = nn.LayerNorm(channels)
        self.convolution = nn.Conv1d(channels, channels, kernel, padding="same", dilation=dilation, activation="relu")
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """X [batch, time, channels], lengths [batch] -> y of x's shape."""
        y: Tensor = ops.add(self.dropout(self.convolution(self.norm(x), lengths)), x)
        return y


class OpenFrames(nn.Module):
    """How far it is to the next and the last stop codon in the reading frame of every letter, on both strands.

    Channel by channel 1 where one of the 1, 2, 4, ... codons from a letter on (or before it) is a stop, else 0: fixed
    convolutions, s_{2n}(t) = min(1, s_n(t) + s_n(t ± 3n)).

    Args:
        letters: the table of letters in its order; those that are not of acgt are unknown.
        scales: how often the number of codons doubles.
    """

    STOPS = (("taa", "tag", "tga"), ("tta", "cta", "tca"))  # as the forward strand reads those of both

    def __init__(self, letters: Sequence[str], scales: int) -> None:
        self.table = Buffer(np.array([[a == b for b in "acgt"] for a in letters], np.float32))  # [letters, 4]
        codons = [codon for strand in self.STOPS for codon in strand]
        patterns = [[[letter == one for letter in codon] for one in "acgt"] for codon in codons]
        self.patterns = Buffer(np.array(patterns, np.float32))  # [6, 4, 3]
        self.threshold = Buffer(np.full(len(codons), 1 - CODON, np.float32))
        self.strands = Buffer(np.repeat(np.eye(2, dtype=np.float32), CODON, 1))  # [2, 6]
        self.pairs = Buffer(np.ones((2, 1, 2), np.float32))
        self.scales = scales
        self.channels = 4 * (scales + 1)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Tokens [batch, time], lengths [batch] -> [batch, time, channels]."""
        letters = ops.embedding(tokens, self.table)
        stops = ops.conv1d(letters, self.patterns, self.threshold, lengths, padding=(1, 1), activation="relu")
        here = ops.linear(stops, self.strands)
        found = ops.concat(here, here)
        before = after = here
        for scale in range(self.scales):
            gap = CODON * 2**scale
            before = self._either(before, lengths, gap, (gap, 0))
            after = self._either(after, lengths, gap, (0, gap))
            found = ops.concat(found, ops.concat(before, after))
        return found

    def _either(self, x: Tensor, lengths: Tensor, dilation: int, padding: tuple[int, int]) -> Tensor:
        both = ops.conv1d(x, self.pairs, None, lengths, padding=padding, dilation=dilation, groups=2)
        return ops.clip(both, 0.0, 1.0)


class GeneTagger(nn.Module):
    """Labels of letters: P(label at t | letters) = Σ softmax(W x_t + b) over the states of the label.

    Args:
        options: sizes and states.

    Source:
        Yu, Koltun, "Multi-scale context aggregation by dilated convolutions" (2016); distances that are multiples of a
        codon, and states with the place in a codon, are of this library.

    Example:
        >>> import numpy as np
        >>> from pyseq.models import GeneTagger, GeneTaggerOptions
        >>> options = GeneTaggerOptions(["<unk>", "a", "c", "g", "t"], state_labels=np.array([0, 1, 1]), channels=8)
        >>> model = GeneTagger(options).eval()
        >>> found = model.tag(np.array([[1, 2, 3, 0]]), np.array([4]))
        >>> found["logits"].shape, found["labels"].shape
        ((1, 4, 2), (1, 4))
    """

    def __init__(self, options: GeneTaggerOptions) -> None:
        labels, width, dropout = np.asarray(options.state_labels), options.channels, options.dropout
        self.letters = nn.Embedding(len(options.letters), options.letter_size)
        self.open_frames = OpenFrames(options.letters, options.scales)
        seen = options.letter_size + self.open_frames.channels
        self.window = nn.Conv1d(seen, width, options.window, padding="same", activation="relu")
        self.frames = nn.ModuleList(
            _Residual(width, 3, CODON * 2**layer, dropout) for layer in range(options.frame_layers)
        )
        self.mixing = nn.ModuleList(_Residual(width, 5, 4**layer, dropout) for layer in range(options.mixing_layers))
        self.norm = nn.LayerNorm(width)
        self.output = nn.Linear(width, len(labels))
        self.members = Buffer((labels == np.arange(labels.max() + 1)[:, None]).astype(np.float32))  # [labels, states]

    def scores(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Tokens [batch, time], lengths [batch] -> a score for every state of every letter [batch, time, states]."""
        seen = ops.concat(self.letters(tokens), self.open_frames(tokens, lengths))
        x = self.window(seen, lengths)
        for layer in (*self.frames, *self.mixing):
            x = layer(x, lengths)
        scores: Tensor = self.output(self.norm(x))
        return scores

    def losses(self, tokens: Tensor, lengths: Tensor, targets: Tensor) -> Tensor:
        """Tokens, lengths, states [batch, time] (−100: padding) -> −ln P(state) [batch, time]."""
        losses: Tensor = ops.cross_entropy(self.scores(tokens, lengths), targets)
        return losses

    def tag(self, tokens: Tensor, lengths: Tensor) -> dict[str, Tensor]:
        """The labels of letters.

        Args:
            tokens: [batch, time].
            lengths: [batch].

        Returns:
            labels [batch, time], the most probable one of every letter, and logits [batch, time, labels], whose
            softmax are the probabilities.
        """
        probabilities = ops.linear(ops.softmax(self.scores(tokens, lengths)), self.members)
        logits = ops.mask_rows(ops.log(ops.clip(probabilities, 1e-30, 1.0)), lengths)
        return {"logits": logits, "labels": ops.argmax(logits)}
