"""What decoders with attention share: recurrent layers that look back at what an encoder wrote."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from pyseq import _core, nn, ops
from pyseq.control import scan
from pyseq.models.encoder_decoder import EncoderDecoder
from pyseq.models.recurrent_state import CELLS, final_states, read_states, write_states
from pyseq.models.source_attention import SCORES, SourceAttention
from pyseq.state import State
from pyseq.tensor import Tensor, active_recorder

FEEDS = ("none", "context", "attentional")


@dataclass(frozen=True)
class AttentionOptions:
    """Sizes and variants of an `AttentionEncoderDecoder`.

    Raises:
        ArgumentError: an unknown variant, or variants that do not go together.
    """

    source_vocabulary: int
    target_vocabulary: int
    source_embedding: int = 64
    target_embedding: int = 32
    encoder_size: int = 128  # of one direction
    decoder_size: int = 256
    attention_size: int = 128  # of the network of additive scores
    cell: str = "lstm"  # "rnn", "gru" or "lstm"
    encoder_layers: int = 1
    decoder_layers: int = 1
    score: str = "additive"  # "additive", "concat" (the same under Luong's name), "dot" or "general"
    feed: str = "none"  # what enters the recurrence: "none", "context" (Bahdanau), "attentional" (input feeding, Luong)
    window: int = 0  # positions that local attention sees on either side; 0: global attention
    alignment: str = "predicted"  # of local attention: "predicted" (local-p) or "monotonic" (local-m)
    coverage: bool = False  # additive scores see how much attention each position has had
    location_filters: int = 0  # filters over the weights of the step before, which additive scores see (Chorowski)
    location_width: int = 15  # positions that each of them sees
    dropout: float = 0.0
    attentional_size: int = 0  # of h̃; 0: decoder_size
    tied: bool = False  # the projection's weight is the target embedding; h̃ then has the embedding's size

    @property
    def output_size(self) -> int:
        """Size of h̃."""
        return self.target_embedding if self.tied else self.attentional_size or self.decoder_size

    def __post_init__(self) -> None:
        for name, known in (("cell", tuple(CELLS)), ("score", SCORES), ("feed", FEEDS)):
            if getattr(self, name) not in known:
                raise _core.ArgumentError(
                    f"AttentionOptions: {name} is {getattr(self, name)!r}, expected one of {known}"
                )
        if self.tied and self.attentional_size not in (0, self.target_embedding):
            raise _core.ArgumentError(
                f"AttentionOptions: attentional_size is {self.attentional_size}, expected that of the tied "
                f"target_embedding {self.target_embedding}"
            )
        is_additive = self.score in ("additive", "concat")
        for name, is_wanted in (("coverage", self.coverage), ("location_filters", self.location_filters > 0)):
            if is_wanted and not is_additive:
                raise _core.ArgumentError(f"AttentionOptions: score is {self.score!r}, expected 'additive' with {name}")
        if self.location_filters and self.location_width % 2 == 0:
            raise _core.ArgumentError(
                f"AttentionOptions: location_width is {self.location_width}, expected an odd number"
            )
        if self.window and is_additive:
            raise _core.ArgumentError(
                f"AttentionOptions: score is {self.score!r}, expected 'dot' or 'general' with a window"
            )


class AttentiveDecoder(EncoderDecoder):
    """A recurrent decoder that attends to annotations; subclasses add the encoder that writes them.

    They call `_add_embedding` and `_add_decoder` when they are made, and `_start` at the end of `encode`. What
    `AttentionEncoderDecoder` says of scores and feeds holds for all of them.
    """

    options: Any
    decoder_options: AttentionOptions

    def _add_embedding(self, options: AttentionOptions) -> None:
        # As weights of a projection vectors are small: scaled, they have the size of others.
        scale = math.sqrt(options.target_embedding) if options.tied else 1.0
        self.target_embedding = nn.Embedding(options.target_vocabulary, options.target_embedding, scale)

    def _add_decoder(self, options: AttentionOptions, width: int) -> None:
        """The layers that follow an encoder whose annotations have a width."""
        self.decoder_options = options
        recurrent, dropout = CELLS[options.cell], options.dropout
        self.bridges = nn.ModuleList(
            nn.Linear(width, options.decoder_size, activation="tanh") for _ in range(options.decoder_layers)
        )
        fed = {"none": 0, "context": width, "attentional": options.output_size}[options.feed]
        self.decoder = recurrent(
            options.target_embedding + fed, options.decoder_size, options.decoder_layers, dropout=dropout
        )
        self.attention = SourceAttention(
            options.decoder_size,
            width,
            options.attention_size,
            options.score,
            options.window,
            options.alignment,
            options.coverage,
            options.location_filters,
            options.location_width,
        )
        self.from_state = nn.Linear(options.decoder_size, options.output_size)
        self.from_context = nn.Linear(width, options.output_size, bias=False)
        self.dropout = nn.Dropout(dropout)
        self.projection = nn.Linear(options.output_size, options.target_vocabulary)
        if options.tied:
            self.projection.weight = self.target_embedding.weight

    def _start(self, annotations: Tensor, lengths: Tensor, final: Any) -> State:
        """The state for `step`, from annotations [batch, time, width] and the final state of the layer that wrote them.

        Its parts, through a layer each, are where the decoder's layers begin.
        """
        options = self.decoder_options
        last = final_states(final)
        layers = [tuple(bridge(part) for part in last) for bridge in self.bridges]
        state = State(annotations.shape[0])
        write_states(state, layers)
        if options.feed == "attentional":
            state.add_carry("attentional", (options.output_size,))
        self.attention.start(state, self.dropout(annotations), lengths)
        return state

    def step(self, tokens: Tensor, state: State) -> Tensor:
        """Logits after the next target tokens.

        Args:
            tokens: [batch, time] int64.
            state: from `encode`; advanced.

        Returns:
            logits [batch, time, target_vocabulary].
        """
        return self._step(tokens, state)[0]

    def _step(self, tokens: Tensor, state: State) -> tuple[Tensor, Tensor | None]:
        x = self.dropout(self.target_embedding(tokens))
        loss = None
        if self.decoder_options.feed == "none" and not self.attention.sees_weights:
            hidden = self._advance(x, state)
            attentional = self._attentional(hidden, self.attention(hidden, state)[0])
        else:
            attentional, loss = self._unroll(x, state)
        logits: Tensor = self.projection(attentional)
        return logits, loss

    def _unroll(self, x: Tensor, state: State) -> tuple[Tensor, Tensor | None]:
        """Step by step over x [batch, time, ...]: h̃ [batch, time, output_size], coverage losses [batch, time]."""
        names = list(state.carry)
        # Within a loop nothing can be captured: a program looks once more, outside of it, for those who want weights.
        is_watched = active_recorder() is not None and not self.attention.sees_weights
        first = state.at(dict(state.carry))

        def body(x_t: Tensor, carried: tuple[Tensor, ...]) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
            now = state.at(dict(zip(names, carried, strict=True)))
            query, *ys = self._one_step(x_t, now)
            return (*([query] if is_watched else []), *ys), tuple(now.carry[name] for name in names)

        steps = ops.split_axis(x, axis=1, size=1)  # [batch, time, 1, ...]
        ys, finals = scan(body, steps, tuple(state.carry.values()))
        state.carry.update(zip(names, finals, strict=True))
        vectors = [ops.merge_axes(y, axis=1) for y in ys]
        if is_watched:
            self.attention(vectors.pop(0), first)
        loss = ops.merge_axes(vectors.pop(), axis=1) if self.decoder_options.coverage else None
        return (vectors[0] if len(vectors) == 1 else self._attentional(*vectors)), loss

    def _one_step(self, x: Tensor, state: State) -> tuple[Tensor, ...]:
        """For x [batch, 1, ...]: query, s and c (h̃ if it is fed back), with coverage its loss: [batch, 1, ...]."""
        if self.decoder_options.feed == "context":
            top = state.carry[f"layer{self.decoder_options.decoder_layers - 1}.h"]
            query = ops.split_axis(top, axis=0, size=1)
            context, *loss = self.attention(query, state)
            return query, self._advance(ops.concat(x, context), state), context, *loss
        if self.decoder_options.feed == "none":
            hidden = self._advance(x, state)
            context, *loss = self.attention(hidden, state)
            return hidden, hidden, context, *loss
        before = ops.split_axis(state.carry["attentional"], axis=0, size=1)
        hidden = self._advance(ops.concat(x, before), state)
        context, *loss = self.attention(hidden, state)
        attentional = self._attentional(hidden, context)
        state.carry["attentional"] = ops.merge_axes(attentional, axis=0)
        return hidden, attentional, *loss

    def _advance(self, x: Tensor, state: State) -> Tensor:
        """The decoder's states [batch, time, decoder_size]."""
        before = read_states(state, self.decoder_options.decoder_layers, self.decoder_options.cell)
        hidden, after = self.decoder(x, state=before)
        write_states(state, after)
        result: Tensor = hidden
        return result

    def _attentional(self, hidden: Tensor, context: Tensor) -> Tensor:
        """h̃ = tanh(U s + V c)."""
        joined: Any = ops.linear(context, self.from_context.weight, activation="none", residual=self.from_state(hidden))
        result: Tensor = self.dropout(ops.tanh(joined))
        return result
