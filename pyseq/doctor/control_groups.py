"""What the control group of this process (a container's limits) grants: processor time and memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

NO_LIMIT = 1 << 60  # cgroup v1 writes "none" as a number near 2^63


@dataclass(frozen=True)
class Limit:
    """A limit, and the file that states it."""

    value: float  # CPUs, or bytes
    version: int  # of control groups, 1 or 2
    file: str


def groups(root: Path, controller: str) -> Iterator[tuple[int, Path, str]]:
    """Version, mount and path of the groups this process is in, for one controller."""
    for line in read_text(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers == "":
            yield 2, root / "sys/fs/cgroup", path
        elif controller in controllers.split(","):
            yield 1, root / "sys/fs/cgroup" / controller, path


def folders(mount: Path, path: str) -> list[Path]:
    """A group's folder and those above it: each of them limits it. Inside a container only the mount may exist."""
    parts = [part for part in path.split("/") if part]
    return [mount.joinpath(*parts[:count]) for count in range(len(parts), -1, -1)]


def cpu_quota(root: Path) -> Limit | None:
    """The smallest quota of processor time, in CPUs; None: no quota."""
    found = []
    for version, mount, path in groups(root, "cpu"):
        for folder in folders(mount, path):
            file = folder / ("cpu.max" if version == 2 else "cpu.cfs_quota_us")
            words = read_text(file).split()
            if version == 1:
                words += read_text(folder / "cpu.cfs_period_us").split()
            if len(words) == 2 and words[0].isdigit() and words[1].isdigit() and int(words[0]) and int(words[1]):
                found.append(Limit(int(words[0]) / int(words[1]), version, shown(file, root)))
    return min(found, key=lambda limit: limit.value, default=None)


def memory_limit(root: Path) -> Limit | None:
    """The smallest limit of memory, in bytes; None: no limit."""
    found = []
    for version, mount, path in groups(root, "memory"):
        for folder in folders(mount, path):
            file = folder / ("memory.max" if version == 2 else "memory.limit_in_bytes")
            text = read_text(file).strip()
            if text.isdigit() and int(text) < NO_LIMIT:
                found.append(Limit(int(text), version, shown(file, root)))
    return min(found, key=lambda limit: limit.value, default=None)


def memory_used(root: Path, limit: Limit) -> int | None:
    """Bytes that the group of a limit holds now."""
    name = "memory.current" if limit.version == 2 else "memory.usage_in_bytes"
    text = read_text((root / limit.file.lstrip("/")).with_name(name)).strip()
    return int(text) if text.isdigit() else None


def shown(file: Path, root: Path) -> str:
    """A file's name as the process sees it."""
    return "/" + file.relative_to(root).as_posix()


def read_text(file: Path) -> str:
    """A file's text; nothing where it is not there or not readable."""
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
