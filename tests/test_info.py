"""`python -m pyseq`, the runtime functions behind it, and what `import pyseq` offers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import pyseq

ROOT = Path(__file__).resolve().parent.parent


def run(*arguments: str, folder: Path = ROOT / "tests", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pyseq", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
        cwd=folder,
    )


def facts(**environment: str) -> dict[str, str]:
    result = run("--info", **environment)
    assert result.returncode == 0, result.stderr
    return dict(re.split(r":\s+", line, maxsplit=1) for line in result.stdout.splitlines())


def test_info_prints_what_the_runtime_functions_say() -> None:
    assert facts(PYSEQ_NUM_THREADS="2") == {
        "version": pyseq.__version__,
        "build": pyseq.build_info(),
        "tiers compiled": " ".join(pyseq.compiled_isas()),
        "tiers present": " ".join(pyseq.available_isas()),
        "tier in use": pyseq.available_isas()[-1] if "PYSEQ_ISA" not in os.environ else os.environ["PYSEQ_ISA"],
        "usable CPUs": str(pyseq.usable_cpus()),
        "threads": "2",
        "thread backend": os.environ.get("PYSEQ_THREADS", "automatic"),
        "OpenMP loaded": " ".join(pyseq.openmp_runtimes()) or "none",
    }


def test_environment_variables_choose_tier_and_backend() -> None:
    lowest = pyseq.available_isas()[0]
    found = facts(PYSEQ_ISA=lowest, PYSEQ_THREADS="serial")
    assert found["tier in use"] == lowest
    assert found["thread backend"] == "serial"


def test_version_and_unknown_options() -> None:
    assert run("--version").stdout.strip() == pyseq.__version__
    assert run("--nonsense").returncode == 2
    assert run().returncode == 2


def test_a_checkout_finds_the_compiled_parts_of_the_installed_package() -> None:
    assert run("--version", folder=ROOT).stdout.strip() == pyseq.__version__
    script = "from pyseq.text import Vocabulary; print(Vocabulary('ab', unit='character').encode('ba'))"
    assert subprocess.check_output([sys.executable, "-c", script], cwd=ROOT, text=True) == "[1, 0]\n"


def test_cmake_dir_holds_the_package_configuration() -> None:
    result = run("--cmake-dir")
    if result.returncode:
        assert "no C++ library" in result.stderr
        pytest.skip("installed without the C++ library")
    assert (Path(result.stdout.strip()) / "pyseqConfig.cmake").is_file()


@pytest.fixture
def restored() -> Iterator[None]:
    threads, isa, backend = pyseq.num_threads(), pyseq.active_isa(), pyseq.thread_backend()
    yield
    pyseq.set_num_threads(threads)
    pyseq.set_isa(isa)
    pyseq.set_thread_backend(backend)


@pytest.mark.usefixtures("restored")
def test_settings_are_kept_and_impossible_ones_refused() -> None:
    pyseq.set_num_threads(3)
    assert pyseq.num_threads() == 3
    with pytest.raises(pyseq.ArgumentError):
        pyseq.set_num_threads(0)
    assert pyseq.num_threads() == 3

    for isa in pyseq.available_isas():
        pyseq.set_isa(isa)
        assert pyseq.active_isa() == isa
    with pytest.raises(pyseq.UnsupportedError, match="v99"):
        pyseq.set_isa("v99")

    for backend in ("pool", "serial", "automatic"):
        pyseq.set_thread_backend(backend)
        assert pyseq.thread_backend() == backend
    with pytest.raises(pyseq.ArgumentError, match="expected one of automatic, openmp, pool, serial"):
        pyseq.set_thread_backend("tbb")


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (pyseq.ShapeError, ValueError),
        (pyseq.DTypeError, TypeError),
        (pyseq.OutOfRangeError, IndexError),
        (pyseq.ArgumentError, ValueError),
        (pyseq.FormatError, ValueError),
        (pyseq.UnsupportedError, NotImplementedError),
        (pyseq.CancelledError, Exception),
        (pyseq.DeadlineError, TimeoutError),
    ],
)
def test_every_error_is_ours_and_the_builtin_that_people_catch(error: type[Exception], builtin: type) -> None:
    assert issubclass(error, pyseq.Error)
    assert issubclass(error, builtin)
    assert error.__module__ == "pyseq"
    assert getattr(pyseq, error.__name__) is error
    assert str(error("why")) == "why"


def test_every_name_of_the_package_is_there() -> None:
    for name in pyseq.__all__:
        assert getattr(pyseq, name) is not None
        assert name in dir(pyseq)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = pyseq.nonsense


def test_a_command_after_the_module_is_the_command_lines() -> None:
    found = run("train", "--list")
    assert found.returncode == 0, found.stderr
    assert "charlm" in found.stdout
