"""Translator and load: options, scoring, saving, and what cannot be loaded."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_folders import SOURCE_TOKENS, TARGET_TOKENS, SlowTransformer, transformer_variables, write_folder

import pyseq
from pyseq import nn
from pyseq.tasks import Hypothesis, Translator

TEXTS = ["abc", "hgfedcba", "a", "", "deadbeef", "cab"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("ctranslate2") / "model")


@pytest.fixture(scope="module")
def translator(folder: Path) -> Translator:
    return pyseq.load(folder)


def test_batches_do_not_change_results(translator: Translator) -> None:
    options: dict[str, Any] = {"beam_size": 3, "n_best": 2, "max_length": 10}
    together = translator.translate_batch(TEXTS, **options)
    alone = [translator.translate_batch([text], **options)[0] for text in TEXTS]
    assert together == alone
    assert [translator.translate(text, **options) for text in TEXTS] == [hypotheses[0] for hypotheses in alone]


def test_fields_of_a_hypothesis(translator: Translator) -> None:
    hypothesis = translator.translate("abc", max_length=8)
    assert isinstance(hypothesis, Hypothesis)
    assert hypothesis.text == "".join(hypothesis.tokens)
    assert hypothesis.tokens == [TARGET_TOKENS[id] for id in hypothesis.ids]
    assert len(hypothesis.token_log_probs) == len(hypothesis.ids) + hypothesis.finished
    assert hypothesis.score == pytest.approx(sum(hypothesis.token_log_probs), abs=1e-5)
    assert hypothesis.attention is None
    assert translator.translate("abc", max_length=8, return_attention=True).attention is not None


def test_options(translator: Translator) -> None:
    plain = translator.translate("hgfedcba", max_length=12)
    cut = translator.translate("hgfedcba", max_length=3)
    assert len(cut.ids) <= 3
    assert len(translator.translate("hgfedcba", min_length=9, max_length=12).ids) >= 9
    penalised = translator.translate("hgfedcba", max_length=12, length_penalty=0.6)
    length = len(plain.token_log_probs)
    assert penalised.score == pytest.approx(plain.score / length**0.6)
    assert translator.translate("hgfedcba", target_prefix="GAB", max_length=12).text.startswith("GAB")
    best = translator.translate_batch(["abc"], beam_size=4, n_best=4, max_length=6)[0]
    assert [h.score for h in best] == sorted((h.score for h in best), reverse=True)
    assert len({h.text for h in best}) == 4


@pytest.mark.parametrize(
    "options", [{"beam_size": 0}, {"n_best": 2}, {"max_length": -1}, {"min_length": 5, "max_length": 3}]
)
def test_impossible_options_are_refused(translator: Translator, options: dict[str, Any]) -> None:
    with pytest.raises(pyseq.ArgumentError):
        translator.translate("abc", **options)


def test_deadlines_and_cancellation(translator: Translator) -> None:
    with pytest.raises(pyseq.DeadlineError):
        translator.translate("abc", deadline=0.0)
    token = pyseq.CancelToken()
    token.cancel()
    with pytest.raises(pyseq.CancelledError):
        translator.translate("abc", cancel=token)


def test_scores_of_given_translations(translator: Translator) -> None:
    slow = SlowTransformer(transformer_variables())
    source, target = [SOURCE_TOKENS.index(c) for c in "abcd"], [TARGET_TOKENS.index(c) for c in "GABE"]
    log_probs = slow.log_probs(slow.encode(source), [1, *target])
    expected = [log_probs[t, token] for t, token in enumerate([*target, 2])]
    found = translator.score("abcd", "GABE")
    np.testing.assert_allclose(found.token_log_probs, expected, atol=1e-4)
    assert found.score == pytest.approx(sum(expected), abs=1e-3)
    penalised = translator.score("abcd", "GABE", length_penalty=1.0)
    assert penalised.score == pytest.approx(sum(expected) / 5, abs=1e-3)


def test_a_saved_translator_gives_the_same_bits(translator: Translator, tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    translator.save(file)
    for mmap in (True, False):
        again = pyseq.load(file, mmap=mmap)
        options: dict[str, Any] = {"beam_size": 4, "n_best": 3, "max_length": 10}
        assert again.translate_batch(TEXTS, **options) == translator.translate_batch(TEXTS, **options)
    again.save(tmp_path / "copy.safetensors")
    assert (tmp_path / "copy.safetensors").read_bytes() == file.read_bytes()


def test_many_threads_use_one_translator(translator: Translator) -> None:
    expected = translator.translate_batch(TEXTS, beam_size=2, max_length=8)
    results: list[Any] = []

    def work() -> None:
        results.extend(translator.translate_batch(TEXTS, beam_size=2, max_length=8) == expected for _ in range(3))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 12


def test_what_cannot_be_loaded(tmp_path: Path) -> None:
    with pytest.raises(pyseq.ArgumentError, match="no such file or folder"):
        pyseq.load(tmp_path / "missing")
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(pyseq.FormatError, match=r"a folder with notes\.txt.*CTranslate2.*g2p-en"):
        pyseq.load(tmp_path)
    with pytest.raises(pyseq.FormatError, match=r"a file \.txt.*\.safetensors.*CTranslate2"):
        pyseq.load(tmp_path / "notes.txt")
    (tmp_path / "empty").mkdir()
    with pytest.raises(pyseq.FormatError, match="an empty folder"):
        pyseq.load(tmp_path / "empty")
    file = tmp_path / "relu.safetensors"
    pyseq.export(nn.ReLU(), file, {"x": np.ones((1, 2), np.float32)})
    with pytest.raises(pyseq.UnsupportedError, match="the task 'none', expected one of translator"):
        pyseq.load(file)
    file.write_bytes(b"not a program")
    with pytest.raises(pyseq.FormatError):
        pyseq.load(file)
