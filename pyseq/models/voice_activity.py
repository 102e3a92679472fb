"""Voice activity: how likely it is that somebody speaks, chunk by chunk (the network of Silero VAD)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyseq import audio, nn, ops
from pyseq.state import State
from pyseq.tensor import Buffer, Tensor

CHANNELS = (128, 64, 64, 128)
STRIDES = (1, 2, 2, 1)
HIDDEN = 128


@dataclass(frozen=True)
class VoiceActivityOptions:
    """Sizes that depend on the sample rate.

    Attributes:
        rate: samples per second.
        chunk: samples of a chunk.
        context: samples before a chunk that it is seen with.
        fft_size: samples of a frame; half of them from frame to frame.
    """

    rate: int = 16000
    chunk: int = 512
    context: int = 64
    fft_size: int = 256

    @classmethod
    def at(cls, rate: int) -> VoiceActivityOptions:
        """The sizes for 16,000 or 8,000 samples per second."""
        return cls() if rate == 16000 else cls(8000, 256, 32, 128)


class VoiceActivityModel(nn.Module):
    """Magnitudes of four overlapping frames of a chunk, four convolutions, an LSTM over chunks, and a probability.

    The last frame reaches a quarter of its size beyond the chunk, where samples are reflected.

    Args:
        options: sizes.

    Source:
        Silero team, "Silero VAD" (2024), github.com/snakers4/silero-vad.

    Example:
        >>> import numpy as np, pyseq
        >>> from pyseq.models import VoiceActivityModel, VoiceActivityOptions
        >>> model = VoiceActivityModel(VoiceActivityOptions()).eval()
        >>> model.step(pyseq.Tensor(np.zeros((2, 3, 512), np.float32)), model.initial_state(2)).shape
        (2, 3)
    """

    def __init__(self, options: VoiceActivityOptions) -> None:
        self.options = options
        reach = options.fft_size // 4
        self.window = Buffer(audio.window("hann", options.fft_size))
        self.reflection = Buffer(np.ascontiguousarray(np.eye(reach, dtype=np.float32)[::-1]))
        before = options.fft_size // 2 + 1
        blocks = []
        for channels, stride in zip(CHANNELS, STRIDES, strict=True):
            blocks.append(nn.Conv1d(before, channels, 3, stride, padding=1, activation="relu"))
            before = channels
        self.encoder = nn.Sequential(*blocks)
        self.lstm = nn.LSTM(CHANNELS[-1], HIDDEN)
        self.output = nn.Linear(HIDDEN, 1)

    def initial_state(self, rows: int) -> State:
        """Silence before."""
        state = State(rows)
        state.add_carry("context", (self.options.context,))
        state.add_carry("h", (HIDDEN,))
        state.add_carry("c", (HIDDEN,))
        return state

    def step(self, x: Tensor, state: State) -> Tensor:
        """The next chunks of streams [batch, chunks, chunk] -> probabilities of speech [batch, chunks]."""
        chunks = x.shape[1]
        frames = ops.merge_axes(self._with_context(x, state), 0)  # [batch · chunks, context + chunk]
        size, reach = self.options.context + self.options.chunk, self.options.fft_size // 4
        tail = ops.linear(ops.slice(frames, 1, size - 1 - reach, size - 1), self.reflection)
        spectra = ops.stft(
            ops.concat(frames, tail), self.window, hop=self.options.fft_size // 2, output="magnitude"
        )  # [batch · chunks, 4, frequencies]
        y = ops.split_axis(ops.merge_axes(self.encoder(spectra), 1), 0, chunks)  # [batch, chunks, channels]
        y, ((state.carry["h"], state.carry["c"]),) = self.lstm(y, None, [(state.carry["h"], state.carry["c"])])
        probabilities: Tensor = ops.sigmoid(ops.merge_axes(self.output(ops.relu(y)), 1))
        return probabilities

    def _with_context(self, x: Tensor, state: State) -> Tensor:
        """[batch, chunks, context + chunk]: each chunk after the last samples of the one before it."""
        chunk, context = self.options.chunk, self.options.context
        samples = x.shape[1] * chunk
        joined = ops.concat(state.carry["context"], ops.merge_axes(x, 1))
        contexts = ops.slice(ops.split_axis(ops.slice(joined, 1, 0, samples), 1, chunk), 2, 0, context)
        state.carry["context"] = ops.slice(joined, 1, samples, samples + context)
        return ops.concat(contexts, x)
