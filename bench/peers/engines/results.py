"""Results of any engine as arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.peers.model import Array


def first_array(result: Any) -> Array:
    """The output "output" of a program, else the first array of what an engine returned."""
    if isinstance(result, dict):
        result = result["output"]
    elif hasattr(result, "to_tuple"):  # OpenVINO
        result = result.to_tuple()
    while isinstance(result, tuple | list):
        result = result[0]
    if hasattr(result, "detach"):
        result = (result.float() if result.dtype.itemsize < 4 else result).detach().numpy()
    return np.asarray(result)
