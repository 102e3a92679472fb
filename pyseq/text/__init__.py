"""Text as numbers: vocabularies of characters, words and pieces of words; labels of words and their spans."""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)  # see pyseq/__init__.py

from pyseq.text.library_tokenizer import SubwordTokenizer, describe_tokenizer
from pyseq.text.subwords import build_words, read_sentencepiece, train_subwords
from pyseq.text.tagging import OUTSIDE, LabelSpan, Scheme, TagConstraints, label_spans, span_labels, tag_constraints
from pyseq.text.vocabulary import TextUnit, Vocabulary, count_units
from pyseq.text.word_pieces import train_word_pieces, word_piece_tokenizer

__all__ = [
    "OUTSIDE",
    "LabelSpan",
    "Scheme",
    "SubwordTokenizer",
    "TagConstraints",
    "TextUnit",
    "Vocabulary",
    "build_words",
    "count_units",
    "describe_tokenizer",
    "label_spans",
    "read_sentencepiece",
    "span_labels",
    "tag_constraints",
    "train_subwords",
    "train_word_pieces",
    "word_piece_tokenizer",
]
