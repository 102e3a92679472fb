"""Every option of the search beside an oracle on a tiny vocabulary."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from search_oracle import END, START, Found, HistoryModel, Oracle

import pyseq
from pyseq import decode

VOCABULARY = 6
SEEDS = range(12)

OPTIONS: dict[str, dict[str, Any]] = {
    "greedy": {},
    "beam": {"beam_size": 4, "n_best": 4},
    "length": {"beam_size": 3, "n_best": 3, "length_penalty": 0.8},
    "gnmt": {"beam_size": 3, "n_best": 3, "length_penalty": 0.8, "length_normalization": "gnmt"},
    "reward": {"beam_size": 3, "n_best": 2, "length_penalty": -0.5},
    "coverage": {"beam_size": 3, "n_best": 3, "coverage_penalty": 0.4},
    "coverage_gnmt": {"beam_size": 4, "coverage_penalty": 0.4, "length_penalty": 0.9, "length_normalization": "gnmt"},
    "coverage_greedy": {"coverage_penalty": 0.4},
    "patience": {"beam_size": 3, "n_best": 3, "length_penalty": 1.0, "patience": 2.0},
    "first": {"beam_size": 3, "n_best": 2, "length_penalty": 1.0, "early_exit": "first"},
    "by_patience": {"beam_size": 3, "n_best": 2, "early_exit": "patience", "patience": 1.5},
    "bound": {"beam_size": 3, "n_best": 2, "length_penalty": 1.0, "early_exit": "bound"},
    "bound_gnmt": {"beam_size": 3, "length_penalty": 2.0, "length_normalization": "gnmt", "early_exit": "bound"},
    "never": {"beam_size": 3, "n_best": 3, "length_penalty": 1.0, "early_exit": "never"},
    "never_greedy": {"early_exit": "never"},
    "lengths": {"beam_size": 3, "n_best": 3, "min_length": 3, "max_length": 5},
    "biases": {"beam_size": 3, "n_best": 2, "biases": {2: 1.5, 4: -2.0, 5: -np.inf}},
    "repetition": {"beam_size": 3, "n_best": 3, "repetition_penalty": 1.8},
    "repetition_greedy": {"repetition_penalty": 1.8, "min_length": 4},
    "repetition_reward": {"beam_size": 2, "repetition_penalty": 0.7},
    "ngram_1": {"beam_size": 3, "n_best": 3, "no_repeat_ngram_size": 1},
    "ngram_2": {"beam_size": 3, "n_best": 3, "no_repeat_ngram_size": 2, "min_length": 6},
    "ngram_3": {"no_repeat_ngram_size": 3, "min_length": 7},
    "suppress": {"beam_size": 3, "n_best": 3, "suppress": [2, 5]},
    "suppress_first": {"beam_size": 3, "n_best": 3, "suppress_first": [2, 3, END]},
    "suppress_sequences": {"beam_size": 3, "n_best": 3, "suppress_sequences": [[2], [3, 3], [4, 5, 3], [4, END]]},
    "vocabulary": {"beam_size": 3, "n_best": 3, "vocabulary": [3, 4]},
    "groups": {"beam_size": 4, "n_best": 4, "groups": 2},
    "diverse": {"beam_size": 6, "n_best": 6, "groups": 3, "diversity_penalty": 0.7},
    "diverse_ones": {"beam_size": 3, "n_best": 3, "groups": 3, "diversity_penalty": 2.0, "length_penalty": 0.6},
    "alternatives": {"n_best": 3, "alternatives": True},
    "alternatives_beam": {"beam_size": 3, "n_best": 4, "alternatives": True, "length_penalty": 0.6},
    "likely_alternatives": {"n_best": 5, "alternatives": True, "min_alternative_prob": 0.15},
    "cut_alternatives": {"n_best": 3, "alternatives": True, "min_alternative_prob": 0.1, "max_length": 1},
    "everything": {
        "beam_size": 4,
        "n_best": 4,
        "groups": 2,
        "diversity_penalty": 0.3,
        "length_penalty": 0.7,
        "length_normalization": "gnmt",
        "coverage_penalty": 0.2,
        "early_exit": "bound",
        "min_length": 2,
        "max_length": 6,
        "biases": {3: 0.5},
        "repetition_penalty": 1.2,
        "no_repeat_ngram_size": 2,
        "suppress": [5],
        "suppress_first": [4],
        "suppress_sequences": [[2, 3]],
    },
}


def run(seeds: Sequence[int], prefixes: Sequence[Sequence[int]] = (), **options: Any) -> list[list[decode.Hypothesis]]:
    model = HistoryModel(seeds, VOCABULARY, positions=3)
    return decode.search(model, len(seeds), start=START, end=END, prefixes=prefixes, **{"max_length": 8, **options})


def assert_same(found: list[decode.Hypothesis], expected: list[Found]) -> None:
    assert [hypothesis.ids for hypothesis in found] == [hypothesis.ids for hypothesis in expected]
    assert [hypothesis.finished for hypothesis in found] == [hypothesis.finished for hypothesis in expected]
    for hypothesis, other in zip(found, expected, strict=True):
        assert hypothesis.score == pytest.approx(other.score, abs=1e-5)
        np.testing.assert_allclose(hypothesis.token_log_probs, other.log_probs, atol=1e-5)


def oracle(seed: int, **options: Any) -> Oracle:
    return Oracle(HistoryModel([], VOCABULARY, positions=3), seed, **options)


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_gives_what_its_oracle_gives(name: str) -> None:
    found = run(SEEDS, **OPTIONS[name])
    for seed in SEEDS:
        assert_same(found[seed], oracle(seed, **OPTIONS[name]).search())


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_with_forced_prefixes(name: str) -> None:
    longest = OPTIONS[name].get("max_length", 8) - 1
    prefixes = [[2, 3, 3, 5][: min(seed % 5, longest)] for seed in SEEDS]
    found = run(SEEDS, prefixes, **OPTIONS[name])
    for seed in SEEDS:
        assert_same(found[seed], oracle(seed, prefix=prefixes[seed], **OPTIONS[name]).search())


@pytest.mark.parametrize("bias", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("options", [{}, {"beam_size": 4, "n_best": 3}, {"beam_size": 3, "length_penalty": 0.5}])
def test_a_prefix_that_is_favoured(bias: float, options: dict[str, Any]) -> None:
    prefixes = [[2, 3, 5, 4][: seed % 5] for seed in SEEDS]
    found = run(SEEDS, prefixes, prefix_bias=bias, **options)
    for seed in SEEDS:
        assert_same(found[seed], oracle(seed, prefix=prefixes[seed], prefix_bias=bias, **options).search())


@pytest.mark.parametrize("length_penalty", [0.0, 0.7, 2.0, -1.0])
@pytest.mark.parametrize("normalization", ["power", "gnmt"])
@pytest.mark.parametrize("coverage_penalty", [0.0, 0.5])
def test_a_beam_that_holds_everything_finds_the_best_of_all(
    length_penalty: float, normalization: str, coverage_penalty: float
) -> None:
    scores = {
        "length_penalty": length_penalty,
        "length_normalization": normalization,
        "coverage_penalty": coverage_penalty,
    }
    model = HistoryModel(range(6), 3, positions=2)
    found = decode.search(
        model, 6, start=START, end=END, beam_size=40, n_best=10, max_length=4, early_exit="bound", **scores
    )
    for seed in range(6):
        everything = Oracle(HistoryModel([], 3, positions=2), seed, max_length=4, **scores).everything()
        assert_same(found[seed], everything[:10])


def test_a_vocabulary_per_source() -> None:
    vocabularies = [[2, 3], [4, 5], [], [3]]
    found = run(range(4), vocabularies=vocabularies, beam_size=3, n_best=2)
    for seed in range(4):
        assert_same(found[seed], oracle(seed, vocabulary=vocabularies[seed], beam_size=3, n_best=2).search())


def test_the_likeliest_tokens_of_every_place() -> None:
    options: dict[str, Any] = {"beam_size": 3, "n_best": 3, "no_repeat_ngram_size": 1}
    for seed in SEEDS:
        judge = oracle(seed, **options)
        for hypothesis in run([seed], top_tokens=2, **options)[0]:
            tokens = [*hypothesis.ids, *([END] if hypothesis.finished else [])]
            assert hypothesis.top_tokens is not None
            assert len(hypothesis.top_tokens) == len(tokens) == len(hypothesis.token_log_probs)
            for place, choices in enumerate(hypothesis.top_tokens):
                log_probs = judge.log_probs(tuple(tokens[:place]))
                best = [int(token) for token in np.argsort(-log_probs)[:2] if not np.isinf(log_probs[token])]
                assert [token for token, _ in choices] == best
                np.testing.assert_allclose([value for _, value in choices], log_probs[best], atol=1e-5)
    assert run([0])[0][0].top_tokens is None


# --- drawing ----------------------------------------------------------------------------------------------------------


def shares(found: list[decode.Hypothesis]) -> dict[tuple[int, ...], float]:
    drawn = [tuple(hypothesis.ids) for hypothesis in found]
    return {ids: drawn.count(ids) / len(drawn) for ids in set(drawn)}


@pytest.mark.parametrize(
    ("drawing", "vocabulary"),
    [({}, ()), ({"temperature": 0.5}, ()), ({"top_k": 2}, ()), ({"top_p": 0.7}, ()), ({"min_p": 0.3}, (2, 4, 5))],
)
def test_samples_come_as_often_as_they_should(drawing: dict[str, Any], vocabulary: Sequence[int]) -> None:
    count = 4000
    found = run([3], sample=True, n_best=count, max_length=2, vocabulary=vocabulary, **drawing)[0]
    judge = oracle(3, max_length=2, vocabulary=vocabulary)
    expected: dict[tuple[int, ...], float] = {}
    for first in range(VOCABULARY):
        for second in [None] if first == END else range(VOCABULARY):
            tokens = (first,) if second is None else (first, second)
            probability = 1.0
            for place, token in enumerate(tokens):
                probability *= drawn_from(np.exp(judge.log_probs(tokens[:place])), **drawing)[token]
            key = tuple(token for token in tokens if token != END)
            expected[key] = expected.get(key, 0) + probability
    assert sum(expected.values()) == pytest.approx(1)
    drawn = shares(found)
    for ids, probability in expected.items():
        assert drawn.get(ids, 0) == pytest.approx(probability, abs=4 * (probability * (1 - probability) / count) ** 0.5)
    for hypothesis in found[:20]:  # log probabilities are those before the temperature and the cuts
        tokens = [*hypothesis.ids, *([END] if hypothesis.finished else [])]
        own = [judge.log_probs(tuple(tokens[:place]))[token] for place, token in enumerate(tokens)]
        np.testing.assert_allclose(hypothesis.token_log_probs, own, atol=1e-5)


def drawn_from(
    p: np.ndarray[Any, Any], temperature: float = 1, top_k: int = 0, top_p: float = 1, min_p: float = 0
) -> np.ndarray[Any, Any]:
    p = p ** (1 / temperature)
    p = p / p.sum()
    order = np.argsort(-p)
    keep = np.zeros(len(p), bool)
    keep[order[: top_k or len(p)]] = True
    before = np.cumsum(p[order]) - p[order]
    keep[order[before >= top_p * p[keep].sum()]] = False
    keep &= p >= min_p * p.max()
    p = np.where(keep, p, 0)
    return np.asarray(p / p.sum())


def test_seeds_name_the_draws() -> None:
    options: dict[str, Any] = {"sample": True, "n_best": 3, "temperature": 1.5}
    together = run([5, 5, 6, 5], seed=[11, 12, 13, 11], **options)
    assert together[0] == together[3]
    assert together[0] != together[1]
    assert together[1:3] == [run([5], seed=[12], **options)[0], run([6], seed=[13], **options)[0]]
    one_seed = run([5, 5], seed=11, **options)
    assert one_seed == run([5, 5], seed=11, **options)
    assert one_seed[0] != one_seed[1]  # sources draw on their own
    assert run([5], seed=11, **options)[0] == one_seed[0]
    assert len({tuple(h.ids) for h in run([5], sample=True, n_best=3, temperature=0.0)[0]}) == 1


# --- watching ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("beam_size", [1, 3])
def test_the_callback_sees_what_the_oracle_holds(beam_size: int) -> None:
    seen: list[Any] = []
    found = run([4, 7], beam_size=beam_size, n_best=beam_size, on_step=seen.append)
    for source, seed in enumerate([4, 7]):
        steps = [progress for progress in seen if progress.source == source]
        assert [progress.length for progress in steps] == list(range(1, len(steps) + 1))
        assert [progress.done for progress in steps] == [False] * (len(steps) - 1) + [True]
        for progress in steps:
            judge = oracle(seed)
            for live in progress.alive:
                assert len(live.ids) == progress.length
                own = sum(judge.log_probs(tuple(live.ids[:t]))[token] for t, token in enumerate(live.ids))
                assert live.log_prob == live.score == pytest.approx(own, abs=1e-5)
            assert len(progress.alive) == (0 if progress.done else beam_size)
        finished = {tuple(live.ids): live.score for live in steps[-1].finished}
        assert {tuple(h.ids): h.score for h in found[source]}.items() <= finished.items()


@pytest.mark.parametrize("answer", [True, "source", "all"])
def test_the_callback_stops_one_source_or_all(answer: Any) -> None:
    def stop_second(progress: Any) -> Any:
        return answer if (progress.source, progress.length) == (1, 2) else None

    options: dict[str, Any] = {"beam_size": 3, "n_best": 3, "min_length": 6}
    found = run([4, 7, 9], on_step=stop_second, **options)
    free = run([4, 7, 9], **options)
    for source in range(3):
        if source == 1 or answer == "all":
            assert all(len(h.ids) == 2 and not h.finished for h in found[source])
            assert len(found[source]) == 3
        else:
            assert found[source] == free[source]


def test_what_the_callback_raises_or_answers_wrongly() -> None:
    def fail(progress: Any) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        run([1], beam_size=2, on_step=fail)
    with pytest.raises(pyseq.ArgumentError, match="on_step: the answer is 3, expected None"):
        run([1], on_step=lambda progress: 3)  # type: ignore[arg-type, return-value]


# --- what does not go together --------------------------------------------------------------------------------------

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"beam": 3}, "unknown option 'beam'"),
    ({"early_exit": "soon"}, "early_exit is 'soon', expected one of 'automatic', 'first'"),
    ({"length_normalization": "google"}, "length_normalization is 'google', expected one of 'power', 'gnmt'"),
    ({"patience": 2.0, "early_exit": "bound"}, "patience is 2.0+, expected 1 with an early exit"),
    ({"coverage_penalty": np.nan}, "coverage_penalty is nan"),
    ({"groups": 2}, r"groups is 2, expected a divisor of beam_size \(1\)"),
    ({"groups": 0}, "groups is 0"),
    ({"diversity_penalty": 1.0}, "diversity_penalty is 1.0+, expected 0 without groups"),
    ({"beam_size": 2, "groups": 2, "diversity_penalty": -1.0}, "diversity_penalty is -1.0+, expected 0 or more"),
    ({"min_alternative_prob": 0.5}, "min_alternative_prob is 0.50+, expected 0 without alternatives"),
    ({"alternatives": True, "min_alternative_prob": 1.5}, "min_alternative_prob is 1.50+, expected 0 to 1"),
    ({"alternatives": True, "beam_size": 2, "groups": 2}, "groups is 2, expected 1 with alternatives"),
    ({"alternatives": True, "prefix_bias": 0.5}, "prefix_bias is 0.50+, expected 0 with alternatives"),
    ({"prefix_bias": 1.0}, "prefix_bias is 1.0+, expected 0 or more, less than 1"),
    ({"prefix_bias": 0.5}, "prefix_bias is 0.50+, expected a prefix with it"),
    ({"sample": True, "beam_size": 2}, "beam_size is 2, expected 1 with sampling"),
    ({"sample": True, "alternatives": True}, "alternatives is set, expected none with sampling"),
    ({"sample": True, "early_exit": "never"}, "early_exit is set, expected the default with sampling"),
    ({"sample": True, "top_p": 0.0}, "top_p is 0.0+, expected more than 0"),
    ({"top_k": 5}, "top_k is given, expected sample=True with it"),
    ({"seed": [1]}, "seed is given, expected sample=True"),
    ({"sample": True, "seed": [1, 2]}, r"2 of seed, expected none or one per source \(1\)"),
    ({"vocabularies": [[1], [2]]}, r"2 of vocabulary, expected none or one per source \(1\)"),
    ({"repetition_penalty": 0.0}, "repetition_penalty is 0.0+, expected a positive number"),
    ({"no_repeat_ngram_size": -1}, "no_repeat_ngram is -1"),
    ({"suppress_sequences": [[]]}, "suppress_sequences is a list with an empty sequence"),
    ({"biases": {2: np.inf}}, "biases is inf, expected finite numbers, or minus infinity"),
    ({"top_tokens": -1}, "top_tokens is -1"),
    ({"suppress": ["a"]}, "the token is 'a', expected an id"),
    ({"suppress": [2, 3, 4, 5, 1], "min_length": 1}, "the options leave source 0 no hypothesis: after 1 tokens"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_what_is_impossible_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(pyseq.ArgumentError, match=message):
        run([1], **options)


@pytest.mark.parametrize("option", ["suppress", "suppress_first", "vocabulary", "suppress_sequences", "biases"])
@pytest.mark.parametrize("token", [-1, VOCABULARY])
def test_tokens_outside_the_vocabulary(option: str, token: int) -> None:
    values: dict[str, Any] = {"suppress_sequences": [[2, token]], "biases": {token: 1.0}}
    with pytest.raises(pyseq.OutOfRangeError, match=f"{option} has token {token}, outside the model's vocabulary"):
        run([1], **{option: values.get(option, [token])})


def test_coverage_needs_attention() -> None:
    with pytest.raises(pyseq.ArgumentError, match="expected 0 with a model that gives no attention"):
        decode.search(HistoryModel([1], 5), 1, start=START, end=END, coverage_penalty=0.5)


# --- limits -----------------------------------------------------------------------------------------------------------


class Patient(HistoryModel):
    """Cancels, or takes its time, at its third step."""

    def __init__(self, token: pyseq.CancelToken) -> None:
        super().__init__([1], VOCABULARY, positions=3)
        self.token = token

    def step(self, tokens: Any) -> Any:
        if self.steps == 2:
            self.token.cancel()
        return super().step(tokens)


PATHS: list[dict[str, Any]] = [
    {},
    {"beam_size": 3},
    {"beam_size": 4, "groups": 2, "diversity_penalty": 0.5},
    {"alternatives": True, "n_best": 3},
    {"sample": True, "n_best": 3, "suppress": [END]},
    {"beam_size": 2, "on_step": lambda progress: None},
    {"beam_size": 2, "coverage_penalty": 0.5, "return_attention": True, "top_tokens": 2},
]


@pytest.mark.parametrize("options", PATHS)
def test_every_path_can_be_cancelled_and_has_a_deadline(options: dict[str, Any]) -> None:
    token = pyseq.CancelToken()
    model = Patient(token)
    chosen: dict[str, Any] = {"min_length": 7, "max_length": 8, **options}
    with pytest.raises(pyseq.CancelledError):
        decode.search(model, 1, start=START, end=END, cancel=token, **chosen)
    assert model.steps == 3
    with pytest.raises(pyseq.DeadlineError):
        run([1], deadline=0.0, **chosen)


def test_sources_do_not_look_at_each_other() -> None:
    options: dict[str, Any] = OPTIONS["everything"]
    together = run(SEEDS, **options)
    for seed, other in itertools.product(SEEDS, [5]):
        assert run([other, seed], **options)[1] == together[seed]
