"""`pyseq doctor`: facts read from faked files of the operating system, the rules, and the command itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import pyseq
from pyseq.doctor import Facts, diagnose
from pyseq.doctor.control_groups import cpu_quota, memory_limit, memory_used
from pyseq.doctor.findings import findings
from pyseq.doctor.packages import FOR_DEVELOPERS, Package, extras
from pyseq.doctor.system import Processors, huge_pages, memory, openmp_runtimes, processors

HEALTHY = {
    "proc/self/cgroup": "0::/\n",
    "proc/loadavg": "0.10 0.20 0.30 1/100 4242\n",
    "proc/meminfo": "MemTotal:       16384000 kB\nMemFree:  100 kB\nMemAvailable:    8192000 kB\n",
    "proc/self/maps": "7f00-7f01 r-xp 00000000 08:01 1    /usr/lib/libgomp.so.1.0.0\n",
    "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never\n",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write(tmp_path, HEALTHY)


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def facts(root: Path, **changed: Any) -> Facts:
    """Those of a machine on which nothing is wrong, changed."""
    found = diagnose(root=root, variables={}).facts
    cpus = replace(found.processors, online=8, affinity=8)
    usual: dict[str, Any] = {
        "processors": cpus,
        "threads": cpus.usable,
        "backend": "automatic",
        "build": "gcc 12.2.0, Release, OpenMP",
        "tier": found.tiers_available[-1],
        "distribution": found.version,
        "address_limit": None,
    }
    return replace(found, **{**usual, **changed})


def said(facts: Facts, level: str = "warning") -> list[str]:
    return [f"{finding.what} -> {finding.fix}" for finding in findings(facts) if finding.level == level]


# Control groups.


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, None),
        ({"sys/fs/cgroup/cpu.max": "max 100000\n"}, None),
        ({"sys/fs/cgroup/cpu.max": "150000 100000\n"}, (1.5, "/sys/fs/cgroup/cpu.max")),
        # Each of the groups above limits as well; the smallest one counts.
        (
            {
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/cpu.max": "200000 100000\n",
                "sys/fs/cgroup/a/b/cpu.max": "400000 100000\n",
            },
            (2.0, "/sys/fs/cgroup/a/cpu.max"),
        ),
        # A path that exists on the host alone: what is mounted here is the group.
        (
            {"proc/self/cgroup": "0::/docker/abc\n", "sys/fs/cgroup/cpu.max": "50000 100000\n"},
            (0.5, "/sys/fs/cgroup/cpu.max"),
        ),
        (
            {
                "proc/self/cgroup": "4:cpu,cpuacct:/job\n3:memory:/job\n",
                "sys/fs/cgroup/cpu/job/cpu.cfs_quota_us": "300000\n",
                "sys/fs/cgroup/cpu/job/cpu.cfs_period_us": "100000\n",
            },
            (3.0, "/sys/fs/cgroup/cpu/job/cpu.cfs_quota_us"),
        ),
        (
            {
                "proc/self/cgroup": "4:cpu:/\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            None,
        ),
        ({"sys/fs/cgroup/cpu.max": "nonsense\n"}, None),
        ({"sys/fs/cgroup/cpu.max": "100000 0\n"}, None),
    ],
)
def test_cpu_quota(root: Path, files: dict[str, str], expected: tuple[float, str] | None) -> None:
    limit = cpu_quota(write(root, files))
    assert (None if limit is None else (limit.value, limit.file)) == expected


def test_memory_limit_of_both_versions(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert memory_limit(root) is None
    write(root, {"sys/fs/cgroup/memory.max": "1000000000\n", "sys/fs/cgroup/memory.current": "900000000\n"})
    found = memory(root)
    assert found.limit is not None
    assert (found.limit.version, found.limit.value, found.used, found.left) == (2, 1e9, 900000000, 100000000)

    old = write(tmp_path_factory.mktemp("v1"), {"proc/self/cgroup": "5:memory:/job\n"})
    write(old, {"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"})  # none
    assert memory_limit(old) is None
    write(old, {"sys/fs/cgroup/memory/job/memory.limit_in_bytes": "4096\n"})
    write(old, {"sys/fs/cgroup/memory/job/memory.usage_in_bytes": "1024\n"})
    limit = memory_limit(old)
    assert limit is not None
    assert (limit.version, limit.value, memory_used(old, limit)) == (1, 4096, 1024)


def test_usable_cpus_are_those_of_the_core() -> None:
    assert processors(Path("/")).usable == pyseq.usable_cpus()


# Libraries, pages, memory.


def test_openmp_libraries_come_from_the_map_of_the_process(root: Path) -> None:
    lines = [
        "7f00-7f01 r-xp 00000000 08:01 1    /usr/lib/libgomp.so.1.0.0",
        "7f01-7f02 r--p 00000000 08:01 1    /usr/lib/libgomp.so.1.0.0",
        "7f02-7f03 r-xp 00000000 08:01 2    /venv/torch/lib/libgomp-24e2ab19.so.1",
        "7f03-7f04 r-xp 00000000 08:01 3    /venv/a b/libiomp5.so",
        "7f04-7f05 r-xp 00000000 08:01 4    /usr/lib/libompanion.so",
        "7f05-7f06 rw-p 00000000 00:00 0    [heap]",
    ]
    write(root, {"proc/self/maps": "\n".join(lines)})
    names = [Path(path).name for path in openmp_runtimes(root)]
    assert names == ["libgomp.so.1.0.0", "libgomp-24e2ab19.so.1", "libiomp5.so"]
    warnings = said(facts(root))
    assert len(warnings) == 1
    assert "3 OpenMP libraries are loaded" in warnings[0]
    assert "PYSEQ_THREADS=pool" in warnings[0]


def test_the_libraries_of_this_process_are_those_that_the_core_finds() -> None:
    assert [Path(path).name for path in openmp_runtimes(Path("/"))] == pyseq.openmp_runtimes()


@pytest.mark.parametrize(("text", "expected"), [("always madvise [never]\n", "never"), ("", None), ("odd", None)])
def test_huge_pages(root: Path, text: str, expected: str | None) -> None:
    write(root, {"sys/kernel/mm/transparent_hugepage/enabled": text})
    assert huge_pages(root) == expected
    assert any("huge pages are off" in line for line in said(facts(root))) == (expected == "never")


def test_a_system_without_these_files_gives_no_findings(tmp_path: Path) -> None:
    bare = facts(tmp_path)
    assert bare.memory.total is bare.memory.left is bare.processors.load is bare.processors.quota is None
    assert bare.openmp == ()
    assert said(bare) == []


# The rules.


def test_nothing_is_wrong_on_a_healthy_machine(root: Path) -> None:
    healthy = facts(root)
    assert said(healthy) == []
    assert said(healthy, "note") == []


def quota_of(root: Path, cpus: float) -> Processors:
    write(root, {"sys/fs/cgroup/cpu.max": f"{int(cpus * 100000)} 100000\n"})
    return replace(processors(root), online=8, affinity=8)


def test_more_threads_than_the_quota_grants(root: Path) -> None:
    (warning,) = said(facts(root, processors=quota_of(root, 2), threads=8))
    assert "8 threads share 2 CPUs: a quota of 2 (/sys/fs/cgroup/cpu.max)" in warning
    assert "PYSEQ_NUM_THREADS=2" in warning


def test_part_of_a_cpu_is_a_note(root: Path) -> None:
    cpus = quota_of(root, 1.5)
    assert cpus.usable == 2
    found = facts(root, processors=cpus, threads=2)
    assert said(found) == []
    assert "PYSEQ_NUM_THREADS=1 for even latencies" in said(found, "note")[0]


@pytest.mark.parametrize(
    ("changed", "level", "expected"),
    [
        ({"threads": 16}, "warning", "16 threads share 8 CPUs: an affinity of 8"),
        ({"threads": 1}, "note", "1 of 8 usable CPUs"),
        ({"backend": "serial"}, "note", "unset PYSEQ_THREADS"),
        ({"build": "gcc 12.2.0, Debug, OpenMP"}, "warning", "debug build"),
        ({"build": "gcc 12.2.0, Release, no OpenMP"}, "note", "has no OpenMP"),
        ({"distribution": "9.9.9"}, "warning", "the package 9.9.9 -> install pyseq again"),
        ({"distribution": None}, "warning", "no package metadata"),
        ({"numpy": "1.23.5"}, "warning", 'pip install "numpy>=1.24"'),
        ({"tier": "v1", "environment": {"PYSEQ_ISA": "v1"}}, "warning", "because of PYSEQ_ISA"),
        ({"environment": {"OMP_WAIT_POLICY": "ACTIVE"}}, "warning", "unset OMP_WAIT_POLICY"),
        ({"environment": {"OMP_THREAD_LIMIT": "2"}}, "warning", "OMP_THREAD_LIMIT=2 is less than 8 threads"),
        ({"environment": {"OMP_PROC_BIND": "true"}}, "note", "OMP_PROC_BIND is set"),
        ({"address_limit": 1 << 30}, "note", "limited to 1024 MiB"),
    ],
)
def test_each_rule_names_the_fact_and_the_fix(root: Path, changed: dict[str, Any], level: str, expected: str) -> None:
    found = facts(root, **changed)
    (line,) = said(found, level)
    assert expected in line
    assert said(found, "note" if level == "warning" else "warning") == []


def test_variables_of_openmp_do_not_matter_to_other_backends(root: Path) -> None:
    assert said(facts(root, backend="pool", environment={"OMP_WAIT_POLICY": "active"})) == []


def test_little_memory(root: Path) -> None:
    write(root, {"sys/fs/cgroup/memory.max": "268435456\n", "sys/fs/cgroup/memory.current": "201326592\n"})
    (warning,) = said(facts(root))
    assert "64 MiB of memory are left of the limit of the control group (/sys/fs/cgroup/memory.max)" in warning


def test_a_busy_machine_is_a_note(root: Path) -> None:
    write(root, {"proc/loadavg": "99.5 1 1 1/1 1\n"})
    assert "the load is 99.5 on 8 processors" in said(facts(root), "note")[0]


# Packages.


def test_extras_tell_what_is_here_and_what_installs_the_rest() -> None:
    requirements = [
        "numpy>=1.24",
        'matplotlib>=3.7; extra == "viz"',
        'sacrebleu>=2.4; extra == "metrics"',
        'jiwer (>=3.0) ; extra == "metrics"',
        'pytest>=8; extra == "test"',
    ]
    found = {extra.name: extra for extra in extras(requirements, {"matplotlib": "3.11", "jiwer": "2.9"}.get)}
    assert list(found) == ["metrics", "viz"]
    assert found["viz"].is_complete
    assert found["metrics"].packages == (Package("sacrebleu", ">=2.4", None), Package("jiwer", ">=3.0", "2.9"))
    assert not found["metrics"].is_complete
    assert found["metrics"].command == 'pip install "pyseq[metrics]"'


def test_a_package_that_is_too_old_is_a_warning_and_an_absent_one_is_not(root: Path) -> None:
    old = extras(['jiwer>=3.0; extra == "metrics"', 'babel>=2; extra == "dates"'], {"jiwer": "2.9"}.get)
    (warning,) = said(facts(root, extras=tuple(old)))
    assert warning == 'jiwer 2.9 is here, wanted >=3.0 -> pip install "pyseq[metrics]"'


def test_extras_for_developers_are_left_out() -> None:
    names = {extra.name for extra in extras()}
    assert {"hub", "viz", "metrics"} <= names
    assert not names & FOR_DEVELOPERS


# The command.


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pyseq", "doctor", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


def test_the_command_shows_facts_and_packages() -> None:
    result = run()
    assert result.returncode in (0, 1), result.stderr
    for name in ("pyseq:", "tiers:", "CPUs:", "OpenMP:", "huge pages:", "memory:", "limits:", "optional packages:"):
        assert name in result.stdout


def test_warnings_end_the_command_with_1() -> None:
    result = run(PYSEQ_NUM_THREADS=str(pyseq.usable_cpus() + 1))
    assert result.returncode == 1
    assert f"fix: PYSEQ_NUM_THREADS={pyseq.usable_cpus()}" in result.stdout


def test_json_holds_everything() -> None:
    data = json.loads(run("--json", PYSEQ_NUM_THREADS=str(pyseq.usable_cpus() + 1)).stdout)
    assert data["facts"]["version"] == pyseq.__version__
    assert data["facts"]["processors"]["usable"] == pyseq.usable_cpus()
    assert any("threads share" in finding["what"] for finding in data["findings"])
    assert all(set(extra) >= {"name", "packages", "complete", "command"} for extra in data["facts"]["extras"])


def test_limits_are_measured_when_that_is_asked_for(tmp_path: Path) -> None:
    empty = {"XDG_CACHE_HOME": str(tmp_path), "PYSEQ_NUM_THREADS": "1"}
    assert "not measured yet (--measure)" in run(**empty).stdout
    assert "1 threads: GFLOP/s float32" in run("--measure", **empty).stdout
    assert (tmp_path / "pyseq" / "limits.json").exists()


def test_packages_can_be_imported_first() -> None:
    result = run("--import", "no_such_package")
    assert result.returncode == 1
    assert "doctor: --import no_such_package" in result.stderr
