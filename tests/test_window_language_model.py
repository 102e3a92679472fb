"""Bengio's language model: its equation, its gradients, and that it learns."""

from __future__ import annotations

import numpy as np
import pytest

import pyseq
from pyseq import nn, ops, train
from pyseq.embeddings import Corpus, WindowLanguageModel, windows


@pytest.mark.parametrize(("hidden", "direct"), [(6, True), (6, False), (0, True)])
def test_the_equation(hidden: int, direct: bool) -> None:
    model = WindowLanguageModel(9, window=3, width=4, hidden=hidden, direct=direct)
    tokens = np.array([[1, 2, 3], [8, 0, 8]])
    p = {name: value.numpy().astype(np.float64) for name, value in model.named_parameters()}
    x = p["embedding.weight"][tokens].reshape(2, 12)
    expected = np.zeros((2, 9))
    if hidden:
        inner = np.tanh(x @ p["hidden.weight"].T + p["hidden.bias"])
        expected += inner @ p["output.weight"].T + p["output.bias"]
    if direct:
        expected += x @ p["direct.weight"].T + p.get("direct.bias", 0)
    np.testing.assert_allclose(model(tokens).numpy(), expected, atol=1e-5)


def test_neither_hidden_units_nor_direct_connections() -> None:
    with pytest.raises(pyseq.ArgumentError, match="nothing to predict from"):
        WindowLanguageModel(9, hidden=0, direct=False)


def test_it_learns_a_trivial_language() -> None:
    corpus = Corpus.read(["a b c d a b c d"] * 4, min_count=1)
    inputs, targets = windows(corpus.tokens, 2)
    model = WindowLanguageModel(len(corpus.words), window=2, width=6, hidden=8)
    optimizer = train.Adam(model, 0.05)
    losses = []
    for _ in range(60):
        with pyseq.Tape() as tape:
            loss = ops.mean(ops.cross_entropy(model(inputs), targets), axis=0)
        tape.backward(loss)
        optimizer.step()
        losses.append(float(loss.numpy()))
    assert losses[-1] < 0.1 < losses[0]
    assert model.vectors(corpus).words == corpus.words
    assert isinstance(model, nn.Module)
