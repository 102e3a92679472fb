"""The encoder-decoders of the course: gradients, whole target = step by step, eager = exported, and they learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pyseq
from pyseq import nn, ops
from pyseq.data import Pair, collate_pairs
from pyseq.models import AttentionEncoderDecoder, AttentionOptions, EncoderDecoder, RecurrentEncoderDecoder
from pyseq.tasks import Translator
from pyseq.tensor import Tensor
from pyseq.text import Vocabulary
from pyseq.train import Adam

SOURCE, TARGET = Vocabulary("abcdef", "character"), Vocabulary(["<s>", "</s>", *"abcdef"], "character")
TOKENS, LENGTHS = np.array([[3, 4, 5, 2], [1, 2, 0, 0]]), np.array([4, 2])
TARGETS = np.array([[0, 4, 5], [0, 6, 2]])


def with_attention(**variant: Any) -> AttentionEncoderDecoder:
    sizes = {"source_embedding": 12, "target_embedding": 10, "encoder_size": 12, "decoder_size": 24}
    return AttentionEncoderDecoder(AttentionOptions(len(SOURCE), len(TARGET), attention_size=14, **sizes, **variant))


def without_attention(**variant: Any) -> RecurrentEncoderDecoder:
    return RecurrentEncoderDecoder(len(SOURCE), len(TARGET), 12, 32, **variant)


DEEP = {"encoder_layers": 2, "decoder_layers": 2}
MODELS: dict[str, Any] = {
    "sutskever": lambda: without_attention(cell="lstm"),
    "sutskever deep": lambda: without_attention(cell="lstm", num_layers=2, bidirectional=True),
    "cho": lambda: without_attention(cell="gru", context="every_step"),
    "cho deep": lambda: without_attention(cell="lstm", num_layers=2, context="every_step", bidirectional=True),
    "bahdanau": lambda: with_attention(cell="gru", feed="context"),
    "bahdanau deep": lambda: with_attention(feed="context", **DEEP),
    "additive": lambda: with_attention(),
    "tied": lambda: with_attention(feed="attentional", tied=True),
    "narrow": lambda: with_attention(score="general", attentional_size=7),
    "rnn": lambda: with_attention(cell="rnn", feed="context"),
    **{
        f"luong {score} {feed}": lambda score=score, feed=feed: with_attention(score=score, feed=feed)
        for score in ("concat", "dot", "general")
        for feed in ("none", "attentional")
    },
    "luong deep": lambda: with_attention(score="general", feed="attentional", **DEEP),
    "local-m": lambda: with_attention(score="general", feed="attentional", window=2, alignment="monotonic"),
    "local-p": lambda: with_attention(score="general", window=6),
    "local-p dot": lambda: with_attention(score="dot", feed="attentional", cell="gru", window=6),
    **{f"coverage {feed}": lambda feed=feed: with_attention(coverage=True, feed=feed) for feed in ("none", "context")},
    "coverage attentional": lambda: with_attention(coverage=True, feed="attentional", **DEEP),
    **{
        f"location {feed}": lambda feed=feed: with_attention(location_filters=3, location_width=3, feed=feed)
        for feed in ("none", "context", "attentional")
    },
    "location coverage": lambda: with_attention(location_filters=3, coverage=True, feed="context"),
}


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> EncoderDecoder:
    made: EncoderDecoder = MODELS[request.param]().initialize(1)
    for _, parameter in made.named_parameters():
        if not parameter.data.any():  # coverage begins without a say
            parameter.data[...] = np.random.default_rng(0).standard_normal(parameter.data.shape)
    return made


def exported(model: nn.Module) -> pyseq.Program:
    watched = isinstance(model, AttentionEncoderDecoder) and not model.attention.sees_weights
    path = model.attention.attention.path if isinstance(model, AttentionEncoderDecoder) else ""
    task = {
        "attention": {"path": path, "head": 0} if watched else None,
        "kind": "translator",
        "source_vocabulary": "source",
        "target_vocabulary": "target",
        "start": 0,
        "end": 1,
        "max_length": 12,
    }
    examples = {"encode": {"tokens": TOKENS, "lengths": LENGTHS}, "step": {"tokens": np.zeros((2, 1), np.int64)}}
    vocabularies = {"source": SOURCE, "target": TARGET}
    # The export itself compares the program with the eager model, bit by bit, at other sizes and after a reorder.
    return pyseq.Program.parse(pyseq.export(model.eval(), None, examples, task=task, vocabularies=vocabularies))


def test_gradients_are_those_of_central_differences(model: EncoderDecoder) -> None:
    pyseq.check_gradients(
        lambda: model(TOKENS, LENGTHS, TARGETS), [], dict(model.named_parameters()), tolerance=0.03, directions=2
    )


def test_a_whole_target_gives_what_single_steps_give(model: EncoderDecoder) -> None:
    model.eval()
    whole = model(TOKENS, LENGTHS, TARGETS).numpy()
    state = model.encode(Tensor(TOKENS), Tensor(LENGTHS))
    for position in range(TARGETS.shape[1]):
        step = model.step(Tensor(np.ascontiguousarray(TARGETS[:, position : position + 1])), state)
        np.testing.assert_array_equal(step.numpy()[:, 0], whole[:, position])


def test_a_row_does_not_see_the_padding_of_its_source(model: EncoderDecoder) -> None:
    model.eval()
    alone = model(TOKENS[1:, :2].copy(), LENGTHS[1:], TARGETS[1:].copy()).numpy()
    np.testing.assert_array_equal(model(TOKENS, LENGTHS, TARGETS).numpy()[1:], alone)


def test_the_exported_program_gives_the_bits_of_the_model(model: EncoderDecoder) -> None:
    program = exported(model)
    state = program.new_state(2)
    program.run("encode", state=state, tokens=TOKENS, lengths=LENGTHS)
    eager = model.encode(Tensor(TOKENS), Tensor(LENGTHS))
    for tokens in (TARGETS[:, :1], TARGETS[:, 1:]):
        tokens = np.ascontiguousarray(tokens)
        found = program.run("step", state=state, tokens=tokens)["logits"]
        np.testing.assert_array_equal(found, model.step(Tensor(tokens), eager).numpy())


@pytest.mark.parametrize("name", MODELS)
def test_a_few_words_are_learnt_by_heart_and_searched_in_cpp(name: str) -> None:
    model = MODELS[name]().initialize(3)
    words = ["abcd", "fed", "ba", "face", "dad", "bead"]
    pairs = [Pair(SOURCE.encode(word), TARGET.encode(word[::-1])) for word in words]
    batch = collate_pairs(pairs, 0, 1)
    optimizer = Adam(model, 0.01)
    for _ in range(150):
        with pyseq.Tape() as tape:
            loss = ops.cross_entropy(model(batch.tokens, batch.lengths, batch.inputs), Tensor(batch.outputs))
        optimizer.parameters.zero_gradients()
        tape.backward(loss, np.full(loss.shape, 1 / batch.num_outputs, np.float32))
        optimizer.parameters.clip_gradient_norm(1.0)
        optimizer.step()
    translator = Translator(exported(model))
    for beam_size in (1, 3):
        found = translator.translate_batch(words, beam_size=beam_size)
        assert [one[0].text for one in found] == [word[::-1] for word in words]


@pytest.mark.parametrize("name", ["additive", "bahdanau deep", "luong general attentional", "local-m", "local-p dot"])
def test_weights_can_be_shown_whatever_enters_the_recurrence(name: str) -> None:
    model = MODELS[name]().initialize(4)
    found = Translator(exported(model)).translate("abcd", return_attention=True, beam_size=3, min_length=3)
    assert found.attention is not None
    assert found.attention.shape == (len(found.tokens), 4)
    np.testing.assert_allclose(found.attention.sum(-1), 1, rtol=1e-5)
    # The weights of the first step, from values that show where it looked.
    state = model.encode(Tensor(np.array([SOURCE.encode("abcd")])), Tensor(np.array([4])))
    hidden = state.carry[f"layer{model.options.decoder_layers - 1}.h"]
    if model.options.feed != "context":
        fed = [np.zeros((1, 1, model.options.output_size), np.float32)] if model.options.feed == "attentional" else []
        x = np.concatenate([model.target_embedding(np.array([[0]])).numpy(), *fed], axis=-1)
        hidden = ops.sum(model._advance(Tensor(x), state), axis=1)
    state.memory["annotations"] = Tensor(np.eye(4, dtype=np.float32)[None])
    (weights,) = model.attention(ops.split_axis(hidden, axis=0, size=1), state)
    np.testing.assert_allclose(found.attention[0], weights.numpy()[0, 0], atol=1e-6)


def test_coverage_is_what_the_weights_add_up_to() -> None:
    model = with_attention(coverage=True, feed="context").initialize(2)
    state = model.encode(Tensor(TOKENS), Tensor(LENGTHS))
    model.step(Tensor(TARGETS), state)
    coverage = state.carry["coverage"].numpy()[..., 0]
    np.testing.assert_allclose(coverage.sum(-1), 3, rtol=1e-5)  # three steps
    np.testing.assert_array_equal(coverage[1, 2:], 0)
    logits, loss = model.covered(Tensor(TOKENS), Tensor(LENGTHS), Tensor(TARGETS))
    np.testing.assert_array_equal(logits.numpy(), model(TOKENS, LENGTHS, TARGETS).numpy())
    assert loss.shape == TARGETS.shape
    np.testing.assert_array_equal(loss.numpy()[:, 0], 0)
    assert (loss.numpy()[:, 1:] > 0).all()


def test_scores_see_the_weights_of_the_step_before() -> None:
    model = with_attention(location_filters=4, location_width=3, feed="context").initialize(2)
    attention, state = model.attention, model.encode(Tensor(TOKENS), Tensor(LENGTHS))
    query = np.random.default_rng(0).standard_normal((2, 1, 24)).astype(np.float32)
    for _ in range(2):  # f = F * α, e = vᵀ tanh(W q + V a + U f)
        before = state.carry["alignment"].numpy()[..., 0]
        attention(Tensor(query), state)
        padded = np.pad(before, ((0, 0), (1, 1)))
        windows = np.stack([padded[:, k : k + 4] for k in range(3)], -1)  # [batch, time, taps]
        seen = windows @ attention.location.weight.numpy()[:, 0].T @ attention.from_location.weight.numpy().T
        keys = state.memory["keys"].numpy() + seen
        scores = np.tanh(attention.attention.query_proj(query).numpy() + keys) @ attention.attention.weight.numpy()
        scores[1, 2:] = -np.inf
        weights = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
        np.testing.assert_allclose(state.carry["alignment"].numpy()[..., 0], weights, atol=1e-6)


def test_only_models_with_coverage_have_its_loss() -> None:
    with pytest.raises(pyseq.ArgumentError, match="covered: the model has no coverage"):
        with_attention().covered(Tensor(TOKENS), Tensor(LENGTHS), Tensor(TARGETS))


def test_scheduled_sampling_goes_from_teacher_forcing_to_free_running() -> None:
    model = with_attention(feed="context").initialize(2)
    source = Tensor(TOKENS), Tensor(LENGTHS)
    forced = np.concatenate([x.numpy() for x in model.sampled(*source, Tensor(TARGETS), own_share=0)], axis=1)
    np.testing.assert_array_equal(forced, model(TOKENS, LENGTHS, TARGETS).numpy())
    free = model.sampled(*source, Tensor(TARGETS), own_share=1)
    state, current = model.encode(*source), TARGETS[:, :1]
    for logits in free:
        expected = model.step(Tensor(np.ascontiguousarray(current)), state).numpy()
        np.testing.assert_array_equal(logits.numpy(), expected)
        current = expected.argmax(-1)


def test_scheduled_sampling_has_gradients_and_follows_the_stream() -> None:
    model = with_attention().initialize(2)
    source, targets = (Tensor(TOKENS), Tensor(LENGTHS)), Tensor(TARGETS)
    found = []
    for _ in range(2):
        with pyseq.random.using(pyseq.random.Stream(5)), pyseq.Tape() as tape:
            logits = model.sampled(*source, targets, own_share=0.5, temperature=1.0)
            losses = [ops.cross_entropy(x, Tensor(TARGETS[:, t : t + 1].copy())) for t, x in enumerate(logits)]
            total = losses[0]
            for loss in losses[1:]:
                total = ops.add(total, loss)
        model.projection.weight.grad = None
        tape.backward(total, np.ones(total.shape, np.float32))
        assert model.projection.weight.grad is not None
        found.append(model.projection.weight.grad.copy())
    np.testing.assert_array_equal(*found)
    assert found[0].any()


def test_scheduled_sampling_refuses_shares_above_one() -> None:
    with pytest.raises(pyseq.ArgumentError, match=r"sampled: own_share is 1\.5"):
        with_attention().sampled(Tensor(TOKENS), Tensor(LENGTHS), Tensor(TARGETS), own_share=1.5)


def test_local_attention_sees_its_window_alone() -> None:
    window = nn.LocalWindow(3, 1, "monotonic")
    source, lengths = np.zeros((1, 6, 4), np.float32), np.array([6])
    attention = nn.MultiplicativeAttention(3, 4, "general").train()
    bias, step = window(
        np.zeros((1, 3, 3), np.float32), *window.measure(Tensor(source), Tensor(lengths)), np.ones((1, 1), np.float32)
    )
    assert step.numpy() == 4
    values = np.eye(6, dtype=np.float32)[None]
    weights = attention(np.zeros((1, 3, 3), np.float32), attention.project(source), values, lengths, bias=bias)
    third = np.float32(1 / 3)
    expected = [[third] * 3 + [0] * 3, [0] + [third] * 3 + [0] * 2, [0] * 2 + [third] * 3 + [0]]
    np.testing.assert_allclose(weights.numpy()[0], expected, atol=1e-6)


def test_predicted_windows_lie_within_the_source() -> None:
    window = nn.LocalWindow(3, 2).initialize(0)
    source, lengths = np.zeros((2, 5, 4), np.float32), np.array([5, 2])
    query = np.random.default_rng(0).standard_normal((2, 4, 3)).astype(np.float32) * 10
    measured = window.measure(Tensor(source), Tensor(lengths))
    bias, _ = window(query, *measured, np.zeros((2, 1), np.float32))
    likeliest = bias.numpy()[:, 0].argmax(-1)
    assert (likeliest <= lengths[:, None]).all()


@pytest.mark.parametrize(
    ("variant", "message"),
    [
        ({"score": "bilinear"}, "score is 'bilinear'"),
        ({"feed": "input"}, "feed is 'input'"),
        ({"cell": "tree"}, "cell is 'tree'"),
        ({"score": "dot", "coverage": True}, "expected 'additive' with coverage"),
        ({"score": "dot", "location_filters": 2}, "expected 'additive' with location_filters"),
        ({"location_filters": 2, "location_width": 4}, "location_width is 4, expected an odd number"),
        ({"tied": True, "attentional_size": 7}, "attentional_size is 7, expected that of the tied target_embedding 10"),
        ({"window": 2}, "expected 'dot' or 'general' with a window"),
    ],
)
def test_variants_that_do_not_exist_are_refused(variant: dict[str, Any], message: str) -> None:
    with pytest.raises(pyseq.ArgumentError, match=message):
        with_attention(**variant)


def test_dot_scores_need_equal_sizes() -> None:
    with pytest.raises(pyseq.ArgumentError, match="key_size is 8, expected query_size 6 with score 'dot'"):
        nn.MultiplicativeAttention(6, 8, "dot")


def test_cho_and_sutskever_are_told_apart() -> None:
    with pytest.raises(pyseq.ArgumentError, match="context is 'always', expected one of"):
        without_attention(context="always")
