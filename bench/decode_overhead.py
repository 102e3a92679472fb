"""What a search costs beyond the model that it asks: python bench/decode_overhead.py

Over a Python callable: microseconds per step, of a search minus the same calls alone. Over a program: milliseconds per
step, and the share of them that is not the program's `step`, at a vocabulary of 32,000 and with wide beams.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import pyseq
from pyseq import decode
from pyseq.models import LanguageModelOptions, RecurrentLanguageModel

STEPS = 200


class Instant:
    """Answers at once: the same logits every time."""

    def __init__(self, rows: int, vocabulary: int) -> None:
        random = np.random.default_rng(0)
        self.logits = {n: random.standard_normal((n, 1, vocabulary)).astype(np.float32) for n in (1, rows)}
        for logits in self.logits.values():
            logits[..., 0] = -30  # the end mark

    def step(self, tokens: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return self.logits[len(tokens)]

    def reorder(self, parents: np.ndarray[Any, Any]) -> None:
        pass


def best(run: Callable[[], object], repeats: int) -> float:
    """Seconds of the fastest of some runs."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def callable_overhead(beam_size: int, vocabulary: int) -> float:
    """Microseconds per step beyond the callable."""
    model = Instant(beam_size, vocabulary)
    tokens = np.ones((beam_size, 1), np.int64)
    parents = np.arange(beam_size)

    def alone() -> None:
        for _ in range(STEPS):
            model.step(tokens)
            model.reorder(parents)

    def searched() -> None:
        decode.search(model, 1, start=1, end=0, beam_size=beam_size, max_length=STEPS)

    searched()
    return (best(searched, 20) - best(alone, 20)) / STEPS * 1e6


def load_model(folder: Path, vocabulary: int, hidden: int) -> pyseq.Program:
    """A recurrent language model without training."""
    options = LanguageModelOptions(vocabulary=vocabulary, embedding_size=256, hidden_size=hidden, num_layers=1)
    file = folder / f"{vocabulary}-{hidden}.safetensors"
    pyseq.export(RecurrentLanguageModel(options), file, {"step": {"tokens": np.ones((2, 1), np.int64)}})
    return pyseq.Program.load(file)


def program_times(program: pyseq.Program, beam_size: int, steps: int) -> tuple[float, float]:
    """Milliseconds per step of a search, and the share of it that is not the program's function."""
    session = program.new_session()

    def search() -> tuple[float, float]:
        model = decode.program_step_model(program, session.new_state(1))
        with program.profile() as profile:
            start = time.perf_counter()
            decode.search(model, 1, start=1, end=0, beam_size=beam_size, max_length=steps, early_exit="never")
            seconds = time.perf_counter() - start
        events = profile.events()
        inside = events.seconds[events.depth == 0].sum() + events.overhead.sum()
        return seconds, inside

    search()
    seconds, inside = min(search() for _ in range(5))
    return seconds / steps * 1e3, 1 - inside / seconds


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    pyseq.set_num_threads(parser.parse_args().threads)
    print("Python callable, batch 1             µs per step beyond it")
    for beam_size, vocabulary in [(1, 64), (4, 64), (4, 1000), (4, 32000)]:
        print(f"  beam {beam_size:4d}, vocabulary {vocabulary:6d}   {callable_overhead(beam_size, vocabulary):10.1f}")
    print("program, LSTM                        ms per step, share of the search")
    with tempfile.TemporaryDirectory() as folder:
        for hidden in (256, 512):
            program = load_model(Path(folder), 32000, hidden)
            for beam_size in (1, 4, 16):
                milliseconds, share = program_times(program, beam_size, 30)
                print(f"  hidden {hidden}, beam {beam_size:4d}, vocabulary 32000 {milliseconds:8.2f} {share:8.1%}")
        program = load_model(Path(folder), 4000, 256)
        for beam_size in (300, 3000):
            milliseconds, share = program_times(program, beam_size, 8)
            print(f"  hidden 256, beam {beam_size:4d}, vocabulary  4000 {milliseconds:8.2f} {share:8.1%}")


if __name__ == "__main__":
    main()
