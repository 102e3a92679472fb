"""Models of captions: steps beside whole texts, gradients, and what reaches the first word."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tiny_captions import SIZE, WORDS, options

import pyseq
from pyseq import ops
from pyseq.models import (
    ConditionalLanguageModel,
    ImageEncoder,
    LanguageModelOptions,
    ShowAndTell,
    ShowAttendTell,
    doubly_stochastic_penalty,
)
from pyseq.tensor import Tensor

IMAGES = np.random.default_rng(5).random((2, *SIZE), dtype=np.float32)
TOKENS = np.array([[0, 3, 6, 4], [0, 5, 9, 3]])


def logits_of(found: Any) -> Any:
    return (found["logits"] if isinstance(found, dict) else found).numpy()


@pytest.mark.parametrize("kind", [ShowAndTell, ShowAttendTell])
def test_steps_give_what_whole_texts_give(kind: Any) -> None:
    module = kind(options()).initialize(2).eval()
    whole = logits_of(module(IMAGES, TOKENS))
    assert whole.shape == (2, 4, len(WORDS))
    state = module.encode(Tensor(IMAGES))
    for time in range(4):
        np.testing.assert_array_equal(
            logits_of(module.step(Tensor(TOKENS[:, time : time + 1].copy()), state))[:, 0], whole[:, time]
        )


@pytest.mark.parametrize("kind", [ShowAndTell, ShowAttendTell])
def test_rows_of_a_search_keep_their_picture(kind: Any) -> None:
    module = kind(options()).initialize(2).eval()
    state = module.encode(Tensor(IMAGES))
    state.reorder([1, 1, 0])
    found = logits_of(module.step(Tensor(TOKENS[[1, 1, 0], :2].copy()), state))
    np.testing.assert_array_equal(found, logits_of(module(IMAGES, TOKENS[:, :2].copy()))[[1, 1, 0]])


@pytest.mark.parametrize("kind", [ShowAndTell, ShowAttendTell])
def test_gradients(kind: Any) -> None:
    module = kind(options(channels=(3,), hidden_size=4)).initialize(4).eval()
    images = np.ascontiguousarray(IMAGES[:, :8, :8])

    def loss(*_: Any) -> Tensor:
        found = module(images, TOKENS)
        losses = ops.cross_entropy(found["logits"] if isinstance(found, dict) else found, Tensor(TOKENS))
        total = ops.sum(ops.sum(losses))
        if kind is ShowAttendTell:
            mask = Tensor(np.array([[[1, 1, 1, 1]], [[1, 1, 0, 0]]], np.float32))
            total = total + ops.sum(ops.sum(doubly_stochastic_penalty(found["attention"], mask)))
        return total

    parameters = [parameter for _, parameter in module.named_parameters()]
    for parameter in parameters:
        parameter.grad = np.zeros_like(parameter.data)
    with pyseq.Tape() as tape:
        value = loss()
    tape.backward(value, np.ones((), np.float32))
    random = np.random.default_rng(0)
    for name, parameter in module.named_parameters():
        direction = random.standard_normal(parameter.data.shape).astype(np.float32)
        expected = float((parameter.grad * direction).sum(dtype=np.float64))
        start, size = parameter.data.copy(), 4e-3
        sides = []
        for sign in (1, -1):
            parameter.data[...] = start + np.float32(sign * size) * direction
            sides.append(float(loss()))
        parameter.data[...] = start
        assert (sides[0] - sides[1]) / (2 * size) == pytest.approx(expected, rel=0.05, abs=0.02), name


def test_the_penalty_by_hand() -> None:
    attention = np.random.default_rng(0).random((2, 3, 5), dtype=np.float32)
    mask = np.array([[[1, 1, 1]], [[1, 0, 0]]], np.float32)
    expected = (1 - (attention * mask.transpose(0, 2, 1)).sum(1)) ** 2
    np.testing.assert_allclose(doubly_stochastic_penalty(Tensor(attention), Tensor(mask)).numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("place", ["state", "input"])
def test_a_language_model_of_any_vector(cell: str, place: str, tmp_path: Any) -> None:
    sizes = LanguageModelOptions(7, embedding_size=4, hidden_size=6, cell=cell, num_layers=2)
    model = ConditionalLanguageModel(sizes, context_size=3, place=place).initialize(1)
    contexts = np.eye(3, dtype=np.float32)
    logits = model.logits(Tensor(np.zeros((3, 2), np.int64)), Tensor(contexts)).numpy()
    assert logits.shape == (3, 2, 7)
    assert np.abs(logits[0] - logits[1]).max() > 1e-3  # another context, other words
    examples = {
        "encode": {"context": pyseq.Input(contexts, dims=("batch", 3))},
        "step": {"tokens": np.zeros((3, 1), np.int64)},
    }
    pyseq.export(model, tmp_path / "model.safetensors", examples)  # is accepted: bits of the eager module


def test_an_encoder_pads_with_its_background() -> None:
    encoder = ImageEncoder([4, 8], depth=2, background=0.5).initialize(0).eval()
    assert encoder.grid(32, 16) == (8, 4)
    found = encoder(np.full((1, 32, 16, 3), 0.5, np.float32)).numpy()
    assert found.shape == (1, 32, 8)
    np.testing.assert_array_equal(found, np.broadcast_to(found[:, :1], found.shape))  # borders are not seen


def test_what_is_refused() -> None:
    with pytest.raises(pyseq.ArgumentError, match="channels is empty"):
        ImageEncoder([])
    with pytest.raises(pyseq.ArgumentError, match="place is 'middle'"):
        ConditionalLanguageModel(LanguageModelOptions(7), 3, place="middle")
