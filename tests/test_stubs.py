"""pyseq/_core.pyi is made from the extension's docstrings: `python tests/test_stubs.py` writes it anew."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from pyseq import _core

STUB = Path(__file__).resolve().parent.parent / "pyseq" / "_core.pyi"


def generate() -> str:
    """The stub of the extension that is installed."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pybind11_stubgen", "pyseq._core", "--output-dir", folder, "--exit-code"]
        subprocess.run(command, check=True, capture_output=True, text=True)
        text = (Path(folder) / "pyseq" / "_core.pyi").read_text()
    # Errors call themselves pyseq.Error and so on; the generator takes them for imports.
    text, imports = re.subn(r"^from pyseq import \w+\n", "", text, flags=re.MULTILINE)
    errors = [value for value in vars(_core).values() if isinstance(value, type) and issubclass(value, _core.Error)]
    assert len(errors) == imports
    text = text.replace("class CancelToken:", "".join(map(error_class, errors)) + "class CancelToken:", 1)
    text = re.sub(r": (\w+) = None", r": \1 | None = None", text)  # pointers that may be null
    text = text.replace("**kwargs)", "**kwargs: typing.Any)")
    text = text.replace("os.PathLike |", "os.PathLike[str] |")
    text = re.sub(r"^__version__: str = .*$", "__version__: str", text, flags=re.MULTILINE)
    return "# Made by tests/test_stubs.py.\n" + "".join(line.rstrip() + "\n" for line in text.splitlines())


def error_class(error: type) -> str:
    """The definition of an exception class."""
    bases = ", ".join(base.__name__ for base in error.__bases__)
    return f'class {error.__name__}({bases}):\n    """\n    {error.__doc__}\n    """\n'


def test_the_stub_is_that_of_the_extension() -> None:
    pytest.importorskip("pybind11_stubgen", reason="pip install pybind11-stubgen")
    assert generate() == STUB.read_text(), "run `python tests/test_stubs.py`"


if __name__ == "__main__":
    STUB.write_text(generate())
