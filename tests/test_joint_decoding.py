"""CTC as a model of the next token, and joint CTC/attention decoding: all label sequences of tiny lattices."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from ctc_oracle import emissions, totals
from search_oracle import HistoryModel, log_softmax

import pyseq
from pyseq import decode

Array = np.ndarray[Any, Any]
BLANK, START, END, CLASSES = 0, 1, 2, 5
LABELS = (3, 4)


def frames(seed: int, *shape: int) -> Array:
    """Log-probabilities of frames that show neither of the marks."""
    x = emissions(np.random.default_rng(seed), *shape, CLASSES)
    x[..., [START, END]] = -np.inf
    return np.asarray(x - np.log(np.exp(x).sum(-1, keepdims=True)), np.float32)


def score(model: Any, targets: list[list[int]], **options: Any) -> list[decode.Hypothesis]:
    return decode.score(model, targets, start=START, end=END, **options)


@pytest.mark.parametrize("seed", range(3))
def test_labels_have_the_probability_of_all_of_their_paths(seed: int) -> None:
    log_probs = frames(seed, 4)
    expected = totals(log_probs, BLANK)
    targets = [list(labels) for size in range(4) for labels in product(LABELS, repeat=size)]
    model = decode.ctc_prefixes(np.repeat(log_probs[None], len(targets), 0), blank=BLANK, end=END)
    for target, found in zip(targets, score(model, targets), strict=True):
        if expected.get(tuple(target), -np.inf) > -np.inf:
            assert found.score == pytest.approx(expected[tuple(target)], abs=1e-5)
        else:  # "a a a" does not fit into four frames
            assert target in ([3, 3, 3], [4, 4, 4])
            assert found.score == -np.inf


def test_what_comes_next_adds_up_to_one_and_padding_counts_for_nothing() -> None:
    log_probs, lengths = frames(7, 2, 9), np.array([9, 5])
    padded = log_probs.copy()
    padded[1, 5:] = np.nan

    def answers(model: Any) -> list[list[float]]:
        found = score(model, [[3, 4, 4], [4, 3, 4]], with_end=False)
        return [hypothesis.token_log_probs for hypothesis in found]

    both = answers(decode.ctc_prefixes(padded, lengths, blank=BLANK, end=END))
    alone = decode.ctc_prefixes(np.repeat(log_probs[1:, :5], 2, 0), blank=BLANK, end=END)
    assert both[1] == answers(alone)[1]
    found = decode.search(
        decode.ctc_prefixes(log_probs[1:, :5].copy(), blank=BLANK, end=END),
        1,
        start=START,
        end=END,
        beam_size=64,
        n_best=64,
        early_exit="never",
        max_length=6,
    )[0]
    assert sum(np.exp(hypothesis.score) for hypothesis in found if hypothesis.finished) == pytest.approx(1, abs=1e-5)


def sequences(longest: int) -> list[tuple[int, ...]]:
    return [labels for size in range(longest + 1) for labels in product(LABELS, repeat=size)]


def attention_score(seed: int, labels: tuple[int, ...]) -> float:
    """Σ log p of the labels and the end mark, of a decoder that may write these labels alone."""
    history, total = [START], 0.0
    for token in (*labels, END):
        total += float(log_softmax(Attention([], CLASSES).logits_of(seed, tuple(history)).astype(np.float64))[token])
        history.append(token)
    return total


class Attention(HistoryModel):
    """A decoder that writes neither the blank nor the start mark."""

    def logits_of(self, seed: int, history: tuple[int, ...]) -> Array:
        logits = super().logits_of(seed, history)
        logits[[BLANK, START]] = -1e9
        return logits


@pytest.mark.parametrize("weight", [0.0, 0.3, 0.7, 1.0])
def test_a_joint_search_finds_the_best_of_the_formula(weight: float) -> None:
    seeds, log_probs = [11, 12, 13], frames(3, 3, 5)
    model = decode.joint(
        Attention(seeds, CLASSES), decode.ctc_prefixes(log_probs, blank=BLANK, end=END), ctc_weight=weight
    )
    options: dict[str, Any] = {"beam_size": 130, "n_best": 3, "early_exit": "never", "max_length": 7}
    found = decode.search(model, len(seeds), start=START, end=END, **options)
    for row, seed in enumerate(seeds):
        of_frames = totals(log_probs[row], BLANK)
        expected = []
        for labels in sequences(6):
            ctc = of_frames.get(labels, -np.inf)
            own = attention_score(seed, labels)
            expected.append((own if weight == 0 else (1 - weight) * own + weight * ctc, list(labels)))
        expected.sort(key=lambda pair: -pair[0])
        best = [hypothesis for hypothesis in found[row] if hypothesis.finished]
        assert [hypothesis.ids for hypothesis in best] == [ids for _, ids in expected[: len(best)]]
        np.testing.assert_allclose([h.score for h in best], [value for value, _ in expected[: len(best)]], atol=1e-4)


def test_a_language_model_may_have_a_say_too() -> None:
    log_probs, weight = frames(5, 1, 4), 0.4
    model = decode.joint(Attention([1], CLASSES), decode.ctc_prefixes(log_probs, blank=BLANK, end=END), ctc_weight=0.5)
    (found,) = score(decode.fuse(model, Attention([9], CLASSES), weight), [[3, 4]])
    ctc = totals(log_probs[0], BLANK)[3, 4]
    expected = 0.5 * attention_score(1, (3, 4)) + 0.5 * ctc + weight * attention_score(9, (3, 4))
    assert found.score == pytest.approx(expected, abs=1e-4)


def test_mistakes_are_named() -> None:
    log_probs = frames(0, 2, 3)
    with pytest.raises(pyseq.ArgumentError, match="ctc_prefixes: end is 0, expected a class of 5 that is not the bl"):
        decode.ctc_prefixes(log_probs, blank=0, end=0)
    with pytest.raises(pyseq.ShapeError, match="ctc_prefixes"):
        decode.ctc_prefixes(log_probs[0], blank=0, end=2)
    with pytest.raises(pyseq.Error, match="ctc_prefixes"):
        decode.ctc_prefixes(np.full_like(log_probs, np.nan), blank=0, end=2)
    model = decode.ctc_prefixes(log_probs, blank=0, end=2)
    with pytest.raises(pyseq.ShapeError, match=r"tokens have shape \[1, 3\], expected 2 rows"):
        score(model, [[3, 4]])
    with pytest.raises(pyseq.ArgumentError, match=r"joint: ctc_weight is 1\.5, expected 0 to 1"):
        decode.joint(model, model, 1.5)
    with pytest.raises(pyseq.ArgumentError, match="fusion: weight is -1"):
        decode.search(decode.fuse(model, model, -1.0), 2, start=START, end=END)
