"""Architectures composed from `pyseq.nn`."""

from pyseq.models.attention import AttentionEncoderDecoder, AttentionOptions
from pyseq.models.recurrent import RecurrentEncoderDecoder
from pyseq.models.transformer import Transformer, TransformerOptions

__all__ = [
    "AttentionEncoderDecoder",
    "AttentionOptions",
    "RecurrentEncoderDecoder",
    "Transformer",
    "TransformerOptions",
]
