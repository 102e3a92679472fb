"""What is measured: a case of a workload, the work it does, the engines that do it and the target."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Call = Callable[[], Any]
Builder = Callable[[], Call]  # loads weights, compiles, …; gives the call that is timed
PRECISIONS = ("float32", "bfloat16", "int8")
WEIGHT_BYTES = {"float32": 4, "bfloat16": 2, "int8": 1}


class Missing(Exception):
    """An engine has no such feature: reported as missing, not as an error."""


def peer_of(engine: str) -> str:
    """The library of an engine "library" or "library:variant"."""
    return engine.partition(":")[0]


def precision_of(engine: str) -> str:
    """The precision class that a variant names; speeds are compared within a class."""
    variant = engine.partition(":")[2]
    return next((precision for precision in PRECISIONS if precision in variant), "float32")


@dataclass(frozen=True)
class Phase:
    """Work whose arithmetic and reading can go on at the same time; phases follow each other."""

    flops: float = 0
    weights: float = 0  # elements read, of the size that the precision class gives them
    activations: float = 0  # bytes read or written that are float32 in every class
    passes: float = 1  # times that the same weights are read

    def bytes(self, precision: str) -> float:
        """Read or written once each."""
        return self.passes * self.weights * WEIGHT_BYTES[precision] + self.activations

    def working_set(self, precision: str) -> float:
        """What one pass touches: decides which cache can hold it."""
        return self.weights * WEIGHT_BYTES[precision] + self.activations / self.passes


SCALED = 1.85  # two threads at work that arithmetic bounds


@dataclass(frozen=True)
class Target:
    """What pyseq shall reach with one thread; None where nothing is asked."""

    ratio: float | None = None  # speed over the best peer's
    share: float | None = None  # of the machine's limit
    seconds: float | None = None
    # With two threads, times the speed of one; None: SCALED, or a share of the bandwidth where that is the bound.
    scaling: float | None = None


@dataclass(frozen=True)
class Case:
    """One size of one workload."""

    engines: Mapping[str, Builder]
    reference: str  # the engine that the others' results are compared with
    phases: Sequence[Phase] = ()  # empty: no limit is known
    targets: Mapping[str, Target] = field(default_factory=dict)  # by precision class
    output: Callable[[Any], Array] = np.asarray  # of what a call returns
    exact: Builder | None = None  # gives what results are compared with, in the reference engine's process
    tolerance: Mapping[str, float] = field(
        default_factory=lambda: {"float32": 1e-4, "bfloat16": 3e-2, "int8": 1e-1}
    )  # largest difference over the largest value


@dataclass(frozen=True)
class Workload:
    """A family of cases; `build` makes the inputs and says how each engine runs them."""

    name: str
    cases: Sequence[str]
    build: Callable[[str, int], Case]  # case, threads
    quick: Sequence[str]  # the cases of a short run


def normal(seed: int, *shape: int, scale: float = 1.0) -> NDArray[np.float32]:
    """Standard normal values times `scale`, the same in every process."""
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32) * np.float32(scale)


def numbers(text: str) -> list[int]:
    """The sizes in "16x512x2048"."""
    return [int(part) for part in text.split("x")]
