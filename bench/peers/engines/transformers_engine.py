"""Models of the library `transformers`, run by PyTorch."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any


def model(kind: str, folder: Path) -> Any:
    """A model of a class like "AutoModel", in evaluation mode."""
    library: Any = import_module("transformers")
    library.logging.set_verbosity_error()
    library.logging.disable_progress_bar()
    return getattr(library, kind).from_pretrained(folder, attn_implementation="sdpa").eval()
