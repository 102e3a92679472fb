"""The package as pip installed it: what is in it, what it needs, what it costs to import."""

from __future__ import annotations

import re
import subprocess
import sys
import zlib
from importlib import metadata
from pathlib import Path

import pytest

import pyseq

ROOT = Path(__file__).resolve().parent.parent


def installed_files() -> set[str]:
    files = {str(file) for file in metadata.files("pyseq") or []}
    if not any(file.startswith("pyseq/cpp/") for file in files):
        pytest.skip("pyseq is an editable install: run `pip install .` to test the wheel's contents")
    return files


def test_the_version_is_that_of_the_project_file() -> None:
    written = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert written
    assert pyseq.__version__ == written[1] == metadata.version("pyseq")


@pytest.mark.parametrize(
    "file",
    [
        "pyseq/py.typed",
        "pyseq/_core.pyi",
        "pyseq/cpp/include/pyseq.h",
        "pyseq/cpp/include/pyseq/program.h",
        "pyseq/cpp/include/pyseq/translator.h",
        "pyseq/cpp/include/pyseq/version.h",
        "pyseq/cpp/lib/libpyseq.a",
        "pyseq/cpp/lib/cmake/pyseq/pyseqConfig.cmake",
    ],
)
def test_the_wheel_carries(file: str) -> None:
    assert file in installed_files()


def test_the_wheel_carries_neither_tests_nor_sources_nor_data() -> None:
    for file in installed_files():
        assert file.startswith(("pyseq/", "pyseq-", "../../../bin/pyseq")), file
        assert not file.endswith((".pyx", ".cpp", ".npz", ".bin")), file


def test_the_files_take_little_room() -> None:
    """Python's extension and the C++ library each hold the kernels of five tiers, three storage types, both ways.

    A wheel, whose files are compressed one by one, stays under 8 MiB.
    """
    installed_files()
    files = [Path(str(file.locate())) for file in metadata.files("pyseq") or []]
    extension = sum(file.stat().st_size for file in files if file.name.startswith("_core") and file.suffix == ".so")
    assert 0 < extension < 9e6
    assert sum(file.stat().st_size for file in files) < 28e6
    assert sum(len(zlib.compress(file.read_bytes())) for file in files if file.suffix != ".pyc") < 8 * 2**20


def test_import_loads_numpy_and_nothing_heavier() -> None:
    script = "import sys, pyseq; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    loaded = set(subprocess.check_output([sys.executable, "-c", script], text=True).split())
    assert "numpy" in loaded
    assert not loaded & {"typer", "click", "torch", "scipy", "tqdm", "safetensors", "matplotlib", "pytest"}


def test_the_command_is_installed() -> None:
    command = Path(sys.executable).parent / "pyseq"
    assert subprocess.check_output([command, "--version"], text=True).strip() == pyseq.__version__


def test_the_core_exports_one_symbol() -> None:
    core = Path(pyseq._core.__file__)
    symbols = subprocess.run(["nm", "-D", "--defined-only", core], capture_output=True, text=True, check=False)
    if symbols.returncode:
        pytest.skip("nm is missing: apt install binutils")
    names = [line.split()[-1] for line in symbols.stdout.splitlines() if " T " in line]
    assert names == ["PyInit__core"]
