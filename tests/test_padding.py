"""Removal of padding: programs of ragged batches compute valid steps alone and keep every bit of their outputs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import pyseq
from pyseq import nn, ops
from pyseq.models import (
    AttentionEncoderDecoder,
    AttentionOptions,
    BertClassifier,
    BertEmbedder,
    BertMaskedLanguageModel,
    BertOptions,
    BertTagger,
    RecurrentEncoderDecoder,
    Transformer,
    TransformerOptions,
)

WIDTH, CLASSES = 24, 7
Array = np.ndarray[Any, Any]


class Encoder(nn.Module):
    """An encoder of the BERT family: the steps of its output, masked, and their mean."""

    def __init__(self, pre_norm: bool, learned: bool) -> None:
        self.embedding = nn.Embedding(50, WIDTH)
        self.positions = nn.LearnedPositions(64, WIDTH) if learned else nn.SinusoidalPositions()
        self.norm = nn.LayerNorm(WIDTH)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(WIDTH, 3, 2 * WIDTH, "gelu", pre_norm=pre_norm) for _ in range(2)
        )

    def forward(self, tokens: pyseq.Tensor, lengths: pyseq.Tensor) -> dict[str, pyseq.Tensor]:
        x = self.norm(self.positions(self.embedding(tokens)))
        for layer in self.layers:
            x = layer(x, lengths)
        return {"steps": ops.mask_rows(x, lengths), "mean": ops.mean(x, 1, lengths)}


class Rotated(nn.Module):
    """Causal self-attention with rotary positions, grouped heads and a window; features come in."""

    def __init__(self) -> None:
        self.query, self.key, self.value = nn.Linear(WIDTH, 32), nn.Linear(WIDTH, 16), nn.Linear(WIDTH, 16)
        self.out = nn.Linear(32, CLASSES)

    def forward(self, x: pyseq.Tensor, lengths: pyseq.Tensor) -> pyseq.Tensor:
        query = ops.rotary(self.query(x), num_heads=4)
        key = ops.rotary(self.key(x), num_heads=2)
        y = ops.attention(query, key, self.value(x), lengths, num_heads=4, num_kv_heads=2, causal=True, window=5)
        return ops.mask_rows(ops.log_softmax(self.out(y)), lengths)


class Recognizer(nn.Module):
    """Linear layers before, between and behind recurrent ones, as in a CTC model; its output is masked."""

    def __init__(self) -> None:
        self.before = nn.Linear(WIDTH, 20, activation="relu")
        self.norm = nn.LayerNorm(20)
        self.first, self.second = nn.LSTM(20, 9, bidirectional=True), nn.GRU(12, 8)
        self.between, self.behind = nn.Linear(18, 12), nn.Linear(8, CLASSES)

    def forward(self, x: pyseq.Tensor, lengths: pyseq.Tensor) -> pyseq.Tensor:
        y, _ = self.first(self.norm(self.before(x)), lengths)
        y, _ = self.second(ops.tanh(self.between(y)), lengths)
        return ops.mask_rows(ops.log_softmax(self.behind(y)), lengths)


class Losses(Recognizer):
    """The losses of what the recognizer gives."""

    def forward(self, x: pyseq.Tensor, lengths: pyseq.Tensor) -> pyseq.Tensor:
        targets = ops.slice(self.targets, 0, 0, x.shape[0])
        losses: pyseq.Tensor = ops.ctc_loss(super().forward(x, lengths), targets, lengths)
        return losses

    def __init__(self) -> None:
        super().__init__()
        self.targets = nn.Buffer(np.tile(np.array([1, 2]), (16, 1)))


def tokens(rng: np.random.Generator, batch: int, time: int) -> dict[str, Array]:
    return {"tokens": rng.integers(0, 50, (batch, time))}


def features(rng: np.random.Generator, batch: int, time: int) -> dict[str, Array]:
    return {"x": rng.standard_normal((batch, time, WIDTH)).astype(np.float32)}


MODELS = {
    "learned": (lambda: Encoder(False, True), tokens),
    "sinusoidal-pre-norm": (lambda: Encoder(True, False), tokens),
    "rotary": (Rotated, features),
    "recurrent": (Recognizer, features),
}


@pytest.fixture
def restored_runtime() -> Iterator[None]:
    threads, isa = pyseq.num_threads(), pyseq.active_isa()
    yield
    pyseq.set_num_threads(threads)
    pyseq.set_isa(isa)


def op_names(program: pyseq.Program, function: str = "forward") -> list[str]:
    return [n["op"] for f in program.functions if f["name"] == function for n in f["nodes"]]


def exported(name: str) -> bytes:
    build, make = MODELS[name]
    example = make(np.random.default_rng(1), 4, 6) | {"lengths": np.array([6, 1, 3, 4])}
    content = pyseq.export(build(), None, example)
    assert content is not None
    return content


def random_lengths(rng: np.random.Generator, batch: int, time: int) -> Array:
    """Many of length 0 and 1, some as long as the batch, often none."""
    lengths = rng.integers(0, time + 1, batch)
    lengths[rng.random(batch) < 0.3] = rng.integers(0, 2)
    return np.minimum(lengths, time)


@pytest.mark.parametrize("dtype", [None, "bfloat16", "int8"])
@pytest.mark.parametrize("name", MODELS)
def test_outputs_keep_their_bits_for_any_lengths_and_threads(
    name: str, dtype: str | None, restored_runtime: None
) -> None:
    content, make = exported(name), MODELS[name][1]
    removed = pyseq.Program.parse(content, dtype=dtype)
    padded = removed.with_dtype(dtype, remove_padding=False)
    assert "pack_rows" in op_names(removed)
    assert "pack_rows" not in op_names(padded)
    rng = np.random.default_rng(5)
    for trial in range(40):
        batch, time = int(rng.integers(0, 9)), int(rng.integers(0, 64))
        inputs = make(rng, batch, time) | {"lengths": random_lengths(rng, batch, time)}
        pyseq.set_num_threads(1)
        expected = padded.run("forward", **inputs)
        pyseq.set_num_threads((1, 2, 3, 5, 8)[trial % 5])
        actual = removed.run("forward", **inputs)
        for output, array in expected.items():
            np.testing.assert_array_equal(actual[output], array, strict=True)


@pytest.mark.parametrize("isa", pyseq.available_isas())
def test_every_tier_keeps_the_bits(isa: str, restored_runtime: None) -> None:
    pyseq.set_isa(isa)
    removed = pyseq.Program.parse(exported("learned"))
    rng = np.random.default_rng(2)
    inputs = tokens(rng, 7, 40) | {"lengths": random_lengths(rng, 7, 40)}
    expected = removed.with_dtype(None, remove_padding=False).run("forward", **inputs)
    for output, array in removed.run("forward", **inputs).items():
        np.testing.assert_array_equal(array, expected[output], strict=True)


@pytest.mark.parametrize("name", MODELS)
def test_padding_is_never_read(name: str) -> None:
    program, make = pyseq.Program.parse(exported(name)), MODELS[name][1]
    rng = np.random.default_rng(3)
    inputs = make(rng, 5, 9) | {"lengths": np.array([9, 0, 1, 4, 7])}
    expected = program.run("forward", **inputs)
    for argument, array in inputs.items():
        if argument == "lengths":
            continue
        for row, length in enumerate(inputs["lengths"]):
            array[row, length:] = 10**6 if argument == "tokens" else np.nan  # no such token
    for output, array in program.run("forward", **inputs).items():
        np.testing.assert_array_equal(array, expected[output], strict=True)


def test_a_whole_encoder_is_packed_once() -> None:
    ops_of_encoder = op_names(pyseq.Program.parse(exported("learned")))
    assert ops_of_encoder.count("pack_rows") == 1
    assert ops_of_encoder[-2:] == ["unpack_rows", "mean"] or ops_of_encoder.count("unpack_rows") == 2


def test_losses_of_a_recognizer_keep_their_bits() -> None:
    content = pyseq.export(Losses(), None, {"x": np.ones((3, 5, WIDTH), np.float32), "lengths": np.array([5, 3, 4])})
    assert content is not None
    removed = pyseq.Program.parse(content)
    assert op_names(removed).count("pack_rows") == 3
    rng = np.random.default_rng(8)
    inputs = features(rng, 6, 11) | {"lengths": np.array([11, 2, 3, 8, 0, 1])}
    expected = removed.with_dtype(None, remove_padding=False).run("forward", **inputs)
    np.testing.assert_array_equal(removed.run("forward", **inputs)["output"], expected["output"], strict=True)


class Unmasked(Encoder):
    """Returns all steps, those of the padding too."""

    def forward(self, tokens: pyseq.Tensor, lengths: pyseq.Tensor) -> pyseq.Tensor:  # type: ignore[override]
        x = self.embedding(tokens)
        for layer in self.layers:
            x = layer(x, lengths)
        return x


def test_what_can_be_seen_keeps_its_padding() -> None:
    content = pyseq.export(
        Unmasked(False, True), None, {"tokens": np.ones((2, 3), np.int64), "lengths": np.array([3, 1])}
    )
    assert content is not None
    assert "pack_rows" not in op_names(pyseq.Program.parse(content))


class Skipping(nn.Module):
    """Two uses of the same steps: an attention that masks them, and a mean that does not."""

    def __init__(self) -> None:
        self.first, self.second = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, x: pyseq.Tensor, lengths: pyseq.Tensor) -> dict[str, pyseq.Tensor]:
        seen = self.first(x)
        hidden = self.second(ops.tanh(seen))
        masked = ops.mean(ops.attention(hidden, hidden, hidden, lengths, num_heads=2), 1, lengths)
        return {"all": ops.mean(seen, 1), "masked": masked}


def test_only_the_nodes_that_nobody_sees_whole_are_packed() -> None:
    example = features(np.random.default_rng(4), 3, 5) | {"lengths": np.array([5, 2, 0])}
    content = pyseq.export(Skipping(), None, example)
    assert content is not None
    program = pyseq.Program.parse(content)
    packed = [
        n["name"] for n in program.functions[0]["nodes"] if "row_lengths" in n["attributes"] and n["op"] == "linear"
    ]
    assert packed == ["second"]
    expected = program.with_dtype(None, remove_padding=False).run("forward", **example)
    for output, array in program.run("forward", **example).items():
        np.testing.assert_array_equal(array, expected[output], strict=True)


TRANSFORMER = TransformerOptions(50, 40, width=WIDTH, num_heads=2, encoder_layers=2, decoder_layers=2, feed_forward=40)
TRANSLATORS = {
    "transformer": (lambda: Transformer(TRANSFORMER), 2),
    "attention": (lambda: AttentionEncoderDecoder(AttentionOptions(50, 40, encoder_size=8, decoder_size=14)), 1),
    "recurrent": (lambda: RecurrentEncoderDecoder(50, 40, 12, 14), 0),
}


@pytest.mark.parametrize("kind", TRANSLATORS)
def test_steps_after_an_encoder_without_padding_keep_their_bits(kind: str) -> None:
    build, least = TRANSLATORS[kind]
    rng = np.random.default_rng(6)
    example = {"tokens": rng.integers(0, 50, (3, 5)), "lengths": np.array([5, 2, 4])}
    content = pyseq.export(build(), None, {"encode": example, "step": {"tokens": np.ones((3, 1), np.int64)}})
    assert content is not None
    removed = pyseq.Program.parse(content)
    assert op_names(removed, "encode").count("unpack_rows") >= least
    source, lengths = rng.integers(0, 50, (5, 9)), np.array([9, 0, 1, 4, 7])
    logits = []
    for program in (removed, removed.with_dtype(None, remove_padding=False)):
        state = program.new_state(5)
        program.run("encode", state=state, tokens=source, lengths=lengths)
        steps = [program.run("step", state=state, tokens=np.full((5, 1), token))["logits"] for token in (1, 7, 3)]
        logits.append(np.concatenate(steps, 1))
    np.testing.assert_array_equal(logits[0], logits[1], strict=True)


BERT = BertOptions(50, width=WIDTH, num_heads=2, num_layers=2, feed_forward=40, positions=70)
BERTS = {
    "mean": (lambda: BertEmbedder(BERT, normalize=True), ("encode", "embed")),
    "first": (lambda: BertEmbedder(BERT, "first"), ("embed",)),
    "classifier": (lambda: BertClassifier(BERT, 3), ("classify", "classify_pair")),
    "tagger": (lambda: BertTagger(BERT, 5), ("tag",)),
    "masked": (lambda: BertMaskedLanguageModel(BERT), ("encode",)),
}


@pytest.mark.parametrize("kind", BERTS)
def test_models_of_the_bert_family_run_without_padding(kind: str) -> None:
    build, functions = BERTS[kind]
    rng = np.random.default_rng(7)

    def inputs(function: str, batch: int, time: int) -> dict[str, Array]:
        given = tokens(rng, batch, time) | {"lengths": random_lengths(rng, batch, time)}
        segments = {"segments": rng.integers(0, 2, (batch, time))} if function.endswith("pair") else {}
        return given | segments

    content = pyseq.export(build(), None, {function: inputs(function, 3, 5) for function in functions})
    assert content is not None
    removed = pyseq.Program.parse(content)
    padded = removed.with_dtype(None, remove_padding=False)
    for function in functions:
        assert op_names(removed, function).count("unpack_rows") == 1
        given = inputs(function, 6, 40)
        expected = padded.run(function, **given)
        for output, array in removed.run(function, **given).items():
            np.testing.assert_array_equal(array, expected[output], strict=True)


def test_captured_weights_of_padding_are_zero() -> None:
    program = pyseq.Program.parse(exported("learned"))
    rng = np.random.default_rng(9)
    inputs = tokens(rng, 3, 7) | {"lengths": np.array([7, 0, 3])}
    path = "layers.1.self_attention"
    weights = program.run("forward", capture=[path], **inputs)[path]
    dense = program.with_dtype(None, remove_padding=False).run("forward", capture=[path], **inputs)[path]
    for row, length in enumerate(inputs["lengths"]):
        np.testing.assert_array_equal(weights[row, :, :length], dense[row, :, :length])
        assert not weights[row, :, length:].any()


def test_a_length_that_does_not_fit_is_named() -> None:
    program = pyseq.Program.parse(exported("learned"))
    with pytest.raises(pyseq.ArgumentError, match="lengths has 8 in row 1, expected 0 to 7"):
        program.run("forward", tokens=np.ones((2, 7), np.int64), lengths=np.array([7, 8]))


def test_a_profile_counts_the_steps_that_were_computed() -> None:
    removed = pyseq.Program.parse(exported("learned"))
    inputs = {"tokens": np.ones((4, 32), np.int64), "lengths": np.array([32, 8, 0, 8])}
    flops = []
    for program in (removed, removed.with_dtype(None, remove_padding=False)):
        with program.profile() as profile:
            program.run("forward", **inputs)
        events = profile.events()
        is_linear = [events.nodes[node]["op"].startswith("linear") for node in events.node]
        flops.append(events.flops[np.array(is_linear)].sum())
    assert flops[0] == pytest.approx(48 / 128 * flops[1])
