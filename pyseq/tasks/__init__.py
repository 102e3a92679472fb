"""What models are for: objects with a typed method per task."""

from pyseq.tasks.classifier import Classification, Classifier
from pyseq.tasks.generator import Generator, TextScore
from pyseq.tasks.translator import Hypothesis, Translator

__all__ = ["Classification", "Classifier", "Generator", "Hypothesis", "TextScore", "Translator"]
