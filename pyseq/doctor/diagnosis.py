"""Facts about this process and its machine, and what is to be said about them."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from pyseq import _core, machine
from pyseq.doctor.findings import Finding, findings
from pyseq.doctor.packages import Extra, extras
from pyseq.doctor.system import Memory, Processors, huge_pages, memory, openmp_runtimes, processors, system_name

VARIABLES = ("PYSEQ_", "OMP_", "GOMP_", "KMP_")  # the beginnings of those that matter


@dataclass(frozen=True)
class Facts:
    """What was found."""

    version: str  # of the compiled part
    distribution: str | None  # of the installed package
    build: str
    python: str
    numpy: str
    system: str
    cpp_package: str | None  # the folder of pyseqConfig.cmake
    processor: str
    tiers_compiled: tuple[str, ...]
    tiers_available: tuple[str, ...]
    tier: str
    processors: Processors
    threads: int
    backend: str
    environment: Mapping[str, str]
    openmp: tuple[str, ...]  # files
    huge_pages: str | None
    memory: Memory
    address_limit: int | None
    limits: machine.MachineLimits | None  # None: not measured yet
    extras: tuple[Extra, ...]


@dataclass(frozen=True)
class Diagnosis:
    """Facts, and the findings that the rules make of them."""

    facts: Facts
    findings: tuple[Finding, ...]

    @property
    def warnings(self) -> list[Finding]:
        """The findings that cost speed or will fail."""
        return [finding for finding in self.findings if finding.level == "warning"]

    def as_data(self) -> dict[str, Any]:
        """Everything as plain data, for JSON."""
        facts = self.facts
        data = asdict(facts)
        data["processors"]["usable"] = facts.processors.usable
        data["memory"]["left"] = facts.memory.left
        for extra, described in zip(facts.extras, data["extras"], strict=True):
            described.update(complete=extra.is_complete, command=extra.command)
        return {"facts": data, "findings": [asdict(finding) for finding in self.findings]}


def diagnose(measure: bool = False, root: Path = Path("/"), variables: Mapping[str, str] | None = None) -> Diagnosis:
    """Look at this process and its machine.

    Args:
        measure: measure the limits of the machine where they are not known yet (about a second).
        root: where the files of the operating system are looked for.
        variables: environment variables; None: those of this process.

    Returns:
        Facts, and findings: warnings with their fixes, and notes.

    Example:
        >>> from pyseq.doctor import diagnose
        >>> diagnosis = diagnose()
        >>> diagnosis.facts.tier in diagnosis.facts.tiers_available
        True
    """
    facts = gather(measure, root, os.environ if variables is None else variables)
    return Diagnosis(facts, tuple(findings(facts)))


def gather(measure: bool, root: Path, variables: Mapping[str, str]) -> Facts:
    """All facts."""
    return Facts(
        version=_core.__version__,
        distribution=distribution_version(),
        build=_core.build_info(),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        numpy=np.__version__,
        system=system_name(),
        cpp_package=cpp_package(),
        processor=machine.cpu_model(),
        tiers_compiled=tuple(_core.compiled_isas()),
        tiers_available=tuple(_core.available_isas()),
        tier=_core.active_isa(),
        processors=processors(root),
        threads=_core.num_threads(),
        backend=_core.thread_backend(),
        environment={name: value for name, value in variables.items() if name.startswith(VARIABLES)},
        openmp=tuple(openmp_runtimes(root)),
        huge_pages=huge_pages(root),
        memory=memory(root),
        address_limit=address_limit(),
        limits=machine.machine_limits() if measure else machine.kept_limits(),
        extras=tuple(extras()),
    )


def distribution_version() -> str | None:
    """The version of the installed package; None: there is none."""
    try:
        return metadata.version("pyseq")
    except metadata.PackageNotFoundError:
        return None


def cmake_folder() -> Path:
    """Where pyseqConfig.cmake stands, if this installation has the C++ library."""
    # The compiled parts stand beside _core, which an editable install keeps apart from the sources.
    return Path(_core.__file__).parent / "cpp" / "lib" / "cmake" / "pyseq"


def cpp_package() -> str | None:
    """The folder for pyseq_DIR; None: this installation has no C++ library."""
    folder = cmake_folder()
    return str(folder) if (folder / "pyseqConfig.cmake").is_file() else None


def address_limit() -> int | None:
    """Bytes of addresses that this process may have; None: no limit."""
    try:
        import resource
    except ImportError:  # not on Windows
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if soft == resource.RLIM_INFINITY else soft
