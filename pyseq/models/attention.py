"""The recurrent encoder-decoder with attention: a bidirectional network reads, another writes and looks back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pyseq import nn, ops
from pyseq.models.recurrent import CELLS
from pyseq.state import State
from pyseq.tensor import Tensor


@dataclass(frozen=True)
class AttentionOptions:
    """Sizes and variants of an `AttentionEncoderDecoder`."""

    source_vocabulary: int
    target_vocabulary: int
    source_embedding: int = 64
    target_embedding: int = 32
    encoder_size: int = 128  # of one direction
    decoder_size: int = 256
    attention_size: int = 128
    cell: str = "lstm"  # "rnn", "gru" or "lstm"
    encoder_layers: int = 1


class AttentionEncoderDecoder(nn.Module):
    """Bahdanau's attention over a bidirectional encoder.

    The decoder's state s_t, after token y_{t−1}, asks: α_ts = softmax(vᵀ tanh(W_q s_t + W_k a_s)), context c_t = Σ α_ts
    a_s, and the next token has logits W tanh(U s_t + V c_t). Since the context does not enter the recurrence, a whole
    target is one call per layer while training.

    Args:
        options: sizes and variants.

    Source:
        Bahdanau et al., "Neural machine translation by jointly learning to align and translate" (2015), for the scores;
        Luong et al., "Effective approaches to attention-based neural machine translation" (2015), for where the context
        goes.

    Example:
        >>> import numpy as np
        >>> from pyseq.models import AttentionEncoderDecoder, AttentionOptions
        >>> model = AttentionEncoderDecoder(AttentionOptions(10, 12, encoder_size=8, decoder_size=16))
        >>> state = model.encode(np.array([[3, 4, 5]]), np.array([3]))
        >>> model.step(np.array([[1]]), state).shape
        (1, 1, 12)
    """

    def __init__(self, options: AttentionOptions) -> None:
        self.options = options
        width = 2 * options.encoder_size
        self.source_embedding = nn.Embedding(options.source_vocabulary, options.source_embedding)
        self.target_embedding = nn.Embedding(options.target_vocabulary, options.target_embedding)
        self.encoder = CELLS[options.cell](
            options.source_embedding, options.encoder_size, options.encoder_layers, bidirectional=True
        )
        self.bridge = nn.Linear(width, options.decoder_size, activation="tanh")
        self.decoder = CELLS[options.cell](options.target_embedding, options.decoder_size)
        self.attention = nn.AdditiveAttention(options.decoder_size, width, options.attention_size)
        self.from_state = nn.Linear(options.decoder_size, options.decoder_size)
        self.from_context = nn.Linear(width, options.decoder_size, bias=False)
        self.projection = nn.Linear(options.decoder_size, options.target_vocabulary)

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
        annotations, finals = self.encoder(self.source_embedding(tokens), lengths)  # [batch, time, 2 · encoder_size]
        state = State(tokens.shape[0])
        state.memory["annotations"] = annotations
        state.memory["keys"] = self.attention.project(annotations)
        state.memory["lengths"] = lengths
        last = finals[-1]
        if self.options.cell == "lstm":
            state.carry["h"], state.carry["c"] = self.bridge(last[0]), self.bridge(last[1])
        else:
            state.carry["h"] = self.bridge(last)
        return state

    def step(self, tokens: Tensor, state: State) -> Tensor:
        """Logits after the next target tokens.

        Args:
            tokens: [batch, time] int64.
            state: from `encode`; advanced.

        Returns:
            logits [batch, time, target_vocabulary].
        """
        hidden = self._advance(self.target_embedding(tokens), state)
        memory = state.memory
        context = self.attention(hidden, memory["keys"], memory["annotations"], memory["lengths"], state.rows)
        joined = ops.linear(context, self.from_context.weight, activation="none", residual=self.from_state(hidden))
        logits: Tensor = self.projection(ops.tanh(joined))
        return logits

    def _advance(self, x: Tensor, state: State) -> Tensor:
        """The decoder's states [batch, time, decoder_size]."""
        carry = state.carry
        before: Any = (carry["h"], carry["c"]) if self.options.cell == "lstm" else carry["h"]
        hidden, (after,) = self.decoder(x, state=[before])
        if self.options.cell == "lstm":
            carry["h"], carry["c"] = after
        else:
            carry["h"] = after
        result: Tensor = hidden
        return result
