"""Listen, attend and spell: a pyramid of recurrent layers reads frames, a decoder with attention writes characters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pyseq import _core, nn, ops
from pyseq.audio import FeatureOptions
from pyseq.models.acoustic import Listener, strided
from pyseq.models.attentive_decoder import AttentionOptions, AttentiveDecoder
from pyseq.state import State
from pyseq.tensor import Tensor


@dataclass(frozen=True)
class ListenOptions:
    """Sizes of a `ListenAttendSpell`.

    Attributes:
        vocabulary: tokens: the blank of CTC, start and end mark, and what is written.
        features: what is computed of samples inside of the model; None: it takes features.
        feature_size: of a frame, for models that take features.
        channels: of the convolution that puts frames together.
        kernel: frames that it sees.
        stride: frames that become one.
        encoder_size: units of each direction of the encoder's layers.
        pyramid: further layers of the encoder, each on half as many frames as the one below.
        target_embedding: size of a written token's vector.
        decoder_size: units of the decoder.
        attention_size: units of the network of scores.
        location_filters: filters over the attention of the step before; 0: attention does not know where it was.
        location_width: frames of the encoder that each of them sees.
        feed: what enters the decoder's recurrence ("none", "context", "attentional": see `AttentionEncoderDecoder`).
        dropout: share of values left out while training.
    """

    vocabulary: int
    features: FeatureOptions | None = None
    feature_size: int = 0
    channels: int = 128
    kernel: int = 8
    stride: int = 2
    encoder_size: int = 128
    pyramid: int = 1
    target_embedding: int = 32
    decoder_size: int = 192
    attention_size: int = 128
    location_filters: int = 10
    location_width: int = 15
    feed: str = "context"
    dropout: float = 0.2

    @property
    def width(self) -> int:
        """Features of a frame."""
        return self.feature_size if self.features is None else self.features.width

    @property
    def frames_per_step(self) -> int:
        """Frames that one annotation stands for."""
        return self.stride << self.pyramid

    @property
    def decoder(self) -> AttentionOptions:
        """Sizes of the decoder."""
        return AttentionOptions(
            source_vocabulary=0,
            target_vocabulary=self.vocabulary,
            target_embedding=self.target_embedding,
            encoder_size=self.encoder_size,
            decoder_size=self.decoder_size,
            attention_size=self.attention_size,
            feed=self.feed,
            location_filters=self.location_filters,
            location_width=self.location_width,
            dropout=self.dropout,
        )


class ListenAttendSpell(Listener, AttentiveDecoder):
    """A convolution and a pyramid of bidirectional LSTMs read frames; a decoder with attention writes token by token.

    Between two layers of the pyramid two frames become one: a product with [h_2t; h_2t+1]. The last layer's states are
    what the decoder attends to, with scores that know where attention was (`SourceAttention`), and what a head for CTC
    sees: trained together, CTC gives attention its order, and both may decide (`decode.joint`).

    Functions: `encode` for sounds or features, which also gives CTC's logits, and `step`, as all encoder-decoders;
    `recognize` for CTC alone, as `AcousticModel`.

    Args:
        options: sizes.

    Raises:
        ArgumentError: neither features nor their size.

    Source:
        Chan et al., "Listen, attend and spell" (2016); Chorowski et al., "Attention-based models for speech
        recognition" (2015); Watanabe et al., "Hybrid CTC/attention architecture for end-to-end speech recognition"
        (2017).

    Example:
        >>> import numpy as np, pyseq
        >>> from pyseq.models import ListenAttendSpell, ListenOptions
        >>> model = ListenAttendSpell(ListenOptions(vocabulary=12, feature_size=13, encoder_size=8, decoder_size=8))
        >>> x, lengths = pyseq.Tensor(np.zeros((2, 41, 13), np.float32)), pyseq.Tensor(np.array([41, 20]))
        >>> state = model.encode(x, lengths)
        >>> state.memory["frame_logits"].shape, state.memory["lengths"].numpy()
        ((2, 11, 12), array([11,  5]))
        >>> model.step(pyseq.Tensor(np.array([[1], [1]])), state).shape
        (2, 1, 12)
    """

    def __init__(self, options: ListenOptions) -> None:
        if options.width < 1:
            raise _core.ArgumentError(f"ListenAttendSpell: {options.width} features, expected at least 1")
        self.options = options
        self.front_end = None if options.features is None else nn.SoundFeatures(options.features)
        self.convolution = nn.Conv1d(options.width, options.channels, options.kernel)
        width = 2 * options.encoder_size
        self.layers = nn.ModuleList(
            nn.LSTM(width if number else options.channels, options.encoder_size, bidirectional=True)
            for number in range(options.pyramid + 1)
        )
        self.pairs = nn.ModuleList(nn.Conv1d(width, width, 2, 2, padding=(0, 1)) for _ in range(options.pyramid))
        self._add_embedding(options.decoder)
        self._add_decoder(options.decoder, width)
        self.output = nn.Linear(width, options.vocabulary)

    def listen(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Any]:
        """Features [batch, frames, width], lengths -> annotations [batch, steps, 2 · encoder], lengths, last state."""
        y, counts = strided(features, lengths, self.convolution, self.options.stride)
        y, finals = self.layers[0](self.dropout(ops.relu(y)), counts)
        for pair, layer in zip(self.pairs, list(self.layers)[1:], strict=True):
            y, counts = pair(self.dropout(y), counts, return_lengths=True)
            y, finals = layer(y, counts)
        return y, counts, finals[-1]

    def heard(self, features: Tensor, lengths: Tensor) -> State:
        """The state for `step`: as `encode`, from features."""
        annotations, counts, final = self.listen(features, lengths)
        state = self._start(annotations, counts, final)
        state.memory["frame_logits"] = ops.mask_rows(self.output(self.dropout(annotations)), counts)
        return state

    def encode(self, x: Tensor, lengths: Tensor) -> State:
        """Listen to sounds.

        Args:
            x: [batch, samples] or [batch, frames, features].
            lengths: [batch] int64, valid ones.

        Returns:
            the state for `step`; its memory holds "frame_logits" [batch, steps, vocabulary] for CTC, and their number
            in "lengths".
        """
        return self.heard(*self.extract(x, lengths))

    def recognize(self, x: Tensor, lengths: Tensor) -> dict[str, Tensor]:
        """X [batch, samples] or [batch, frames, features], lengths [batch] -> CTC's logits of frames, their number."""
        annotations, counts, _ = self.listen(*self.extract(x, lengths))
        return {"logits": ops.mask_rows(self.output(annotations), counts), "lengths": counts}
