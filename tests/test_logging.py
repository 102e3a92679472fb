"""The library's messages: through Python's logging, silent by default, each with a level."""

from __future__ import annotations

import ast
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pyseq
from pyseq import data, machine, nn, ops, train

ROOT = Path(__file__).resolve().parent.parent
MODEL = ROOT / "pyseq" / "assets" / "dates.safetensors"


class Line(nn.Linear):
    def loss(self, batch: tuple[np.ndarray, np.ndarray]) -> tuple[pyseq.Tensor, int]:
        error = ops.subtract(self(batch[0]), batch[1])
        return error * error, len(batch[0])


def trained(folder: Path) -> train.Result:
    x = np.linspace(-1, 1, 16, dtype=np.float32)[:, None]
    model = Line(1, 1).initialize(0)
    batches = data.Batches(range(16), lambda rows: (x[rows], 3 * x[rows]), batch_size=4)
    settings = train.Settings(max_steps=8, log_every=4, evaluate_every=4, quiet=True)
    optimizer = train.Adam(model, 0.1)
    return train.Trainer(model, batches, optimizer, settings, evaluate=lambda: {"error": 0.5}, folder=folder).run()


def test_training_tells_what_happens(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "pyseq")
    trained(tmp_path)
    found = [(record.levelname, record.name, record.getMessage()) for record in caplog.records]
    assert ("INFO", "pyseq.train", "step 4: error 0.5000") in found
    assert ("DEBUG", "pyseq.train", f"wrote {tmp_path / 'last.safetensors'}") in found
    assert any(re.fullmatch(r"step 8: loss \d+\.\d{4}, \d+ units/s", message) for _, _, message in found)
    assert any(re.fullmatch(r"stopped by steps after 8 steps, .* s", message) for _, _, message in found)


def test_loading_and_exporting_tell_what_they_do(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "pyseq")
    pyseq.load(MODEL)
    pyseq.export(nn.Linear(3, 2), tmp_path / "linear.safetensors", {"x": np.ones((4, 5, 3), np.float32)})
    assert [record.name for record in caplog.records] == ["pyseq.loading", "pyseq.exporting"]
    assert re.search(r"dates\.safetensors: a translator, \d+ tensors", caplog.text)
    assert re.search(r"wrote .*linear\.safetensors: \d+ bytes, functions forward", caplog.text)


def test_limits_that_cannot_be_kept_are_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pyseq").write_text("a file where the folder should be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    machine.keep({})
    assert [(record.levelname, record.name) for record in caplog.records] == [("WARNING", "pyseq.machine")]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True, env=os.environ)


def test_the_library_is_silent_by_default() -> None:
    script = f"import pyseq, logging; pyseq.load({str(MODEL)!r}); logging.getLogger('pyseq').warning('not seen')"
    result = run("-c", script)
    assert (result.stdout, result.stderr) == ("", "")


def test_the_command_line_shows_the_levels_that_are_asked_for() -> None:
    command = ("-c", "from pyseq.cli import main; main()")
    assert run(*command, "run", str(MODEL), "May 5").stderr == ""
    shown = run(*command, "--log", "info", "run", str(MODEL), "May 5")
    assert re.fullmatch(r"pyseq\.loading: INFO: .*: a translator, \d+ tensors\n", shown.stderr)


def calls(file: Path) -> list[str]:
    """The names of the functions that a module calls."""
    nodes = (node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call))
    return [ast.unparse(node.func) for node in nodes]


def test_nothing_but_the_command_line_prints() -> None:
    for file in (ROOT / "pyseq").rglob("*.py"):
        if file.relative_to(ROOT / "pyseq").parts[0] not in ("cli", "__main__.py"):
            assert not {"print", "warnings.warn", "logging.basicConfig"} & set(calls(file)), file
    for file in (ROOT / "csrc").rglob("*.cpp"):
        if "examples" not in file.parts:
            assert not re.search(r"\bstd::(cout|cerr|clog|printf|puts)\b|\bstderr\b", file.read_text()), file
