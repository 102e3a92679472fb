"""What models are for: objects with a typed method per task."""

from pyseq.tasks.generator import Generator, TextScore
from pyseq.tasks.translator import Hypothesis, Translator

__all__ = ["Generator", "Hypothesis", "TextScore", "Translator"]
