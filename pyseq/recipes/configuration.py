"""Configurations from dictionaries, and as text."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Mapping
from dataclasses import Field, asdict, fields
from typing import Any, TypeVar

from pyseq import _core
from pyseq.recipes.recipe import RecipeConfig

ConfigT = TypeVar("ConfigT", bound=RecipeConfig)


def value_type(config: type[RecipeConfig], field: Field[Any]) -> tuple[type, bool]:
    """The type of a field (bool, int, float or str), and whether it may be None.

    Raises:
        ArgumentError: another type.
    """
    hint = typing.get_type_hints(config)[field.name]
    optional = isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union
    members = [member for member in typing.get_args(hint) if member is not type(None)] if optional else [hint]
    if len(members) != 1 or members[0] not in (bool, int, float, str):
        raise _core.ArgumentError(f"{config.__name__}.{field.name}: type {hint}, expected bool, int, float or str")
    return members[0], optional


def configured(config: type[ConfigT], values: Mapping[str, Any]) -> ConfigT:
    """A configuration from values by name.

    Raises:
        ArgumentError: names all values that the recipe does not know, or of another type.

    Example:
        >>> from pyseq.recipes import RecipeConfig, configured
        >>> configured(RecipeConfig, {"epochs": 3, "learning_rate": 1}).learning_rate
        1.0
    """
    known = {field.name: field for field in fields(config)}
    problems, found = [], {}
    for name, value in values.items():
        if name not in known:
            problems.append(f"{name}: not one of {', '.join(sorted(known))}")
            continue
        kind, optional = value_type(config, known[name])
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind and not (optional and value is None):
            problems.append(f"{name} is {value!r}, expected {kind.__name__}")
        found[name] = value
    if problems:
        raise _core.ArgumentError(f"configuration: {'; '.join(problems)}")
    return config(**found)


def as_toml(config: RecipeConfig) -> str:
    """The text of a TOML file that gives the same configuration; what is None is left out."""
    return "".join(
        f"{name} = {json.dumps(value, ensure_ascii=False)}\n"
        for name, value in asdict(config).items()
        if value is not None
    )
