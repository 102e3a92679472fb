"""Dropout: its random numbers, what is shared, and where modules take their streams from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from philox_reference import philox

import pyseq
from pyseq import nn, ops

# Of Random123 (tests/kat_vectors): counter, key, words.
KNOWN = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]


def numbers(text: str) -> list[int]:
    return [int(word, 16) for word in text.split()]


@pytest.fixture
def stream() -> Any:
    with pyseq.random.using(pyseq.random.Stream(5)) as stream:
        yield stream


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN)
def test_the_reference_gives_the_known_words(counter: str, key: str, words: str) -> None:
    assert philox(numbers(counter), numbers(key)) == numbers(words)


def test_the_share_of_zeros_and_the_mean() -> None:
    x = np.ones(1_000_000, np.float32)
    for p in (0.1, 0.5, 0.9):
        y = ops.dropout(x, p, seed=9)
        deviation = (p * (1 - p) / x.size) ** 0.5
        assert abs((y == 0).mean() - p) < 4 * deviation
        assert set(np.unique(y).tolist()) == {0.0, float(np.float32(1 / (1 - p)))}


def test_masks_of_other_names_are_independent() -> None:
    x = np.ones(100_000, np.float32)
    names = [{"seed": 1}, {"seed": 2}, {"seed": 1, "step": 1}, {"seed": 1, "stream": 1}, {"seed": 1 + 2**32}]
    masks = [ops.dropout(x, 0.5, **name) > 0 for name in names]
    for i, mask in enumerate(masks):
        for other in masks[:i]:
            assert abs((mask == other).mean() - 0.5) < 0.01


def test_nothing_that_is_dropped_gets_through() -> None:
    x = np.full(200, np.nan, np.float32)
    y = ops.dropout(x, 0.5)
    assert (y == 0).any()
    assert np.isnan(y).any()


def test_the_gradient_is_the_dropout_of_the_gradient() -> None:
    x, dy = np.random.default_rng(0).standard_normal((2, 3, 40)).astype(np.float32)
    name: dict[str, Any] = {"p": 0.25, "seed": 4, "step": 3, "shared_axis": 0}
    assert np.vdot(ops.dropout(x, **name), dy) == pytest.approx(np.vdot(x, ops.dropout(dy, **name)), rel=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"p": -0.1}, r"dropout: p has -0.100000, expected 0 to 1"),
        ({"p": float("nan")}, "dropout: p has -?nan, expected 0 to 1"),
        ({"step": 2**32}, "dropout: step has 4294967296, expected 0 to 4294967295"),
        ({"stream": -1}, "dropout: stream has -1, expected 0 to 4294967295"),
        ({"shared_axis": 2}, r"dropout: shared_axis has 2, expected -1 \(none\) or an axis of x \[3, 4\]"),
        ({"shared_axis": -3}, r"dropout: shared_axis has .*an axis of x \[3, 4\]"),
    ],
)
def test_mistakes(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(pyseq.ArgumentError, match=message):
        ops.dropout(np.ones((3, 4), np.float32), **arguments)


def test_every_call_takes_a_step(stream: pyseq.random.Stream) -> None:
    dropout, x = nn.Dropout(0.5), np.ones((8, 50), np.float32)
    results = [dropout(x).numpy() for _ in range(3)]
    for step, y in enumerate(results):
        np.testing.assert_array_equal(y, ops.dropout(x, 0.5, seed=5, step=step))
    assert stream.state() == {"seed": 5, "stream": 0, "step": 3}


def test_a_saved_stream_goes_on_where_it_was(stream: pyseq.random.Stream) -> None:
    dropout, x = nn.Dropout(0.3, shared_axis=-1), np.ones((40, 3), np.float32)
    dropout(x)
    saved = stream.state()
    expected = [dropout(x).numpy() for _ in range(2)]
    restored = pyseq.random.Stream(0, stream=9)
    restored.restore(saved)
    with pyseq.random.using(restored):
        for y in expected:
            np.testing.assert_array_equal(dropout(x).numpy(), y)
    assert stream.state() == restored.state()


def test_seeding_restarts_the_stream(stream: pyseq.random.Stream) -> None:
    stream.draw()
    pyseq.random.seed(77)
    assert stream.draw() == pyseq.random.Draw(77, 0, 0)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("seed", (-1, 0, 0)), ("stream", (0, 2**32, 0)), ("step", (0, 0, 2**32))],
)
def test_streams_refuse_numbers_out_of_range(name: str, arguments: tuple[int, int, int]) -> None:
    with pytest.raises(pyseq.ArgumentError, match=f"Stream: {name} is"):
        pyseq.random.Stream(*arguments)


def test_streams_refuse_other_state() -> None:
    with pytest.raises(pyseq.ArgumentError, match=r"got \['seed'\], expected \['seed', 'step', 'stream'\]"):
        pyseq.random.Stream(0).restore({"seed": 1})


def test_evaluation_and_programs_have_no_dropout(stream: pyseq.random.Stream) -> None:
    model, x = nn.Sequential(nn.Linear(4, 6), nn.Dropout(0.5)), np.ones((3, 2, 4), np.float32)
    data = pyseq.export(model, None, {"x": x})
    expected = model.eval()(x).numpy()
    np.testing.assert_array_equal(pyseq.Program.parse(data).run("forward", x=x)["output"], expected)
    assert stream.state()["step"] == 0
    with pytest.raises(pyseq.ArgumentError, match=r"Dropout: p is 1.5, expected 0 to 1"):
        nn.Dropout(1.5)


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_recurrent_layers_drop_between_layers(kind: str, stream: pyseq.random.Stream) -> None:
    make = getattr(nn, kind)
    model = make(3, 5, num_layers=3, dropout=0.5)
    first, second, third = (make(3 if layer == 0 else 5, 5) for layer in range(3))
    for layer, part in enumerate((first, second, third)):
        part.load_state_dict(
            {k.replace(f"_l{layer}", "_l0"): v for k, v in model.state_dict().items() if k.endswith(f"_l{layer}")}
        )
    x = np.random.default_rng(1).standard_normal((2, 6, 3)).astype(np.float32)
    y, _ = model(x)
    dropped = [lambda h, step=step: ops.dropout(h.numpy(), 0.5, seed=5, step=step) for step in range(2)]
    expected, _ = third(dropped[1](second(dropped[0](first(x)[0]))[0]))
    np.testing.assert_array_equal(y.numpy(), expected.numpy())
    assert stream.state()["step"] == 2
    np.testing.assert_array_equal(model.eval()(x)[0].numpy(), third(second(first(x)[0])[0])[0].numpy())


@pytest.mark.parametrize("pre_norm", [False, True])
def test_transformer_layers_drop_what_is_added(pre_norm: bool, stream: pyseq.random.Stream) -> None:
    x = np.random.default_rng(1).standard_normal((2, 6, 8)).astype(np.float32)
    encoder = nn.TransformerEncoderLayer(8, 2, hidden=16, pre_norm=pre_norm, dropout=0.4)
    decoder = nn.TransformerDecoderLayer(8, 2, hidden=16, pre_norm=pre_norm, dropout=0.4)
    plain = nn.TransformerEncoderLayer(8, 2, hidden=16, pre_norm=pre_norm)
    plain.load_state_dict(encoder.state_dict())
    trained = encoder(x)
    assert stream.state()["step"] == 3  # after attention, behind the activation, after the feed-forward network
    decoder(x, x)
    assert stream.state()["step"] == 7
    assert not np.allclose(trained.numpy(), plain(x).numpy())
    np.testing.assert_array_equal(encoder.eval()(x).numpy(), plain(x).numpy())
    # With everything dropped, only x is left: normalised twice after the sums, or as it was before them.
    encoder.train().dropout.p = 1.0
    norms = (encoder.self_attention_norm, encoder.feed_forward_norm)
    expected = x if pre_norm else norms[1](norms[0](x)).numpy()
    np.testing.assert_allclose(encoder(x).numpy(), expected, rtol=1e-6)
