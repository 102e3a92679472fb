"""Files of models when the process is killed, the disk is full, or memory is short."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pyseq
from bench import kills
from pyseq import nn

resource = pytest.importorskip("resource", reason="a system without limits of resources")

SAVE = """
import resource, sys
import numpy as np, pyseq
from pyseq import nn
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
model = nn.Linear(300, 300)
x = pyseq.Input(np.ones((1, 1, 300), np.float32))
try:
    pyseq.export(model, sys.argv[1], {"x": x})
except OSError as error:
    print(error)
"""

ALLOCATE = """
import resource
import numpy as np, pyseq
x = np.ones((8192, 1024), np.float32)
pyseq.ops.matmul(x[:9], x[:9].T.copy())
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 100 * 2**20,) * 2)
for _ in range(3):
    try:
        pyseq.ops.matmul(x, x, transpose_b=True)  # 256 MiB
    except MemoryError:
        print("MemoryError")
print(np.asarray(pyseq.ops.matmul(x[:2], x[:2], transpose_b=True))[0, 0])
"""


def run(script: str, *arguments: object) -> str:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


@pytest.mark.parametrize("work", kills.WORKS, ids=lambda work: work.__name__)
def test_a_kill_leaves_the_old_file_or_the_new_one(work: kills.Work, tmp_path: Path) -> None:
    assert kills.survived(work, 8, tmp_path, seed=1) == 8


def test_a_full_disk_leaves_the_old_file_and_says_so(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    pyseq.export(nn.Linear(3, 3), file, {"x": pyseq.Input(np.ones((1, 1, 3), np.float32))})
    before = file.read_bytes()
    assert "model.safetensors" in run(SAVE, file)
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="a system without /proc")
def test_memory_that_cannot_be_had_is_a_memory_error() -> None:
    assert run(ALLOCATE).split() == ["MemoryError"] * 3 + ["1024.0"]
