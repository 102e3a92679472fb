"""Training steps beside PyTorch: a language model of LSTMs, one of GRUs, and a Transformer, side by side in one run.

    python -m bench.training.language_models [--threads 1] [--rounds 5] [--only lstm,transformer]

Both sides compute forward, loss, backward, clipping and Adam on the same sizes. They take turns, A B A B …; the medians
and their ratio are printed, and the peak memory of each, measured in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

VOCABULARY = 65
Step = Callable[[], float]


@dataclass(frozen=True)
class Case:
    kind: str  # "lstm", "gru" or "transformer"
    width: int
    layers: int
    batch: int
    time: int

    @property
    def name(self) -> str:
        return f"{self.kind} {self.width}x{self.layers} B{self.batch} T{self.time}"

    def tokens(self) -> np.ndarray[Any, Any]:
        return np.random.default_rng(0).integers(0, VOCABULARY, (self.batch, self.time + 1))


CASES = [
    Case("lstm", 512, 2, 32, 100),
    Case("gru", 512, 2, 32, 100),
    Case("lstm", 256, 2, 32, 64),
    Case("transformer", 256, 4, 16, 128),
]


def pyseq_step(case: Case, threads: int) -> Step:
    import pyseq
    from bench.training.pyseq_training import PyseqTraining
    from pyseq import nn
    from pyseq.models import LanguageModelOptions, RecurrentLanguageModel

    pyseq.set_num_threads(threads)

    class TransformerModel(nn.Module):
        def __init__(self) -> None:
            self.embedding = nn.Embedding(VOCABULARY, case.width)
            self.positions = nn.LearnedPositions(case.time, case.width)
            self.layers = nn.ModuleList(CausalLayer(case.width) for _ in range(case.layers))
            self.projection = nn.Linear(case.width, VOCABULARY)

        def forward(self, tokens: Any) -> tuple[Any, None]:
            x = self.positions(self.embedding(tokens))
            for layer in self.layers:
                x = layer(x)
            return self.projection(x), None

    class CausalLayer(nn.Module):
        def __init__(self, width: int) -> None:
            self.attention = nn.MultiHeadAttention(width, 8)
            self.attention_norm = nn.LayerNorm(width)
            self.feed_forward = nn.FeedForward(width, 4 * width)
            self.feed_forward_norm = nn.LayerNorm(width)

        def forward(self, x: Any) -> Any:
            x = self.attention_norm(x + self.attention(x, causal=True))
            return self.feed_forward_norm(x + self.feed_forward(x))

    if case.kind == "transformer":
        module: Any = TransformerModel()
    else:
        sizes = LanguageModelOptions(VOCABULARY, 64, case.width, case.kind, case.layers)
        module = RecurrentLanguageModel(sizes)
    return PyseqTraining(module.initialize(0), case).step


def torch_step(case: Case, threads: int) -> Step:
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(0)

    class Recurrent(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            kind = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[case.kind]
            self.embedding = torch.nn.Embedding(VOCABULARY, 64)
            self.layers = kind(64, case.width, case.layers, batch_first=True)
            self.projection = torch.nn.Linear(case.width, VOCABULARY)

        def forward(self, tokens: Any) -> Any:
            return self.projection(self.layers(self.embedding(tokens))[0])

    class Transformer(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = torch.nn.Embedding(VOCABULARY, case.width)
            self.positions = torch.nn.Parameter(torch.zeros(case.time, case.width))
            layer = torch.nn.TransformerEncoderLayer(case.width, 8, 4 * case.width, dropout=0.0, batch_first=True)
            self.layers = torch.nn.TransformerEncoder(layer, case.layers, enable_nested_tensor=False)
            self.projection = torch.nn.Linear(case.width, VOCABULARY)
            self.mask = torch.nn.Transformer.generate_square_subsequent_mask(case.time)

        def forward(self, tokens: Any) -> Any:
            x = self.embedding(tokens) + self.positions
            return self.projection(self.layers(x, mask=self.mask, is_causal=True))

    module = Transformer() if case.kind == "transformer" else Recurrent()
    optimizer = torch.optim.Adam(module.parameters(), 1e-3)
    tokens = torch.from_numpy(case.tokens())
    inputs, targets = tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()

    def step() -> float:
        optimizer.zero_grad()
        logits = module(inputs)
        loss = torch.nn.functional.cross_entropy(logits.view(-1, VOCABULARY), targets.view(-1))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimizer.step()
        return float(loss.detach())

    return step


SIDES: dict[str, Callable[[Case, int], Step]] = {"pyseq": pyseq_step, "torch": torch_step}


def serve(side: str, case: Case, threads: int) -> None:
    """A process of one side: runs a step for every line it reads, answers with its seconds; then with its memory."""
    step = SIDES[side](case, threads)
    for _ in range(3):
        step()
    print("ready", flush=True)
    for _ in sys.stdin:
        begin = time.perf_counter()
        step()
        print(time.perf_counter() - begin, flush=True)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, flush=True)


class Side:
    """A process of one side, as the comparing process sees it."""

    def __init__(self, name: str, case: Case, threads: int) -> None:
        sizes = json.dumps([case.kind, case.width, case.layers, case.batch, case.time])
        command = [sys.executable, "-m", "bench.training.language_models", "--serve", name, "--case", sizes]
        command += ["--threads", str(threads)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.read()

    def read(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def seconds(self) -> float:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self.read())

    def finish(self) -> float:
        """Peak memory in MiB."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        peak = float(self.read())
        self.process.wait()
        return peak


def compare(case: Case, threads: int, rounds: int) -> dict[str, Any]:
    sides = {name: Side(name, case, threads) for name in SIDES}
    seconds: dict[str, list[float]] = {name: [] for name in SIDES}
    for _ in range(rounds):
        for name, side in sides.items():
            time.sleep(0.03)  # the other side's waiting workers fall asleep
            seconds[name].append(side.seconds())
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    peaks = {name: side.finish() for name, side in sides.items()}
    return {"case": case.name, "threads": threads, "seconds": medians, "peak_mib": peaks}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default="")
    parser.add_argument("--serve", choices=list(SIDES), help=argparse.SUPPRESS)
    parser.add_argument("--case", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        return serve(arguments.serve, Case(*json.loads(arguments.case)), arguments.threads)
    print("| case | threads | pyseq | PyTorch | ratio | peak memory pyseq | PyTorch |")
    print("|---|---|---|---|---|---|---|")
    for case in CASES:
        if arguments.only and not any(part in case.name for part in arguments.only.split(",")):
            continue
        row = compare(case, arguments.threads, arguments.rounds)
        own, other = row["seconds"]["pyseq"], row["seconds"]["torch"]
        peaks = row["peak_mib"]
        print(
            f"| {row['case']} | {row['threads']} | {own * 1e3:.1f} ms | {other * 1e3:.1f} ms | {other / own:.2f} "
            f"| {peaks['pyseq']:.0f} MiB | {peaks['torch']:.0f} MiB |",
            flush=True,
        )
    return None


if __name__ == "__main__":
    main()
