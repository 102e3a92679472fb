"""``pyseq profile MODEL [TEXT ...]``: where the time goes, op by op, and how near it comes to the machine's limits."""

from __future__ import annotations

import sys
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

import pyseq

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyseq import Program


class By(str, Enum):
    """What a row of the table is."""

    name = "name"
    op = "op"
    function = "function"


def profile(
    model: Annotated[Path, typer.Argument(help="A program file (.safetensors) or a model folder.")],
    texts: Annotated[list[str] | None, typer.Argument(help="Texts, for a translator.")] = None,
    by: Annotated[By, typer.Option(help="A row per op of the program (name), kind of op, or function.")] = By.name,
    function: Annotated[str | None, typer.Option(help="Run this function alone (default: all, in order).")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Rows of the made-up inputs; texts at once.")] = 1,
    time: Annotated[int, typer.Option(min=1, help="Every other size of the made-up inputs that may vary.")] = 32,
    beam_size: Annotated[int, typer.Option(min=1, help="Hypotheses kept at each step of a translator.")] = 1,
    max_length: Annotated[int, typer.Option(min=0, help="Longest translation; 0: the model's own limit.")] = 0,
    repeat: Annotated[int, typer.Option(min=1, help="Runs that are collected, after one that warms up.")] = 10,
    dtype: Annotated[str | None, typer.Option(help="Weights as float32, bfloat16 or int8.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads to use (default: CPUs usable).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    trace: Annotated[Path | None, typer.Option(help="Write a Chrome trace, for Perfetto, to this file.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Measure the machine's limits again.")] = False,
) -> None:
    """Run a model and show what each op takes."""
    if threads is not None:
        pyseq.set_num_threads(threads)
    limits = pyseq.machine_limits(fresh=fresh)
    program, run = workload(model, texts or [], function, batch, time, beam_size, max_length, dtype)
    run()
    with program.profile() as collected:
        for _ in range(repeat):
            run()
    if trace is not None:
        collected.save_trace(trace)
    if as_json:
        print(collected.as_json(by.value, limits))
        return
    print(f"isa={limits.isa} threads={limits.threads} runs={repeat}", file=sys.stderr)
    print(collected.table(by.value, limits))


def workload(
    model: Path,
    texts: list[str],
    function: str | None,
    batch: int,
    time: int,
    beam_size: int,
    max_length: int,
    dtype: str | None,
) -> tuple[Program, Callable[[], object]]:
    """The program, and what runs it once."""
    if model.suffix == ".safetensors":
        program = pyseq.Program.load(model, dtype=dtype)
        translator = pyseq.load(model, dtype=dtype) if texts else None
    else:
        translator = pyseq.load(model, dtype=dtype)
        program = translator.program
    if texts and translator is not None:
        options: dict[str, Any] = {"beam_size": beam_size, "max_length": max_length}
        repeated = [text for text in texts for _ in range(batch)]
        return translator.program, lambda: translator.translate_batch(repeated, **options)
    calls = [
        (described["name"], made_up_inputs(described, batch, time))
        for described in program.functions
        if described["public"] and function in (None, described["name"])
    ]
    if not calls:
        raise pyseq.ArgumentError(f"{model}: no function '{function}', expected {', '.join(program.function_names)}")

    def run() -> None:
        state = program.new_state(batch)
        for name, inputs in calls:
            program.run(name, state=state, **inputs)

    return program, run


def made_up_inputs(function: dict[str, Any], batch: int, time: int) -> dict[str, Any]:
    """Arrays for the declared dims: normal values, token 0, full lengths."""
    rng = np.random.default_rng(0)
    inputs: dict[str, Any] = {}
    for argument in function["inputs"]:
        sizes = [int(dim) if dim.isdigit() else batch if dim == "batch" else time for dim in argument["dims"]]
        if argument["dtype"] == "float32":
            inputs[argument["name"]] = rng.standard_normal(sizes, dtype=np.float32)
        else:
            is_length = argument["name"] == "lengths" or argument["name"].endswith("_lengths")
            inputs[argument["name"]] = np.full(sizes, time if is_length else 0, argument["dtype"])
    return inputs
