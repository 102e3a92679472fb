"""``pyseq doctor``: what pyseq finds on this machine and in this process, and what should be changed."""

from __future__ import annotations

import importlib
import json
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Annotated

import typer

import pyseq
from pyseq.cli.table import bytes_text

if TYPE_CHECKING:
    from pyseq.doctor import Diagnosis, Facts
    from pyseq.doctor.packages import Extra

EXIT_WARNINGS = 1


def doctor(
    measure: Annotated[bool, typer.Option("--measure", help="Measure the machine's limits (about a second).")] = False,
    imports: Annotated[
        list[str] | None, typer.Option("--import", help="Import this package first, to see what it loads.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show tiers, CPUs, threads, libraries, memory, packages; warn of what costs speed (exit code 1), with the fix."""
    from pyseq.doctor import diagnose

    for name in imports or []:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise pyseq.ArgumentError(f"doctor: --import {name}: {error}") from None
    diagnosis = diagnose(measure)
    if as_json:
        print(json.dumps(diagnosis.as_data()))
    else:
        print_facts(diagnosis.facts)
        print_packages(diagnosis.facts.extras)
        print_findings(diagnosis)
    if diagnosis.warnings:
        raise typer.Exit(EXIT_WARNINGS)


def print_facts(facts: Facts) -> None:
    """One line per fact."""
    lines = {
        "pyseq": f"{facts.version}, {facts.build}",
        "runs in": f"{facts.python}, NumPy {facts.numpy}; {facts.system}",
        "C++ package": facts.cpp_package or "none: built without it",
        "processor": facts.processor,
        "tiers": f"{facts.tier} in use; {tiers_text(facts)}",
        "CPUs": cpus_text(facts),
        "threads": f"{facts.threads}, backend {facts.backend}",
        "OpenMP": ", ".join(PurePosixPath(path).name for path in facts.openmp) or "none loaded",
        "huge pages": facts.huge_pages or "unknown",
        "memory": memory_text(facts),
        "limits": limits_text(facts),
        "variables": " ".join(f"{name}={value}" for name, value in sorted(facts.environment.items())) or "none set",
    }
    for name, text in lines.items():
        print(f"{name + ':':<13}{text}")


def tiers_text(facts: Facts) -> str:
    """What this machine has, and what it lacks of the build."""
    lacking = [tier for tier in facts.tiers_compiled if tier not in facts.tiers_available]
    text = f"available {' '.join(facts.tiers_available)}"
    return f"{text}; compiled, not on this processor: {' '.join(lacking)}" if lacking else text


def cpus_text(facts: Facts) -> str:
    """Usable ones, and what limits them."""
    processors = facts.processors
    quota = processors.quota
    granted = "no quota" if quota is None else f"quota {quota.value:g} (cgroup v{quota.version}, {quota.file})"
    return f"{processors.usable} usable; {processors.online} online, affinity {processors.affinity}, {granted}"


def memory_text(facts: Facts) -> str:
    """What is left of what."""
    memory = facts.memory
    parts = [] if memory.left is None else [f"{bytes_text(memory.left)} left"]
    if memory.total is not None:
        parts.append(f"{bytes_text(memory.total)} in the machine")
    if memory.limit is not None:
        parts.append(f"limit {bytes_text(int(memory.limit.value))} ({memory.limit.file})")
    return ", ".join(parts) or "unknown"


def limits_text(facts: Facts) -> str:
    """The measured figures."""
    limits = facts.limits
    if limits is None:
        return "not measured yet (--measure)"
    peak = ", ".join(f"{dtype} {value:.0f}" for dtype, value in limits.peak.items())
    bandwidth = ", ".join(f"{level} {value:.0f}" for level, value in limits.bandwidth.items())
    return f"{limits.threads} threads: GFLOP/s {peak}; GB/s {bandwidth}"


def print_packages(extras: tuple[Extra, ...]) -> None:
    """The optional packages."""
    print("\noptional packages:")
    for extra in extras:
        state = ", ".join(f"{package.name} {package.version or 'absent'}" for package in extra.packages)
        print(f"  {extra.name:<12}{state}{f': {extra.purpose}' if extra.purpose else ''}")
        if not extra.is_complete:
            print(f"  {'':<12}{extra.command}")


def print_findings(diagnosis: Diagnosis) -> None:
    """What is wrong, and what to do."""
    print()
    for finding in diagnosis.findings:
        print(f"{finding.level}: {finding.what}\n  fix: {finding.fix}")
    count = len(diagnosis.warnings)
    print("no warnings" if not count else f"{count} {'warning' if count == 1 else 'warnings'}")
