"""Speech models: an encoder-decoder over spectrograms (Whisper), and an encoder of samples with CTC (wav2vec 2.0)."""

from __future__ import annotations

from dataclasses import dataclass

from pyseq import _core, nn, ops
from pyseq.models.transformer import Transformer, TransformerDecoder, TransformerOptions, encoder_layers
from pyseq.state import State
from pyseq.tensor import Tensor


class SpeechTransformer(Transformer):
    """Transformer whose source is a spectrogram, halved in time by two convolutions.

    Args:
        options: sizes and variants; `source_positions` frames can be read behind the convolutions, and there is no
            source vocabulary.
        bins: features per frame.

    Source:
        Radford et al., "Robust speech recognition via large-scale weak supervision" (2022).

    Example:
        >>> import numpy as np
        >>> from pyseq.models import SpeechTransformer, TransformerOptions
        >>> sizes = {"width": 8, "num_heads": 2, "encoder_layers": 1, "decoder_layers": 1, "source_positions": 4}
        >>> model = SpeechTransformer(TransformerOptions(0, 12, **sizes, pre_norm=True, encoder_norm=True), bins=5)
        >>> state = model.encode(np.zeros((1, 8, 5), np.float32), np.array([8]))
        >>> model.step(np.array([[1]]), state).shape
        (1, 1, 12)
    """

    def __init__(self, options: TransformerOptions, bins: int) -> None:
        self.options = options
        self.encoder = SpectrogramEncoder(options, bins)
        self.decoder = TransformerDecoder(options)
        if options.tied_projection:
            self.decoder.projection.weight = self.decoder.embedding.weight

    def forward(self, features: Tensor, lengths: Tensor, targets: Tensor) -> Tensor:
        """Logits of every next target token (teacher forcing).

        Args:
            features: [batch, frames, bins].
            lengths: [batch] int64, valid frames.
            targets: [batch, target_time] int64, start mark first.

        Returns:
            logits [batch, target_time, target_vocabulary].
        """
        source, lengths = self.encoder(features, lengths)
        logits: Tensor = self.decoder(targets, [source] * len(self.decoder.layers), lengths)
        return logits

    def encode(self, features: Tensor, lengths: Tensor) -> State:
        """Features [batch, frames, bins], lengths [batch] int64 (valid frames) -> the state for `step`."""
        return self.remember(*self.encoder(nn.module.as_tensor(features), nn.module.as_tensor(lengths)))


