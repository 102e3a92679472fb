"""Connectionist temporal classification: from the class probabilities of frames to labels, words and their times.

`greedy` and `align` work on arrays of log-probabilities; a `Decoder` searches with a lexicon, an n-gram language model
(`NgramModel`; `estimate` makes one from text) and hot words. `pyseq.ops.ctc_loss` is what such models are trained with.
"""

from __future__ import annotations

from pyseq._core import CtcAlignment as Alignment
from pyseq._core import CtcHypothesis as Hypothesis
from pyseq._core import CtcSpan as Span
from pyseq._core import CtcStream as Stream
from pyseq._core import CtcWord as Word
from pyseq.ctc.alignment import align, collapse, greedy, segments, words
from pyseq.ctc.decoder import Decoder
from pyseq.ctc.estimation import estimate
from pyseq.ctc.ngram import NgramModel, WordScore

__all__ = [
    "Alignment",
    "Decoder",
    "Hypothesis",
    "NgramModel",
    "Span",
    "Stream",
    "Word",
    "WordScore",
    "align",
    "collapse",
    "estimate",
    "greedy",
    "segments",
    "words",
]
