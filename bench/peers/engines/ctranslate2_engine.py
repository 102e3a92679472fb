"""CTranslate2: models of `transformers`, converted by its own converter without tokenizer files."""

from __future__ import annotations

import json
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

from bench.peers.engines import transformers_engine


class _Words:
    """What the converter asks of a tokenizer: the tokens of the folder's vocabulary."""

    bos_token = eos_token = "</s>"
    unk_token = "<unk>"

    def __init__(self, folder: Path) -> None:
        if (folder / "tokenizer.json").is_file():
            self.words: dict[str, int] = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
        else:
            lines = (folder / "vocab.txt").read_text().split()
            self.words = {word: id for id, word in enumerate(lines)}
        self.by_id = {id: word for word, id in self.words.items()}

    def get_vocab(self) -> dict[str, int]:
        return self.words

    def convert_ids_to_tokens(self, id: int) -> str:
        return self.by_id[id]


def converted(folder: Path, model_class: str, loader: str, precision: str) -> str:
    """A CTranslate2 folder with weights of a precision, made once beside the checkpoint."""
    target = folder / f"ctranslate2-{precision}"
    if not (target / "model.bin").is_file():
        converters: Any = import_module("ctranslate2.converters.transformers")
        model = transformers_engine.model(model_class, folder)
        model.config.position_embedding_type = "absolute"
        specification = getattr(converters, loader)()(model, _Words(folder))
        specification.validate()
        specification.optimize(quantization=None if precision == "float32" else precision)
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            beside = Path(temporary) / "model"
            beside.mkdir()
            specification.save(str(beside))
            beside.rename(target)
    return str(target)


def engine(kind: str, path: str, precision: str, threads: int) -> Any:
    """An Encoder, Translator or Generator."""
    library: Any = import_module("ctranslate2")
    return getattr(library, kind)(path, compute_type=precision, intra_threads=threads, inter_threads=1)
