"""UniversalEncoder: one Transformer layer repeated over depth, as often as each position needs."""

from __future__ import annotations

import numpy as np

from pyseq import _core, ops
from pyseq.control import repeat
from pyseq.nn.linear import Linear
from pyseq.nn.module import Module
from pyseq.nn.positions import SinusoidalPositions
from pyseq.nn.transformer import ORIGINAL, TransformerEncoderLayer, TransformerVariants
from pyseq.tensor import Buffer, Tensor

STEEP = 1e30  # a difference times this is beyond 1, or zero

LoopState = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]


class UniversalEncoder(Module):
    """Universal Transformer: x⁽ⁿ⁾ = layer(x⁽ⁿ⁻¹⁾ + positions + depth(n)), the same layer at every step n.

    With adaptive computation time each position halts by itself: pₙ = σ(w·x⁽ⁿ⁾ + b), and N is the first step at which
    p₁ + … + p_N comes within ε of 1, or the last one. y = p₁ x⁽¹⁾ + … + p_{N−1} x⁽ᴺ⁻¹⁾ + R x⁽ᴺ⁾ with the remainder
    R = 1 − (p₁ + … + p_{N−1}). What has halted stays as it is, its depth included, and is still attended to. N + R, the
    ponder cost, is what a loss adds with a small factor (its gradient is that of R). The loop is one op of a program,
    which ends as soon as all positions have halted.

    Args:
        width: size of the vectors; even.
        num_heads: heads of the attention.
        hidden: inner size of the feed-forward network.
        max_steps: steps at most.
        adaptive: whether positions halt; without it all steps are run, and y = x⁽ᵐᵃˣ⁾.
        epsilon: ε, above 0 and below 1.
        activation: of the feed-forward network.
        pre_norm: see `TransformerEncoderLayer`.
        dropout: probability of a 0 while training (see `Dropout`).
        variants: see `TransformerEncoderLayer`.

    Raises:
        ArgumentError: an odd width, no steps, or another epsilon.

    Source:
        Dehghani et al., "Universal Transformers" (2019); halting: Graves, "Adaptive computation time for recurrent
        neural networks" (2016).

    Example:
        >>> import numpy as np
        >>> from pyseq import nn
        >>> encoder = nn.UniversalEncoder(8, num_heads=2, hidden=16, max_steps=6)
        >>> y, steps, remainder = encoder(np.ones((2, 5, 8), np.float32), np.array([5, 3]))
        >>> y.shape, steps.shape, remainder.shape
        ((2, 5, 8), (2, 5), (2, 5))
    """

    def __init__(
        self,
        width: int,
        num_heads: int,
        hidden: int,
        max_steps: int,
        adaptive: bool = True,
        epsilon: float = 0.01,
        activation: str = "relu",
        pre_norm: bool = False,
        dropout: float = 0.0,
        variants: TransformerVariants = ORIGINAL,
    ) -> None:
        if width % 2 or max_steps < 1 or not 0 < epsilon < 1:
            raise _core.ArgumentError(
                f"UniversalEncoder: width {width}, max_steps {max_steps}, epsilon {epsilon}: expected an even width, "
                "at least one step, and an epsilon between 0 and 1"
            )
        self.layer = TransformerEncoderLayer(
            width, num_heads, hidden, activation, pre_norm, dropout=dropout, variants=variants
        )
        self.positions = SinusoidalPositions()
        self.halting = Linear(width, 1) if adaptive else None
        self.max_steps = max_steps
        self.depth = Buffer(_sinusoids(max_steps, width))
        self.ones = Buffer(np.ones((width, 1), np.float32))
        self.one = Buffer(np.ones((), np.float32))
        self.epsilon = Buffer(np.full((), epsilon, np.float32))
        self.halted_below = Buffer(np.full((), epsilon / 2, np.float32))
        self.steep = Buffer(np.full((), STEEP, np.float32))

    def forward(self, x: Tensor, lengths: Tensor | None = None, causal: bool = False) -> tuple[Tensor, Tensor, Tensor]:
        """Run all steps.

        Args:
            x: [batch, time, width].
            lengths: [batch] int64, valid positions; None for all. Others do not count.
            causal: position t sees positions up to t only.

        Returns:
            y [batch, time, width], zero beyond lengths when adaptive; and the halting report: the steps N of every
            position [batch, time] int64 (0 beyond lengths; not adaptive: [batch]), the remainders R [batch, time].
        """
        rest = ops.clip(ops.mean(x.detach(), axis=-1), 1.0, 1.0)  # what the weights of further steps add up to
        if lengths is not None:
            rest = ops.mask_rows(rest, lengths)
        number = ops.argmax(ops.split_axis(rest, axis=-1, size=1))  # zeros
        nothing = x.detach() * self._spread(ops.clip(rest, 0.0, 0.0))

        def step(state: LoopState) -> LoopState:
            return self._step(state, lengths, causal)

        first = (x, nothing, rest, rest, number)
        if self.halting is None:
            (x, _, rest, _, _), steps = repeat(step, first, self.max_steps)
            return x, steps, rest
        (x, y, rest, before, _), steps = repeat(step, first, self.max_steps, until=self._halted)
        return y + self._spread(rest) * x, steps, before  # the rest is zero unless the last step was forced

    def _step(self, state: LoopState, lengths: Tensor | None, causal: bool) -> LoopState:
        """x, the sum so far, the rest, the rest before that, and the number of the step."""
        x, y, rest, before, number = state
        x = self.layer(self.positions(x + ops.embedding(number, self.depth)), lengths, causal=causal)
        following = ops.add_integer(number, 1)
        if self.halting is None:
            return x, y, rest, before, following
        p = ops.mean(ops.sigmoid(self.halting(x)), axis=-1)  # of one value
        room = ops.subtract(rest, p)
        is_last = ops.clip((ops.negative(room) + self.epsilon) * self.steep, 0.0, 1.0).detach()  # 0 or 1
        weight = is_last * rest + (ops.negative(is_last) + self.one) * p
        return x, y + self._spread(weight) * x, ops.subtract(rest, weight), rest, following

    def _halted(self, state: LoopState) -> Tensor:
        """Not zero where nothing is left of the weights."""
        return ops.relu(ops.negative(state[2]) + self.halted_below)

    def _spread(self, values: Tensor) -> Tensor:
        """Values [batch, time] -> [batch, time, width], the same for all of width."""
        return ops.linear(ops.split_axis(values, axis=-1, size=1), self.ones)


def _sinusoids(steps: int, width: int) -> np.ndarray:
    """What tells the steps apart [steps, width]: sines and cosines of n, as those of positions."""
    angles = np.arange(1, steps + 1)[:, None] * 10000.0 ** (-np.arange(width // 2) / (width // 2))
    return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(steps, width).astype(np.float32)
