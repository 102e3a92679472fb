"""What programs take: their weights once, and nothing more over time."""

from __future__ import annotations

import subprocess
import sys
import textwrap
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
program = pyseq.Program.load(sys.argv[1], dtype=sys.argv[2] or None)
program.run("forward", x=x)
print(resident() - before)
"""


def taken(file: Path, dtype: str) -> float:
    finished = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(MEASURE), str(file), dtype], capture_output=True, text=True, check=True
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
