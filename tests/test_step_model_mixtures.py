"""Ensembles and language models in a search, beside the oracle."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from search_oracle import END, START, HistoryModel, Oracle, log_softmax
from test_search_options import OPTIONS, VOCABULARY, assert_same

import pyseq
from pyseq import _core, decode

Array = np.ndarray[Any, Any]
SEEDS = range(8)


class Other(HistoryModel):
    """Another model: its answers are those for other seeds."""

    def logits_of(self, seed: int, history: tuple[int, ...]) -> Array:
        return super().logits_of(seed + 500, history)


class Language(HistoryModel):
    """A language model: it knows nothing of the source, and begins with a mark of its own."""

    START = 4

    def logits_of(self, seed: int, history: tuple[int, ...]) -> Array:
        assert history[0] == self.START
        return super().logits_of(77, history)


class Mean(HistoryModel):
    """What an ensemble of HistoryModel and Other answers."""

    def __init__(self, mean: str, weight: float) -> None:
        super().__init__([], VOCABULARY, positions=3)
        self.mean, self.weight = mean, weight

    def logits_of(self, seed: int, history: tuple[int, ...]) -> Array:
        one = log_softmax(HistoryModel([], VOCABULARY).logits_of(seed, history).astype(np.float64))
        two = log_softmax(Other([], VOCABULARY).logits_of(seed, history).astype(np.float64))
        if self.mean == "log_probabilities":
            return self.weight * one + (1 - self.weight) * two
        return np.asarray(np.log(self.weight * np.exp(one) + (1 - self.weight) * np.exp(two)))


class Fused(HistoryModel):
    """Scores of HistoryModel with a language model."""

    def __init__(self, weight: float) -> None:
        super().__init__([], VOCABULARY, positions=3)
        self.weight = weight

    def logits_of(self, seed: int, history: tuple[int, ...]) -> Array:
        own = log_softmax(HistoryModel([], VOCABULARY).logits_of(seed, history).astype(np.float64))
        read = (Language.START, *history[1:])
        language = log_softmax(Language([], VOCABULARY).logits_of(0, read).astype(np.float64))
        return np.asarray(own + self.weight * language)


def search(model: Any, **options: Any) -> list[list[decode.Hypothesis]]:
    return decode.search(model, len(SEEDS), start=START, end=END, **{"max_length": 8, **options})


def parts(*kinds: type[HistoryModel]) -> list[HistoryModel]:
    return [kind(SEEDS, VOCABULARY, positions=3) for kind in kinds]


MIXED = [
    "greedy",
    "gnmt",
    "coverage_gnmt",
    "bound",
    "repetition",
    "vocabulary",
    "diverse",
    "alternatives",
    "everything",
]


@pytest.mark.parametrize("name", MIXED)
@pytest.mark.parametrize("mean", ["probabilities", "log_probabilities"])
def test_an_ensemble_searches_like_its_mean(name: str, mean: str) -> None:
    both = decode.ensemble(parts(HistoryModel, Other), mean=mean, weights=[3, 1])
    found = search(both, **OPTIONS[name])
    for seed in SEEDS:
        assert_same(found[seed], Oracle(Mean(mean, 0.75), seed, **OPTIONS[name]).search())


@pytest.mark.parametrize("name", MIXED)
def test_a_language_model_has_a_say(name: str) -> None:
    model, language = parts(HistoryModel, Language)
    found = search(decode.fuse(model, language, 0.4, language_start=Language.START), **OPTIONS[name])
    for seed in SEEDS:
        assert_same(found[seed], Oracle(Fused(0.4), seed, normalised=False, **OPTIONS[name]).search())


def test_an_ensemble_with_a_language_model() -> None:
    def mixture() -> Any:
        both = decode.ensemble(parts(HistoryModel, Other))
        return decode.fuse(both, *parts(Language), 0.3, language_start=Language.START)

    found = search(mixture(), beam_size=3)
    score = decode.score(mixture(), [hypotheses[0].ids for hypotheses in found], start=START, end=END, with_end=False)
    for (hypothesis,), given in zip(found, score, strict=True):
        length = len(hypothesis.ids)
        np.testing.assert_allclose(given.token_log_probs, hypothesis.token_log_probs[:length], atol=1e-5)


def test_one_model_alone_is_itself() -> None:
    (plain,), (alone,), (unheard, language) = parts(Other), parts(Other), parts(Other, HistoryModel)
    expected = search(plain, beam_size=3)
    for mixture in [decode.ensemble([alone]), decode.fuse(unheard, language, 0.0)]:
        for (found,), (hypothesis,) in zip(search(mixture, beam_size=3), expected, strict=True):
            assert found.ids == hypothesis.ids
            assert found.score == pytest.approx(hypothesis.score, abs=1e-5)


def test_programs_and_python_models_together() -> None:
    table = np.random.default_rng(8).standard_normal((VOCABULARY, VOCABULARY)).astype(np.float32)
    step = {
        "name": "step",
        "public": True,
        "inputs": [{"name": "tokens", "dtype": "int64", "dims": ["batch", "time"]}],
        "nodes": [{"op": "embedding", "name": "table", "inputs": ["%0", "w:table"], "attrs": {}, "outputs": ["%1"]}],
        "outputs": [{"name": "logits", "value": "%1"}],
        "updates": [],
    }
    text = {"format": 1, "producer": "test", "task": {}, "vocabularies": {}, "state": [], "packed": {}}
    metadata = {"format": "pyseq", "pyseq.program": json.dumps({**text, "functions": [step]})}
    program = _core.Program.parse(_core.write_safetensors(None, metadata, {"table": table}))

    class Table:
        def step(self, tokens: Array) -> Array:
            return table[tokens]

        def reorder(self, parents: Array) -> None:
            pass

    def program_model() -> Any:
        session = _core.Session(program)
        return _core.ProgramStepModel(session, session.new_state(len(SEEDS)))

    history = parts(HistoryModel, HistoryModel)
    mixed = search(decode.ensemble([program_model(), history[0]]), beam_size=3)
    assert mixed == search(decode.ensemble([Table(), history[1]]), beam_size=3)
    one = program_model()
    with pytest.raises(pyseq.Error, match="another call is using it"):
        search(decode.ensemble([one, one]))


def test_what_does_not_fit() -> None:
    with pytest.raises(pyseq.ArgumentError, match="ensemble: no model"):
        search(decode.ensemble([]))
    with pytest.raises(pyseq.ArgumentError, match="mean is 'median', expected 'probabilities' or 'log_probabilities'"):
        decode.ensemble(parts(Other), mean="median")
    with pytest.raises(pyseq.ArgumentError, match=r"2 weights, expected one per model \(1\)"):
        search(decode.ensemble(parts(Other), weights=[1, 2]))
    with pytest.raises(pyseq.ArgumentError, match=r"a weight is -1.0+, expected a positive number"):
        search(decode.ensemble(parts(Other), weights=[-1]))
    with pytest.raises(pyseq.ArgumentError, match=r"fusion: weight is -0.50+, expected 0 or more"):
        search(decode.fuse(*parts(Other, HistoryModel), -0.5))
    with pytest.raises(pyseq.ArgumentError, match="a model is fused, expected one that gives probabilities"):
        search(decode.ensemble([decode.fuse(*parts(Other, HistoryModel), 0.5)]))
    with pytest.raises(pyseq.ShapeError, match=r"fusion, language model: the model's logits have shape \[8, 1, 9\]"):
        search(decode.fuse(*parts(Other), HistoryModel(SEEDS, 9), 0.5))
    with pytest.raises(pyseq.ArgumentError, match="has no method step"):
        search(decode.ensemble([object()]))  # type: ignore[list-item]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_a_part_gives_is_checked(bad: float) -> None:
    class Bad(HistoryModel):
        def logits_of(self, seed: int, history: tuple[int, ...]) -> Array:
            logits = super().logits_of(seed, history)
            logits[2] = bad
            return logits

    with pytest.raises(pyseq.Error, match="ensemble: row 0: the model gave"):
        search(decode.ensemble(parts(Other, Bad)))
