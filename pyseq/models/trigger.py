"""Trigger-word detection: a causal convolution and a GRU that see a stream of sound, and say when a word was said."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pyseq import nn, ops
from pyseq.audio import FeatureOptions
from pyseq.state import State
from pyseq.tensor import Tensor


@dataclass(frozen=True)
class TriggerOptions:
    """Sizes of a trigger-word detector.

    Attributes:
        features: what is computed of samples; their padding is that of a stream, all of it before.
        channels: of the convolution that puts frames together.
        kernel: frames that it sees.
        stride: frames that become one.
        hidden_size: units of each GRU.
        num_layers: GRUs.
        dropout: share of values left out while training.
    """

    features: FeatureOptions
    channels: int = 64
    kernel: int = 12
    stride: int = 4
    hidden_size: int = 64
    num_layers: int = 2
    dropout: float = 0.2


class TriggerModel(nn.Module):
    """A logit every `stride` hops: whether the word has just been said. No output sees later samples.

    Functions: `detect` for whole sounds, `step` for streams, which together give the bits of the whole.

    Args:
        options: sizes.

    Source:
        Arik et al., "Convolutional recurrent neural networks for small-footprint keyword spotting" (2017).

    Example:
        >>> import numpy as np, pyseq
        >>> from pyseq import audio
        >>> from pyseq.models import TriggerModel, TriggerOptions
        >>> model = TriggerModel(TriggerOptions(audio.log_mel(8000, 40), hidden_size=8)).eval()
        >>> sound = np.random.default_rng(0).standard_normal((1, 3200)).astype(np.float32)
        >>> whole = model.detect(pyseq.Tensor(sound), pyseq.Tensor(np.array([3200])))["logits"]
        >>> state = model.initial_state(1)
        >>> hops = sound.reshape(1, 10, 320)
        >>> pieces = [model.step(pyseq.Tensor(hops[:, t : t + 2].copy()), state) for t in range(0, 10, 2)]
        >>> np.array_equal(np.concatenate([piece.numpy() for piece in pieces], 1), whole.numpy())
        True
    """

    def __init__(self, options: TriggerOptions) -> None:
        features = options.features
        before = features.window_size - features.hop
        self.options = replace(options, features=replace(features, padding=(before, 0)))
        self.front_end = nn.SoundFeatures(self.options.features)
        self.convolution = nn.Conv1d(features.width, options.channels, options.kernel, options.stride)
        self.gru = nn.GRU(options.channels, options.hidden_size, options.num_layers, dropout=options.dropout)
        self.dropout = nn.Dropout(options.dropout)
        self.output = nn.Linear(options.hidden_size, 1)

    @property
    def step_samples(self) -> int:
        """Samples from one logit to the next."""
        return self.options.stride * self.options.features.hop

    def initial_state(self, rows: int) -> State:
        """Silence before."""
        state = State(rows)
        self.front_end.add_carry(state)
        self.convolution.add_carry(state)
        for layer in range(self.options.num_layers):
            state.add_carry(f"gru.{layer}", (self.options.hidden_size,))
        return state

    def frame_logits(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Features [batch, frames, width], lengths -> logits [batch, ⌈frames / stride⌉], their number in each row."""
        y, counts = ops.conv1d(
            features,
            self.convolution.weight,
            self.convolution.bias,
            lengths,
            stride=self.options.stride,
            padding=[self.options.kernel - 1, 0],
            return_lengths=True,
        )
        y, _ = self.gru(self.dropout(ops.relu(y)), counts)
        return self._logits(y), counts

    def detect(self, x: Tensor, lengths: Tensor) -> dict[str, Tensor]:
        """Samples [batch, time], lengths [batch] -> logits [batch, steps], their number in each row."""
        logits, counts = self.frame_logits(*self.front_end(x, lengths))
        return {"logits": ops.mask_rows(logits, counts), "lengths": counts}

    def step(self, hops: Tensor, state: State) -> Tensor:
        """The next samples of streams [batch, steps, step_samples] -> logits [batch, steps]."""
        features = self.front_end.stream(ops.merge_axes(hops, 1), state)
        names = [f"gru.{layer}" for layer in range(self.options.num_layers)]
        y, finals = self.gru(
            ops.relu(self.convolution.stream(features, state)), None, [state.carry[name] for name in names]
        )
        state.carry.update(zip(names, finals, strict=True))
        return self._logits(y)

    def _logits(self, y: Tensor) -> Tensor:
        logits: Tensor = self.output(self.dropout(y))  # [batch, steps, 1]
        return ops.merge_axes(logits, 1)
