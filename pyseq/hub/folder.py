"""A Hugging Face folder: its configuration, weights and tokenizer."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

from numpy.typing import NDArray

from pyseq import _core
from pyseq.hub.checkpoint import read_json, read_tensors

Array = NDArray[Any]

ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
    "tanh": "tanh",
}
MOST = 1 << 24  # of any size in a configuration


class Folder:
    """config.json and what stands beside it.

    Args:
        path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = read_json(path / "config.json")

    @cached_property
    def tensors(self) -> dict[str, Array]:
        """All tensors of the checkpoint."""
        return read_tensors(self.path)

    @cached_property
    def generation(self) -> dict[str, Any]:
        """generation_config.json over config.json, where older folders keep the same keys."""
        file = self.path / "generation_config.json"
        return {**self.config, **(read_json(file) if file.is_file() else {})}

    @property
    def architecture(self) -> str:
        """The class that the checkpoint was saved from, "" when it is not told."""
        names = self.config.get("architectures") or [""]
        return str(names[0])

    def size(self, name: str, default: int | None = None) -> int:
        """A number of things, at least 1."""
        value: int = self._value(name, default, int)
        if not 1 <= value <= MOST:
            self.fail(f"{name} is {value}, expected 1 to {MOST}")
        return value

    def sizes(self, name: str) -> tuple[int, ...]:
        """Several such numbers."""
        values = self.config.get(name)
        if not isinstance(values, list) or not all(type(value) is int and 1 <= value <= MOST for value in values):
            self.fail(f"{name} is {values!r}, expected a list of numbers from 1 to {MOST}")
        return tuple(values)

    def token(self, config: dict[str, Any], name: str) -> int:
        """A token of the generation settings."""
        value = config.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            self.fail(f"{name} is {value!r}, expected a token's id")
        id: int = value
        return id

    def number(self, name: str, default: float | None = None) -> float:
        """A real number."""
        return float(self._value(name, default, (int, float)))

    def flag(self, name: str, default: bool) -> bool:
        """Yes or no."""
        return bool(self._value(name, default, bool))

    def activation(self, name: str) -> str:
        """Our name of an activation."""
        value = self._value(name, None, str)
        if value not in ACTIVATIONS:
            self.refuse(name, value, ", ".join(ACTIVATIONS))
        return ACTIVATIONS[value]

    def expect(self, name: str, *values: Any) -> None:
        """UnsupportedError unless a key is absent or has one of these values."""
        if self.config.get(name, values[0]) not in values:
            self.refuse(name, self.config[name], " or ".join(map(repr, values)))

    @property
    def labels(self) -> list[str]:
        """Names of the classes, in the order of the logits."""
        names = self.config.get("id2label")
        if not names:
            return [f"LABEL_{number}" for number in range(self.size("num_labels", 2))]
        if not isinstance(names, dict) or sorted(map(str, names)) != sorted(map(str, range(len(names)))):
            self.fail("id2label is not a mapping from 0, 1, ... to names")
        return [str(names[str(number)]) for number in range(len(names))]

    def fail(self, problem: str) -> NoReturn:
        """FormatError."""
        raise _core.FormatError(f"{self.path / 'config.json'}: {problem}")

    def refuse(self, name: str, value: Any, expected: str) -> NoReturn:
        """UnsupportedError."""
        raise _core.UnsupportedError(f"{self.path / 'config.json'}: {name} is {value!r}, expected {expected}")

    def _value(self, name: str, default: Any, kind: Any) -> Any:
        value = self.config.get(name)
        if value is None:
            value = default
        if value is None:
            self.fail(f"{name} is missing")
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            self.fail(f"{name} is {value!r}")
        return value
