"""What this machine can do at most: peak arithmetic, and read bandwidth of every level of memory."""

from __future__ import annotations

import json
import logging
import os
import platform
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pyseq import _core

LOG = logging.getLogger("pyseq.machine")
PEAK_TYPES = ("float32", "bfloat16", "int8")
SECONDS = 0.15  # per figure
USUAL_CACHES = {"L1": 32 << 10, "L2": 1 << 20, "L3": 16 << 20}  # where the system does not say


@dataclass(frozen=True)
class MachineLimits:
    """Figures for a number of threads of one processor, with the instructions of one tier."""

    cpu: str
    isa: str
    threads: int
    peak: Mapping[str, float]  # GFLOP/s by type of the weights, multiply and add counted as two
    bandwidth: Mapping[str, float]  # GB/s that can be read from L1, L2, L3, DRAM
    capacity: Mapping[str, int]  # bytes that these threads have in L1, L2, L3

    def level_of(self, size: float) -> str:
        """The nearest level that holds `size` bytes."""
        for level, capacity in self.capacity.items():
            if size <= capacity:
                return level
        return "DRAM"

    def least_seconds(self, flops: float, size: float, dtype: str = "float32") -> float:
        """The time below which no call can come that computes `flops` and moves `size` bytes."""
        peak = self.peak.get(dtype, self.peak["float32"])
        return max(flops / (peak * 1e9), size / (self.bandwidth[self.level_of(size)] * 1e9))


def machine_limits(threads: int | None = None, *, fresh: bool = False) -> MachineLimits:
    """The limits of this machine for a number of threads (default: those in use) and the tier in use.

    They are measured at the first call, which takes about a second, and kept in the user's cache folder.

    Args:
        threads: how many threads compute at once.
        fresh: measure again.

    Example:
        >>> import pyseq
        >>> limits = pyseq.machine_limits(1)
        >>> sorted(limits.peak), sorted(limits.bandwidth)
        (['bfloat16', 'float32', 'int8'], ['DRAM', 'L1', 'L2', 'L3'])
    """
    threads = threads or _core.num_threads()
    kept = None if fresh else kept_limits(threads)
    if kept is not None:
        return kept
    LOG.info("measuring the limits of this machine, %d threads", threads)
    limits = measure(threads)
    keep({**read_kept(), key_of(threads): asdict(limits)})
    return limits


def kept_limits(threads: int | None = None) -> MachineLimits | None:
    """The limits that were measured before for a number of threads (default: those in use); None: none were."""
    try:
        return MachineLimits(**read_kept()[key_of(threads or _core.num_threads())])
    except (KeyError, TypeError):
        return None


def key_of(threads: int) -> str:
    """What limits belong to."""
    return f"{cpu_model()} | {_core.active_isa()} | {threads} threads | pyseq {_core.__version__}"


def measure(threads: int) -> MachineLimits:
    """All figures, measured now."""
    caches = cache_sizes()
    previous = _core.num_threads()
    _core.set_num_threads(threads)
    try:
        peak = {dtype: _core.measure_peak(dtype, SECONDS) / 1e9 for dtype in PEAK_TYPES}
        bandwidth = {
            level: _core.measure_read_bandwidth(size, SECONDS) / 1e9
            for level, size in working_sets(caches, threads).items()
        }
    finally:
        _core.set_num_threads(previous)
    capacity = {level: size if level == "L3" else size * threads for level, size in caches.items()}
    return MachineLimits(cpu_model(), _core.active_isa(), threads, peak, bandwidth, capacity)


def working_sets(caches: Mapping[str, int], threads: int) -> dict[str, int]:
    """Bytes per thread that lie in each level and in no nearer one. The last cache is shared."""
    l3 = max(caches["L3"] // 4 // threads, 2 * caches["L2"])
    return {
        "L1": caches["L1"] // 2,
        "L2": caches["L2"] // 8 * 5,
        "L3": l3,
        "DRAM": max(4 * caches["L3"], 256 << 20) // threads,
    }


def cache_sizes(folder: Path = Path("/sys/devices/system/cpu/cpu0/cache")) -> dict[str, int]:
    """Bytes of the data caches that processor 0 reaches."""
    sizes = dict(USUAL_CACHES)
    for index in sorted(folder.glob("index*")):
        try:
            kind, level = (index / "type").read_text().strip(), (index / "level").read_text().strip()
            size = (index / "size").read_text().strip()
        except OSError:
            continue
        name = f"L{level}"
        if kind != "Instruction" and name in sizes and size.endswith("K") and size[:-1].isdigit():
            sizes[name] = int(size[:-1]) << 10
    return sizes


def cpu_model() -> str:
    """The processor's name."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def kept_file() -> Path:
    """Where measured limits are kept."""
    folder = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(folder) if folder else Path.home() / ".cache") / "pyseq" / "limits.json"


def read_kept() -> dict[str, Any]:
    """Limits by processor, tier and threads; nothing when there is no file, or it is damaged."""
    try:
        kept = json.loads(kept_file().read_text())
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}


def keep(limits: Mapping[str, Any]) -> None:
    """Write the file of limits, if the folder can be written."""
    target = kept_file()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        with os.fdopen(handle, "w") as stream:
            json.dump(limits, stream, indent=1)
        os.replace(temporary, target)
    except OSError as error:
        LOG.warning("the limits of this machine cannot be kept, so they will be measured again: %s", error)
