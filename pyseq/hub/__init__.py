"""Models of other projects, read from their own files and converted to programs in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pyseq.hub import ctranslate2, g2p, hugging_face, silero
from pyseq.program import Program

__all__ = ["FAMILIES", "Family"]


@dataclass(frozen=True)
class Family:
    """A kind of model folder or file."""

    description: str
    recognises: Callable[[Path], bool]
    convert: Callable[[Path], Program]


FAMILIES = (
    Family(ctranslate2.DESCRIPTION, ctranslate2.recognises, ctranslate2.convert),
    Family(hugging_face.DESCRIPTION, hugging_face.recognises, hugging_face.convert),
    Family(g2p.DESCRIPTION, g2p.recognises, g2p.convert),
    Family(silero.DESCRIPTION, silero.recognises, silero.convert),
)
