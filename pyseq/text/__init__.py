"""Text as numbers: vocabularies of characters and words."""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)  # see pyseq/__init__.py

from pyseq.text.subword import SubwordTokenizer
from pyseq.text.vocabulary import TextUnit, Vocabulary, count_units

__all__ = ["SubwordTokenizer", "TextUnit", "Vocabulary", "count_units"]
