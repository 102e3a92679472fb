"""What a recipe with CTC does with a `ListenAttendSpell`: attention and CTC, trained and searched together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyseq import data, decode, ops
from pyseq.models import ListenAttendSpell
from pyseq.nn.loss import total
from pyseq.recipes.transcription import Array, frame_losses
from pyseq.state import State
from pyseq.tasks import JointSearch
from pyseq.tasks.joint_search import Speller, log_softmax
from pyseq.tensor import Tensor

START, END = "<s>", "</s>"


@dataclass(frozen=True)
class Spelling:
    """Losses and search of a `ListenAttendSpell`.

    Attributes:
        module: the model.
        speller: start and end mark, blank, beam and the weight of CTC.
        label_smoothing: share of every target that is spread over the other tokens.
    """

    module: ListenAttendSpell
    speller: Speller
    label_smoothing: float

    def losses(self, features: Tensor, frames: Tensor, texts: Sequence[Sequence[int]]) -> Tensor:
        """(1 − λ) Σ cross-entropy of tokens + λ Σ CTC losses of texts, for features [batch, frames, width]."""
        state = self.module.heard(features, frames)
        weight = self.speller.ctc_weight
        return _scaled(self._spelled(texts, state), 1 - weight) + _scaled(self._framed(texts, state), weight)

    def written(
        self, features: Tensor, frames: Tensor, texts: Sequence[Sequence[int]]
    ) -> tuple[Tensor, list[list[int]]]:
        """The cross-entropy of the tokens of texts, and what a joint search finds."""
        state = self.module.heard(features, frames)
        log_probs = log_softmax(state.memory["frame_logits"].data)
        model = decode.EagerStepModel(self.module, state.clone())
        found = self.speller.search(model, log_probs, state.memory["lengths"].data, JointSearch())
        return self._spelled(texts, state), [hypothesis.ids for hypothesis in found]

    def _spelled(self, texts: Sequence[Sequence[int]], state: State) -> Tensor:
        """Cross-entropy [batch, time] of the tokens of texts and their end marks."""
        inputs, _ = data.pad([[self.speller.start, *text] for text in texts])
        outputs, _ = data.pad([[*text, self.speller.end] for text in texts], data.IGNORED)
        smoothing = self.label_smoothing if self.module.training else 0.0
        losses: Tensor = ops.cross_entropy(
            self.module.step(Tensor(inputs), state), Tensor(outputs), label_smoothing=smoothing
        )
        return losses

    @staticmethod
    def _framed(texts: Sequence[Sequence[int]], state: State) -> Tensor:
        return frame_losses(state.memory["frame_logits"], state.memory["lengths"], texts)


def example_inputs(x: Array, lengths: Any) -> dict[str, Any]:
    """The functions of the exported model, with example inputs."""
    sound = {"x": x, "lengths": lengths}
    return {"recognize": sound, "encode": sound, "step": {"tokens": np.zeros((len(x), 1), np.int64)}}


def _scaled(losses: Tensor, factor: float) -> Tensor:
    return ops.multiply(total(losses), Tensor(np.array(factor, np.float32)))
