"""How long a mapped program file takes from its path to the first token: python -m bench.load_time

A GPT-2 small of random weights (float32, 50,257 tokens) is written to a temporary file, as `pyseq convert` does. Every
run is a process of its own, which has imported what it needs: milliseconds of `load`, of making the tokenizer (by the
library `tokenizers`), of the first token after a prompt, and of the second one: what reading the weights takes.
Processor time stands behind the time on the clock: on a busy machine it is the figure to trust.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import tokenizers  # noqa: F401  what making the tokenizer would import

import pyseq
from bench.peers.engines import checkpoints
from pyseq.loading import load
from pyseq.quantization import quantize

MODEL = "gpt2-small"
PROMPT = (17, 18, 19)
STEPS = ("load", "tokenizer", "first token", "second token")


def run_once(file: Path) -> list[tuple[float, float]]:
    """Milliseconds of each of the STEPS in this process, on the clock and of the processor."""
    marks = [(time.perf_counter(), time.process_time())]

    def mark() -> None:
        marks.append((time.perf_counter(), time.process_time()))

    generator = load(file)
    mark()
    generator.tokenizer  # noqa: B018  made when it is first used
    mark()
    stream = generator.stream_ids(PROMPT, temperature=0, max_length=2)
    next(stream)
    mark()
    next(stream)
    mark()
    return [(1e3 * (b[0] - a[0]), 1e3 * (b[1] - a[1])) for a, b in pairwise(marks)]


def run_apart(file: Path) -> list[tuple[float, float]]:
    """The same in a new process."""
    command = [sys.executable, "-m", "bench.load_time", "--file", str(file)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return [(clock, processor) for clock, processor in found]


def main() -> None:
    """Write the file, and print the medians of all runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--file", type=Path, help="one run in this process: print its milliseconds as JSON")
    arguments = parser.parse_args()
    if arguments.file is not None:
        print(json.dumps(run_once(arguments.file)))
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.safetensors"
        quantize(pyseq.load(checkpoints.folder(MODEL)).program, "float32", file)
        runs = [run_apart(file) for _ in range(arguments.runs)]
        print(f"{file.stat().st_size / 1e6:.0f} MB, {arguments.runs} runs")
    for step, times in zip(STEPS, zip(*runs, strict=True), strict=True):
        clock, processor = (statistics.median(column) for column in zip(*times, strict=True))
        print(f"{step:>12} {clock:6.1f} ms, processor {processor:.1f} ms")


if __name__ == "__main__":
    main()
