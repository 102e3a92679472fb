"""FlatParameters: all trainable parameters of a module in one buffer, their gradients in a second one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pyseq import _core
from pyseq.nn import Module
from pyseq.tensor import Array, Parameter

ALIGNMENT = 64  # bytes
_STEP = ALIGNMENT // 4  # float32 values


class FlatParameters:
    """The parameters of a module in one flat float32 buffer, gradients in another one with the same layout.

    Every parameter that is not frozen moves into the buffer, at an offset that is aligned to 64 bytes; one that is used
    in several places is there once. Whatever concerns all of them is then one call: clearing, norms, clipping, updates,
    averages. The room between parameters holds zeros.

    Args:
        module: whose parameters to move; freeze (`requires_grad = False`) before, not after.

    Attributes:
        values: all parameters, [size].
        gradients: what `Tape.backward` adds to: `grad` of every parameter is a view of it.
        parameters: by name; a shared one under its first name.

    Raises:
        ArgumentError: the module has nothing to train.

    Example:
        >>> from pyseq import nn, train
        >>> flat = train.FlatParameters(nn.Linear(3, 2))
        >>> list(flat.parameters), flat.size
        (['weight', 'bias'], 32)
        >>> flat.gradients[:] = 1
        >>> round(flat.gradient_norm(), 4)
        5.6569
        >>> flat.zero_gradients()
        >>> flat.parameters["bias"].grad
        array([0., 0.], dtype=float32)
    """

    def __init__(self, module: Module) -> None:
        self.parameters: dict[str, Parameter] = {}
        self.offsets: dict[str, int] = {}
        self.size = 0
        seen: set[int] = set()
        for name, parameter in module.named_parameters():
            if id(parameter) in seen or not parameter.requires_grad:
                continue
            seen.add(id(parameter))
            self.parameters[name] = parameter
            self.offsets[name] = self.size
            self.size += -(-parameter.data.size // _STEP) * _STEP
        if not self.parameters:
            raise _core.ArgumentError(f"FlatParameters: {type(module).__name__} has no parameter to train")
        self.values = self.new_buffer()
        self.gradients = self.new_buffer()
        gradients = self.views(self.gradients)
        for name, view in self.views(self.values).items():
            self.parameters[name].move_to(view)
            self.parameters[name].grad = gradients[name]

    def new_buffer(self) -> Array:
        """Zeros in the same layout, for moments and averages."""
        return aligned_zeros(self.size)

    def views(self, buffer: Array) -> dict[str, Array]:
        """The parts of a buffer of this layout that belong to the parameters, in their shapes."""
        return {
            name: buffer[offset : offset + parameter.data.size].reshape(parameter.data.shape)
            for (name, parameter), offset in zip(self.parameters.items(), self.offsets.values(), strict=True)
        }

    def copy_into(self, buffer: Array, arrays: Mapping[str, Array]) -> None:
        """Fill a buffer of this layout from arrays by name; all of them must be there.

        Raises:
            FormatError: names what is missing or of another shape.
        """
        views = self.views(buffer)
        missing = [name for name in views if name not in arrays]
        unfit = [
            f"{name}: {list(arrays[name].shape)}, expected {list(view.shape)}"
            for name, view in views.items()
            if name in arrays and arrays[name].shape != view.shape
        ]
        if missing or unfit:
            problems = ([f"missing: {', '.join(missing)}"] if missing else []) + unfit
            raise _core.FormatError(f"parameters: {'; '.join(problems)}")
        for name, view in views.items():
            view[...] = arrays[name]

    def zero_gradients(self) -> None:
        """Set all gradients to zero."""
        _core.fill_zeros(self.gradients)

    def scale_gradients(self, factor: float) -> None:
        """Multiply all gradients."""
        _core.scale_values(self.gradients, factor)

    def gradient_norm(self) -> float:
        """√Σ g² over all gradients."""
        return _core.norm(self.gradients)

    def clip_gradient_norm(self, max_norm: float) -> float:
        """Clip by norm: g · min(1, max_norm / ‖g‖) for all gradients together.

        Returns:
            ‖g‖ before; when it is not finite, nothing is changed.

        Source:
            Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent neural networks" (2013).
        """
        return _core.clip_norm(self.gradients, max_norm)

    def clip_gradient_values(self, bound: float) -> None:
        """Clip by value: every gradient into [−bound, bound]."""
        _core.clip_values(self.gradients, bound)


def aligned_zeros(size: int) -> Array:
    """float32 zeros that start at a multiple of 64 bytes."""
    memory = np.zeros(size * 4 + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + size * 4].view(np.float32)
