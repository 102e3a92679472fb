"""SoundFeatures: the front end of models that hear, as a part of them."""

from __future__ import annotations

import numpy as np

from pyseq import ops
from pyseq.audio.features import FeatureOptions, features
from pyseq.nn.module import Module
from pyseq.state import State
from pyseq.tensor import Array, Buffer, Tensor


class SoundFeatures(Module):
    """Log-mel spectra or cepstra of waveforms, computed inside the model, whose file then takes samples.

    y = (features(x) − mean) · scale, with the tables of `options`, mean and scale as buffers.

    Args:
        options: what is computed (`audio.log_mel`, `audio.kaldi_fbank`, `audio.kaldi_mfcc`).

    Example:
        >>> import numpy as np
        >>> from pyseq import audio, nn
        >>> front_end = nn.SoundFeatures(audio.log_mel(8000, 40))
        >>> y, lengths = front_end(np.zeros((2, 800), np.float32), np.array([800, 400]))
        >>> y.shape, lengths.numpy()
        ((2, 10, 40), array([10,  5]))
    """

    def __init__(self, options: FeatureOptions) -> None:
        self.options = options
        for name, values in options.tables().items():
            setattr(self, name, Buffer(values))
        self.mean = Buffer(np.zeros(options.width, np.float32))
        self.scale = Buffer(np.ones(options.width, np.float32))

    def normalize_like(self, sounds: list[Array]) -> None:
        """Set mean and scale so that the features of these sounds have mean 0 and variance 1."""
        self.mean.data[...], self.scale.data[...] = 0, 1
        found = np.concatenate([self(x[None])[0].numpy()[0] for x in sounds])
        self.mean.data[...] = found.mean(axis=0, dtype=np.float64)
        self.scale.data[...] = 1 / np.maximum(found.std(axis=0, dtype=np.float64), 1e-5)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """X [batch, samples], lengths [batch] -> features [batch, frames, width], frames of each row [batch]."""
        y, counts = features(x, self._tables, self.options, lengths)
        return self._normalized(y), counts

    @property
    def _tables(self) -> dict[str, Tensor]:
        return {name: getattr(self, name) for name in ("window", "filters", "cepstra") if hasattr(self, name)}

    def _normalized(self, y: Tensor) -> Tensor:
        centered: Tensor = ops.subtract(y, self.mean)
        result: Tensor = ops.multiply(centered, self.scale)
        return result

    @property
    def carry_name(self) -> str:
        """The name of the carried samples in a state: the module's path and "samples"."""
        return f"{self.path}.samples" if self.path else "samples"

    def add_carry(self, state: State) -> None:
        """Declare the samples that a stream carries from chunk to chunk, zeros at first: for `initial_state`."""
        state.add_carry(self.carry_name, (self.options.window_size - self.options.hop,))

    def stream(self, x: Tensor, state: State) -> Tensor:
        """Features of the next chunk of a stream.

        Args:
            x: [batch, samples], a multiple of the hop.
            state: holds the samples before x (see `add_carry`) and gets those before the next chunk.

        Returns:
            [batch, samples / hop, width]: frames end where their hop ends. `padding` has no part in it.
        """
        y, next_carry, _ = features(x, self._tables, self.options, None, state.carry[self.carry_name])
        state.carry[self.carry_name] = next_carry
        return self._normalized(y)
