"""``pyseq inspect FILE``: functions, ops, state, vocabularies, tensors and sizes of a model."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from pyseq.cli.table import bytes_text, print_table


def inspect(
    model: Annotated[Path, typer.Argument(help="A program file (.safetensors) or a model folder.")],
    nodes: Annotated[bool, typer.Option("--nodes", help="List every node of every function.")] = False,
    raw: Annotated[bool, typer.Option("--raw", help="Show the nodes of the file, before the compile passes.")] = False,
    dtype: Annotated[
        str | None, typer.Option(help="Show the program with bfloat16 or int8 weights, as `quantize` writes it.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as one JSON object.")] = False,
) -> None:
    """Show what a model file holds."""
    from pyseq import Program
    from pyseq.quantization import quantize

    program = open_program(model)
    if dtype is not None:
        program = Program.parse(quantize(program, dtype))
    if raw:
        program = program.with_dtype(None, optimize=False)
    if as_json:
        print(json.dumps(description(program), ensure_ascii=False))
        return
    print_summary(model, program)
    print_functions(program, nodes)
    print_state(program)
    print_tensors(program)


def open_program(model: Path) -> Any:
    """The program of a file, or the one a model folder converts to."""
    from pyseq import Program, load

    return Program.load(model) if model.suffix == ".safetensors" else load(model).program


def description(program: Any) -> dict[str, Any]:
    """All that is known about the program, as plain data."""
    return {
        "format": program.format_version,
        "producer": program.producer,
        "task": program.task,
        "vocabularies": {name: len(program.vocabulary(name)) for name in program.vocabulary_names},
        "functions": program.functions,
        "state": program.state,
        "tensors": program.tensors,
    }


def print_summary(model: Path, program: Any) -> None:
    """File, producer, task and sizes."""
    size = sum(tensor["bytes"] for tensor in program.tensors)
    values = sum(element_count(tensor["shape"]) for tensor in program.tensors)
    print(f"{model}: format {program.format_version}, by {program.producer}")
    print(f"task: {program.task.get('kind', 'none')}")
    print(f"tensors: {len(program.tensors)}, {values:,} values, {bytes_text(size)}")
    for name in program.vocabulary_names:
        print(f"vocabulary {name}: {len(program.vocabulary(name))} entries")


def element_count(shape: list[int]) -> int:
    """Values in a tensor."""
    count = 1
    for size in shape:
        count *= size
    return count


def print_functions(program: Any, nodes: bool) -> None:
    """Signature and ops of each function."""
    for function in program.functions:
        arguments = ", ".join(argument_text(argument) for argument in function["inputs"])
        outputs = ", ".join(output["name"] for output in function["outputs"])
        print(f"\nfunction {function['name']}({arguments}) -> {outputs or 'state only'}")
        if nodes:
            rows = [
                [node["op"], node["name"], " ".join(node["inputs"]), node["attributes"]] for node in function["nodes"]
            ]
            print_table(["op", "name", "inputs", "attributes"], rows)
        else:
            counts = Counter(node["op"] for node in function["nodes"])
            print("  " + ", ".join(f"{op} x{count}" for op, count in counts.most_common()))


def argument_text(argument: dict[str, Any]) -> str:
    """`tokens: int64 [batch, time]`."""
    return f"{argument['name']}: {argument['dtype']} [{', '.join(str(size) for size in argument['dims'])}]"


def print_state(program: Any) -> None:
    """Carried tensors, caches and memory."""
    if program.state:
        print()
        rows = [[s["name"], s["kind"], s["dtype"], str(s["shape"])] for s in program.state]
        print_table(["state", "kind", "dtype", "shape"], rows)


def print_tensors(program: Any) -> None:
    """Every tensor with its size."""
    print()
    rows = [
        [t["name"], t["dtype"], str(t["shape"]), "packed" if t["panel_gates"] else "", bytes_text(t["bytes"])]
        for t in program.tensors
    ]
    print_table(["tensor", "dtype", "shape", "layout", "size"], rows)
