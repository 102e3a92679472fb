"""``pyseq run MODEL [TEXT ...]``: texts from the arguments, or standard input line by line."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import pyseq
from pyseq.tasks import Classifier, Generator

if TYPE_CHECKING:
    from pyseq.tasks import Hypothesis

BATCH = 32  # lines translated at once when they come from a file; a terminal gets its answer line by line


def run(
    model: Annotated[
        Path, typer.Argument(help="A program file (.safetensors), a model folder, or a model of the package: dates.")
    ],
    texts: Annotated[list[str] | None, typer.Argument(help="Texts; without any, lines of standard input.")] = None,
    beam_size: Annotated[int, typer.Option(min=1, help="Hypotheses kept at each step; 1 is greedy.")] = 1,
    n_best: Annotated[int, typer.Option(min=1, help="Hypotheses printed per text, best first.")] = 1,
    length_penalty: Annotated[float, typer.Option(help="Divide scores by length ** this.")] = 0.0,
    max_length: Annotated[int, typer.Option(min=0, help="Longest output in tokens; 0: the model's own.")] = 0,
    temperature: Annotated[float, typer.Option(min=0, help="Of a language model: 0 takes the likeliest tokens.")] = 1.0,
    top_k: Annotated[int, typer.Option(min=0, help="Of a language model: only the k likeliest tokens; 0: all.")] = 0,
    top_p: Annotated[float, typer.Option(help="Of a language model: only the likeliest, up to this share.")] = 1.0,
    seed: Annotated[int, typer.Option(min=0, help="Of a language model: the same seed writes the same text.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per text, with scores.")] = False,
    dtype: Annotated[
        str | None, typer.Option(help="Storage type of the weights: float32, bfloat16 or int8 (default: as stored).")
    ] = None,
    cache_dtype: Annotated[
        str | None, typer.Option(help="Storage type of key/value caches: float32, bfloat16 or int8.")
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads to use (default: CPUs usable).")] = None,
) -> None:
    """Run a model on texts: it translates each, goes on with it, or tells its label, whatever it is for."""
    if threads is not None:
        pyseq.set_num_threads(threads)
    loaded = pyseq.load(model, dtype=dtype, cache_dtype=cache_dtype)
    lines = iter(texts) if texts else standard_input()
    batch_size = 1 if not texts and sys.stdin.isatty() else BATCH
    if isinstance(loaded, Generator):
        sampling = {"max_length": max_length, "temperature": temperature, "top_k": top_k, "top_p": top_p, "seed": seed}
        for number, text in enumerate(lines):
            write_on(loaded, text, stream=number, **sampling)
    elif isinstance(loaded, Classifier):
        for batch in batches(lines, batch_size):
            for found in loaded.classify_batch(batch):
                print(f"{found.label}\t{found.probability:.4f}", flush=True)
    else:
        options: dict[str, Any] = {
            "beam_size": beam_size,
            "n_best": n_best,
            "length_penalty": length_penalty,
            "max_length": max_length,
        }
        for batch in batches(lines, batch_size):
            for text, hypotheses in zip(batch, loaded.translate_batch(batch, **options), strict=True):
                print(as_object(text, hypotheses) if as_json else as_lines(hypotheses), flush=True)


def write_on(generator: Generator, text: str, **options: Any) -> None:
    """Print a text and what follows it, as it is written."""
    pieces = generator.stream(text, **options)
    print(text, end="", flush=True)
    for piece in pieces:
        print(piece, end="", flush=True)
    print()


def standard_input() -> Iterator[str]:
    """Lines of standard input without their ends."""
    for line in sys.stdin:
        yield line.rstrip("\r\n")


def batches(lines: Iterable[str], size: int) -> Iterator[list[str]]:
    """Lists of at most `size` lines."""
    iterator = iter(lines)
    while batch := list(islice(iterator, size)):
        yield batch


def as_lines(hypotheses: list[Hypothesis]) -> str:
    """One hypothesis per line."""
    return "\n".join(hypothesis.text for hypothesis in hypotheses)


def as_object(text: str, hypotheses: list[Hypothesis]) -> str:
    """One line of JSON for a text."""
    found = [
        {
            "text": hypothesis.text,
            "score": hypothesis.score,
            "tokens": hypothesis.tokens,
            "token_log_probs": [float(value) for value in hypothesis.token_log_probs],
        }
        for hypothesis in hypotheses
    ]
    return json.dumps({"source": text, "hypotheses": found}, ensure_ascii=False)
