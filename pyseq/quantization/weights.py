"""How far narrow weights are from the originals."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, log10

import numpy as np
from numpy.typing import NDArray

from pyseq import _core
from pyseq.program import Program
from pyseq.quantization.layout import packable


@dataclass(frozen=True)
class WeightError:
    """The error of one matrix W that is stored as Ŵ."""

    name: str
    shape: tuple[int, ...]
    relative: float  # ‖Ŵ − W‖ / ‖W‖ (Frobenius)
    largest: float  # max |Ŵ − W| / max |W|
    signal_to_noise: float  # −20 log10(relative), in dB


def weight_errors(program: Program, dtype: str) -> list[WeightError]:
    """The error of every matrix that a narrow type would hold, in the order of the file.

    Args:
        program: a program with float32 weights.
        dtype: "bfloat16" or "int8".

    Returns:
        one entry per matrix.
    """
    gates = packable(program, dtype)
    return [
        _error(program, tensor["name"], gates[tensor["name"]], dtype)
        for tensor in program.tensors
        if tensor["name"] in gates
    ]


def _error(program: Program, name: str, gates: int, dtype: str) -> WeightError:
    weight = program.tensor(name)
    difference = _core.pack_weight(weight, gates, dtype).unpack() - weight.astype(np.float64)
    relative = ratio(_norm(difference), _norm(weight))
    return WeightError(
        name=name,
        shape=tuple(weight.shape),
        relative=relative,
        largest=ratio(float(np.abs(difference).max()), float(np.abs(weight).max())),
        signal_to_noise=decibels(relative),
    )


def _norm(values: NDArray[np.floating]) -> float:
    return float(np.sqrt(np.square(values, dtype=np.float64).sum()))


def ratio(error: float, size: float) -> float:
    """The quotient, and 0 where there is neither."""
    return error / size if size > 0 else (inf if error > 0 else 0.0)


def decibels(relative: float) -> float:
    """The signal-to-noise ratio of a relative error."""
    return -20 * log10(relative) if relative > 0 else inf
