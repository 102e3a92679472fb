"""What models are for: objects with a typed method per task."""

from pyseq.tasks.captioner import Captioner
from pyseq.tasks.classifier import Classification, Classifier
from pyseq.tasks.encoder import Encoder
from pyseq.tasks.fill_mask import Filling, FillMask
from pyseq.tasks.generator import Generator, TextScore
from pyseq.tasks.tagger import Span, Tag, Tagger
from pyseq.tasks.tokenized import TokenizedClassifier, TokenizedGenerator, TokenizedTranslator
from pyseq.tasks.translator import Hypothesis, Translator

__all__ = [
    "Captioner",
    "Classification",
    "Classifier",
    "Encoder",
    "FillMask",
    "Filling",
    "Generator",
    "Hypothesis",
    "Span",
    "Tag",
    "Tagger",
    "TextScore",
    "TokenizedClassifier",
    "TokenizedGenerator",
    "TokenizedTranslator",
    "Translator",
]
