"""The snippets of README.md, run as a reader would run them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

README = (Path(__file__).resolve().parent.parent / "README.md").read_text(encoding="utf-8")


def block(language: str, containing: str) -> str:
    """The one code block of a language that holds a given text."""
    found = [b for b in re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL) if containing in b]
    assert len(found) == 1, f"README.md has {len(found)} {language} blocks with {containing!r}"
    return str(found[0])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the Python snippet has run."""
    path = tmp_path_factory.mktemp("readme")
    (path / "snippet.py").write_text(block("python", "pyseq.export"), encoding="utf-8")
    subprocess.run([sys.executable, "snippet.py"], cwd=path, check=True)
    return path


def test_python_snippet_writes_a_program(folder: Path) -> None:
    assert (folder / "tagger.safetensors").stat().st_size > 1000


def test_cpp_snippet_builds_with_the_installed_package_and_prints_what_python_gives(folder: Path) -> None:
    if shutil.which("cmake") is None:
        pytest.skip("cmake is missing: pip install cmake ninja")
    import pyseq

    (folder / "app.cpp").write_text(block("cpp", "int main"), encoding="utf-8")
    (folder / "CMakeLists.txt").write_text(block("cmake", "find_package"), encoding="utf-8")
    cmake_dir = subprocess.check_output([sys.executable, "-m", "pyseq", "--cmake-dir"], text=True).strip()
    subprocess.run(["cmake", "-S", ".", "-B", "build", f"-Dpyseq_DIR={cmake_dir}"], cwd=folder, check=True)
    subprocess.run(["cmake", "--build", "build"], cwd=folder, check=True)
    printed = subprocess.check_output(["build/app", "tagger.safetensors"], cwd=folder, text=True)

    program = pyseq.Program.load(folder / "tagger.safetensors")
    tokens, lengths = np.array([[3, 1, 4]]), np.array([3])
    expected = program.run("forward", tokens=tokens, lengths=lengths)["output"]
    assert [f"{value:g}" for value in expected.ravel()] == printed.split()


def test_training_snippet_learns(tmp_path: Path) -> None:
    (tmp_path / "snippet.py").write_text(block("python", "optimizer.step"), encoding="utf-8")
    subprocess.run([sys.executable, "snippet.py"], cwd=tmp_path, check=True)
