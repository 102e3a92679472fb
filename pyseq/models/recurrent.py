"""The recurrent encoder-decoder without attention: one network reads, another writes from its last state."""

from __future__ import annotations

from typing import Any

from pyseq import _core, nn, ops
from pyseq.models.encoder_decoder import EncoderDecoder
from pyseq.models.recurrent_state import CELLS, final_states, read_states, write_states
from pyseq.state import State
from pyseq.tensor import Tensor

CONTEXTS = ("initial", "every_step")


class RecurrentEncoderDecoder(EncoderDecoder):
    """An encoder whose final state is the decoder's first.

    With context "initial" (Sutskever et al.) that is all the decoder is told: s_t = f(y_{t−1}, s_{t−1}), s_0 = the
    encoder's final states, logits W s_t. With "every_step" (Cho et al.) the last layer's final state c goes in at every
    step and into the output: s_t = f([y_{t−1}, c], s_{t−1}), logits W [s_t, y_{t−1}, c].

    Args:
        source_vocabulary: source tokens.
        target_vocabulary: target tokens.
        embedding_size: size of the vectors of both.
        hidden_size: size of the states (of both directions together, when the encoder has two).
        cell: "rnn", "gru" or "lstm".
        num_layers: layers of both networks.
        context: "initial" or "every_step".
        bidirectional: whether the encoder reads in both directions, each with hidden_size / 2 units.
        dropout: between layers and before the projection, while training.

    Raises:
        ArgumentError: another context, or an odd hidden_size of two directions.

    Source:
        Cho et al., "Learning phrase representations using RNN encoder-decoder" (2014); Sutskever et al., "Sequence to
        sequence learning with neural networks" (2014).

    Example:
        >>> import numpy as np
        >>> from pyseq.models import RecurrentEncoderDecoder
        >>> model = RecurrentEncoderDecoder(10, 12, embedding_size=4, hidden_size=8)
        >>> state = model.encode(np.array([[3, 4, 5]]), np.array([3]))
        >>> model.step(np.array([[1]]), state).shape
        (1, 1, 12)
    """

    def __init__(
        self,
        source_vocabulary: int,
        target_vocabulary: int,
        embedding_size: int,
        hidden_size: int,
        cell: str = "gru",
        num_layers: int = 1,
        *,
        context: str = "initial",
        bidirectional: bool = False,
        dropout: float = 0.0,
    ) -> None:
        if context not in CONTEXTS:
            raise _core.ArgumentError(f"RecurrentEncoderDecoder: context is {context!r}, expected one of {CONTEXTS}")
        if bidirectional and hidden_size % 2:
            raise _core.ArgumentError(f"RecurrentEncoderDecoder: hidden_size is {hidden_size}, expected an even number")
        self.cell = cell
        self.has_context = context == "every_step"
        extra = hidden_size if self.has_context else 0
        self.source_embedding = nn.Embedding(source_vocabulary, embedding_size)
        self.target_embedding = nn.Embedding(target_vocabulary, embedding_size)
        units = hidden_size // 2 if bidirectional else hidden_size
        self.encoder = CELLS[cell](embedding_size, units, num_layers, bidirectional=bidirectional, dropout=dropout)
        self.decoder = CELLS[cell](embedding_size + extra, hidden_size, num_layers, dropout=dropout)
        self.dropout = nn.Dropout(dropout)
        width = hidden_size + (embedding_size + extra if self.has_context else 0)
        self.projection = nn.Linear(width, target_vocabulary)

    def encode(self, tokens: Tensor, lengths: Tensor) -> State:
        """Read a source.

        Args:
            tokens: [batch, time] int64.
            lengths: [batch] int64, valid tokens.

        Returns:
            the state for `step`.
        """
        _, hidden = self.encoder(self.source_embedding(tokens), lengths)
        state = State(tokens.shape[0])
        write_states(state, hidden)
        if self.has_context:
            state.carry["context"] = final_states(hidden[-1])[0]
        return state

    def step(self, tokens: Tensor, state: State) -> Tensor:
        """Logits after the next target tokens.

        Args:
            tokens: [batch, time] int64.
            state: from `encode`; advanced.

        Returns:
            logits [batch, time, target_vocabulary].
        """
        x: Any = self.target_embedding(tokens)
        if self.has_context:
            x = ops.concat(x, _at_every_step(state.carry["context"], x))
        y, hidden = self.decoder(x, state=read_states(state, self.decoder.num_layers, self.cell))
        write_states(state, hidden)
        if self.has_context:
            y = ops.concat(y, x)
        logits: Tensor = self.projection(self.dropout(y))
        return logits


def _at_every_step(context: Tensor, x: Tensor) -> Tensor:
    """Context [batch, width] once for every step of x [batch, time, ...]: [batch, time, width]."""
    first = ops.slice(x, axis=2, begin=0, end=1)
    ones = ops.clip(first, 1.0, 1.0)  # [batch, time, 1]
    return ops.matmul(ones, ops.split_axis(context, axis=0, size=1))
