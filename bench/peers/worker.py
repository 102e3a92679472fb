"""The process of one library: builds its engines and times them when asked.

Every library has a process of its own: several OpenMP and BLAS runtimes in one process slow down each other's waiting
threads. It lives for all cases of a thread count, so that libraries are imported once.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from bench.peers.model import Array, Call, Case, Missing
from bench.peers.timing import estimate_seconds, take_turn
from bench.peers.workloads import WORKLOADS

MOST_COMPARED = 1_000_000  # values of a result that are compared, evenly spaced


class WorkerError(Exception):
    """The engine failed, or its process died or hung."""


class _Engines:
    """The engines of the present case, by name."""

    def __init__(self) -> None:
        self.calls: dict[str, tuple[Call, float]] = {}
        self.case: Case | None = None

    def build(self, workload: str, case: str, threads: int, engine: str) -> Array:
        """Make one engine; gives values of its result."""
        if self.case is None:
            self.case = WORKLOADS[workload].build(case, threads)
        call = self.case.engines[engine]()
        result = _compared(self.case.output(call()))
        self.calls[engine] = (call, estimate_seconds(call))
        return result

    def exact(self, workload: str, case: str, threads: int) -> Array:
        """Values that are more precise than any engine's."""
        made = WORKLOADS[workload].build(case, threads)
        assert made.exact is not None
        return _compared(made.output(made.exact()()))

    def turn(self, engine: str) -> list[float]:
        """Samples of one turn."""
        return take_turn(*self.calls[engine])

    def forget(self) -> None:
        """Free the engines of a case."""
        self.case = None
        self.calls.clear()


def _compared(result: Array) -> Array:
    flat = np.asarray(result, np.float64).reshape(-1)
    return np.ascontiguousarray(flat[:: max(1, -(-flat.size // MOST_COMPARED))])


def _serve(pipe: Connection) -> None:
    engines = _Engines()
    while True:
        try:
            question, *arguments = pipe.recv()
        except EOFError:
            return
        try:
            pipe.send(("ok", getattr(engines, question)(*arguments)))
        except Missing as missing:
            pipe.send(("missing", str(missing)))
        except Exception as error:  # whatever a library raises goes into the report
            pipe.send(("error", f"{type(error).__name__}: {error}"[:300]))


class Worker:
    """A library's process, from the side of the one that asks."""

    def __init__(self, threads: int, seconds: float = 90) -> None:
        self._threads, self._patience = threads, seconds
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, other_end = context.Pipe()
        self._process = context.Process(target=_serve, args=(other_end,), daemon=True)
        with _thread_variables(self._threads):
            self._process.start()
        other_end.close()

    def ask(self, question: str, *arguments: Any) -> Any:
        """The answer to "build", "exact", "turn" or "forget". A process that died or hangs is replaced."""
        try:
            self._pipe.send((question, *arguments))
            if not self._pipe.poll(self._patience):
                raise WorkerError(f"no answer within {self._patience:g} s")
            kind, answer = self._pipe.recv()
        except (EOFError, BrokenPipeError, ConnectionResetError) as error:
            self._restart()
            raise WorkerError("its process died") from error
        except WorkerError:
            self._restart()
            raise
        if kind == "ok":
            return answer
        raise (Missing if kind == "missing" else WorkerError)(answer)

    def _restart(self) -> None:
        self.close()
        self._start()

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()
        self._pipe.close()


@contextmanager
def _thread_variables(threads: int) -> Iterator[None]:
    """Thread counts as the runtimes read them when they are loaded, and how long their threads stay awake.

    OpenBLAS's spin for 0.1 s after a call, which would slow down the engine that is timed next: 2^20 cycles are enough
    to bridge the time between two calls.
    """
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "PYSEQ_NUM_THREADS")
    patience = {"KMP_BLOCKTIME": "20", "OPENBLAS_THREAD_TIMEOUT": "20"}
    wanted = {**dict.fromkeys(names, str(threads)), **patience, "PYTHONWARNINGS": "ignore"}
    before = dict(os.environ)
    os.environ.update(wanted)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
