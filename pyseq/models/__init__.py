"""Architectures composed from `pyseq.nn`."""

from pyseq.models.attention import AttentionEncoderDecoder, AttentionOptions
from pyseq.models.language_model import LanguageModelOptions, RecurrentLanguageModel
from pyseq.models.recurrent import RecurrentEncoderDecoder
from pyseq.models.transformer import Transformer, TransformerOptions

__all__ = [
    "AttentionEncoderDecoder",
    "AttentionOptions",
    "LanguageModelOptions",
    "RecurrentEncoderDecoder",
    "RecurrentLanguageModel",
    "Transformer",
    "TransformerOptions",
]
