"""A language model of texts about something: its context vector."""

from __future__ import annotations

from typing import Any

from pyseq import _core, nn, ops
from pyseq.models.language_model import LanguageModelOptions, RecurrentLanguageModel
from pyseq.state import State
from pyseq.tensor import Tensor

PLACES = ("state", "input")


class ConditionalLanguageModel(RecurrentLanguageModel):
    """P(y_t | y_1 … y_{t−1}, x): a recurrent language model that starts from any vector x.

    What x is does not matter: the pooled grid of a picture, the embedding of a label, the last state of an encoder.

    Args:
        options: of the language model.
        context_size: size of x.
        place: "state": h_0 = tanh(W x) in every layer (and c_0); "input": W x is what the network reads before the
            first token.

    Raises:
        ArgumentError: another place.

    Source:
        Vinyals et al., "Show and tell: a neural image caption generator" (2015), for "input"; Cho et al. (2014), for
        "state".

    Example:
        >>> import numpy as np
        >>> from pyseq.models import ConditionalLanguageModel, LanguageModelOptions
        >>> model = ConditionalLanguageModel(LanguageModelOptions(10, hidden_size=8), context_size=5)
        >>> state = model.encode(np.ones((2, 5), np.float32))
        >>> model.step(np.array([[1], [1]]), state).shape
        (2, 1, 10)
    """

    def __init__(self, options: LanguageModelOptions, context_size: int, place: str = "input") -> None:
        super().__init__(options)
        if place not in PLACES:
            raise _core.ArgumentError(f"ConditionalLanguageModel: place is {place!r}, expected one of {PLACES}")
        self.place = place
        if place == "input":
            self.bridge = nn.Linear(context_size, options.embedding_size)
        else:
            size = len(self._state_names()) * options.hidden_size
            self.bridge = nn.Linear(context_size, size, activation="tanh")

    def encode(self, context: Tensor) -> State:
        """The state before the first token.

        Args:
            context: x [batch, context_size] float32.

        Returns:
            the state for `step`.
        """
        bridged = self.bridge(context)
        state = State(bridged.shape[0])
        names, size = self._state_names(), self.options.hidden_size
        if self.place == "input":
            first = ops.split_axis(bridged, axis=1, size=self.options.embedding_size)  # [batch, 1, embedding_size]
            values = self._flat(self.layers(first)[1])
        else:
            values = [ops.slice(bridged, 1, n * size, (n + 1) * size) for n in range(len(names))]
        state.carry.update(zip(names, values, strict=True))
        return state

    def logits(self, targets: Tensor, context: Tensor) -> Tensor:
        """Logits of every next token (teacher forcing).

        Args:
            targets: [batch, time] int64, start mark first.
            context: x [batch, context_size].

        Returns:
            [batch, time, vocabulary].
        """
        return self.step(targets, self.encode(context))

    def _flat(self, state: Any) -> list[Tensor]:
        return [part for layer in state for part in layer] if self.options.cell == "lstm" else list(state)
