"""BERT and GPT with their variants: against compositions of plain ops, step by step against whole, and as programs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pyseq
from pyseq import nn, ops
from pyseq.models import (
    Bert,
    BertClassifier,
    BertEmbedder,
    BertMaskedLanguageModel,
    BertOptions,
    BertTagger,
    Gpt,
    GptOptions,
)

BERT = BertOptions(11, width=12, num_heads=3, num_layers=2, feed_forward=20, positions=9)
GPT_VARIANTS: dict[str, dict[str, Any]] = {
    "gpt2": {},
    "alibi": {"positions": "alibi"},
    "sinusoidal, untied": {"positions": "sinusoidal", "tied": False, "head_bias": True},
    "llama": {
        "positions": "none",
        "activation": "silu",
        "variants": nn.TransformerVariants(
            norm="rms", gated=True, bias=False, num_kv_heads=1, rotary=nn.RotaryPositions()
        ),
    },
    "biased queries, narrow heads": {
        "variants": nn.TransformerVariants(bias=False, query_bias=True, norm_bias=False, head_dim=2, scale=0.3)
    },
}


def gpt(variant: str) -> Gpt:
    sizes = {"width": 12, "num_heads": 3, "num_layers": 2, "feed_forward": 20, "max_positions": 40}
    return Gpt(GptOptions(11, **sizes, **GPT_VARIANTS[variant])).initialize(3).eval()


def tokens(*shape: int) -> Any:
    return np.random.default_rng(0).integers(0, 11, shape)


def test_grouped_heads_are_repeated_heads() -> None:
    x = np.random.default_rng(1).standard_normal((2, 5, 8)).astype(np.float32)
    grouped, plain = nn.MultiHeadAttention(8, 4, num_kv_heads=2), nn.MultiHeadAttention(8, 4)
    arrays = grouped.state_dict()
    for name in ("k_proj.weight", "v_proj.weight", "k_proj.bias", "v_proj.bias"):
        heads = arrays[name].reshape(2, 2, *arrays[name].shape[1:])
        arrays[name] = np.repeat(heads, 2, axis=0).reshape(8, *arrays[name].shape[1:])
    plain.load_state_dict(arrays)
    np.testing.assert_allclose(grouped(x, causal=True).numpy(), plain(x, causal=True).numpy(), atol=1e-6)


def test_heads_must_fit() -> None:
    with pytest.raises(pyseq.ArgumentError, match="width 9 and 2 heads"):
        nn.MultiHeadAttention(9, 2)
    with pytest.raises(pyseq.ArgumentError, match="num_kv_heads 3, expected a divisor of num_heads 4"):
        nn.MultiHeadAttention(8, 4, num_kv_heads=3)
    with pytest.raises(pyseq.ArgumentError, match="expected layer or rms"):
        nn.TransformerEncoderLayer(8, 2, 16, variants=nn.TransformerVariants(norm="batch"))


def test_gated_feed_forward() -> None:
    x = np.random.default_rng(2).standard_normal((3, 4)).astype(np.float32)
    layer = nn.GatedFeedForward(4, 6)
    weights = layer.state_dict()
    gate = x @ weights["gate.weight"].T
    expected = (gate / (1 + np.exp(-gate)) * (x @ weights["linear1.weight"].T)) @ weights["linear2.weight"].T
    np.testing.assert_allclose(layer(x).numpy(), expected, atol=1e-6)


def test_slopes_of_heads_that_are_no_power_of_two() -> None:
    slopes = nn.alibi_slopes(6).numpy()
    np.testing.assert_allclose(slopes, [2**-2, 2**-4, 2**-6, 2**-8, 2**-1, 2**-3])


@pytest.mark.parametrize("variant", GPT_VARIANTS)
def test_steps_of_gpt_give_what_a_whole_text_gives(variant: str) -> None:
    model, text = gpt(variant), tokens(2, 7)
    state = model.initial_state(2)
    read = [pyseq.Tensor(np.ascontiguousarray(text[:, begin:end])) for begin, end in ((0, 3), (3, 5), (5, 6), (6, 7))]
    model.prefill(read[0], state)
    parts = [model.step(part, state).numpy() for part in read[1:]]
    np.testing.assert_allclose(np.concatenate(parts, axis=1), model(text).numpy()[:, 3:], atol=2e-6)


@pytest.mark.parametrize("variant", GPT_VARIANTS)
def test_gpt_is_causal_and_becomes_a_program(variant: str) -> None:
    model, text = gpt(variant), tokens(1, 6)
    other = text.copy()
    other[:, 4:] = (other[:, 4:] + 1) % 11
    assert np.array_equal(model(text).numpy()[:, :4], model(other).numpy()[:, :4])
    example = {"tokens": tokens(2, 2)}
    pyseq.export(model, None, {"prefill": example, "step": example})


@pytest.mark.parametrize("pooling", ["mean", "first", "max"])
def test_embeddings_of_texts(pooling: str) -> None:
    model = BertEmbedder(BERT, pooling, normalize=True).eval()
    text, lengths = tokens(2, 5), np.array([5, 3])
    x = model.encode(pyseq.Tensor(text), pyseq.Tensor(lengths)).numpy()
    rows = [row[:length] for row, length in zip(x, lengths, strict=True)]
    pooled = np.stack([{"mean": row.mean(0), "first": row[0], "max": row.max(0)}[pooling] for row in rows])
    expected = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
    found = model.embed(pyseq.Tensor(text), pyseq.Tensor(lengths)).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_padding_does_not_matter_to_bert() -> None:
    model, text = Bert(BERT).eval(), tokens(2, 5)
    alone = model(np.ascontiguousarray(text[1:, :3]), np.array([3])).numpy()
    beside = model(text, np.array([5, 3])).numpy()[1:, :3]
    assert np.array_equal(alone, beside)


def test_segment_zero_is_the_default() -> None:
    model, text, lengths = Bert(BERT).eval(), tokens(2, 5), np.array([5, 3])
    explicit = model(text, lengths, np.zeros((2, 5), np.int64)).numpy()
    np.testing.assert_allclose(model(text, lengths).numpy(), explicit, atol=1e-6)
    assert not np.allclose(model(text, lengths, np.ones((2, 5), np.int64)).numpy(), explicit, atol=1e-3)


def test_before_any_training_bert_tells_tokens_apart() -> None:
    options = BertOptions(50, width=64, num_heads=2, num_layers=1, feed_forward=64, positions=9)
    model = BertMaskedLanguageModel(options).initialize(0).eval()
    encoder = model.encoder
    first, other = (encoder(np.full((1, 1), token), np.array([1])).numpy() for token in (7, 8))
    assert np.corrcoef(first.ravel(), other.ravel())[0, 1] < 0.8  # with large vectors of segments .99


def test_heads_of_bert_become_programs() -> None:
    example = {"tokens": tokens(2, 4), "lengths": np.array([4, 2])}
    pair = {**example, "segments": np.array([[0, 0, 1, 1]] * 2)}
    vectors = {"vectors": pyseq.Input(np.ones((2, 12), np.float32), dims=("places", 12))}
    pyseq.export(BertEmbedder(BERT), None, {"encode": example, "embed": example})
    pyseq.export(BertClassifier(BERT, 3), None, {"classify": example, "classify_pair": pair})
    pyseq.export(BertTagger(BERT, 4), None, {"tag": example})
    pyseq.export(BertMaskedLanguageModel(BERT), None, {"encode": example, "predict": vectors})


def test_the_masked_language_model_shares_its_table() -> None:
    model = BertMaskedLanguageModel(BERT)
    assert model.projection.weight is model.encoder.embedding.weight
    example = tokens(2, 4), np.array([4, 2])
    whole = model(*example).numpy()
    hidden = model.encode(*map(pyseq.Tensor, example)).numpy()
    np.testing.assert_allclose(model.predict(pyseq.Tensor(hidden[0]))["logits"].numpy(), whole[0], atol=1e-5)


def test_gradients_reach_every_parameter() -> None:
    for model, loss in (
        (Bert(BERT), lambda m: ops.mean(ops.mean(ops.mean(m(tokens(2, 5), np.array([5, 3])), axis=2), axis=1), axis=0)),
        (gpt("llama"), lambda m: ops.mean(ops.mean(ops.mean(m(tokens(2, 5)), axis=2), axis=1), axis=0)),
    ):
        with pyseq.Tape() as tape:
            value = loss(model)
        tape.backward(value)
        missing = [name for name, parameter in model.named_parameters() if parameter.grad is None]
        assert not missing
