import numpy as np
from numpy.typing import NDArray

def plan_batches(
    order: NDArray[np.int64], lengths: NDArray[np.int64], batch_size: int, max_tokens: int, pool: int
) -> tuple[bytes, bytes]: ...
def fill_padded(sequences: list[list[int] | tuple[int, ...]], padded: NDArray[np.int64]) -> None: ...
