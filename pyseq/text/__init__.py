"""Text as numbers: vocabularies of characters, words and pieces of words."""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)  # see pyseq/__init__.py

from pyseq.text.library_tokenizer import SubwordTokenizer, describe_tokenizer
from pyseq.text.subwords import build_words, read_sentencepiece, train_subwords
from pyseq.text.vocabulary import TextUnit, Vocabulary, count_units
from pyseq.text.word_pieces import train_word_pieces, word_piece_tokenizer

__all__ = [
    "SubwordTokenizer",
    "TextUnit",
    "Vocabulary",
    "build_words",
    "count_units",
    "describe_tokenizer",
    "read_sentencepiece",
    "train_subwords",
    "train_word_pieces",
    "word_piece_tokenizer",
]
