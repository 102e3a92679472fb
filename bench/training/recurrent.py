"""Forward and backward of two LSTM or GRU layers, of pyseq and PyTorch, each in a process of its own, timed in turn.

``python -m bench.training.recurrent --threads 1 --rounds 15``; a ratio above 1 means that pyseq is faster.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

Gradients = dict[str, Any]
Step = Callable[[], Gradients]
LAYERS = 2
KINDS = ("LSTM", "GRU")
ENGINES = ("pyseq", "torch")


def arrays(kind: str, batch: int, length: int, hidden: int) -> tuple[dict[str, Any], Any, Any]:
    """Weights of all layers under their common names, x, and the gradient of y."""
    rng = np.random.default_rng(0)
    gates = {"LSTM": 4, "GRU": 3}[kind]
    bound = hidden**-0.5
    weights: dict[str, Any] = {}
    for layer in range(LAYERS):
        for name, shape in (("weight", (gates * hidden, hidden)), ("bias", (gates * hidden,))):
            for side in ("ih", "hh"):
                weights[f"{name}_{side}_l{layer}"] = rng.uniform(-bound, bound, shape).astype(np.float32)
    x, gradient = rng.standard_normal((2, batch, length, hidden)).astype(np.float32)
    return weights, x, gradient


def pyseq_step(kind: str, threads: int, *sizes: int) -> Step:
    """A step of pyseq: gradients of x and of all weights."""
    import pyseq

    pyseq.set_num_threads(threads)
    weights, values, gradient = arrays(kind, *sizes)
    layer = getattr(pyseq.nn, kind)(sizes[-1], sizes[-1], LAYERS)
    layer.load_state_dict(weights)
    parameters = dict(layer.named_parameters())
    x = parameters["x"] = pyseq.Parameter(values)

    def step() -> Gradients:
        for parameter in parameters.values():
            parameter.grad = None
        with pyseq.Tape() as tape:
            y, _ = layer(x)
        tape.backward(y, gradient)
        return {name: parameter.grad for name, parameter in parameters.items()}

    return step


def torch_step(kind: str, threads: int, *sizes: int) -> Step:
    """The same of PyTorch."""
    import torch

    torch.set_num_threads(threads)
    weights, values, gradient = arrays(kind, *sizes)
    layer = getattr(torch.nn, kind)(sizes[-1], sizes[-1], LAYERS, batch_first=True)
    layer.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    parameters = dict(layer.named_parameters())
    x = parameters["x"] = torch.from_numpy(values).requires_grad_()
    seed = torch.from_numpy(gradient)

    def step() -> Gradients:
        for parameter in parameters.values():
            parameter.grad = None
        y, _ = layer(x)
        y.backward(seed)
        return {name: parameter.grad.numpy() for name, parameter in parameters.items()}

    return step


def serve(connection: Connection, engine: str, arguments: tuple[Any, ...]) -> None:
    """Answer every message with the seconds of one step; the first one with its gradients."""
    step = {"pyseq": pyseq_step, "torch": torch_step}[engine](*arguments)
    connection.send(step())
    while connection.recv():
        step()  # wakes the threads
        begin = time.perf_counter()
        step()
        connection.send(time.perf_counter() - begin)


class Engine:
    """A process that runs one engine's steps."""

    def __init__(self, engine: str, arguments: tuple[Any, ...]) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, engine, arguments), daemon=True)
        self.process.start()
        self.gradients: Gradients = self.connection.recv()
        self.seconds: list[float] = []

    def take_turn(self) -> None:
        """Time one step."""
        self.connection.send(True)
        self.seconds.append(self.connection.recv())

    def close(self) -> None:
        """End the process."""
        self.connection.send(False)
        self.process.join()


def largest_difference(a: Gradients, b: Gradients) -> float:
    """Over all gradients, relative to the largest value of each."""
    assert a.keys() == b.keys()
    return max(float(np.abs(a[name] - b[name]).max() / np.abs(b[name]).max()) for name in a)


def measure(kind: str, threads: int, rounds: int, batch: int, length: int, hidden: int) -> None:
    """Print one line."""
    engines = {name: Engine(name, (kind, threads, batch, length, hidden)) for name in ENGINES}
    difference = largest_difference(engines["pyseq"].gradients, engines["torch"].gradients)
    assert difference < 1e-4, difference
    for _ in range(rounds):
        for engine in engines.values():
            engine.take_turn()
    ours, theirs = (statistics.median(engines[name].seconds) for name in ENGINES)
    flops = 3 * 2 * LAYERS * batch * length * 2 * hidden * hidden * {"LSTM": 4, "GRU": 3}[kind]
    print(
        f"{kind:4} B{batch} T{length} H{hidden} {threads} threads: pyseq {ours * 1e3:6.1f} ms, "
        f"{flops / ours * 1e-9:4.0f} GFLOP/s; PyTorch {theirs * 1e3:6.1f} ms; {theirs / ours:.2f}x",
        flush=True,
    )
    for engine in engines.values():
        engine.close()


def main() -> None:
    """Measure every kind and size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--hidden", type=int, nargs="+", default=[256, 512])
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--length", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    for threads in options.threads:
        for hidden in options.hidden:
            for kind in options.kinds:
                measure(kind, threads, options.rounds, options.batch, options.length, hidden)


if __name__ == "__main__":
    main()
