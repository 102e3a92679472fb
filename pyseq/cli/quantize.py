"""``pyseq quantize FILE -o OUT``: a program file with bfloat16 or int8 weights, and what that costs."""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import pyseq
from pyseq.cli.inspect import open_program
from pyseq.cli.table import bytes_text, print_table

if TYPE_CHECKING:
    from pyseq.program import Program
    from pyseq.quantization.activations import Run


class Dtype(str, Enum):
    """Storage types narrower than float32."""

    bfloat16 = "bfloat16"
    int8 = "int8"


def quantize(
    model: Annotated[Path, typer.Argument(help="A program file (.safetensors) or a model folder.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The program file to write.")] = None,
    dtype: Annotated[Dtype, typer.Option(help="Storage type of the weights.")] = Dtype.int8,
    report: Annotated[bool, typer.Option("--report", help="Print the error of every layer.")] = False,
    data: Annotated[
        Path | None,
        typer.Option(help="For the report: lines of text for a translator, else an .npz file with the inputs."),
    ] = None,
    function: Annotated[str, typer.Option(help="The function that the arrays of --data are for.")] = "forward",
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as one JSON object.")] = False,
) -> None:
    """Store a model's weights in a narrow type, and report what that changes."""
    from pyseq.quantization import quantize as quantized

    if output is None and not report:
        raise pyseq.ArgumentError("quantize: nothing to do; give an output file (-o OUT) or --report")
    if data is not None and not report:
        raise pyseq.ArgumentError("quantize: --data is for the report; give --report too")
    program = open_program(model)
    content = quantized(program, dtype.value, output)
    if report:
        found = full_report(program, pyseq.Program.parse(content), dtype.value, data, function)
        print(json.dumps(found, ensure_ascii=False)) if as_json else print_report(found)
    if output is not None and not as_json:
        before = sum(tensor["bytes"] for tensor in program.tensors)
        after = sum(tensor["bytes"] for tensor in pyseq.Program.parse(content).tensors)
        print(f"{output}: {bytes_text(after)} of tensors, {bytes_text(before)} before")


def full_report(program: Program, narrow: Program, dtype: str, data: Path | None, function: str) -> dict[str, Any]:
    """Errors of weights, and with data those of layers and results, as plain data."""
    from pyseq.quantization import compare_runs, weight_errors

    found: dict[str, Any] = {"dtype": dtype, "weights": [asdict(error) for error in weight_errors(program, dtype)]}
    if data is None:
        found["note"] = "weights only: without data (--data FILE) the errors of the layers' outputs are not known"
        return found
    run, results = (
        text_data(program, narrow, data)
        if program.task.get("kind") == "translator"
        else (array_data(data, function), None)
    )
    found["layers"] = [asdict(error) for error in compare_runs(program, narrow, run)]
    if results is not None:
        found["results"] = results
    return found


def text_data(program: Program, narrow: Program, data: Path) -> tuple[Run, dict[str, Any]]:
    """The lines of a file; layers are compared along the float32 model's own translations of them."""
    from pyseq.quantization.activations import run_on_texts
    from pyseq.tasks import Translator

    lines = data.read_text(encoding="utf-8").splitlines()
    if not lines:
        raise pyseq.ArgumentError(f"quantize: {data} has no lines")
    before = [hypotheses[0] for hypotheses in Translator(program).translate_batch(lines)]
    after = [hypotheses[0] for hypotheses in Translator(narrow).translate_batch(lines)]
    same = sum(a.text == b.text for a, b in zip(before, after, strict=True))
    results = {
        "lines": len(lines),
        "unchanged": same,
        "largest score difference": max(abs(a.score - b.score) for a, b in zip(before, after, strict=True)),
    }
    return run_on_texts(lines, [hypothesis.ids for hypothesis in before]), results


def array_data(data: Path, function: str) -> Run:
    """The arrays of an .npz file as the inputs of a function."""
    import numpy as np

    from pyseq.quantization.activations import run_on_arrays

    try:
        with np.load(data) as arrays:
            inputs = {name: arrays[name] for name in arrays.files}
    except ValueError as error:
        raise pyseq.ArgumentError(f"quantize: {data} is not an .npz file with plain arrays: {error}") from None
    return run_on_arrays(function, inputs)


def print_report(found: dict[str, Any]) -> None:
    """The report as tables."""
    print(f"weights as {found['dtype']}")
    print_table(
        ["tensor", "shape", "relative error", "largest", "SNR dB"],
        [[entry["name"], str(list(entry["shape"])), *numbers(entry)] for entry in found["weights"]],
    )
    if "layers" in found:
        print("\nlayers (what earlier layers added is part of it)")
        print_table(
            ["layer", "op", "calls", "relative error", "largest", "SNR dB"],
            [[entry["name"], entry["op"], str(entry["calls"]), *numbers(entry)] for entry in found["layers"]],
        )
    if "results" in found:
        results = found["results"]
        print(
            f"\n{results['unchanged']} of {results['lines']} results unchanged, scores differ by at most "
            f"{results['largest score difference']:.4f}"
        )
    if "note" in found:
        print(f"\n{found['note']}")


def numbers(entry: dict[str, Any]) -> list[str]:
    """The three errors of a row."""
    return [f"{entry['relative']:.6f}", f"{entry['largest']:.6f}", f"{entry['signal_to_noise']:.1f}"]
