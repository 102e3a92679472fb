"""What all encoder-decoders share: teacher forcing, and scheduled sampling."""

from __future__ import annotations

import numpy as np

from pyseq import _core, nn, random
from pyseq.state import State
from pyseq.tensor import Array, Tensor


class EncoderDecoder(nn.Module):
    """A model with `encode(tokens, lengths)`, which reads a source, and `step(tokens, state)`, which goes on writing.

    Subclasses define the two; what is exported and searched over is `encode` and `step`.
    """

    def encode(self, tokens: Tensor, lengths: Tensor) -> State:
        """Read a source.

        Args:
            tokens: [batch, time] int64.
            lengths: [batch] int64, valid tokens.

        Returns:
            the state for `step`.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no encode")

    def step(self, tokens: Tensor, state: State) -> Tensor:
        """Logits after the next target tokens.

        Args:
            tokens: [batch, time] int64.
            state: from `encode`; advanced.

        Returns:
            logits [batch, time, target_vocabulary].
        """
        raise NotImplementedError(f"{type(self).__name__} defines no step")

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

    def sampled(
        self, tokens: Tensor, lengths: Tensor, targets: Tensor, own_share: float, temperature: float = 0.0
    ) -> list[Tensor]:
        """Logits step by step, where some input tokens are the model's own (scheduled sampling), for training.

        Args:
            tokens: [batch, time] int64, the source.
            lengths: [batch] int64, its valid tokens.
            targets: [batch, target_time] int64, start mark first.
            own_share: how likely an input token is the model's own, except the first: 0 is teacher forcing, 1 free
                running. A schedule lets it grow during training.
            temperature: 0: its likeliest token; else one drawn from softmax(logits / temperature).

        Returns:
            for every target position logits [batch, 1, target_vocabulary]. What is chosen is a constant: no gradient
            goes through a choice. Random numbers are those of the active stream (`pyseq.random`).

        Raises:
            ArgumentError: own_share outside of 0 to 1, or a negative temperature.

        Source:
            Bengio et al., "Scheduled sampling for sequence prediction with recurrent neural networks" (2015).

        Example:
            >>> import numpy as np, pyseq
            >>> from pyseq.models import RecurrentEncoderDecoder
            >>> model = RecurrentEncoderDecoder(10, 12, embedding_size=4, hidden_size=8)
            >>> source, lengths, targets = (pyseq.Tensor(np.array(x)) for x in ([[3, 4]], [2], [[1, 5, 6]]))
            >>> [logits.shape for logits in model.sampled(source, lengths, targets, own_share=0.5)]
            [(1, 1, 12), (1, 1, 12), (1, 1, 12)]
        """
        if not 0 <= own_share <= 1 or temperature < 0:
            raise _core.ArgumentError(
                f"sampled: own_share is {own_share} and temperature {temperature}, expected 0 to 1 and at least 0"
            )
        draw = random.active().draw()
        generator = np.random.Generator(np.random.Philox(key=draw.seed, counter=[0, 0, draw.stream, draw.step]))
        given = targets.data
        own = generator.random(given.shape) < own_share
        state = self.encode(tokens, lengths)
        logits: list[Tensor] = []
        current = given[:, :1]
        for position in range(given.shape[1]):
            if position > 0:
                chosen = _choose(logits[-1].data[:, 0], temperature, generator)
                current = np.where(own[:, position], chosen, given[:, position])[:, None]
            logits.append(self.step(Tensor(np.ascontiguousarray(current)), state))
        return logits


def _choose(logits: Array, temperature: float, generator: np.random.Generator) -> Array:
    """A token per row of logits [batch, vocabulary]: the likeliest, or one that is drawn (Gumbel's way)."""
    scores = logits if temperature == 0 else logits / temperature + generator.gumbel(size=logits.shape)
    return np.asarray(scores.argmax(axis=-1), np.int64)
