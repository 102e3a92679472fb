"""The recurrent encoder-decoder with attention: a bidirectional network reads, another writes and looks back."""

from __future__ import annotations

from pyseq import _core, nn
from pyseq.models.attentive_decoder import AttentionOptions, AttentiveDecoder
from pyseq.models.recurrent_state import CELLS
from pyseq.state import State
from pyseq.tensor import Tensor


class AttentionEncoderDecoder(AttentiveDecoder):
    """A bidirectional encoder, and a decoder that attends to it.

    With a_s the encoder's activations, α_ts the softmax over s of score(s_t, a_s), c_t = Σ α_ts a_s, and
    h̃_t = tanh(U s_t + V c_t), the next token has logits W h̃_t. `feed` tells what enters the recurrence:

    - "none": s_t = f(y_{t−1}, s_{t−1}). The attention stands outside of the recurrence: while training, a whole target
      is one call per layer, which makes this the fast one.
    - "context" (Bahdanau): the state before the token asks, by score(s_{t−1}, a_s); s_t = f([y_{t−1}, c_t], s_{t−1}).
    - "attentional" (Luong's input feeding): s_t = f([y_{t−1}, h̃_{t−1}], s_{t−1}).

    Scores: vᵀ tanh(W_q s_t + W_k a_s) ("additive", "concat"), s_tᵀ a_s ("dot"), s_tᵀ W a_s ("general"). A `window`
    makes the last two local (`nn.LocalWindow`). With `coverage` the additive score becomes
    vᵀ tanh(W_q s_t + W_k a_s + w k_ts), where k_ts = Σ_{t' < t} α_t's, and `covered` gives the coverage loss too.
    `location_filters` make it location-aware (`SourceAttention`).

    Args:
        options: sizes and variants.

    Source:
        Bahdanau et al., "Neural machine translation by jointly learning to align and translate" (2015); Luong et al.,
        "Effective approaches to attention-based neural machine translation" (2015); See et al., "Get to the point:
        summarization with pointer-generator networks" (2017), for coverage.

    Example:
        >>> import numpy as np
        >>> from pyseq.models import AttentionEncoderDecoder, AttentionOptions
        >>> model = AttentionEncoderDecoder(AttentionOptions(10, 12, encoder_size=8, decoder_size=16, feed="context"))
        >>> state = model.encode(np.array([[3, 4, 5]]), np.array([3]))
        >>> model.step(np.array([[1]]), state).shape
        (1, 1, 12)
    """

    def __init__(self, options: AttentionOptions) -> None:
        self.options = options
        self.source_embedding = nn.Embedding(options.source_vocabulary, options.source_embedding)
        self._add_embedding(options)
        self.encoder = CELLS[options.cell](
            options.source_embedding,
            options.encoder_size,
            options.encoder_layers,
            bidirectional=True,
            dropout=options.dropout,
        )
        self._add_decoder(options, 2 * options.encoder_size)

    def encode(self, tokens: Tensor, lengths: Tensor) -> State:
        """Read a source.

        Args:
            tokens: [batch, time] int64.
            lengths: [batch] int64, valid tokens.

        Returns:
            the state for `step`.
        """
        x = self.dropout(self.source_embedding(tokens))
        annotations, finals = self.encoder(x, lengths)  # [batch, time, 2 · encoder_size]
        return self._start(annotations, lengths, finals[-1])

    def covered(self, tokens: Tensor, lengths: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """What `forward` gives, and the coverage loss Σ_s min(α_ts, k_ts) of every target position.

        Args:
            tokens: [batch, time] int64, the source.
            lengths: [batch] int64, its valid tokens.
            targets: [batch, target_time] int64, start mark first.

        Returns:
            logits [batch, target_time, target_vocabulary], loss [batch, target_time].

        Raises:
            ArgumentError: a model without coverage.
        """
        logits, loss = self._step(targets, self.encode(tokens, lengths))
        if loss is None:
            raise _core.ArgumentError("AttentionEncoderDecoder.covered: the model has no coverage")
        return logits, loss
