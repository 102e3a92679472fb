"""JointSearch: how a speech model with a decoder is searched, by attention and CTC together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyseq import _core, decode
from pyseq.program import Program
from pyseq.tasks.sounds import field

Array = NDArray[Any]


@dataclass(frozen=True)
class JointSearch:
    """A search with the score (1 − λ) log p_attention + λ log p_ctc (see `decode.joint`), for `transcribe`.

    Attributes:
        beam_size: hypotheses kept at each step; None: the model's own.
        ctc_weight: λ, from 0 to 1; None: the model's own.
        length_penalty: as of `pyseq.search_options.SearchOptions`.
    """

    beam_size: int | None = None
    ctc_weight: float | None = None
    length_penalty: float = 0.0


@dataclass(frozen=True)
class Speller:
    """The decoder of a speech model, as the task of its file describes it.

    Attributes:
        start: the token fed first.
        end: the token that closes a transcript.
        blank: the blank of CTC.
        max_length: longest transcript in tokens.
        beam_size: hypotheses kept at each step, unless a search says otherwise.
        ctc_weight: λ, likewise.
    """

    start: int
    end: int
    blank: int
    max_length: int
    beam_size: int
    ctc_weight: float

    @classmethod
    def of_task(cls, task: Mapping[str, Any], blank: int) -> Speller | None:
        """What a task says, None where its model has no decoder.

        Raises:
            FormatError: a field is missing or of another type.
        """
        if "decoder" not in task:
            return None
        fields = field(task, "decoder", dict)
        found = {name: field(fields, name, int) for name in ("start", "end", "max_length", "beam_size")}
        return cls(**found, blank=blank, ctc_weight=float(field(fields, "ctc_weight", (int, float))))

    def search(self, model: Any, log_probs: Array, lengths: Array, options: JointSearch) -> list[decode.Hypothesis]:
        """The best hypothesis of every source.

        Args:
            model: a step model, with a row per source.
            log_probs: [sources, frames, tokens], what CTC says.
            lengths: [sources], valid frames.
            options: how to search.
        """
        weight = self.ctc_weight if options.ctc_weight is None else options.ctc_weight
        if weight > 0:
            prefixes = decode.ctc_prefixes(log_probs, lengths, blank=self.blank, end=self.end)
            model = decode.joint(model, prefixes, weight)
        found = decode.search(
            model,
            len(log_probs),
            start=self.start,
            end=self.end,
            beam_size=options.beam_size or self.beam_size,
            max_length=self.max_length,
            length_penalty=options.length_penalty,
            suppress=[self.blank, self.start],
        )
        return [hypotheses[0] for hypotheses in found]

    def write(
        self, program: Program, inputs: Mapping[str, Array], options: JointSearch
    ) -> tuple[list[decode.Hypothesis], list[Array]]:
        """Transcripts of the sounds of a batch, and for each what CTC says of its frames [frames, tokens]."""
        session = program.new_session()
        state = session.new_state(len(inputs["lengths"]))
        session.run("encode", dict(inputs), state)
        log_probs, lengths = log_softmax(state.tensor("frame_logits")), state.tensor("lengths")
        found = self.search(_core.ProgramStepModel(session, state), log_probs, lengths, options)
        return found, [log_probs[row, : int(length)] for row, length in enumerate(lengths)]


def log_softmax(logits: Array) -> Array:
    """Log-probabilities of logits [..., classes]."""
    shifted = logits - logits.max(-1, keepdims=True)
    result: Array = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return result
