"""Architectures composed from `pyseq.nn`."""

from pyseq.models.recurrent import RecurrentEncoderDecoder
from pyseq.models.transformer import Transformer, TransformerOptions

__all__ = ["RecurrentEncoderDecoder", "Transformer", "TransformerOptions"]
