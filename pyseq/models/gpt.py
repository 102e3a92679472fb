"""GPT: a Transformer that predicts the next token from all those before it."""

from __future__ import annotations

from dataclasses import dataclass

from pyseq import _core, nn, ops
from pyseq.dim import Size
from pyseq.models.cached_state import cached_state
from pyseq.state import State
from pyseq.tensor import Tensor

ORIGINAL = nn.TransformerVariants()
POSITIONS = ("learned", "sinusoidal", "alibi", "none")


@dataclass(frozen=True)
class GptOptions:
    """Sizes and variants of a `Gpt`; the defaults are GPT-2's."""

    vocabulary: int
    width: int = 768
    num_heads: int = 12
    num_layers: int = 12
    feed_forward: int = 3072
    activation: str = "gelu_tanh"
    epsilon: float = 1e-5  # of the norms
    positions: str = "learned"  # or "sinusoidal", "alibi", "none"; rotary ones are among the variants
    max_positions: int = 1024  # rows of the table of learned positions
    scale: float = 1.0  # of the embeddings: √width makes the small vectors of a tied table as large as what is added
    tied: bool = True  # the last projection is the table of embeddings
    head_bias: bool = False  # of the last projection
    variants: nn.TransformerVariants = ORIGINAL
    dropout: float = 0.0  # while training


class Gpt(nn.Module):
    """Decoder-only Transformer, pre-norm: P(y_t | y_1 … y_{t−1}) = softmax(E norm(x_{t−1})).

    Run whole (`forward`) or step by step over a key/value cache (`step`).

    Args:
        options: sizes and variants.

    Source:
        Radford et al., "Language models are unsupervised multitask learners" (2019); with RMS norms, gates and rotary
        positions: Touvron et al., "LLaMA" (2023).

    Example:
        >>> import numpy as np
        >>> from pyseq.models import Gpt, GptOptions
        >>> model = Gpt(GptOptions(10, width=8, num_heads=2, num_layers=1, feed_forward=16, max_positions=6))
        >>> model(np.array([[1, 2, 3]])).shape
        (1, 3, 10)
        >>> state = model.initial_state(1)
        >>> model.step(np.array([[1]]), state).shape
        (1, 1, 10)
    """

    def __init__(self, options: GptOptions) -> None:
        if options.positions not in POSITIONS:
            raise _core.ArgumentError(f"Gpt: positions {options.positions!r}, expected one of {', '.join(POSITIONS)}")
        self.options = options
        self.embedding = nn.Embedding(options.vocabulary, options.width, options.scale)
        self.positions = _added_positions(options)
        self.slopes = nn.alibi_slopes(options.num_heads) if options.positions == "alibi" else None
        self.dropout = nn.Dropout(options.dropout)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                options.width,
                options.num_heads,
                options.feed_forward,
                options.activation,
                pre_norm=True,
                epsilon=options.epsilon,
                dropout=options.dropout,
                variants=options.variants,
            )
            for _ in range(options.num_layers)
        )
        self.norm = options.variants.make_norm(options.width, options.epsilon)
        self.projection = nn.Linear(options.width, options.vocabulary, bias=options.head_bias)
        if options.tied:
            self.projection.weight = self.embedding.weight

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens [batch, time] int64 -> logits [batch, time, vocabulary] of every next token."""
        x: Tensor = self.embedding(tokens)
        x = self.dropout(x if self.positions is None else self.positions(x))
        for layer in self.layers:
            x = layer(x, causal=True, slopes=self.slopes)
        logits: Tensor = self.projection(self.norm(x))
        return logits

    def initial_state(self, rows: Size) -> State:
        """State before the first token: no positions, empty caches."""
        return cached_state(rows, self.layers)

    def step(self, tokens: Tensor, state: State) -> Tensor:
        """Logits after the next tokens.

        Args:
            tokens: [batch, time] int64.
            state: from `initial_state`; advanced.

        Returns:
            logits [batch, time, vocabulary].
        """
        logits: Tensor = self.projection(self.norm(self._advance(tokens, state)))
        return logits

    def prefill(self, tokens: Tensor, state: State) -> None:
        """Read tokens [batch, time] int64 that something follows: as `step`, but without logits."""
        self._advance(tokens, state)

    def _advance(self, tokens: Tensor, state: State) -> Tensor:
        offset = state.carry["position"]
        x: Tensor = self.embedding(tokens)
        x = self.dropout(x if self.positions is None else self.positions(x, offset))
        for layer in self.layers:
            x = layer(x, cache=state.cache[layer.self_attention.path], offset=offset, slopes=self.slopes)
        state.carry["position"] = ops.add_integer(offset, tokens.shape[1])
        return x


def _added_positions(options: GptOptions) -> nn.Module | None:
    """What is added to the embeddings; None where attention knows positions."""
    if options.positions == "learned":
        return nn.LearnedPositions(options.max_positions, options.width)
    return nn.SinusoidalPositions() if options.positions == "sinusoidal" else None
