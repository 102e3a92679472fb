"""Modules that hold a list of modules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Generic, TypeVar

from pyseq.nn.module import Module

ModuleT = TypeVar("ModuleT", bound=Module)


class ModuleList(Module, Generic[ModuleT]):
    """Modules in order; their names are "0", "1", ...

    Example:
        >>> from pyseq import nn
        >>> layers = nn.ModuleList(nn.Linear(2, 2) for _ in range(3))
        >>> len(layers), layers[2].path
        (3, '2')
    """

    def __init__(self, modules: Iterable[ModuleT] = ()) -> None:
        self._count = 0
        for module in modules:
            self.append(module)

    def append(self, module: ModuleT) -> None:
        """Add a module at the end."""
        setattr(self, str(self._count), module)
        self._count += 1

    def __getitem__(self, index: int) -> ModuleT:
        if not -self._count <= index < self._count:
            raise IndexError(f"module {index} of {self._count}")
        module: ModuleT = getattr(self, str(index % self._count))
        return module

    def __iter__(self) -> Iterator[ModuleT]:
        return (self[index] for index in range(self._count))

    def __len__(self) -> int:
        return self._count


class Sequential(ModuleList[Module]):
    """Modules run one after the other.

    Example:
        >>> import numpy as np
        >>> from pyseq import nn
        >>> nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))(np.ones((2, 3), np.float32)).shape
        (2, 1)
    """

    def __init__(self, *modules: Module) -> None:
        super().__init__(modules)

    def forward(self, x: Any) -> Any:
        """Feed x to the first module, its result to the second, and so on."""
        for module in self:
            x = module(x)
        return x
