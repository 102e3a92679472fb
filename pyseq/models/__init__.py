"""Architectures composed from `pyseq.nn`."""

from pyseq.models.attention import AttentionEncoderDecoder, AttentionOptions
from pyseq.models.bert import Bert, BertClassifier, BertEmbedder, BertMaskedLanguageModel, BertOptions, BertTagger
from pyseq.models.gpt import Gpt, GptOptions
from pyseq.models.language_model import LanguageModelOptions, RecurrentLanguageModel
from pyseq.models.recurrent import RecurrentEncoderDecoder
from pyseq.models.transformer import Transformer, TransformerOptions

__all__ = [
    "AttentionEncoderDecoder",
    "AttentionOptions",
    "Bert",
    "BertClassifier",
    "BertEmbedder",
    "BertMaskedLanguageModel",
    "BertOptions",
    "BertTagger",
    "Gpt",
    "GptOptions",
    "LanguageModelOptions",
    "RecurrentEncoderDecoder",
    "RecurrentLanguageModel",
    "Transformer",
    "TransformerOptions",
]
