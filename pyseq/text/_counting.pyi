from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

def count_units(texts: Iterable[str], words: bool) -> dict[str, int]: ...
def encode_units(text: str, ids: dict[str, int], words: bool, unknown: int | None) -> list[int]: ...
def encode_padded(
    texts: Iterable[str], ids: dict[str, int], words: bool, unknown: int | None, padding: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]: ...
