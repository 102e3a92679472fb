"""The recurrent encoder-decoder: one network reads, another writes from its last state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyseq import nn
from pyseq.state import State
from pyseq.tensor import Tensor

CELLS: dict[str, Any] = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


class RecurrentEncoderDecoder(nn.Module):
    """An encoder whose final state is the decoder's first.

    Args:
        source_vocabulary: source tokens.
        target_vocabulary: target tokens.
        embedding_size: size of the vectors of both.
        hidden_size: size of the states.
        cell: "rnn", "gru" or "lstm".
        num_layers: layers of both networks.

    Source:
        Cho et al., "Learning phrase representations using RNN encoder-decoder" (2014); Sutskever et al. (2014).

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
    ) -> None:
        self.cell = cell
        self.source_embedding = nn.Embedding(source_vocabulary, embedding_size)
        self.target_embedding = nn.Embedding(target_vocabulary, embedding_size)
        self.encoder = CELLS[cell](embedding_size, hidden_size, num_layers)
        self.decoder = CELLS[cell](embedding_size, hidden_size, num_layers)
        self.projection = nn.Linear(hidden_size, target_vocabulary)

    def forward(self, tokens: Tensor, lengths: Tensor, targets: Tensor) -> Tensor:
        """Logits of every next target token (teacher forcing).

        Args:
            tokens: [batch, time] int64, the source.
            lengths: [batch] int64, its valid tokens.
            targets: [batch, target_time] int64, start mark first.

        Returns:
            logits [batch, target_time, target_vocabulary].
        """
        return self.step(targets, self.encode(tokens, lengths))

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
        self._write(state, hidden)
        return state

    def step(self, tokens: Tensor, state: State) -> Tensor:
        """Logits after the next target tokens.

        Args:
            tokens: [batch, time] int64.
            state: from `encode`; advanced.

        Returns:
            logits [batch, time, target_vocabulary].
        """
        y, hidden = self.decoder(self.target_embedding(tokens), state=self._read(state))
        self._write(state, hidden)
        logits: Tensor = self.projection(y)
        return logits

    def _write(self, state: State, hidden: Sequence[Any]) -> None:
        """Carry the state of every layer: "layer0.h", and "layer0.c" of an LSTM."""
        for layer, value in enumerate(hidden):
            parts = value if isinstance(value, tuple) else (value,)
            for name, tensor in zip("hc", parts, strict=False):
                state.carry[f"layer{layer}.{name}"] = tensor

    def _read(self, state: State) -> list[Any]:
        layers = range(self.decoder.num_layers)
        if self.cell == "lstm":
            return [(state.carry[f"layer{n}.h"], state.carry[f"layer{n}.c"]) for n in layers]
        return [state.carry[f"layer{n}.h"] for n in layers]
