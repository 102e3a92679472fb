"""``pyseq convert FOLDER -o FILE``: another project's model as one program file."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from pyseq.cli.inspect import open_program
from pyseq.cli.table import bytes_text


class Dtype(str, Enum):
    """Storage types of weights."""

    float32 = "float32"
    bfloat16 = "bfloat16"
    int8 = "int8"


def convert(
    model: Annotated[Path, typer.Argument(help="A model folder, or a file of another project.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The program file to write.")],
    dtype: Annotated[Dtype, typer.Option(help="Storage type of the weights.")] = Dtype.float32,
) -> None:
    """Write a model of another project as a program file, laid out for the kernels: it loads by mapping."""
    from pyseq.quantization import quantize

    program = open_program(model)
    quantize(program, dtype.value, output)
    print(f"{output}: {bytes_text(output.stat().st_size)}, task {program.task.get('kind', 'none')}")
