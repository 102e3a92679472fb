"""Kills at random moments while a file is written: what lies there afterwards is the old file or the new one.

Usage: python -m bench.kills [KILLS]
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import pyseq
from pyseq import nn, quantization
from pyseq.train.checkpoint import Checkpoint

WIDTH = 256
LONGEST_WAIT = 0.03  # seconds: some writes

Work = Callable[[Path, int], None]


def export(file: Path, number: int) -> None:
    """A model whose answer is its number."""
    model = nn.Linear(WIDTH, WIDTH)
    model.weight.data[...] = 0
    model.bias.data[...] = number
    pyseq.export(model, file, {"x": pyseq.Input(np.ones((1, 1, WIDTH), np.float32))})


def quantize(file: Path, number: int) -> None:
    """The same with narrow weights."""
    wide = file.with_name(f"wide{number}.safetensors")
    export(wide, number)
    quantization.quantize(pyseq.Program.load(wide), "bfloat16", file)


def checkpoint(file: Path, number: int) -> None:
    """Tensors, as the checkpoints of a training are written."""
    Checkpoint({"parameters": {"x": np.full((WIDTH, WIDTH), number, np.float32)}}).save(file)


WORKS: tuple[Work, ...] = (export, quantize, checkpoint)


def answer(work: Work, file: Path) -> float:
    """The number of the file; every value must say the same."""
    if work is checkpoint:
        values = Checkpoint.load(file).section("parameters")["x"]
    else:
        values = pyseq.Program.load(file).run("forward", x=np.ones((1, 1, WIDTH), np.float32))["output"]
    assert np.all(values == values.flat[0])
    return float(values.flat[0])


def survived(work: Work, count: int, folder: Path, seed: int = 0) -> int:
    """Kills after which the file was one of the two that were being written in turn."""
    file = folder / "model.safetensors"
    random = np.random.default_rng(seed)
    work(file, 1)
    whole = 0
    for _ in range(count):
        child = os.fork()
        if child == 0:
            try:
                while True:
                    work(file, 2)
                    work(file, 1)
            finally:
                os._exit(1)
        time.sleep(float(random.uniform(0, LONGEST_WAIT)))
        os.kill(child, signal.SIGKILL)
        assert os.WIFSIGNALED(os.waitpid(child, 0)[1]), "the child ended by itself"
        whole += answer(work, file) in (1.0, 2.0)
    return whole


def main() -> None:
    """All ways to write a file."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    for work in WORKS:
        with tempfile.TemporaryDirectory() as folder:
            print(f"{work.__name__}: {survived(work, count, Path(folder))} of {count} kills left a whole file")


if __name__ == "__main__":
    main()
