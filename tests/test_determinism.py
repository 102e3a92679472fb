"""Whole programs give the same bits for every batch size, position, padding and thread count, on every tier."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_folders import g2p_arrays, write_folder
from real_models import grapheme_to_phoneme, transliteration
from test_hub_g2p import write_checkpoint

import pyseq

STEPS = 6  # of the output side
STORAGE = (None, "bfloat16", "int8")
THREADS = (1, 2, 3, 5, 8)
LETTERS = ["a", "hgfedcba", "abc", "deadbeef", "cab", "gg", "bead", "facade"]
ENGLISH = ["rhythm", "a", "colonel", "sesquipedalian", "it", "queue", "zebra", "activationist"]
ARABIC = ["محمد", "صنعاء", "في", "القسطنطينية", "باب", "الاستقلال", "من", "تونس"]


@pytest.fixture(autouse=True)
def restored_runtime() -> Iterator[None]:
    threads, isa = pyseq.num_threads(), pyseq.active_isa()
    yield
    pyseq.set_num_threads(threads)
    pyseq.set_isa(isa)


class Batches:
    """Runs of a translator's program on words: encode, then steps with given tokens."""

    def __init__(self, program: pyseq.Program) -> None:
        self.program = program
        self.task = program.task
        self.vocabulary = program.vocabulary(self.task["source_vocabulary"])

    def run(self, words: list[str], steps: list[list[int]], padding: int = 0) -> np.ndarray[Any, Any]:
        """Logits [step, word, vocabulary]; the sources are padded to `padding` more than the longest."""
        sources = [self.vocabulary.encode(word) + list(self.task.get("source_suffix", [])) for word in words]
        lengths = np.array([len(source) for source in sources])
        tokens = np.zeros((len(words), lengths.max() + padding), np.int64)
        for row, source in enumerate(sources):
            tokens[row, : len(source)] = source
        # What stands in the padding must not matter either.
        tokens[np.arange(tokens.shape[1]) >= lengths[:, None]] = len(words) % len(self.vocabulary)
        state = self.program.new_state(len(words))
        self.program.run("encode", state=state, tokens=tokens, lengths=lengths)
        logits = []
        for step in range(STEPS):
            inputs: Any = {"tokens": np.array([[row[step]] for row in steps])}
            logits.append(self.program.run("step", state=state, **inputs)["logits"][:, 0])
        return np.stack(logits)


def own_steps(batches: Batches, word: str) -> list[int]:
    """The tokens that a word is continued with: always the best one."""
    steps = [batches.task["start"]]
    while len(steps) < STEPS:
        padded = [steps + [0] * (STEPS - len(steps))]
        steps.append(int(batches.run([word], padded)[len(steps) - 1, 0].argmax()))
    return steps


def real_models(data_dir: Path) -> list[tuple[Path, list[str]]]:
    return [(transliteration(data_dir), ARABIC), (grapheme_to_phoneme(), ENGLISH)]


def check(program: pyseq.Program, words: list[str], sizes: tuple[int, ...], threads: tuple[int, ...]) -> None:
    """Every word alone on one thread, then in batches with others around it."""
    batches, random = Batches(program), np.random.default_rng(0)
    pyseq.set_num_threads(1)
    steps = {word: own_steps(batches, word) for word in words}
    alone = {word: batches.run([word], [steps[word]])[:, 0] for word in words}
    for size in sizes:
        for count in threads:
            pyseq.set_num_threads(count)
            chosen = [words[index] for index in random.integers(0, len(words), size)]
            found = batches.run(chosen, [steps[word] for word in chosen], padding=int(random.integers(0, 9)))
            for position, word in enumerate(chosen):
                assert found[:, position].tobytes() == alone[word].tobytes(), (word, size, position, count)


@pytest.mark.parametrize("isa", pyseq.available_isas())
@pytest.mark.parametrize("dtype", STORAGE)
def test_small_programs(isa: str, dtype: str | None, tmp_path: Path) -> None:
    pyseq.set_isa(isa)
    for folder in (write_folder(tmp_path / "transformer"), write_checkpoint(tmp_path / "recurrent", g2p_arrays())):
        check(pyseq.load(folder, dtype=dtype).program, LETTERS, (1, 2, 7, 33), THREADS)


@pytest.mark.parametrize("isa", pyseq.available_isas())
@pytest.mark.parametrize("dtype", STORAGE)
def test_both_real_models(isa: str, dtype: str | None, data_dir: Path) -> None:
    pyseq.set_isa(isa)
    for folder, words in real_models(data_dir):
        program = pyseq.load(folder, dtype=dtype).program
        check(program, words, (64,), (8, 3))
        check(program, words, (2, 13), (1, 2))


@pytest.mark.parametrize("dtype", STORAGE)
def test_compile_passes_keep_the_bits_of_the_real_models(dtype: str | None, data_dir: Path) -> None:
    for folder, words in real_models(data_dir):
        program = pyseq.load(folder, dtype=dtype).program
        batches, raw = Batches(program), Batches(program.with_dtype(dtype, optimize=False))
        steps = [own_steps(batches, word) for word in words]
        assert batches.run(words, steps).tobytes() == raw.run(words, steps).tobytes()
