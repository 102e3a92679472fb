"""The recurrent language model: predicts the next token from all those before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pyseq import nn
from pyseq.dim import Size
from pyseq.models.recurrent_state import CELLS
from pyseq.state import State
from pyseq.tensor import Tensor


@dataclass(frozen=True)
class LanguageModelOptions:
    """Sizes and variants of a `RecurrentLanguageModel`."""

    vocabulary: int
    embedding_size: int = 64
    hidden_size: int = 256
    cell: str = "lstm"  # "rnn", "gru" or "lstm"
    num_layers: int = 2
    dropout: float = 0.0  # before and behind every layer, while training


class RecurrentLanguageModel(nn.Module):
    """P(y_t | y_1 … y_{t−1}) = softmax(W h_t), h_t the last layer's state after y_{t−1}.

    Args:
        options: sizes and variants.

    Source:
        Mikolov et al., "Recurrent neural network based language model" (2010).

    Example:
        >>> import numpy as np
        >>> from pyseq.models import LanguageModelOptions, RecurrentLanguageModel
        >>> model = RecurrentLanguageModel(LanguageModelOptions(vocabulary=10, hidden_size=8))
        >>> logits, state = model(np.array([[1, 2, 3]]))
        >>> logits.shape
        (1, 3, 10)
    """

    def __init__(self, options: LanguageModelOptions) -> None:
        self.options = options
        self.embedding = nn.Embedding(options.vocabulary, options.embedding_size)
        self.dropout = nn.Dropout(options.dropout)
        self.layers = CELLS[options.cell](
            options.embedding_size, options.hidden_size, options.num_layers, dropout=options.dropout
        )
        self.projection = nn.Linear(options.hidden_size, options.vocabulary)

    def forward(self, tokens: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Logits of every next token.

        Args:
            tokens: [batch, time] int64.
            state: of the layers after the tokens before these; None at the start of a text.

        Returns:
            logits [batch, time, vocabulary], and the state after the last token.
        """
        hidden, state = self.layers(self.dropout(self.embedding(tokens)), state=state)
        logits: Tensor = self.projection(self.dropout(hidden))
        return logits, state

    def initial_state(self, rows: Size) -> State:
        """State before the first token: zeros."""
        state = State(rows)
        for name in self._state_names():
            state.add_carry(name, (self.options.hidden_size,))
        return state

    def step(self, tokens: Tensor, state: State) -> Tensor:
        """Logits after the next tokens.

        Args:
            tokens: [batch, time] int64.
            state: from `initial_state`; advanced.

        Returns:
            logits [batch, time, vocabulary].
        """
        carry = [state.carry[name] for name in self._state_names()]
        pairs = self.options.cell == "lstm"
        before: Any = list(zip(carry[::2], carry[1::2], strict=True)) if pairs else carry
        logits, after = self.forward(tokens, before)
        flat = [part for layer in after for part in layer] if pairs else after
        for name, value in zip(self._state_names(), flat, strict=True):
            state.carry[name] = value
        return logits

    def _state_names(self) -> list[str]:
        """The carried states of all layers: "layer0.h", and "layer0.c" of an LSTM."""
        parts = "hc" if self.options.cell == "lstm" else "h"
        return [f"layer{layer}.{part}" for layer in range(self.options.num_layers) for part in parts]
