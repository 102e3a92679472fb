"""The data sets that the recipes read: where each comes from, and under which licence."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyseq import _core

REGISTRY = Path(__file__).with_name("registry.json")


@dataclass(frozen=True)
class RemoteFile:
    """A file of a data set.

    Args:
        url: its public address.
        sha256: its checksum in hexadecimal; None: not known, so it is not fetched.
        to: its name here; `.gz` and `.xz` compress it on the way, unless it comes so.
        characters: only so many characters of a text are kept; None: all.
    """

    url: str
    sha256: str | None
    to: str
    characters: int | None = None


@dataclass(frozen=True)
class DataSet:
    """A data set.

    Args:
        name: what recipes call it.
        title: one line about it.
        licence: as its source states it.
        source: where a person finds it.
        steps: how its files are made from those of the source.
        files: what is fetched.
    """

    name: str
    title: str
    licence: str
    source: str
    steps: str
    files: tuple[RemoteFile, ...] = ()

    @property
    def can_be_fetched(self) -> bool:
        """Whether all its files are known by checksum."""
        return bool(self.files) and all(file.sha256 for file in self.files)


def data_sets(registry: str | os.PathLike[str] | None = None) -> dict[str, DataSet]:
    """All data sets of a registry by name.

    Args:
        registry: a JSON file like the library's own; None: that one.

    Raises:
        FormatError: it is not such a file.

    Example:
        >>> from pyseq.data.registry import data_sets
        >>> data_sets()["names"].title
        'Family names of 18 languages'
    """
    file = REGISTRY if registry is None else Path(registry)
    try:
        entries: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
        sets = [
            DataSet(**{**entry, "files": tuple(RemoteFile(**remote) for remote in entry.get("files", ()))})
            for entry in entries
        ]
    except (ValueError, TypeError, AttributeError) as error:
        raise _core.FormatError(f"{file} is not a registry of data sets: {error}") from None
    return {found.name: found for found in sets}
