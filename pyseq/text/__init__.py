"""Text as numbers: vocabularies of characters and words."""

from pyseq.text.vocabulary import TextUnit, Vocabulary, count_units

__all__ = ["TextUnit", "Vocabulary", "count_units"]
