"""The parameters that recurrent layers and cells share: names, shapes, first values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from pyseq.nn import initialization
from pyseq.nn.module import Module
from pyseq.tensor import Parameter

# Parameter (PyTorch's name where PyTorch has it) -> argument of the ops.
ARGUMENTS = {
    "weight_ih": "w_ih",
    "weight_hh": "w_hh",
    "bias_ih": "b_ih",
    "bias_hh": "b_hh",
    "weight_hr": "w_hr",
    "norm_ih": "norm_ih",
    "norm_hh": "norm_hh",
    "norm_c": "norm_c",
    "norm_c_bias": "norm_c_bias",
    "peephole": "peephole",
}
RESETS = ("after", "before", "none")


@dataclass(frozen=True)
class CellShape:
    """What decides the parameters of one direction of a layer, beside its input size."""

    gates: int
    hidden_size: int
    bias: bool = True
    layer_norm: bool = False
    has_cell_state: bool = False
    peephole: bool = False
    proj_size: int = 0

    @property
    def width(self) -> int:
        """Size of h."""
        return self.proj_size or self.hidden_size

    def parameters(self, input_size: int) -> dict[str, tuple[int, ...]]:
        """Name -> shape."""
        hidden, rows = self.hidden_size, self.gates * self.hidden_size
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, input_size), "weight_hh": (rows, self.width)}
        if self.bias:
            shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
        if self.proj_size:
            shapes["weight_hr"] = (self.proj_size, hidden)
        if self.layer_norm:
            shapes |= {"norm_ih": (rows,), "norm_hh": (rows,)}
        if self.layer_norm and self.has_cell_state:
            shapes |= {"norm_c": (hidden,)} | ({"norm_c_bias": (hidden,)} if self.bias else {})
        if self.peephole:
            shapes["peephole"] = (rows - hidden,)
        return shapes


def checked_reset(reset: str) -> str:
    """The option `reset` of a GRU, or ValueError."""
    if reset not in RESETS:
        raise ValueError(f"GRU: reset is {reset!r}, expected one of {', '.join(RESETS)}")
    return reset


def add_parameters(module: Module, shapes: dict[str, tuple[int, ...]], suffix: str = "") -> None:
    """Make the parameters of one direction attributes of a module."""
    for name, shape in shapes.items():
        setattr(module, name + suffix, initialization.empty(*shape))


def reset_parameters(module: Module, hidden_size: int, random: np.random.Generator) -> None:
    """Norms 1 with shift 0, everything else uniform in ±1/√hidden."""
    own = {name: value for name, value in vars(module).items() if isinstance(value, Parameter)}
    norms = {name: value for name, value in own.items() if name.startswith("norm_")}
    for name, value in norms.items():
        value.data[...] = 0 if name.startswith("norm_c_bias") else 1
    others = [value for name, value in own.items() if name not in norms]
    initialization.fill_uniform(others, 1 / max(hidden_size, 1) ** 0.5, random)


def arguments(module: Module, suffixes: Iterable[str]) -> dict[str, Parameter]:
    """Arguments of the op for the directions with these suffixes ("_l0", "_l0_reverse")."""
    return {
        argument + ("_reverse" if suffix.endswith("_reverse") else ""): getattr(module, name + suffix)
        for suffix in suffixes
        for name, argument in ARGUMENTS.items()
        if hasattr(module, name + suffix)
    }
