"""Figures of bench/RELIABILITY.md that no test prints: shared pages, idle processes, many threads on one model.

Usage: python -m bench.reliability
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

import pyseq
from pyseq import nn

PROCESSES, THREADS, CALLS = 10, 16, 50
WIDTH, LAYERS = 1024, 8

CHILD = """
import sys, time
import numpy as np, pyseq
program = pyseq.Program.load(sys.argv[1])
program.run("forward", x=np.ones((1, 1, int(sys.argv[2])), np.float32))
print("ready", flush=True)
sys.stdin.readline()
"""


def make_model(folder: Path) -> Path:
    """A program of some megabytes whose weights are mapped as they are."""
    model = nn.Sequential(*(nn.Linear(WIDTH, WIDTH) for _ in range(LAYERS)))
    file = folder / "model.safetensors"
    pyseq.export(model, file, {"x": pyseq.Input(np.ones((1, 1, WIDTH), np.float32))}, pack=True)
    return file


def mapped_kilobytes(process: int, file: Path) -> tuple[int, int]:
    """Rss and Pss of the pages of a file in a process."""
    rss = pss = 0
    inside = False
    for line in Path(f"/proc/{process}/smaps").read_text().splitlines():
        name, _, rest = line.partition(":")
        if " " in name:  # the first line of a mapping
            inside = line.endswith(str(file))
        elif inside and name == "Rss":
            rss += int(rest.split()[0])
        elif inside and name == "Pss":
            pss += int(rest.split()[0])
    return rss, pss


def cpu_seconds(process: int) -> float:
    """Processor time of a process so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def processes(file: Path) -> None:
    """Ten processes with the same model: whose pages are they, and what do they cost while idle."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", CHILD, str(file), str(WIDTH)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(PROCESSES)
    ]
    try:
        for child in started:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
        found = [mapped_kilobytes(child.pid, file) for child in started]
        before = [cpu_seconds(child.pid) for child in started]
        time.sleep(2.0)
        idle = sum(cpu_seconds(child.pid) for child in started) - sum(before)
    finally:
        for child in started:
            child.communicate("\n")
    resident, shared = (sum(pair[i] for pair in found) / 1024 for i in (0, 1))
    size = file.stat().st_size / 2**20
    print(
        f"{PROCESSES} processes, one file of {size:.1f} MiB: Rss {resident:.1f} MiB, Pss {shared:.1f} MiB of its pages"
    )
    print(f"{PROCESSES} idle processes with a loaded model, after a run: {idle:.2f} s of processor time in 2 s")


def threads() -> None:
    """Sixteen threads translate with one model; all give the scores that one thread gives."""
    translator = pyseq.load("dates")
    texts = [f"{day} July 19{year}" for day in (3, 14, 25) for year in (47, 69, 98)]

    def scores(_: int) -> list[tuple[str, float]]:
        return [(best.text, best.score) for best in (translator.translate(text, beam_size=4) for text in texts)]

    alone = scores(0)
    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(scores, range(CALLS)))
    same, all_of_them = sum(one == alone for one in found) * len(texts), CALLS * len(texts)
    print(f"{THREADS} threads, one translator: {same} of {all_of_them} translations have the bits of one thread")


def main() -> None:
    """All figures."""
    with tempfile.TemporaryDirectory() as folder:
        processes(make_model(Path(folder)))
    threads()


if __name__ == "__main__":
    main()
