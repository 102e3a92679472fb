"""What models are for: objects with a typed method per task."""

from pyseq.tasks.translator import Hypothesis, Translator

__all__ = ["Hypothesis", "Translator"]
