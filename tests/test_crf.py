"""Conditional random fields: against sums over all paths, constraints, long sequences, scores without a meaning."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import reference_crf

import pyseq
from pyseq import nn, ops
from pyseq.text import label_spans, span_labels, tag_constraints

RANDOM = np.random.default_rng(5)
LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]


def scores(*shape: int, scale: float = 2.0) -> Any:
    return (RANDOM.standard_normal(shape) * scale).astype(np.float32)


def chain(labels: int) -> tuple[Any, Any, Any]:
    return scores(labels, labels), scores(labels), scores(labels)


@pytest.mark.parametrize(("time", "labels"), [(1, 1), (1, 4), (2, 3), (5, 3), (4, 5)])
def test_sums_and_best_paths_are_those_over_all_paths(time: int, labels: int) -> None:
    x, (transitions, start, end) = scores(1, time, labels), chain(labels)
    paths = reference_crf.all_paths(time, labels)
    found = np.array([reference_crf.path_score(x[0], transitions, start, end, path) for path in paths])
    total = np.logaddexp.reduce(found)
    for path, score in list(zip(paths, found, strict=True))[:: max(1, len(paths) // 7)]:
        loss = ops.crf_loss(x, transitions, np.array([path]), start, end)[0]
        assert loss == pytest.approx(total - score, rel=2e-6, abs=2e-6)
    path, score = ops.viterbi(x, transitions, start, end)
    assert tuple(path[0]) == paths[int(found.argmax())]
    assert score[0] == pytest.approx(found.max(), rel=1e-6)
    marginals = ops.crf_marginals(x, transitions, start, end)
    expected = np.zeros((time, labels))
    for one, probability in zip(paths, np.exp(found - total), strict=True):
        expected[np.arange(time), list(one)] += probability
    np.testing.assert_allclose(marginals[0], expected, atol=2e-6)


def test_forbidden_paths_count_for_nothing() -> None:
    x, (transitions, start, end) = scores(1, 5, 3), chain(3)
    transitions[0, 1] = start[2] = end[0] = -np.inf
    paths = reference_crf.all_paths(5, 3)
    found = np.array([reference_crf.path_score(x[0], transitions, start, end, path) for path in paths])
    best = paths[int(found.argmax())]
    path, score = ops.viterbi(x, transitions, start, end)
    assert tuple(path[0]) == best
    loss, gradient, transition_gradient = ops.crf_loss(x, transitions, path, start, end, return_gradient=True)
    assert loss[0] == pytest.approx(np.logaddexp.reduce(found) - score[0], abs=1e-5)
    expected = reference_crf.crf_loss(x, transitions, path, start, end)
    np.testing.assert_allclose(gradient, expected[1], atol=2e-6)
    np.testing.assert_allclose(transition_gradient, expected[2], atol=4e-6)
    assert transition_gradient[0, 0, 1] == 0


def test_forbidden_targets_have_an_infinite_loss_and_spoil_their_row_alone() -> None:
    x, (transitions, start, end) = scores(2, 3, 2), chain(2)
    transitions[0, 1] = -np.inf
    targets = np.array([[0, 1, 1], [1, 1, 0]])
    loss, gradient, transition_gradient = ops.crf_loss(x, transitions, targets, start, end, return_gradient=True)
    assert loss[0] == np.inf
    assert np.isnan(gradient[0]).all()
    assert np.isnan(transition_gradient[0]).all()
    assert np.isfinite(loss[1])
    assert np.isfinite(gradient[1]).all()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_and_infinity_spoil_their_row_alone(value: float) -> None:
    x, (transitions, start, end) = scores(2, 4, 3), chain(3)
    x[0, 2, 1] = value
    targets = np.zeros((2, 4), np.int64)
    loss, gradient, _ = ops.crf_loss(x, transitions, targets, start, end, return_gradient=True)
    marginals = ops.crf_marginals(x, transitions, start, end)
    path, score = ops.viterbi(x, transitions, start, end)
    for result in (loss, gradient, marginals, score):
        assert np.isnan(result[0]).all()
        assert np.isfinite(result[1]).all()
    assert ((path >= 0) & (path < 3)).all()
    transitions[1, 1] = value
    assert np.isnan(ops.crf_loss(x, transitions, targets)).all()


def test_rows_without_a_path() -> None:
    x, nothing = scores(1, 3, 2), np.full((2, 2), -np.inf, np.float32)
    path, score = ops.viterbi(x, nothing)
    assert score[0] == -np.inf
    assert ((path >= 0) & (path < 2)).all()
    assert np.isnan(ops.crf_marginals(x, nothing)).all()
    assert ops.crf_loss(x, nothing, path)[0] == np.inf


def test_long_sequences_keep_their_precision() -> None:
    x, (transitions, start, end) = scores(1, 3000, 7, scale=4), chain(7)
    path, score = ops.viterbi(x, transitions, start, end)
    expected_path, expected_score = reference_crf.viterbi(x, transitions, start, end)
    np.testing.assert_allclose(score, expected_score, rtol=1e-6)
    assert (path == expected_path).mean() > 0.99  # ties within float32 may fall otherwise
    targets = RANDOM.integers(0, 7, (1, 3000))
    loss, gradient, transition_gradient = ops.crf_loss(x, transitions, targets, start, end, return_gradient=True)
    expected = reference_crf.crf_loss(x, transitions, targets, start, end)
    np.testing.assert_allclose(loss, expected[0], rtol=1e-6)
    np.testing.assert_allclose(gradient, expected[1], atol=1e-5)
    np.testing.assert_allclose(transition_gradient, expected[2], atol=2e-3)  # sums of 3000 steps


def test_improbable_paths_do_not_underflow() -> None:
    x = np.zeros((1, 40, 2), np.float32)
    x[..., 1] = -3000
    transitions = np.array([[-np.inf, -np.inf], [0, 0]], np.float32)  # whoever was 0 stays nowhere: 1 up to the end
    targets = np.array([[1] * 39 + [0]])
    loss, gradient, _ = ops.crf_loss(x, transitions, targets, return_gradient=True)
    np.testing.assert_allclose(loss, [0], atol=1e-6)
    np.testing.assert_allclose(gradient, 0, atol=1e-6)


def test_the_layer_learns_and_keeps_its_constraints() -> None:
    crf = nn.CRF(len(LABELS), *tag_constraints(LABELS))
    targets = np.array([[1, 2, 0, 3, 0, 0], [0, 0, 1, 3, 4, 0]])
    lengths, emissions = np.array([6, 5]), np.zeros((2, 6, 5), np.float32)
    before = float(crf.loss(emissions, targets, lengths).numpy().sum())
    with pyseq.Tape() as tape:
        loss = ops.sum(crf.loss(pyseq.Tensor(emissions), pyseq.Tensor(targets), pyseq.Tensor(lengths)))
    tape.backward(loss)
    for _, parameter in crf.named_parameters():
        assert parameter.grad is not None
        assert np.isfinite(parameter.grad).all()
        parameter.data[...] -= 0.1 * parameter.grad
    assert float(crf.loss(emissions, targets, lengths).numpy().sum()) < before
    path = crf(scores(8, 30, 5))[0].numpy()
    allowed, first, last = tag_constraints(LABELS)
    assert allowed[path[:, :-1], path[:, 1:]].all()
    assert first[path[:, 0]].all()
    assert last[path[:, -1]].all()


def test_the_layer_refuses_constraints_of_another_size() -> None:
    with pytest.raises(pyseq.ShapeError, match=r"CRF: allowed has shape \[5, 5\], expected \[4, 4\]"):
        nn.CRF(4, *tag_constraints(LABELS))


class Decoder(nn.Module):
    def __init__(self) -> None:
        self.crf = nn.CRF(len(LABELS), *tag_constraints(LABELS))

    def decode(self, emissions: Any, lengths: Any) -> dict[str, Any]:
        path, score = self.crf(emissions, lengths)
        return {"path": path, "score": score, "probabilities": self.crf.marginals(emissions, lengths)}


def test_a_program_decodes_with_constraints() -> None:
    decoder, x, lengths = Decoder().initialize(3), scores(3, 9, 5), np.array([9, 4, 1])
    examples = {"decode": {"emissions": x, "lengths": lengths}}
    program = pyseq.Program.parse(pyseq.export(decoder, None, examples))
    found = program.run("decode", emissions=x, lengths=lengths)
    for name, values in decoder.decode(pyseq.Tensor(x), pyseq.Tensor(lengths)).items():
        np.testing.assert_array_equal(found[name], values.numpy())


@pytest.mark.parametrize("scheme", ["BIO", "BIOES"])
def test_labels_and_spans_are_ways_to_and_fro(scheme: Any) -> None:
    spans = [("PER", 0, 1), ("PER", 1, 4), ("LOC", 5, 7)]
    labels = span_labels(spans, 8, scheme)
    assert label_spans(labels) == spans
    kinds = sorted(set(labels))
    allowed, first, last = tag_constraints(kinds, scheme)
    numbers = [kinds.index(label) for label in labels]
    assert allowed[numbers[:-1], numbers[1:]].all()
    assert first[numbers[0]]
    assert last[numbers[-1]]


def test_spans_of_broken_and_older_labels() -> None:
    assert label_spans(["I-PER", "I-PER", "O", "E-LOC"]) == [("PER", 0, 2), ("LOC", 3, 4)]
    assert label_spans(["PER", "PER", "O", "LOC"]) == [("PER", 0, 2), ("LOC", 3, 4)]  # IO without prefixes
    assert label_spans(["S-PER", "I-PER", "B-PER", "I-LOC"]) == [
        ("PER", 0, 1),
        ("PER", 1, 2),
        ("PER", 2, 3),
        ("LOC", 3, 4),
    ]


def test_spans_and_constraints_refuse_what_they_cannot_mean() -> None:
    with pytest.raises(pyseq.ArgumentError, match="scheme is 'IOB9'"):
        tag_constraints(LABELS, "IOB9")  # type: ignore[arg-type]
    with pytest.raises(pyseq.ArgumentError, match="label 'S-PER' is none of BIO"):
        tag_constraints(["S-PER"])
    with pytest.raises(pyseq.ArgumentError, match="PER at 1 to 3 overlaps"):
        span_labels([("PER", 0, 2), ("PER", 1, 3)], 4)
