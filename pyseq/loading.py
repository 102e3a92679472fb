"""load: whatever model a path holds, as the object for its task."""

from __future__ import annotations

import logging
from os import PathLike
from pathlib import Path
from typing import Any

from pyseq import _core
from pyseq.embeddings import WordVectors, vector_files
from pyseq.hub import FAMILIES, silero
from pyseq.program import Program
from pyseq.tasks import (
    Captioner,
    Classifier,
    Encoder,
    FillMask,
    Generator,
    SoundClassifier,
    SpectrogramRecognizer,
    SpeechRecognizer,
    Tagger,
    TokenizedClassifier,
    TokenizedGenerator,
    TokenizedTagger,
    TokenizedTranslator,
    Translator,
    TriggerDetector,
    VoiceActivity,
)

LOG = logging.getLogger("pyseq.loading")
ASSETS = Path(__file__).parent / "assets"
PROGRAM_FILE = "pyseq program file (.safetensors)"
TASKS: dict[str, Any] = {
    "translator": Translator,
    "generator": Generator,
    "classifier": Classifier,
    "captioner": Captioner,
    "encoder": Encoder,
    "tagger": Tagger,
    "fill_mask": FillMask,
    "sound_classifier": SoundClassifier,
    "speech_recognizer": SpeechRecognizer,
    "trigger_detector": TriggerDetector,
    "voice_activity": VoiceActivity,
    "spectrogram_recognizer": SpectrogramRecognizer,
}
# Those of them that read texts through a subword tokenizer when the task has one.
TOKENIZED: dict[str, Any] = {
    "translator": TokenizedTranslator,
    "generator": TokenizedGenerator,
    "classifier": TokenizedClassifier,
    "tagger": TokenizedTagger,
}
HUB_FILES = "config.json, model.safetensors, and the tokenizer's files"
SHOWN = 8  # names of files in an error message


def load(
    path: str | PathLike[str], *, mmap: bool = True, dtype: str | None = None, cache_dtype: str | None = None
) -> Any:
    """Open a model.

    Args:
        path: the name of a model that comes with the package ("dates"), a program file (`pyseq.export`,
            `Translator.save`), a Hugging Face folder, a CTranslate2 Transformer folder, or the checkpoint of the
            package g2p-en, or word vectors (`WordVectors.save`). Models of other projects are converted in memory.
        mmap: map program files into memory, so that processes share one copy of the weights.
        dtype: storage type of the weights: "float32", "bfloat16" or "int8"; None leaves them as the file has them.
        cache_dtype: storage type of the key/value caches, likewise.

    Returns:
        the object for the model's task, from a `Translator` to a `VoiceActivity` (see `pyseq.tasks`).

    Raises:
        FormatError: the file is damaged, or nothing that is known here (the sentence lists the supported families).
        ArgumentError: no such file or folder. UnsupportedError: a task or feature that is not known here.
    """
    location = _location(path)
    if vector_files.recognises(location):
        return WordVectors.load(location, mmap=mmap)
    program = _open(location, mmap, dtype, cache_dtype)
    task = program.task
    kind = task.get("kind", "none")
    LOG.info("%s: a %s, %d tensors", location, kind, len(program.tensors))
    if kind not in TASKS:
        raise _core.UnsupportedError(
            f"{location}: a program with the task {kind!r}, expected one of {', '.join(TASKS)}; "
            "pyseq.Program.load opens any program"
        )
    return (TOKENIZED if "tokenizer" in task else TASKS).get(kind, TASKS[kind])(program)


def _location(path: str | PathLike[str]) -> Path:
    """The path itself, or where the package keeps the model of that name."""
    location = Path(path)
    shipped = ASSETS / f"{location}.safetensors"
    return shipped if len(location.parts) == 1 and not location.exists() and shipped.exists() else location


def _open(location: Path, mmap: bool, dtype: str | None, cache_dtype: str | None) -> Program:
    if not location.exists():
        shipped = ", ".join(sorted(file.stem for file in ASSETS.glob("*.safetensors")))
        raise _core.ArgumentError(
            f"{location}: no such file or folder, and not a model of the package ({shipped}). pyseq does not download: "
            f"for a model of a hub put its files ({HUB_FILES}) into a folder of this name"
        )
    if location.is_file() and location.suffix == ".safetensors" and not silero.recognises(location):
        return Program.load(location, mmap=mmap, dtype=dtype, cache_dtype=cache_dtype)
    for family in FAMILIES:
        if family.recognises(location):
            LOG.debug("%s: converting a %s", location, family.description)
            program = family.convert(location)
            is_as_stored = dtype is None and cache_dtype is None
            return program if is_as_stored else program.with_dtype(dtype, cache_dtype=cache_dtype)
    supported = "; ".join([PROGRAM_FILE, *(family.description for family in FAMILIES)])
    raise _core.FormatError(f"{location}: {_found(location)}, which is no model known here. Supported: {supported}")


def _found(location: Path) -> str:
    if location.is_file():
        return f"a file {location.suffix or 'without suffix'}"
    names = sorted(entry.name for entry in location.iterdir())
    shown = ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
    return f"a folder with {shown}" if names else "an empty folder"
