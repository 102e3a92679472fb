"""The rules: what in the facts costs speed or will fail, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyseq.doctor.diagnosis import Facts

LITTLE_MEMORY = 256 << 20
LEAST_NUMPY = (1, 24)


@dataclass(frozen=True)
class Finding:
    """Something that a user should know.

    Args:
        level: "warning": it costs speed or will fail; "note": it may well be meant.
        what: the fact.
        fix: what to do.
    """

    level: str
    what: str
    fix: str


def warning(what: str, fix: str) -> Finding:
    """A finding that makes `pyseq doctor` exit with 1."""
    return Finding("warning", what, fix)


def note(what: str, fix: str) -> Finding:
    """A finding that may well be meant."""
    return Finding("note", what, fix)


def findings(facts: Facts) -> list[Finding]:
    """All that the rules find, warnings first."""
    rules = (installation, tiers, threads, openmp, environment, pages_and_memory, packages)
    found = [finding for rule in rules for finding in rule(facts)]
    return sorted(found, key=lambda finding: finding.level != "warning")


def installation(facts: Facts) -> Iterator[Finding]:
    """Parts that do not belong together, builds that are not meant for use."""
    if facts.distribution is None:
        yield warning("pyseq has no package metadata: it was not installed by pip", "pip install .")
    elif facts.distribution != facts.version:
        yield warning(
            f"the compiled part is pyseq {facts.version}, the package {facts.distribution}", "install pyseq again"
        )
    if "Debug" in facts.build:
        yield warning(
            f"this is a debug build ({facts.build}), many times slower", "build with -DCMAKE_BUILD_TYPE=Release"
        )
    found = tuple(int(part) for part in re.findall(r"\d+", facts.numpy)[:2])
    if found < LEAST_NUMPY:
        yield warning(f"NumPy {facts.numpy} is too old", 'pip install "numpy>=1.24"')


def tiers(facts: Facts) -> Iterator[Finding]:
    """Instructions that lie idle."""
    best = facts.tiers_available[-1]
    if facts.tier != best:
        because = " because of PYSEQ_ISA" if facts.environment.get("PYSEQ_ISA") else ""
        yield warning(f"tier {facts.tier} is in use{because}, the processor can do {best}", "unset PYSEQ_ISA")


def threads(facts: Facts) -> Iterator[Finding]:
    """More threads than processors, or fewer."""
    usable, quota = facts.processors.usable, facts.processors.quota
    if facts.threads > usable:
        reason = (
            f"a quota of {quota.value:g} ({quota.file})" if quota else f"an affinity of {facts.processors.affinity}"
        )
        yield warning(
            f"{facts.threads} threads share {usable} {'CPU' if usable == 1 else 'CPUs'}: {reason}",
            f"PYSEQ_NUM_THREADS={usable}, or pyseq.set_num_threads({usable})",
        )
    elif facts.threads < usable:
        yield note(f"{facts.threads} of {usable} usable CPUs are used", "unset PYSEQ_NUM_THREADS to use all of them")
    if facts.backend == "serial" and usable > 1:
        yield note("the thread backend is serial: one thread computes", "unset PYSEQ_THREADS")
    if quota is not None and quota.value != int(quota.value):
        yield note(
            f"the quota is {quota.value:g} CPUs ({quota.file}): {usable} threads use it up and then wait for the rest "
            "of the period",
            f"grant whole CPUs, or PYSEQ_NUM_THREADS={max(1, int(quota.value))} for even latencies",
        )
    load = facts.processors.load
    if load is not None and load > facts.processors.online + 0.5:
        yield note(
            f"the load is {load:.1f} on {facts.processors.online} processors: other processes compete for them",
            "measure on an idle machine; PYSEQ_THREADS=pool suffers less than OpenMP",
        )


def openmp(facts: Facts) -> Iterator[Finding]:
    """Several OpenMP libraries in one process: each has threads of its own, which spin while they wait."""
    if len(facts.openmp) > 1:
        names = ", ".join(PurePosixPath(path).name for path in facts.openmp)
        yield warning(
            f"{len(facts.openmp)} OpenMP libraries are loaded ({names}): their threads get into each other's way",
            "PYSEQ_THREADS=pool (pyseq then needs none), OMP_WAIT_POLICY=passive for the others",
        )
    if "no OpenMP" in facts.build:
        yield note("this build has no OpenMP: pyseq uses its own threads", "nothing, unless you want OpenMP")


def environment(facts: Facts) -> Iterator[Finding]:
    """OpenMP's variables that hurt."""
    if facts.backend not in ("automatic", "openmp") or "no OpenMP" in facts.build:
        return
    variables = facts.environment
    if variables.get("OMP_WAIT_POLICY", "").lower() == "active":
        yield warning("OMP_WAIT_POLICY=active: idle threads use up their CPUs", "unset OMP_WAIT_POLICY")
    limit = variables.get("OMP_THREAD_LIMIT", "")
    if limit.isdigit() and int(limit) < facts.threads:
        yield warning(f"OMP_THREAD_LIMIT={limit} is less than {facts.threads} threads", "unset OMP_THREAD_LIMIT")
    for name in ("OMP_PROC_BIND", "GOMP_CPU_AFFINITY", "KMP_AFFINITY"):
        if variables.get(name, "false").lower() not in ("false", "none", "disabled"):
            yield note(
                f"{name} is set: threads are tied to processors, those of other processes to the same ones",
                f"unset {name} unless this process has the machine to itself",
            )


def pages_and_memory(facts: Facts) -> Iterator[Finding]:
    """Small pages, little room."""
    if facts.huge_pages == "never":
        yield warning(
            "transparent huge pages are off: large weights cost more address translations",
            "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled (as root, on the host)",
        )
    left = facts.memory.left
    if left is not None and left < LITTLE_MEMORY:
        limit = facts.memory.limit
        where = f"the limit of the control group ({limit.file})" if limit is not None else "the machine's memory"
        yield warning(f"{left >> 20} MiB of memory are left of {where}", "end other processes, or raise the limit")
    if facts.address_limit is not None:
        yield note(
            f"the address space is limited to {facts.address_limit >> 20} MiB (ulimit -v)",
            "ulimit -v unlimited: mapped models and threads need addresses, not memory",
        )


def packages(facts: Facts) -> Iterator[Finding]:
    """Optional packages that are too old. Absent ones are no finding."""
    for extra in facts.extras:
        for package in extra.packages:
            if package.version is not None and not package.is_new_enough:
                yield warning(f"{package.name} {package.version} is here, wanted {package.wanted}", extra.command)
