"""What programs take: their weights once, and nothing more over time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pyseq
from pyseq import nn

WIDTH, LAYERS = 1024, 8
WEIGHTS_MB = WIDTH * WIDTH * 4 * LAYERS / 2**20

MEASURE = """
import sys
import numpy as np
import pyseq

def resident():
    # Of one's own and of files: pages of a mapped file count as soon as they are read.
    fields = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
    return int(fields["VmRSS"].split()[0]) / 1024

pyseq.set_num_threads(1)
x = np.ones((1, 3, 1024), np.float32)
before = resident()
LOAD
program.run("forward", x=x)
print(resident() - before)
"""


LOAD = "program = pyseq.Program.load(sys.argv[1], dtype=sys.argv[2] or None)"


def taken(file: Path, dtype: str, load: str = LOAD) -> float:
    script = MEASURE.replace("LOAD", load)
    finished = subprocess.run(
        [sys.executable, "-c", script, str(file), dtype], capture_output=True, text=True, check=True
    )
    return float(finished.stdout)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell what is resident")
@pytest.mark.parametrize(
    ("pack", "dtype", "share"), [(True, "", 1.0), (False, "", 1.0), (True, "int8", 0.25), (False, "bfloat16", 0.5)]
)
def test_a_program_takes_its_weights_once(pack: bool, dtype: str, share: float, tmp_path: Path) -> None:
    model = nn.Sequential(*(nn.Linear(WIDTH, WIDTH) for _ in range(LAYERS)))
    file = tmp_path / "model.safetensors"
    pyseq.export(model, file, {"x": np.ones((1, 1, WIDTH), np.float32)}, pack=pack)
    expected = share * WEIGHTS_MB
    assert 0.9 * expected < taken(file, dtype) < expected + 0.25 * WEIGHTS_MB


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell what is resident")
@pytest.mark.parametrize(("pack", "dtype", "share"), [(True, "", 1.0), (False, "", 1.0), (True, "int8", 0.25)])
def test_a_parsed_program_takes_its_weights_once(pack: bool, dtype: str, share: float, tmp_path: Path) -> None:
    model = nn.Sequential(*(nn.Linear(WIDTH, WIDTH) for _ in range(LAYERS)))
    file = tmp_path / "model.safetensors"
    pyseq.export(model, file, {"x": np.ones((1, 1, WIDTH), np.float32)}, pack=pack)
    load = (
        "program = pyseq.Program.parse(open(sys.argv[1], 'rb').read())\n"
        "program = program.with_dtype(sys.argv[2]) if sys.argv[2] else program"
    )
    expected = share * WEIGHTS_MB
    assert 0.9 * expected < taken(file, dtype, load) < expected + 0.25 * WEIGHTS_MB


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell what is resident")
def test_without_a_folder_for_its_file_a_parsed_program_stays_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = nn.Sequential(*(nn.Linear(WIDTH, WIDTH) for _ in range(LAYERS)))
    file = tmp_path / "model.safetensors"
    pyseq.export(model, file, {"x": np.ones((1, 1, WIDTH), np.float32)}, pack=True)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "absent"))
    load = "program = pyseq.Program.parse(open(sys.argv[1], 'rb').read())"
    assert 0.9 * WEIGHTS_MB < taken(file, "", load) < 1.25 * WEIGHTS_MB


def resident_bytes() -> int:
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * 4096


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the system does not tell what is resident")
def test_ten_thousand_calls_of_varying_shapes_take_no_more_memory() -> None:
    model = nn.TransformerEncoderLayer(32, num_heads=2, hidden=64)
    program = pyseq.Program.parse(
        pyseq.export(model, None, {"x": np.ones((2, 5, 32), np.float32), "lengths": np.array([5, 3])})
    )
    random = np.random.default_rng(0)
    session = program.new_session()

    def call() -> None:
        batch, time = (int(size) for size in random.integers(1, 40, 2))
        x = np.ones((batch, time, 32), np.float32)
        session.run("forward", {"x": x, "lengths": random.integers(0, time + 1, batch)}, None)

    for _ in range(2000):
        call()
    before, workspace = resident_bytes(), session.workspace_bytes
    for _ in range(8000):
        call()
    assert resident_bytes() - before < 4 * 2**20
    assert session.workspace_bytes <= workspace * 1.05


def test_saving_and_narrowing_read_the_file_that_was_loaded(tmp_path: Path) -> None:
    model = nn.Linear(5, 4)
    x = np.ones((2, 5), np.float32)
    content = pyseq.export(model, None, {"x": pyseq.Input(x, dims=("batch", 5))})
    file, copy = tmp_path / "model.safetensors", tmp_path / "copy.safetensors"
    file.write_bytes(content)
    programs = [pyseq.Program.parse(content), pyseq.Program.load(file)]
    file.unlink()
    for program in programs:
        program.save(copy)
        assert copy.read_bytes() == content
        assert program.description["format"] == 1
        narrow, judge = program.with_dtype("int8"), pyseq.Program.parse(content, dtype="int8")
        np.testing.assert_array_equal(narrow.run("forward", x=x)["output"], judge.run("forward", x=x)["output"])
