"""pyseq.ctc: greedy decoding and forced alignment against all paths, words and segments, bad input."""

from __future__ import annotations

from typing import Any

import ctc_oracle
import numpy as np
import pytest

import pyseq
from pyseq import ctc

RANDOM = np.random.default_rng(8)


def runs_of(row: ctc.Alignment) -> list[tuple[int, int, int]]:
    return list(zip(row.tokens.tolist(), row.start.tolist(), row.end.tolist(), strict=True))


def test_collapse_merges_repetitions_then_drops_blanks() -> None:
    assert ctc.collapse([1, 1, 0, 1, 2, 2, 0]).tolist() == [1, 1, 2]
    assert ctc.collapse([1, 1, 0, 2], blank=1).tolist() == [0, 2]
    assert ctc.collapse([]).tolist() == []
    with pytest.raises(pyseq.ShapeError, match=r"ctc.collapse: path has shape \[1, 2\], expected \[time\]"):
        ctc.collapse(np.zeros((1, 2), np.int64))


@pytest.mark.parametrize("classes", [2, 3, 15, 16, 17, 40])
def test_greedy_is_the_best_class_of_each_frame(classes: int) -> None:
    log_probs, lengths = ctc_oracle.emissions(RANDOM, 4, 300, classes), np.array([300, 1, 0, 257])
    blank = classes - 1
    for row, one in enumerate(ctc.greedy(log_probs, lengths, blank=blank)):
        frames = log_probs[row, : lengths[row]]
        path = tuple(frames.argmax(-1).tolist())
        assert runs_of(one) == ctc_oracle.runs(path, blank)
        assert one.log_prob == pytest.approx(frames.max(-1).astype(np.float64).sum())
        for token, start, end, log_prob, confidence in zip(
            one.tokens, one.start, one.end, one.log_probs, one.confidence, strict=True
        ):
            assert log_prob == pytest.approx(frames[start:end, token].astype(np.float64).sum())
            assert confidence == pytest.approx(np.exp(frames[start:end, token].astype(np.float64).mean()))


def test_greedy_takes_the_lowest_of_equal_classes_on_every_tier() -> None:
    x = np.zeros((1, 3, 37), np.float32)
    x[0, 1, [20, 5]] = 1
    x[0, 2, [36, 35]] = 2
    before = pyseq.active_isa()
    try:
        for isa in pyseq.available_isas():
            pyseq.set_isa(isa)
            assert ctc.greedy(x)[0].tokens.tolist() == [5, 35]
    finally:
        pyseq.set_isa(before)


@pytest.mark.parametrize("blank", [0, 2])
def test_alignments_are_the_best_of_all_paths(blank: int) -> None:
    log_probs = ctc_oracle.emissions(RANDOM, 6, 3)
    for labels, (total, path) in ctc_oracle.best_paths(log_probs, blank).items():
        target = np.array([labels], np.int64).reshape(1, -1)
        one = ctc.align(log_probs[None], target, blank=blank)[0]
        assert one.log_prob == pytest.approx(total)
        assert runs_of(one) == ctc_oracle.runs(path, blank)


def test_alignments_of_a_batch_are_those_of_its_rows() -> None:
    log_probs, targets = ctc_oracle.emissions(RANDOM, 3, 60, 7), RANDOM.integers(1, 7, (3, 12))
    lengths, target_lengths = np.array([60, 24, 31]), np.array([12, 0, 7])
    rows = ctc.align(log_probs, targets, lengths, target_lengths)
    for n, one in enumerate(rows):
        alone = ctc.align(
            np.ascontiguousarray(log_probs[n : n + 1, : lengths[n]]),
            np.ascontiguousarray(targets[n : n + 1, : target_lengths[n]]),
        )[0]
        assert runs_of(one) == runs_of(alone)
        assert one.log_prob == alone.log_prob
        assert one.tokens.tolist() == targets[n, : target_lengths[n]].tolist()


