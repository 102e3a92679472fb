"""Processes, threads and signals around a model: forks, pools of workers, idleness, exit, Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import test_generator

import pyseq
from pyseq import ctc, decode, nn, ops

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")

MODEL = """
import os, sys, time
import numpy as np
import pyseq
pyseq.set_num_threads(2)
x = np.ones((300, 300), np.float32)
def answer(text="20 July 1969"):
    best = pyseq.load("dates").translate(text, beam_size=4)
    return best.text, best.score, float(np.asarray(pyseq.ops.matmul(x, x)).sum()), float((x @ x).sum())
"""

FORKS = (
    MODEL
    + """
def in_child(depth=0):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        found = answer() if depth == 0 else in_child(depth - 1)
        os.write(writing, repr(found).encode())
        os._exit(0)
    os.close(writing)
    found = eval(os.read(reading, 10000))
    os.waitpid(child, 0)
    return found

before = in_child()
expected = answer()
assert before == expected == in_child() == in_child(1) == answer(), (before, expected)
"""
)

POOLS = (
    MODEL
    + """
import multiprocessing
if __name__ == "__main__":
    expected = answer()
    for method in ("fork", "spawn"):
        with multiprocessing.get_context(method).Pool(2, maxtasksperchild=1) as pool:
            assert pool.map(answer, ["20 July 1969"] * 3, chunksize=1) == [expected] * 3, method
"""
)

IDLE = (
    MODEL
    + """
answer()
time.sleep(0.1)
before = os.times()
time.sleep(1)
after = os.times()
print(after.user + after.system - before.user - before.system)
"""
)

EXIT = (
    MODEL
    + """
import threading
model = pyseq.load("dates")
def translate_forever():
    while True:
        model.translate_batch(["20 July 1969"] * 50, beam_size=4)
def multiply_forever():
    while True:
        pyseq.ops.matmul(x, x)
for work in (translate_forever, multiply_forever):
    threading.Thread(target=work, daemon=True).start()
time.sleep(0.3)
"""
)


def run(script: str, *arguments: str, folder: Path | None = None) -> str:
    """A deadlock ends after 60 seconds, as a failure."""
    command = [sys.executable, "-c", script]
    if folder is not None:  # a process that is spawned imports its main module from a file
        (folder / "script.py").write_text(script)
        command = [sys.executable, str(folder / "script.py")]
    return subprocess.run([*command, *arguments], check=True, capture_output=True, text=True, timeout=60).stdout


@pytest.mark.parametrize("backend", ["automatic", "pool"])
def test_children_answer_as_their_parent_forked_before_and_after_use(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if backend != "automatic":
        monkeypatch.setenv("PYSEQ_THREADS", backend)
    run(FORKS)


def test_pools_of_workers_that_are_replaced_after_every_task(tmp_path: Path) -> None:
    run(POOLS, folder=tmp_path)


def test_an_idle_process_takes_no_time() -> None:
    assert float(run(IDLE)) <= 0.02


def test_exit_while_other_threads_compute() -> None:
    begin = time.monotonic()
    run(EXIT)
    assert time.monotonic() - begin < 20


def test_sixteen_threads_get_the_bits_of_one() -> None:
    model = pyseq.load("dates")
    texts = ["20 July 1969", "3 mai 2005", "1.2.99"]

    def answers(_: int) -> list[tuple[str, float]]:
        return [(best.text, best.score) for best in (model.translate(text, beam_size=4) for text in texts)]

    alone = answers(0)
    with ThreadPoolExecutor(16) as pool:
        assert all(found == alone for found in pool.map(answers, range(32)))


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="a system without affinity masks")
def test_default_threads_follow_affinity() -> None:
    script = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})"
    script += "; import pyseq; print(pyseq.num_threads())"
    settings = {"PYSEQ_NUM_THREADS", "OMP_NUM_THREADS"}
    environment = {name: value for name, value in os.environ.items() if name not in settings}
    assert subprocess.check_output([sys.executable, "-c", script], text=True, env=environment) == "1\n"


class Constant:
    """A model of the next token that never ends."""

    def step(self, tokens: Any) -> Any:
        return np.zeros((*tokens.shape, 50), np.float32)

    def reorder(self, parents: Any) -> None:
        pass


def frames(count: int, classes: int) -> Any:
    x = np.random.default_rng(0).standard_normal((count, classes)).astype(np.float32)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


# What each of these gives back is a call that would take minutes.


def translating() -> Callable[[], Any]:
    model, texts = pyseq.load("dates"), ["20 July 1969"] * 100_000
    return lambda: model.translate_batch(texts, beam_size=4)


def generating() -> Callable[[], Any]:
    characters = test_generator.CHARACTERS
    model = test_generator.write(test_generator.make_model(characters), characters)
    return lambda: model.generate("abc", max_length=10_000_000)


def searching() -> Callable[[], Any]:
    return lambda: decode.search(Constant(), 8, start=0, end=1, beam_size=8, min_length=10**6, max_length=10**6)


def ctc_decoding() -> Callable[[], Any]:
    decoder, log_probs = ctc.Decoder(["_", *map(chr, range(97, 123))], beam_size=64), frames(200_000, 27)
    return lambda: decoder.decode(log_probs)


def running_a_recurrent_layer() -> Callable[[], Any]:
    layer, x = nn.LSTM(300, 300), np.zeros((1, 100_000, 300), np.float32)
    return lambda: layer(x)


def training_a_recurrent_layer() -> Callable[[], Any]:
    layer, x = nn.LSTM(200, 200), np.zeros((4, 20_000, 200), np.float32)

    def step() -> None:
        while True:
            with pyseq.Tape() as tape:
                output, _ = layer(x)
                loss = ops.mean(output)
            tape.backward(loss)

    return step


LONG_CALLS = [
    translating,
    generating,
    searching,
    ctc_decoding,
    running_a_recurrent_layer,
    training_a_recurrent_layer,
]


def seconds_to_stop(call: Callable[[], Any]) -> float:
    """From the signal to the exception."""
    sent: list[float] = []

    def send() -> None:
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(0.15, send)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for what it runs behind
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            call()
        return time.monotonic() - sent[0]
    finally:
        timer.cancel()
        timer.join()
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("make", LONG_CALLS, ids=lambda make: make.__name__)
def test_ctrl_c_ends_a_long_call(make: Callable[[], Callable[[], Any]]) -> None:
    waited = seconds_to_stop(make())
    print(f"{1e3 * waited:.0f} ms")  # bench/RELIABILITY.md tells what that is
    assert waited < 2  # on a busy machine
