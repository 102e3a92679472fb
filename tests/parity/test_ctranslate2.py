"""Searches beside CTranslate2: the same hypotheses and scores for every option that both have.

The model is a real one in CTranslate2's format, the inputs are random: `pip install .[parity]`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import skip_or_fail

import pyseq
from pyseq.tasks import Hypothesis, Translator

ctranslate2 = pytest.importorskip("ctranslate2", reason="pip install ctranslate2")

MAX_LENGTH = 14
# pyseq's name of an option, and CTranslate2's.
NAMES = {
    "n_best": "num_hypotheses",
    "max_length": "max_decoding_length",
    "min_length": "min_decoding_length",
    "alternatives": "return_alternatives",
    "min_alternative_prob": "min_alternative_expansion_prob",
    "prefix_bias": "prefix_bias_beta",
}


@pytest.fixture(scope="module")
def folder(data_dir: Path) -> Path:
    folder = data_dir / "models" / "aren_transliteration"
    if not folder.is_dir():
        skip_or_fail(f"{folder} is not there")
    return folder


@pytest.fixture(scope="module")
def ours(folder: Path) -> Translator:
    return pyseq.load(folder)


@pytest.fixture(scope="module")
def theirs(folder: Path) -> Any:
    return ctranslate2.Translator(str(folder), device="cpu", compute_type="float32", intra_threads=1)


@pytest.fixture(scope="module")
def words(ours: Translator) -> list[str]:
    """Random words over the source alphabet."""
    random = np.random.default_rng(5)
    letters = [token for token in ours.program.vocabulary("source").tokens if len(token) == 1]
    return ["".join(random.choice(letters, size=random.integers(1, 12))) for _ in range(60)]


def translate_theirs(theirs: Any, words: list[str], **options: Any) -> list[Any]:
    chosen = {"length_penalty": 0.0, "min_length": 0, "max_length": MAX_LENGTH, "beam_size": 1, **options}
    prefixes = chosen.pop("target_prefixes", None)
    return list(
        theirs.translate_batch(
            [list(word) for word in words],
            target_prefix=prefixes and [list(prefix) for prefix in prefixes],
            return_scores=True,
            # There a greedy search with coverage crashes without attention, and a beam in a batch of several lengths
            # mixes attention up.
            return_attention="coverage_penalty" in chosen,
            max_batch_size=1 if "coverage_penalty" in chosen else 0,
            **{NAMES.get(name, name): value for name, value in chosen.items()},
        )
    )


def assert_same(found: list[Hypothesis], expected: Any, forced: int = 0) -> None:
    assert [hypothesis.tokens for hypothesis in found] == expected.hypotheses
    # Forced tokens count here with what the model gives them, there with nothing.
    scores = [hypothesis.score - sum(hypothesis.token_log_probs[:forced]) for hypothesis in found]
    np.testing.assert_allclose(scores, expected.scores, atol=1e-3)


OPTIONS: list[dict[str, Any]] = [
    {},
    {"beam_size": 4},
    {"beam_size": 4, "n_best": 4},
    {"beam_size": 3, "n_best": 2, "length_penalty": 0.6},
    {"beam_size": 5, "n_best": 5, "length_penalty": 1.0},
    {"beam_size": 4, "n_best": 3, "length_penalty": -0.3},
    {"beam_size": 4, "n_best": 2, "length_penalty": 0.8, "patience": 2.0},
    {"beam_size": 4, "n_best": 2, "length_penalty": 0.8, "patience": 0.5},
    {"length_penalty": 0.7},
    {"coverage_penalty": 0.3},
    {"beam_size": 4, "n_best": 4, "coverage_penalty": 0.3},
    {"beam_size": 4, "n_best": 2, "coverage_penalty": 0.2, "length_penalty": 0.9, "patience": 1.5},
    {"repetition_penalty": 1.3},
    {"beam_size": 4, "n_best": 4, "repetition_penalty": 1.5},
    {"beam_size": 3, "repetition_penalty": 0.8, "length_penalty": 0.5},
    {"no_repeat_ngram_size": 1},
    {"beam_size": 4, "n_best": 3, "no_repeat_ngram_size": 2},
    {"beam_size": 4, "n_best": 3, "no_repeat_ngram_size": 3, "length_penalty": 0.5},
    {"min_length": 5},
    {"beam_size": 4, "n_best": 3, "min_length": 7, "max_length": 9},
    {"beam_size": 4, "n_best": 3, "max_length": 4},
    {"beam_size": 5, "n_best": 2, "repetition_penalty": 1.2, "no_repeat_ngram_size": 2, "coverage_penalty": 0.1},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_options_give_the_same(ours: Translator, theirs: Any, words: list[str], options: dict[str, Any]) -> None:
    found = ours.translate_batch(words, **{"max_length": MAX_LENGTH, **options})
    for hypotheses, expected in zip(found, translate_theirs(theirs, words, **options), strict=True):
        assert_same(hypotheses, expected)


@pytest.mark.parametrize("beam_size", [1, 4])
def test_suppressed_sequences(ours: Translator, theirs: Any, words: list[str], beam_size: int) -> None:
    sequences = [["a"], ["m", "o"], ["i", "n", "</s>"], ["s", "h"]]
    found = ours.translate_batch(words, beam_size=beam_size, suppress_sequences=sequences, max_length=MAX_LENGTH)
    expected = translate_theirs(theirs, words, beam_size=beam_size, suppress_sequences=sequences)
    for hypotheses, other in zip(found, expected, strict=True):
        assert_same(hypotheses, other)


@pytest.mark.parametrize("beam_size", [1, 4])
def test_suppressed_unknowns(ours: Translator, theirs: Any, words: list[str], beam_size: int) -> None:
    found = ours.translate_batch(words, beam_size=beam_size, suppress=["<unk>"], max_length=MAX_LENGTH)
    expected = translate_theirs(theirs, words, beam_size=beam_size, disable_unk=True)
    for hypotheses, other in zip(found, expected, strict=True):
        assert_same(hypotheses, other)


@pytest.mark.parametrize("options", [{}, {"beam_size": 4, "n_best": 3}, {"beam_size": 3, "coverage_penalty": 0.2}])
def test_forced_prefixes(ours: Translator, theirs: Any, words: list[str], options: dict[str, Any]) -> None:
    prefixes = [["", "m", "al", "kha"][index % 4] for index in range(len(words))]
    # There the end mark may follow a prefix at once only where it is the likeliest token.
    options = {"min_length": 4, **options}
    found = ours.translate_batch(words, target_prefixes=prefixes, max_length=MAX_LENGTH, **options)
    expected = translate_theirs(theirs, words, target_prefixes=prefixes, **options)
    for prefix, hypotheses, other in zip(prefixes, found, expected, strict=True):
        assert_same(hypotheses, other, forced=len(prefix))


@pytest.mark.parametrize("bias", [0.1, 0.5, 0.9])
def test_favoured_prefixes(ours: Translator, theirs: Any, words: list[str], bias: float) -> None:
    prefixes = [["m", "al", "kha", "bo"][index % 4] for index in range(len(words))]
    found = ours.translate_batch(words, target_prefixes=prefixes, prefix_bias=bias, max_length=MAX_LENGTH)
    expected = translate_theirs(theirs, words, target_prefixes=prefixes, prefix_bias=bias)
    for hypotheses, other in zip(found, expected, strict=True):
        assert_same(hypotheses, other)


@pytest.mark.parametrize("options", [{}, {"beam_size": 3}, {"min_alternative_prob": 0.05}])
@pytest.mark.parametrize("prefix", ["", "ma"])
def test_alternatives(ours: Translator, theirs: Any, words: list[str], options: dict[str, Any], prefix: str) -> None:
    chosen = {"alternatives": True, "n_best": 4, **options}
    prefixes = [prefix] * len(words)
    found = ours.translate_batch(words, target_prefixes=prefixes, max_length=MAX_LENGTH, **chosen)
    expected = translate_theirs(theirs, words, target_prefixes=prefixes, **chosen)
    for hypotheses, other in zip(found, expected, strict=True):
        if other.hypotheses:  # there, the first alternative too may be too unlikely
            assert_same(hypotheses, other, forced=len(prefix))
        else:
            assert len(hypotheses) == 1


def test_the_callback_of_a_greedy_search(ours: Translator, theirs: Any, words: list[str]) -> None:
    mine: list[tuple[int, int, int, float]] = []
    other: list[tuple[int, int, int, float]] = []

    def see(progress: Any) -> bool:
        live = (progress.alive or progress.finished)[0]
        token = live.ids[-1] if len(live.ids) == progress.length else 2
        mine.append((progress.length - 1, progress.source, token, live.log_prob))
        return bool(progress.length == 6)

    def see_theirs(step: Any) -> bool:
        other.append((step.step, step.batch_id, step.token_id, step.log_prob))
        return bool(step.step == 5)

    found = [ours.translate_batch([word], on_step=see, max_length=MAX_LENGTH)[0] for word in words[:20]]
    expected = [translate_theirs(theirs, [word], callback=see_theirs)[0] for word in words[:20]]
    for hypotheses, result in zip(found, expected, strict=True):
        assert_same(hypotheses, result)
    assert [event[:3] for event in mine] == [event[:3] for event in other]


def test_unknown_tokens_become_words_of_the_source(ours: Translator, theirs: Any, words: list[str]) -> None:
    found = ours.translate_batch(
        words, target_prefixes=[["<unk>", "m", "<unk>"]] * len(words), replace_unknowns=True, max_length=MAX_LENGTH
    )
    expected = theirs.translate_batch(
        [list(word) for word in words],
        target_prefix=[["<unk>", "m", "<unk>"]] * len(words),
        replace_unknowns=True,
        beam_size=1,
        max_decoding_length=MAX_LENGTH,
        min_decoding_length=0,
    )
    for hypotheses, other in zip(found, expected, strict=True):
        assert [hypothesis.tokens for hypothesis in hypotheses] == other.hypotheses
        assert "<unk>" not in hypotheses[0].tokens[:3]
