"""Folders of the Hugging Face library `transformers`: the family is told by config.json."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pyseq import _core
from pyseq.hub import bart, bert, gpt2, llama, marian, t5, wav2vec2, whisper
from pyseq.hub.checkpoint import has_weights, read_json
from pyseq.hub.folder import Folder
from pyseq.program import Program

CONFIG = "config.json"
CONVERTERS: dict[str, Callable[[Folder, bool], bytes]] = {
    model_type: module.convert
    for module in (bert, gpt2, llama, marian, bart, t5, whisper, wav2vec2)
    for model_type in module.MODEL_TYPES
}
DESCRIPTION = f"Hugging Face folder (config.json, weights, tokenizer files) of {', '.join(CONVERTERS)}"


def recognises(path: Path) -> bool:
    """Whether the path is such a folder, of whatever family."""
    file = path / CONFIG
    return file.is_file() and has_weights(path) and "model_type" in read_json(file)


def convert(path: Path) -> Program:
    """The folder as a program with the task of its head.

    Raises:
        FormatError: damaged files, or tensors that are missing, unexpected or misshapen (all are listed).
        UnsupportedError: a family or feature that is not known here.
    """
    return Program.parse(program_bytes(path))


def program_bytes(path: Path, pack: bool = False) -> bytes:
    """The folder as the bytes of a program file."""
    folder = Folder(path)
    model_type = folder.config.get("model_type")
    if model_type not in CONVERTERS:
        raise _core.UnsupportedError(f"{path}: a model of type {model_type!r}, expected one of {', '.join(CONVERTERS)}")
    return CONVERTERS[model_type](folder, pack)
