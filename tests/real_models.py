"""Where the two real models of the tests are."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from conftest import skip_or_fail


def transliteration(data_dir: Path) -> Path:
    """The CTranslate2 folder of a Transformer that writes Arabic names in Latin letters."""
    folder = data_dir / "models" / "aren_transliteration"
    if not folder.is_dir():
        skip_or_fail(f"{folder} is not there")
    return folder


def grapheme_to_phoneme() -> Path:
    """The folder of the package g2p-en with its recurrent network from spelling to sounds."""
    spec = importlib.util.find_spec("g2p_en")
    if spec is None or not spec.submodule_search_locations:
        skip_or_fail("the package g2p-en is not installed (pip install --no-deps g2p-en)")
    return Path(spec.submodule_search_locations[0])  # type: ignore[union-attr, index]