def test_long_alignments_keep_their_labels_in_order() -> None:
    log_probs, targets = ctc_oracle.emissions(RANDOM, 1, 3000, 30, scale=4), RANDOM.integers(1, 30, (1, 900))
    one = ctc.align(log_probs, targets)[0]
    assert one.tokens.tolist() == targets[0].tolist()
    assert np.all(one.start < one.end)
    assert np.all(one.end[:-1] <= one.start[1:])


def test_words_and_segments() -> None:
    path = [0, 1, 1, 9, 2, 0, 3, 9, 9, 0, 0, 0, 4, 0, 9]
    log_probs = np.full((1, len(path), 10), -5, np.float32)
    log_probs[0, np.arange(len(path)), path] = -np.arange(len(path)) / 10
    row = ctc.greedy(log_probs)[0]
    words = ctc.words(row, separator=9)
    assert [(w.first, w.last, w.start, w.end) for w in words] == [(0, 1, 1, 3), (2, 4, 4, 7), (5, 6, 12, 13)]
    expected = [np.exp(-0.15), np.exp(-0.5), np.exp(-1.2)]
    np.testing.assert_allclose([w.confidence for w in words], expected, rtol=1e-6)
    joined = ctc.segments(row, words, pause=2)
    assert [(s.first, s.last, s.start, s.end) for s in joined] == [(0, 4, 1, 7), (5, 6, 12, 13)]
    assert joined[0].confidence == pytest.approx(np.exp(-(0.1 + 0.2 + 0.4 + 0.6) / 4))
    assert len(ctc.segments(row, words, pause=6)) == 1
    with pytest.raises(pyseq.ArgumentError, match=r"ctc.segments: pause has 0, expected at least 1 frame"):
        ctc.segments(row, words, pause=0)


def test_targets_that_do_not_fit() -> None:
    x = ctc_oracle.emissions(RANDOM, 1, 3, 4)
    with pytest.raises(pyseq.ArgumentError, match=r"targets has 3 labels in row 0, which take 4 frames, .* 3 frames"):
        ctc.align(x, np.array([[1, 1, 2]]))
    x[..., 2] = -np.inf
    with pytest.raises(pyseq.ArgumentError, match=r"targets has labels of probability zero in row 0"):
        ctc.align(x, np.array([[2]]))
    with pytest.raises(pyseq.OutOfRangeError, match=r"ctc.align: targets has 4.*4 classes"):
        ctc.align(x, np.array([[4]]))
    with pytest.raises(pyseq.ArgumentError, match=r"targets has the blank 0 in row 0"):
        ctc.align(x, np.array([[0]]))
    with pytest.raises(pyseq.ShapeError, match=r"ctc.align: targets has shape \[2, 1\], expected \[1, any\]"):
        ctc.align(x, np.array([[1], [1]]))


@pytest.mark.parametrize(("value", "name"), [(np.nan, "NaN"), (np.inf, "inf"), (-np.inf, "-inf for every class")])
def test_frames_that_are_no_probabilities_are_named(value: float, name: str) -> None:
    x: Any = ctc_oracle.emissions(RANDOM, 2, 5, 4)
    x[1, 3] = value
    for call in (ctc.greedy, lambda x: ctc.align(x, np.array([[1], [1]]))):
        with pytest.raises(pyseq.ArgumentError, match=rf"log_probs has {name} in frame 3 of row 1, expected"):
            call(x)
    assert len(ctc.greedy(x, np.array([5, 3]))) == 2  # what stands beyond the length is not looked at


def test_arrays_of_another_type_or_shape() -> None:
    x = ctc_oracle.emissions(RANDOM, 1, 3, 4)
    with pytest.raises(pyseq.DTypeError, match=r"ctc.greedy: log_probs .*float64.*float32"):
        ctc.greedy(x.astype(np.float64))
    with pytest.raises(pyseq.ShapeError, match=r"ctc.greedy: log_probs has shape \[3, 4\]"):
        ctc.greedy(x[0])
    with pytest.raises(pyseq.Error, match=r"ctc.greedy: lengths has 4 in row 0"):
        ctc.greedy(x, np.array([4]))
    with pytest.raises(pyseq.Error, match=r"ctc.greedy: blank has 4, expected a class of log_probs \[1, 3, 4\]"):
        ctc.greedy(x, blank=4)
