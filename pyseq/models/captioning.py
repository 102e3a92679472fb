"""Captions of pictures: Show and Tell, and Show, Attend and Tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pyseq import nn, ops
from pyseq.control import scan
from pyseq.models.conditional import ConditionalLanguageModel
from pyseq.models.image_encoder import ImageEncoder
from pyseq.models.language_model import LanguageModelOptions
from pyseq.state import State
from pyseq.tensor import Tensor


@dataclass(frozen=True)
class CaptionOptions:
    """Sizes and variants of `ShowAndTell` and `ShowAttendTell`."""

    vocabulary: int
    channels: tuple[int, ...] = (48, 96, 128)  # of the stages of the encoder
    depth: int = 2  # convolutions of a stage
    embedding_size: int = 64
    hidden_size: int = 256
    attention_size: int = 128
    dropout: float = 0.0


class ShowAndTell(nn.Module):
    """A picture's mean vector is what a language model reads before the first word.

    Args:
        options: sizes; attention_size is not used.

    Source:
        Vinyals et al., "Show and tell: a neural image caption generator" (2015).

    Example:
        >>> import numpy as np
        >>> from pyseq.models import CaptionOptions, ShowAndTell
        >>> model = ShowAndTell(CaptionOptions(10, channels=(4, 8), hidden_size=16))
        >>> state = model.encode(np.zeros((1, 16, 16, 3), np.float32))
        >>> model.step(np.array([[1]]), state).shape
        (1, 1, 10)
    """

    def __init__(self, options: CaptionOptions) -> None:
        self.encoder = ImageEncoder(options.channels, options.depth)
        self.dropout = nn.Dropout(options.dropout)
        sizes = LanguageModelOptions(options.vocabulary, options.embedding_size, options.hidden_size, num_layers=1)
        self.language_model = ConditionalLanguageModel(sizes, self.encoder.output_size)

    def forward(self, images: Tensor, targets: Tensor) -> Tensor:
        """Logits of every next word (teacher forcing).

        Args:
            images: [batch, height, width, channels] float32 from 0 to 1.
            targets: [batch, time] int64, start mark first.

        Returns:
            [batch, time, vocabulary].
        """
        return self.step(targets, self.encode(images))

    def encode(self, images: Tensor) -> State:
        """Look at pictures [batch, height, width, channels]: the state for `step`."""
        return self.language_model.encode(self.dropout(ops.mean(self.encoder(images), axis=1)))

    def step(self, tokens: Tensor, state: State) -> Tensor:
        """Logits [batch, time, vocabulary] after the next words [batch, time]; the state is advanced."""
        return self.language_model.step(tokens, state)


class ShowAttendTell(nn.Module):
    """A language model that looks at a place of the picture before each word.

    α_t = softmax(vᵀ tanh(W_q h_{t−1} + W_k a)), z_t = σ(W_β h_{t−1}) ⊙ Σ_i α_ti a_i, h_t = LSTM([E y_{t−1}; z_t],
    h_{t−1}), and the next word has logits L tanh(E' y_{t−1} + L_h h_t + L_z z_t). The first state comes from the mean
    of all places.

    Args:
        options: sizes.

    Source:
        Xu et al., "Show, attend and tell: neural image caption generation with visual attention" (2015): soft
        attention.

    Example:
        >>> import numpy as np
        >>> from pyseq.models import CaptionOptions, ShowAttendTell
        >>> model = ShowAttendTell(CaptionOptions(10, channels=(4, 8), hidden_size=16))
        >>> state = model.encode(np.zeros((1, 16, 16, 3), np.float32))
        >>> found = model.step(np.array([[1]]), state)
        >>> found["logits"].shape, found["attention"].shape
        ((1, 1, 10), (1, 1, 16))
    """

    def __init__(self, options: CaptionOptions) -> None:
        self.options = options
        hidden = options.hidden_size
        self.encoder = ImageEncoder(options.channels, options.depth)
        width = self.encoder.output_size
        self.dropout = nn.Dropout(options.dropout)
        self.bridge_h = nn.Linear(width, hidden, activation="tanh")
        self.bridge_c = nn.Linear(width, hidden, activation="tanh")
        self.embedding = nn.Embedding(options.vocabulary, options.embedding_size)
        self.attention = nn.AdditiveAttention(hidden, width, options.attention_size)
        self.gate = nn.Linear(hidden, width, activation="sigmoid")
        self.cell = nn.LSTMCell(options.embedding_size + width, hidden)
        self.from_word = nn.Linear(options.embedding_size, hidden)
        self.from_state = nn.Linear(hidden, hidden, bias=False)
        self.from_context = nn.Linear(width, hidden, bias=False)
        self.projection = nn.Linear(hidden, options.vocabulary)

    def forward(self, images: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Logits of every next word (teacher forcing), and what was looked at.

        Args:
            images: [batch, height, width, channels] float32 from 0 to 1.
            targets: [batch, time] int64, start mark first.

        Returns:
            "logits" [batch, time, vocabulary] and "attention" [batch, time, places].
        """
        return self.step(targets, self.encode(images))

    def encode(self, images: Tensor) -> State:
        """Look at pictures.

        Args:
            images: [batch, height, width, channels] float32 from 0 to 1.

        Returns:
            the state for `step`.
        """
        annotations = self.dropout(self.encoder(images))  # [batch, places, width]
        state = State(annotations.shape[0])
        state.memory["annotations"] = annotations
        state.memory["keys"] = self.attention.project(annotations)
        mean = ops.mean(annotations, axis=1)
        state.carry["h"], state.carry["c"] = self.bridge_h(mean), self.bridge_c(mean)
        return state

    def step(self, tokens: Tensor, state: State) -> dict[str, Tensor]:
        """Logits after the next words.

        Args:
            tokens: [batch, time] int64.
            state: from `encode`; advanced.

        Returns:
            "logits" [batch, time, vocabulary] and "attention" [batch, time, places].
        """
        words = self.embedding(tokens)
        keys, annotations, rows = state.memory["keys"], state.memory["annotations"], state.rows

        def look_and_read(word: Tensor, before: tuple[Tensor, Tensor]) -> tuple[Any, tuple[Tensor, Tensor]]:
            h, c = before
            context, weights = self._look(h, keys, annotations, rows)
            h, c = self.cell(ops.concat(word, context), h, c)
            return (h, context, weights), (h, c)

        before = (state.carry["h"], state.carry["c"])
        (hidden, contexts, weights), after = scan(look_and_read, words, before)
        state.carry["h"], state.carry["c"] = after
        joined = self.from_word(words) + self.from_state(hidden) + self.from_context(contexts)
        return {"logits": self.projection(self.dropout(ops.tanh(joined))), "attention": weights}

    def _look(self, h: Tensor, keys: Tensor, annotations: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """The gated context [batch, width], and the weights [batch, places], for states [batch, hidden]."""
        query = ops.split_axis(self.attention.query_proj(h), axis=1, size=self.options.attention_size)
        context, weights = ops.additive_attention(
            query, keys, annotations, self.attention.weight, None, rows, return_weights=True
        )
        gated = ops.multiply(self.gate(h), ops.merge_axes(context, axis=1))
        return gated, ops.merge_axes(ops.merge_axes(weights, axis=1), axis=1)


def doubly_stochastic_penalty(attention: Tensor, mask: Tensor) -> Tensor:
    """Σ_i (1 − Σ_t α_ti)² of every caption: small where every place has been looked at once in all.

    Args:
        attention: α [batch, time, places].
        mask: [batch, 1, time] float32, 1 where a word counts.

    Returns:
        [batch, places], to be added up.

    Source:
        Xu et al. (2015), equation 14.

    Example:
        >>> import numpy as np
        >>> from pyseq import Tensor
        >>> from pyseq.models import doubly_stochastic_penalty
        >>> attention, mask = np.full((1, 2, 2), 0.5, np.float32), np.ones((1, 1, 2), np.float32)
        >>> doubly_stochastic_penalty(Tensor(attention), Tensor(mask)).numpy()
        array([[0., 0.]], dtype=float32)
    """
    seen = ops.merge_axes(ops.matmul(mask, attention), axis=1)  # [batch, places]
    missing = ops.subtract(seen, Tensor(np.ones(seen.data.shape[1:], np.float32)))
    return ops.multiply(missing, missing)
