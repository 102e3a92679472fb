"""Pixels as a PNG file, for pages that hold their pictures."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray


def png_bytes(pixels: NDArray[Any]) -> bytes:
    """A PNG file.

    Args:
        pixels: [height, width, 3] uint8.

    Raises:
        ValueError: another shape or type.

    Source:
        ISO/IEC 15948 (PNG): signature, then chunks of length, name, data and CRC-32; each row has a filter byte before
        it (0: none).

    Example:
        >>> import numpy as np
        >>> from pyseq.viz.png import png_bytes
        >>> png_bytes(np.zeros((2, 2, 3), np.uint8))[1:4]
        b'PNG'
    """
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
        raise ValueError(f"png: pixels {pixels.dtype} {list(pixels.shape)}, expected uint8 [height, width, 3]")
    height, width = pixels.shape[:2]
    rows = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, 3 * width)], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits, red, green and blue
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, content) for name, content in chunks)


def data_uri(pixels: NDArray[Any]) -> str:
    """The same as an address that holds the file itself."""
    return "data:image/png;base64," + base64.b64encode(png_bytes(pixels)).decode("ascii")


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
