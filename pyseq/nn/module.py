"""Module: a part of a model, with parameters and parts of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import numpy as np

from pyseq import _core
from pyseq.nn import initialization
from pyseq.tensor import Array, Buffer, Parameter, Tensor, labelled

SelfT = TypeVar("SelfT", bound="Module")


class Module:
    """The base of all layers and models.

    Assigning a `Parameter`, a `Buffer` or another module to an attribute makes it a part, named by the attribute.
    Calling a module runs `forward`; arrays among its arguments become tensors.

    Example:
        >>> import numpy as np
        >>> from pyseq import nn
        >>> class Twice(nn.Module):
        ...     def __init__(self):
        ...         self.linear = nn.Linear(3, 3)
        ...     def forward(self, x):
        ...         return self.linear(self.linear(x))
        >>> model = Twice()
        >>> sorted(model.state_dict())
        ['linear.bias', 'linear.weight']
        >>> model(np.ones((2, 3), np.float32)).shape
        (2, 3)
    """

    training: bool
    _path: str

    def __new__(cls: type[SelfT], *_: Any, **__: Any) -> SelfT:
        """Make a module that can take parts before, or without, the base's `__init__`."""
        module = super().__new__(cls)
        object.__setattr__(module, "training", True)
        object.__setattr__(module, "_path", "")
        return module

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        if isinstance(value, Module):
            value._move_to(_join(self._path, name))

    def _move_to(self, path: str) -> None:
        object.__setattr__(self, "_path", path)
        for name, child in self.named_children():
            child._move_to(_join(path, name))

    @property
    def path(self) -> str:
        """Where the module stands in its model: "decoder.layers.3.cross_attention"; "" for the model itself."""
        return self._path

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; every subclass defines it, or other functions in its place."""
        raise NotImplementedError(f"{type(self).__name__} defines no forward")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run `forward` under the module's name."""
        with labelled(self._path):
            return self.forward(*map(as_tensor, args), **{name: as_tensor(value) for name, value in kwargs.items()})

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Direct parts."""
        for name, value in vars(self).items():
            if isinstance(value, Module):
                yield name, value

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """The module itself and all parts of its parts, each once, with paths."""
        seen: set[int] = set()
        pending = [(prefix, self)]
        while pending:
            path, module = pending.pop(0)
            if id(module) in seen:
                continue
            seen.add(id(module))
            yield path, module
            pending[:0] = [(_join(path, name), child) for name, child in module.named_children()]

    def named_tensors(self) -> Iterator[tuple[str, Parameter | Buffer]]:
        """Parameters and buffers with their full names; one that is used in several places has several names."""
        for name, value in vars(self).items():
            if isinstance(value, Parameter | Buffer):
                yield name, value
            elif isinstance(value, Module):
                yield from ((_join(name, inner), tensor) for inner, tensor in value.named_tensors())

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Parameters with their full names."""
        return ((name, tensor) for name, tensor in self.named_tensors() if isinstance(tensor, Parameter))

    def state_dict(self) -> dict[str, Array]:
        """Arrays of all parameters and buffers by name (shared, not copied)."""
        return {name: tensor.data for name, tensor in self.named_tensors()}

    def load_state_dict(self, arrays: Mapping[str, Any]) -> None:
        """Copy arrays into the parameters and buffers of these names.

        Of the names of a shared parameter one is enough.

        Raises:
            ArgumentError: names all arrays that are missing, unexpected, or of another shape or type; then nothing was
                changed.
        """
        expected = dict(self.named_tensors())
        given = {id(expected[name]) for name in arrays if name in expected}
        missing = [name for name, tensor in expected.items() if id(tensor) not in given]
        unexpected = [name for name in arrays if name not in expected]
        unfit = [
            f"{name}: {values.dtype} {list(values.shape)}, expected {tensor.dtype} {list(tensor.data.shape)}"
            for name, tensor in expected.items()
            if name in arrays
            and ((values := np.asarray(arrays[name])).shape != tensor.data.shape or values.dtype != tensor.dtype)
        ]
        problems = [
            f"{title}: {', '.join(names)}"
            for title, names in (("missing", missing), ("unexpected", unexpected), ("unfit", unfit))
            if names
        ]
        if problems:
            raise _core.ArgumentError(f"{type(self).__name__}.load_state_dict: {'; '.join(problems)}")
        for name, values in arrays.items():
            np.copyto(expected[name].data, np.asarray(values))

    def reset_parameters(self, random: np.random.Generator) -> None:
        """Give this module's own parameters their initial values; layers with parameters define it."""

    def initialize(self: SelfT, seed: int) -> SelfT:
        """Draw all parameters anew: the same seed gives the same model. Returns the module."""
        for index, (_, module) in enumerate(self.named_modules()):
            module.reset_parameters(initialization.generator(seed, index))
        return self

    def train(self: SelfT, mode: bool = True) -> SelfT:
        """Set `training` of this module and all its parts. Returns the module."""
        for _, module in self.named_modules():
            module.training = mode
        return self

    def eval(self: SelfT) -> SelfT:
        """The same as `train(False)`."""
        return self.train(False)

    def __repr__(self) -> str:
        parts = ", ".join(f"{name}={child!r}" for name, child in self.named_children())
        return f"{type(self).__name__}({parts})"


def as_tensor(value: Any) -> Any:
    """An array as a tensor; anything else as it is."""
    return Tensor(value) if isinstance(value, np.ndarray) else value


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
