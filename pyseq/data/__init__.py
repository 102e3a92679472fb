"""Data: batches of ragged examples, shuffled from a seed, with positions that can be saved; fetching data sets."""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)  # see pyseq/__init__.py

from pyseq.data.batching import Batches
from pyseq.data.finding import find
from pyseq.data.labelled import Labelled, read_conll, read_tagged
from pyseq.data.masking import MaskedTokens, mask_tokens
from pyseq.data.padding import pad
from pyseq.data.pairs import IGNORED, Pair, PairBatch, collate_pairs
from pyseq.data.prefetching import Prefetch
from pyseq.data.streams import ShuffledStreams, Streams
from pyseq.data.windows import Windows

__all__ = [
    "IGNORED",
    "Batches",
    "Labelled",
    "MaskedTokens",
    "Pair",
    "PairBatch",
    "Prefetch",
    "ShuffledStreams",
    "Streams",
    "Windows",
    "collate_pairs",
    "find",
    "mask_tokens",
    "pad",
    "read_conll",
    "read_tagged",
]
