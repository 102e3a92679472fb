"""Acoustic models: what is said, and when, from samples or from features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pyseq import _core, nn, ops
from pyseq.audio import FeatureOptions
from pyseq.tensor import Tensor


@dataclass(frozen=True)
class AcousticOptions:
    """Sizes of an acoustic model.

    Attributes:
        outputs: classes of every output; those of CTC have the blank among them.
        features: what is computed of samples inside of the model; None: it takes features.
        feature_size: of a frame, for models that take features.
        channels: of the convolution that puts frames together.
        kernel: frames that it sees.
        stride: frames that become one.
        cell: "lstm" or "gru".
        hidden_size: units of each direction.
        num_layers: recurrent layers.
        dropout: share of values left out while training.
    """

    outputs: int
    features: FeatureOptions | None = None
    feature_size: int = 0
    channels: int = 192
    kernel: int = 8
    stride: int = 4
    cell: str = "lstm"
    hidden_size: int = 192
    num_layers: int = 2
    dropout: float = 0.2

    @property
    def width(self) -> int:
        """Features of a frame."""
        return self.feature_size if self.features is None else self.features.width

    @property
    def frames_per_step(self) -> int:
        """Frames that one output stands for."""
        return self.stride


class Listener(nn.Module):
    """A model of sounds: of samples, its front end being part of it, or (without one) of features."""

    front_end: nn.SoundFeatures | None

    def extract(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Samples [batch, time] (or features as they are), lengths [batch] -> features, frames of each row."""
        if self.front_end is None:
            return x, lengths
        features: tuple[Tensor, Tensor] = self.front_end(x, lengths)
        return features


class AcousticModel(Listener):
    """A convolution that makes one frame of several, bidirectional recurrent layers, and logits for every frame.

    Functions: `recognize` for CTC, logits of every frame; `classify`, logits of the whole, from the mean over time.

    Args:
        options: sizes.

    Raises:
        ArgumentError: another cell, or neither features nor their size.

    Source:
        Graves et al., "Connectionist temporal classification" (2006).

    Example:
        >>> import numpy as np
        >>> from pyseq import audio
        >>> from pyseq.models import AcousticModel, AcousticOptions
        >>> model = AcousticModel(AcousticOptions(outputs=12, features=audio.log_mel(8000, 40), hidden_size=16)).eval()
        >>> found = model.recognize(*model.as_tensors(np.zeros((2, 4000), np.float32), np.array([4000, 2000])))
        >>> found["logits"].shape, found["lengths"].numpy()
        ((2, 13, 12), array([13,  7]))
    """

    def __init__(self, options: AcousticOptions) -> None:
        if options.cell not in ("lstm", "gru") or options.width < 1:
            raise _core.ArgumentError(
                f"AcousticModel: cell {options.cell!r} and {options.width} features, expected lstm or gru, at least 1"
            )
        self.options = options
        self.front_end = None if options.features is None else nn.SoundFeatures(options.features)
        self.convolution = nn.Conv1d(options.width, options.channels, options.kernel)
        layer = nn.LSTM if options.cell == "lstm" else nn.GRU
        self.layers: Any = layer(
            options.channels, options.hidden_size, options.num_layers, bidirectional=True, dropout=options.dropout
        )
        self.dropout = nn.Dropout(options.dropout)
        self.output = nn.Linear(2 * options.hidden_size, options.outputs)

    @staticmethod
    def as_tensors(*arrays: Any) -> tuple[Tensor, ...]:
        """Arrays as tensors."""
        return tuple(Tensor(array) for array in arrays)

    def annotate(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Features [batch, frames, width], lengths -> vectors [batch, frames / stride, 2 · hidden], their lengths."""
        y, counts = strided(features, lengths, self.convolution, self.options.stride)
        y, _ = self.layers(self.dropout(ops.relu(y)), counts)
        return self.dropout(y), counts

    def frame_logits(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Features [batch, frames, width], lengths -> logits [batch, frames / stride, outputs], their lengths."""
        y, counts = self.annotate(features, lengths)
        return self.output(y), counts

    def whole_logits(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Features [batch, frames, width], lengths -> logits [batch, outputs]."""
        y, counts = self.annotate(features, lengths)
        logits: Tensor = self.output(ops.mean(y, axis=1, lengths=counts))
        return logits

    def recognize(self, x: Tensor, lengths: Tensor) -> dict[str, Tensor]:
        """X [batch, samples] or [batch, frames, features], lengths [batch] -> logits of frames, and their number."""
        logits, counts = self.frame_logits(*self.extract(x, lengths))
        return {"logits": ops.mask_rows(logits, counts), "lengths": counts}

    def classify(self, x: Tensor, lengths: Tensor) -> dict[str, Tensor]:
        """X [batch, samples] or [batch, frames, features], lengths [batch] -> logits [batch, outputs]."""
        return {"logits": self.whole_logits(*self.extract(x, lengths))}


def strided(x: Tensor, lengths: Tensor, convolution: nn.Conv1d, stride: int) -> tuple[Tensor, Tensor]:
    """Convolve x [batch, frames, width] so that there is a frame for every stride begun; also their number."""
    surplus = max(0, convolution.kernel_size - stride)
    y, counts = ops.conv1d(
        x,
        convolution.weight,
        convolution.bias,
        lengths,
        stride=stride,
        padding=[surplus - surplus // 2, surplus // 2 + stride - 1],
        return_lengths=True,
    )
    return y, counts
