"""What the removal of padding gains: an encoder of MiniLM's size on sentences of different lengths.

Run as ``python -m bench.padding``: a line per number of threads, from padded and packed runs in turn.
"""

from __future__ import annotations

import statistics
import time

import numpy as np

import pyseq
from pyseq import nn, ops
from pyseq.tensor import Tensor

WIDTH, HEADS, LAYERS, VOCABULARY = 384, 12, 6, 30000
SENTENCES, SHORTEST, LONGEST = 32, 4, 60
ROUNDS = 9


class Encoder(nn.Module):
    """Sentence vectors: the mean of the last layer."""

    def __init__(self) -> None:
        self.embedding = nn.Embedding(VOCABULARY, WIDTH)
        self.positions = nn.LearnedPositions(LONGEST, WIDTH)
        self.norm = nn.LayerNorm(WIDTH)
        self.layers = nn.ModuleList(nn.TransformerEncoderLayer(WIDTH, HEADS, 4 * WIDTH, "gelu") for _ in range(LAYERS))

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Tokens [batch, time], lengths [batch] -> [batch, width]."""
        x = self.norm(self.positions(self.embedding(tokens)))
        for layer in self.layers:
            x = layer(x, lengths)
        mean: Tensor = ops.mean(x, 1, lengths)
        return mean


def main() -> None:
    """Print milliseconds with and without padding, their ratio, and its share of the ideal one."""
    random = np.random.default_rng(1)
    lengths = random.integers(SHORTEST, LONGEST + 1, SENTENCES)
    lengths[0] = LONGEST
    inputs = {"tokens": random.integers(0, VOCABULARY, (SENTENCES, LONGEST)), "lengths": lengths}
    content = pyseq.export(Encoder(), None, inputs)
    assert content is not None
    packed = pyseq.Program.parse(content)
    padded = packed.with_dtype(None, remove_padding=False)
    ideal = SENTENCES * LONGEST / float(lengths.sum())
    for threads in (1, 2):
        pyseq.set_num_threads(threads)
        seconds: dict[str, list[float]] = {"padded": [], "packed": []}
        for _ in range(ROUNDS):
            for name, program in (("padded", padded), ("packed", packed)):
                begin = time.perf_counter()
                program.run("forward", **inputs)
                seconds[name].append(time.perf_counter() - begin)
        milliseconds = {name: 1000 * statistics.median(times[1:]) for name, times in seconds.items()}
        ratio = milliseconds["padded"] / milliseconds["packed"]
        print(
            f"threads {threads}: padded {milliseconds['padded']:.1f} ms, packed {milliseconds['packed']:.1f} ms, "
            f"ratio {ratio:.2f}, {ratio / ideal:.0%} of {ideal:.2f}"
        )


if __name__ == "__main__":
    main()
