"""Export: a module becomes one file that runs from Python and from C++ without Python."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from os import PathLike
from typing import Any, overload

from pyseq.exporting.acceptance import accept
from pyseq.exporting.inputs import Input, resolve_inputs
from pyseq.exporting.trace import trace
from pyseq.exporting.writer import program_bytes
from pyseq.nn import Module
from pyseq.program import Program

__all__ = ["Input", "export"]

LOG = logging.getLogger("pyseq.exporting")


@overload
def export(
    module: Module,
    file: None,
    example_inputs: Mapping[str, Any],
    *,
    task: Mapping[str, Any] | None = ...,
    vocabularies: Mapping[str, Any] | None = ...,
    pack: bool = ...,
    check: bool = ...,
) -> bytes: ...


@overload
def export(
    module: Module,
    file: str | PathLike[str],
    example_inputs: Mapping[str, Any],
    *,
    task: Mapping[str, Any] | None = ...,
    vocabularies: Mapping[str, Any] | None = ...,
    pack: bool = ...,
    check: bool = ...,
) -> None: ...


def export(
    module: Module,
    file: str | PathLike[str] | None,
    example_inputs: Mapping[str, Any],
    *,
    task: Mapping[str, Any] | None = None,
    vocabularies: Mapping[str, Any] | None = None,
    pack: bool = False,
    check: bool = True,
) -> bytes | None:
    """Write a module as a program file.

    The module's functions run once on the examples while their ops are noted down. Batch and time sizes are never baked
    in; the file is accepted only after the program gave the very bits of the module at other sizes (batch 1 and 3,
    ragged lengths, several steps and a reorder of functions with state).

    Args:
        module: the module; it is run in evaluation mode.
        file: where to write (beside it first, then renamed); None to return the bytes.
        example_inputs: for `forward` an array (or `pyseq.Input`) per argument; for other functions a mapping of those
            per function: {"encode": {...}, "step": {...}}. A function whose name is `step` gives "logits", others
            "output"; functions that return a mapping name their outputs themselves. Functions with an argument `state`
            get the state that a function before them returned, else `module.initial_state(rows)`.
        task: what the file is for, as pyseq.load and C++ look for it (docs/architecture.md, Tasks).
        vocabularies: `pyseq.text.Vocabulary` by name.
        check: compare the program with the module. False is for models whose programs were compared with other weights:
            large ones then load in less time.
        pack: store weights in the layout of the kernels: faster to load, not readable by other programs.

    Returns:
        the bytes when file is None.

    Raises:
        TraceError: the module did something that a program cannot express (the sentence names the line), or the program
            does not equal the module. ArgumentError: examples that fit no function.

    Example:
        >>> import numpy as np, pyseq
        >>> from pyseq import nn
        >>> data = pyseq.export(nn.Linear(3, 2), None, {"x": np.ones((4, 5, 3), np.float32)})
        >>> pyseq.Program.parse(data).run("forward", x=np.ones((1, 1, 3), np.float32))["output"].shape
        (1, 1, 2)
    """
    functions = resolve_inputs(example_inputs)
    modes = [(part, part.training) for _, part in module.named_modules()]
    module.eval()
    try:
        recorded = trace(module, functions)
        content = program_bytes(recorded, functions, task or {}, vocabularies or {}, pack)
        program = Program.parse(content)
        if check:
            LOG.debug("comparing the program with the module")
            accept(module, functions, program)
    finally:
        for part, training in modes:
            part.training = training
    if file is None:
        return content
    program.save(file)
    LOG.info("wrote %s: %d bytes, functions %s", file, len(content), ", ".join(program.function_names))
    return None
