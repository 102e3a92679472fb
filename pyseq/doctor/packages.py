"""The optional packages: which of them are here, and what installs the others."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import metadata

# What users want an extra for; one that is not named here is shown without.
PURPOSES = {
    "hub": "tokenizers of model folders",
    "text": "training subword vocabularies",
    "data": "fetching data sets",
    "dates": "writing dates for the recipe dates",
    "images": "reading picture files",
    "audio": "sound files other than WAV, resampling",
    "onnx": "reading ONNX files",
    "metrics": "BLEU, chrF, TER, WER of pyseq score",
    "viz": "figures",
    "tensorboard": "TensorBoard's event files",
}
FOR_DEVELOPERS = {"test", "parity", "bench", "dev", "docs"}
REQUIREMENT = re.compile(r"^([\w.-]+)\s*([^;]*?)\s*;.*?extra\s*==\s*['\"]([\w-]+)['\"]")


@dataclass(frozen=True)
class Package:
    """A package that an extra asks for."""

    name: str
    wanted: str  # ">=0.20"
    version: str | None  # None: absent

    @property
    def is_new_enough(self) -> bool:
        """Whether it is here in a version that fits (lower bounds and exact versions are looked at)."""
        bound = re.search(r"(?:>=|==)\s*([\w.]+)", self.wanted)
        return self.version is not None and (bound is None or numbers(self.version) >= numbers(bound.group(1)))


@dataclass(frozen=True)
class Extra:
    """An extra of pyseq: `pip install "pyseq[name]"`."""

    name: str
    purpose: str
    packages: tuple[Package, ...]

    @property
    def is_complete(self) -> bool:
        """Whether all its packages are here."""
        return all(package.is_new_enough for package in self.packages)

    @property
    def command(self) -> str:
        """What installs it."""
        return f'pip install "pyseq[{self.name}]"'


def extras(
    requirements: Iterable[str] | None = None, version_of: Callable[[str], str | None] | None = None
) -> list[Extra]:
    """The extras for users, with the state of their packages.

    Args:
        requirements: as a distribution's metadata has them; None: those of the installed pyseq.
        version_of: the installed version of a package, or None; None: what is installed here.
    """
    if requirements is None:
        requirements = own_requirements()
    look = version_of or installed_version
    wanted: dict[str, list[Package]] = {}
    for match in filter(None, map(REQUIREMENT.match, requirements)):
        name, version, extra = match.groups()
        wanted.setdefault(extra, []).append(Package(name, version.strip("() "), look(name)))
    return [
        Extra(name, PURPOSES.get(name, ""), tuple(packages))
        for name, packages in sorted(wanted.items())
        if name not in FOR_DEVELOPERS
    ]


def own_requirements() -> list[str]:
    """What the installed distribution asks for."""
    try:
        return metadata.requires("pyseq") or []
    except metadata.PackageNotFoundError:
        return []


def installed_version(name: str) -> str | None:
    """The version of an installed distribution; None: absent."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version, to compare by."""
    return tuple(int(part) for part in re.findall(r"\d+", version.split("+")[0])[:3])