class SpectrogramEncoder(nn.Module):
    """Two convolutions, positions, and encoder layers."""

    def __init__(self, options: TransformerOptions, bins: int) -> None:
        self.conv1 = nn.Conv1d(bins, options.width, 3, padding=1, activation="gelu")
        self.conv2 = nn.Conv1d(options.width, options.width, 3, stride=2, padding=1, activation="gelu")
        self.positions = nn.LearnedPositions(options.source_positions, options.width)
        self.dropout = nn.Dropout(options.dropout)
        self.layers = encoder_layers(options)
        self.norm = options.variants.make_norm(options.width, options.epsilon) if options.encoder_norm else None

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Features [batch, frames, bins], lengths [batch] -> y [batch, ⌈frames / 2⌉, width], its lengths."""
        x, lengths = self.conv2(self.conv1(features, lengths), lengths, return_lengths=True)
        x = self.dropout(self.positions(x))
        for layer in self.layers:
            x = layer(x, lengths)
        return (x if self.norm is None else self.norm(x)), lengths


@dataclass(frozen=True)
class SpeechCtcOptions:
    """Sizes and variants of a `SpeechCtc`; the defaults are those of wav2vec 2.0 base."""

    classes: int
    channels: tuple[int, ...] = (512,) * 7  # of the convolutions over samples
    kernels: tuple[int, ...] = (10, 3, 3, 3, 3, 2, 2)
    strides: tuple[int, ...] = (5, 2, 2, 2, 2, 2, 2)
    norm: str = "instance"  # behind the first convolution; or "layer", behind all of them
    conv_bias: bool = False
    width: int = 768
    num_heads: int = 12
    num_layers: int = 12
    feed_forward: int = 3072
    activation: str = "gelu"
    pre_norm: bool = False  # x + f(norm(x)), and one norm behind the last layer in place of before the first
    epsilon: float = 1e-5
    position_kernel: int = 128  # of the convolution that tells positions
    position_groups: int = 16
    dropout: float = 0.0  # while training


class SpeechCtc(nn.Module):
    """Classes per frame from samples: convolutions, a Transformer encoder, a projection; for CTC.

    Args:
        options: sizes and variants.

    Raises:
        ArgumentError: channels, kernels and strides of different numbers, or an unknown norm.

    Source:
        Baevski et al., "wav2vec 2.0: a framework for self-supervised learning of speech representations" (2020).

    Example:
        >>> import numpy as np
        >>> from pyseq.models import SpeechCtc, SpeechCtcOptions
        >>> sizes = {"channels": (6,), "kernels": (10,), "strides": (5,), "width": 8, "num_heads": 2, "num_layers": 1}
        >>> model = SpeechCtc(SpeechCtcOptions(5, **sizes, feed_forward=16, position_kernel=4, position_groups=2))
        >>> logits, lengths = model(np.zeros((1, 100), np.float32), np.array([100]))
        >>> logits.shape, lengths.numpy()
        ((1, 19, 5), array([19]))
    """

    def __init__(self, options: SpeechCtcOptions) -> None:
        self.options = options
        self.samples = SampleEncoder(options)
        width = options.width
        self.projection_norm = nn.LayerNorm(options.channels[-1], options.epsilon)
        self.projection = nn.Linear(options.channels[-1], width)
        before = options.position_kernel // 2
        self.positions = nn.Conv1d(
            *(width, width, options.position_kernel),
            padding=(before, options.position_kernel - 1 - before),
            groups=options.position_groups,
            activation="gelu",
        )
        self.norm = nn.LayerNorm(width, options.epsilon)
        self.dropout = nn.Dropout(options.dropout)
        self.layers = encoder_layers(
            TransformerOptions(
                source_vocabulary=0,
                target_vocabulary=0,
                width=width,
                num_heads=options.num_heads,
                encoder_layers=options.num_layers,
                feed_forward=options.feed_forward,
                activation=options.activation,
                pre_norm=options.pre_norm,
                epsilon=options.epsilon,
                dropout=options.dropout,
            )
        )
        self.head = nn.Linear(width, options.classes)

    def forward(self, samples: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Samples [batch, time], lengths [batch] int64 -> logits [batch, frames, classes], frames of each row."""
        x, lengths = self.samples(samples, lengths)
        x = self.projection(self.projection_norm(x))
        x = x + self.positions(x, lengths)
        x = self.dropout(x if self.options.pre_norm else self.norm(x))
        for layer in self.layers:
            x = layer(x, lengths)
        return self.head(self.norm(x) if self.options.pre_norm else x), lengths

    def recognize(self, x: Tensor, lengths: Tensor) -> dict[str, Tensor]:
        """The same by name, zero beyond the frames of each row."""
        logits, frames = self(x, lengths)
        return {"logits": ops.mask_rows(logits, frames), "lengths": frames}


class SampleEncoder(nn.Module):
    """Convolutions over samples, which turn some hundred of them into one vector."""

    def __init__(self, options: SpeechCtcOptions) -> None:
        sizes = (options.channels, options.kernels, options.strides)
        if len({len(size) for size in sizes}) > 1 or not options.channels or options.norm not in ("instance", "layer"):
            raise _core.ArgumentError(
                f"SpeechCtc: {len(options.channels)} channels, {len(options.kernels)} kernels, {len(options.strides)} "
                f"strides, norm {options.norm!r}: expected as many of each, and instance or layer"
            )
        self.convolutions = nn.ModuleList(
            nn.Conv1d(before, after, kernel, stride, bias=options.conv_bias)
            for before, after, kernel, stride in zip((1, *options.channels[:-1]), *sizes, strict=True)
        )
        is_first_only = options.norm == "instance"
        self.norms = nn.ModuleList(
            nn.InstanceNorm1d(channels) if is_first_only else nn.LayerNorm(channels)
            for channels in (options.channels[:1] if is_first_only else options.channels)
        )
        self.activation = nn.GELU()

    def forward(self, samples: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Samples [batch, time], lengths [batch] -> y [batch, frames, channels], frames of each row."""
        x = ops.split_axis(samples, axis=-1, size=1)
        for number, convolution in enumerate(self.convolutions):
            x, lengths = convolution(x, lengths, return_lengths=True)
            if number < len(self.norms):
                norm = self.norms[number]
                x = norm(x, lengths) if isinstance(norm, nn.InstanceNorm1d) else norm(x)
            x = self.activation(x)
        return x, lengths
