"""Continuous batching against one request after the other: `python -m bench.serving [--dtype int8]`.

A model of the size of GPT-2 small with random weights; prompts of 8 to 64 words, a number of words written behind each.
Then prompts that begin alike, with and without the prompt cache. Texts of both sides are compared: they must be equal.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import pyseq
from pyseq.models import Gpt, GptOptions
from pyseq.tasks import Generator
from pyseq.text import Vocabulary

VOCABULARY = 50257


def make_model(file: Path, layers: int) -> None:
    """Write a language model with random weights."""
    module = Gpt(GptOptions(VOCABULARY, num_layers=layers)).initialize(1)
    example = {"tokens": np.array([[1, 2], [3, 4]])}
    task = {"kind": "generator", "vocabulary": "text", "start": None, "end": None, "max_length": 64}
    words = Vocabulary([f"w{number}" for number in range(VOCABULARY)], unit="word")
    pyseq.export(module, file, {"prefill": example, "step": example}, task=task, vocabularies={"text": words})


def prompt(random: np.random.Generator, length: int) -> str:
    """Random words."""
    return " ".join(f"w{number}" for number in random.integers(0, VOCABULARY, length))


def one_by_one(generator: Generator, prompts: list[str], tokens: int) -> tuple[float, list[str]]:
    """Seconds and texts of one request after the other."""
    start = time.perf_counter()
    texts = [generator.generate(text, max_length=tokens, temperature=0.0) for text in prompts]
    return time.perf_counter() - start, texts


def served(
    generator: Generator, prompts: list[str], tokens: int, rows: int, cache: int
) -> tuple[float, list[str], dict[str, int]]:
    """Seconds, texts and counts of a service."""
    with generator.serve(rows, cache) as service:
        service.submit(prompts[0].split()[0], max_length=1).text()  # the thread and its plans are there
        start = time.perf_counter()
        requests = [service.submit(text, max_length=tokens, temperature=0.0) for text in prompts]
        texts = [request.text() for request in requests]
        return time.perf_counter() - start, texts, service.statistics


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="where the model is, or is written if it is not there yet")
    parser.add_argument("--dtype", default="float32", help="storage type of the weights")
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--requests", type=int, default=16)
    parser.add_argument("--tokens", type=int, default=24, help="written behind each prompt")
    parser.add_argument("--rows", type=int, default=16, help="texts written at the same time")
    parser.add_argument("--only-model", action="store_true", help="write the model, measure nothing")
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder:
        file = arguments.model or Path(folder) / "model.safetensors"
        if not file.exists():
            make_model(file, arguments.layers)
        if not arguments.only_model:
            measure(Generator(pyseq.Program.load(file, dtype=arguments.dtype)), arguments)


def measure(generator: Generator, arguments: argparse.Namespace) -> None:
    """Time both ways on prompts of their own, then on prompts that begin alike."""
    random = np.random.default_rng(0)
    generator.generate(prompt(random, 32), max_length=2)  # pages of the file are there
    prompts = [prompt(random, int(length)) for length in random.integers(8, 65, arguments.requests)]
    sequential, alone = one_by_one(generator, prompts, arguments.tokens)
    seconds, together, counts = served(generator, prompts, arguments.tokens, arguments.rows, 0)
    check(alone, together)
    written = arguments.requests * arguments.tokens
    print(
        f"{pyseq.num_threads()} threads, {arguments.dtype}, {arguments.requests} requests of {arguments.tokens} tokens"
    )
    print(f"one after the other  {sequential:7.2f} s  {written / sequential:7.1f} tokens/s")
    print(
        f"served               {seconds:7.2f} s  {written / seconds:7.1f} tokens/s  {sequential / seconds:.2f} times, "
        f"{counts['row_steps'] / counts['steps']:.1f} rows a step"
    )
    shared = prompt(random, 256)
    prompts = [f"{shared} {prompt(random, 8)}" for _ in range(arguments.requests // 4)]
    sequential, alone = one_by_one(generator, prompts, 4)
    print(f"256 shared words, {len(prompts)} requests of 4 tokens: one after the other {sequential:.2f} s")
    for name, cache in (("without", 0), ("with", 256 << 20)):
        seconds, together, counts = served(generator, prompts, 4, arguments.rows, cache)
        check(alone, together)
        print(
            f"  served {name} prompt cache: {seconds:.2f} s ({counts['prompt_tokens_read']} tokens read, "
            f"{counts['prompt_tokens_reused']} reused)"
        )


def check(alone: list[str], together: list[str]) -> None:
    """Both ways write the same."""
    if together != alone:
        raise AssertionError("a service writes other texts than the model alone")


if __name__ == "__main__":
    main()
