"""What the operating system says about this process: processors, libraries, pages, memory."""

from __future__ import annotations

import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

from pyseq.doctor.control_groups import Limit, cpu_quota, memory_limit, memory_used, read_text

OPENMP = re.compile(r"lib(gomp|omp|iomp5)\b[^/]*$")
HUGE_PAGES = "sys/kernel/mm/transparent_hugepage/enabled"


@dataclass(frozen=True)
class Processors:
    """Who may run where.

    Args:
        online: processors of the machine.
        affinity: those that this process may use.
        quota: processor time that its control group grants, in CPUs; None: no quota.
        load: processes that wanted to run in the last minute, on average; None: not known.
    """

    online: int
    affinity: int
    quota: Limit | None
    load: float | None

    @property
    def usable(self) -> int:
        """CPUs that this process can have: what pyseq takes as its number of threads."""
        # A fraction counts as a CPU, as in the core: what 1.5 CPUs grant is used up by two threads only.
        granted = self.affinity if self.quota is None else -int(-self.quota.value // 1)
        return max(1, min(self.affinity, granted))


@dataclass(frozen=True)
class Memory:
    """Bytes.

    Args:
        total: of the machine.
        available: that new processes can have.
        limit: of the control group; None: no limit.
        used: what the control group holds, where it has a limit.
    """

    total: int | None
    available: int | None
    limit: Limit | None
    used: int | None

    @property
    def left(self) -> int | None:
        """What this process can still have."""
        room = [] if self.available is None else [self.available]
        if self.limit is not None and self.used is not None:
            room.append(int(self.limit.value) - self.used)
        return min(room, default=None)


def processors(root: Path) -> Processors:
    """The processors that the files below `root` (normally /) and the process's affinity name."""
    online = os.cpu_count() or 1
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else online
    load = read_text(root / "proc/loadavg").split()
    return Processors(online, affinity, cpu_quota(root), float(load[0]) if load else None)


def memory(root: Path) -> Memory:
    """Memory of the machine and of the control group."""
    sizes = dict(re.findall(r"^(\w+):\s+(\d+) kB$", read_text(root / "proc/meminfo"), re.MULTILINE))
    limit = memory_limit(root)
    return Memory(
        int(sizes["MemTotal"]) << 10 if "MemTotal" in sizes else None,
        int(sizes["MemAvailable"]) << 10 if "MemAvailable" in sizes else None,
        limit,
        None if limit is None else memory_used(root, limit),
    )


def openmp_runtimes(root: Path) -> list[str]:
    """The files of the OpenMP libraries that are mapped into this process."""
    found: dict[str, None] = {}
    for line in read_text(root / "proc/self/maps").splitlines():
        path = line[line.find("/") :] if "/" in line else ""
        if OPENMP.search(path):
            found[path] = None
    return list(found)


def huge_pages(root: Path) -> str | None:
    """The setting of transparent huge pages: always, madvise, never; None: the system does not say."""
    chosen = re.search(r"\[(\w+)\]", read_text(root / HUGE_PAGES))
    return chosen.group(1) if chosen else None


def system_name() -> str:
    """Operating system, release, architecture, C library."""
    libc = " ".join(part for part in platform.libc_ver() if part)
    return ", ".join(part for part in (f"{platform.system()} {platform.release()}", platform.machine(), libc) if part)
