"""Convolution: streams in chunks, packed and narrow weights, names of padding, programs with a carry."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pyseq
from pyseq import _core, nn, ops

RANDOM = np.random.default_rng(5)


def normal(*shape: int) -> Any:
    return RANDOM.standard_normal(shape).astype(np.float32)


SHAPES = [  # channels, out, kernel, stride, dilation, groups
    pytest.param(7, 40, 3, 1, 1, 1, id="dense"),
    pytest.param(7, 40, 3, 1, 2, 1, id="dilated"),
    pytest.param(90, 33, 4, 2, 1, 1, id="strided"),
    pytest.param(6, 10, 3, 2, 3, 2, id="grouped"),
    pytest.param(50, 50, 5, 1, 1, 50, id="depthwise"),
    pytest.param(8, 8, 1, 1, 1, 1, id="one tap"),
]


@pytest.mark.parametrize(("width", "out", "kernel", "stride", "dilation", "groups"), SHAPES)
def test_chunks_have_the_bits_of_the_whole(
    width: int, out: int, kernel: int, stride: int, dilation: int, groups: int
) -> None:
    options = {"stride": stride, "dilation": dilation, "groups": groups, "activation": "gelu"}
    x, weight, bias = normal(2, 132, width), normal(out, width // groups, kernel), normal(out)
    whole = ops.conv1d(x, weight, bias, padding="causal", **options)
    carry, chunks, begin = np.zeros((2, (kernel - 1) * dilation, width), np.float32), [], 0
    for size in (2, 0, 4, 8, 100, 18):
        chunk = np.ascontiguousarray(x[:, begin : begin + size])
        y, carry = ops.conv1d(chunk, weight, bias, carry=carry, **options)
        chunks.append(y)
        begin += size
    np.testing.assert_array_equal(np.concatenate(chunks, 1), whole)


def test_a_ragged_chunk_carries_its_valid_frames() -> None:
    x, weight, carry = normal(3, 5, 4), normal(6, 4, 4), normal(3, 3, 4)
    lengths = np.array([5, 1, 0])
    y, next_carry, y_lengths = ops.conv1d(x, weight, None, lengths, carry=carry, return_lengths=True)
    for row, length in enumerate(lengths):
        frames = np.concatenate([carry[row], x[row, :length]])
        np.testing.assert_array_equal(next_carry[row], frames[-3:])
        alone = ops.conv1d(frames[None], weight)
        np.testing.assert_array_equal(y[row, :length], alone[0])
        assert not y[row, length:].any()
    np.testing.assert_array_equal(y_lengths, lengths)


@pytest.mark.parametrize(("width", "out", "kernel", "stride", "dilation", "groups"), SHAPES)
def test_packed_weights(width: int, out: int, kernel: int, stride: int, dilation: int, groups: int) -> None:
    x, weight = normal(2, 70, width), normal(out, width // groups, kernel)
    options: dict[str, Any] = {"stride": stride, "dilation": dilation, "groups": groups}
    packed = _core.pack_weight(weight)
    assert packed.shape == weight.shape
    np.testing.assert_array_equal(packed.unpack(), weight)
    expected = ops.conv1d(x, weight, **options)
    np.testing.assert_array_equal(ops.conv1d(x, packed, **options), expected)
    for dtype, tolerance in (("bfloat16", 0.02), ("int8", 0.04)):
        narrow = ops.conv1d(x, _core.pack_weight(weight, 1, dtype), **options)
        assert np.abs(narrow - expected).max() < tolerance * np.abs(expected).max()
        alone = ops.conv1d(np.ascontiguousarray(x[1:]), _core.pack_weight(weight, 1, dtype), **options)
        np.testing.assert_array_equal(alone, narrow[1:])


@pytest.mark.parametrize("kernel", [1, 2, 5])
def test_named_padding(kernel: int) -> None:
    x, weight = normal(1, 9, 3), normal(4, 3, kernel)
    reach = 2 * (kernel - 1)
    same = ops.conv1d(x, weight, padding="same", dilation=2)
    assert same.shape == (1, 9, 4)
    half = reach // 2
    np.testing.assert_array_equal(same, ops.conv1d(x, weight, padding=(half, reach - half), dilation=2))
    causal = ops.conv1d(x, weight, padding="causal", dilation=2)
    np.testing.assert_array_equal(causal, ops.conv1d(x, weight, padding=(reach, 0), dilation=2))


def test_mistakes() -> None:
    x, weight = normal(1, 9, 4), normal(6, 4, 3)
    with pytest.raises(pyseq.Error, match=r'padding has "full", expected numbers, "same" or "causal"'):
        ops.conv1d(x, weight, padding="full")
    with pytest.raises(pyseq.Error, match=r'padding has "same" with stride 2, expected stride 1'):
        ops.conv1d(x, weight, padding="same", stride=2)
    with pytest.raises(pyseq.Error, match=r"conv1d: groups has 3, expected a divisor of 4 .* and of 6"):
        ops.conv1d(x, weight, groups=3)
    with pytest.raises(pyseq.Error, match=r"conv1d: padding has \[1, 0\], expected \[0, 0\] beside carry"):
        ops.conv1d(x, weight, carry=normal(1, 2, 4), padding=(1, 0))
    with pytest.raises(pyseq.Error, match="conv1d: stride has 0, expected 1 to"):
        ops.conv1d(x, weight, stride=0)
    with pytest.raises(pyseq.Error, match="conv1d: padding has 3 entries, expected 2"):
        ops.conv1d(x, weight, padding=(1, 2, 3))
    with pytest.raises(pyseq.Error, match="conv2d: padding has -1, expected 0 to"):
        ops.conv2d(x[None], weight[None, :, :, :1].transpose(1, 2, 0, 3).copy(), padding=-1)
    with pytest.raises(pyseq.Error, match="max_pool1d: padding has 2, expected less than the kernel, 2"):
        ops.max_pool1d(x, kernel=2, padding=2)
    with pytest.raises(pyseq.Error, match="mean_pool2d: kernel has 3 entries, expected 2"):
        ops.mean_pool2d(x[None], kernel=(1, 2, 3))


def test_the_largest_value_of_a_window_with_nan_is_nan() -> None:
    x = normal(1, 12, 20)
    x[0, [0, 4, 8], [3, 4, 5]] = np.nan
    y = ops.max_pool1d(x, kernel=3)
    np.testing.assert_array_equal(np.isnan(y), np.isnan(x).reshape(1, 4, 3, 20).any(2))


class Streaming(nn.Module):
    """Two convolutions over a stream, one of them depthwise."""

    def __init__(self) -> None:
        self.wide = nn.Conv1d(4, 40, 5, activation="relu")
        self.deep = nn.Conv1d(40, 40, 3, dilation=2, groups=40)

    def initial_state(self, rows: Any) -> pyseq.State:
        state = pyseq.State(rows)
        self.wide.add_carry(state)
        self.deep.add_carry(state)
        return state

    def process(self, x: pyseq.Tensor, state: pyseq.State) -> pyseq.Tensor:
        return self.deep.stream(self.wide.stream(x, state), state)


@pytest.mark.parametrize("pack", [False, True])
def test_a_streaming_program_gives_the_bits_of_the_whole(pack: bool) -> None:
    model = Streaming()
    program = pyseq.Program.parse(pyseq.export(model, None, {"process": {"x": normal(2, 3, 4)}}, pack=pack))
    assert {tensor["name"]: tensor["panel_gates"] for tensor in program.tensors}["wide.weight"] == int(pack)
    x = normal(2, 50, 4)
    whole = model.process(pyseq.Tensor(x), model.initial_state(2)).numpy()
    state, chunks = program.new_state(2), []
    for begin, end in ((0, 1), (1, 2), (2, 9), (9, 40), (40, 50)):
        part = np.ascontiguousarray(x[:, begin:end])
        chunks.append(program.run("process", state=state, x=part)["output"])
    np.testing.assert_array_equal(np.concatenate(chunks, 1), whole)


class Net(nn.Module):
    def __init__(self) -> None:
        self.first = nn.Conv2d(1, 12, 3, padding="same", activation="relu")
        self.pool = nn.MaxPool2d(2)
        self.second = nn.Conv2d(12, 20, (1, 3), stride=(1, 2))
        self.mean = nn.MeanPool2d(2, stride=1, padding=(1, 0))

    def forward(self, x: pyseq.Tensor) -> pyseq.Tensor:
        return self.mean(self.second(self.pool(self.first(x))))


def test_a_program_over_planes(tmp_path: Any) -> None:
    model, file = Net(), tmp_path / "net.safetensors"
    pyseq.export(model, file, {"x": pyseq.Input(normal(2, 8, 16, 1), dims=("batch", "height", 16, 1))})
    x = normal(3, 11, 16, 1)
    np.testing.assert_array_equal(pyseq.Program.load(file).run("forward", x=x)["output"], model(x).numpy())


@pytest.mark.parametrize(("dtype", "tolerance"), [("bfloat16", 0.02), ("int8", 0.05)])
def test_programs_with_narrow_weights(dtype: str, tolerance: float) -> None:
    model, x = Net(), normal(3, 11, 16, 1)
    data = pyseq.export(model, None, {"x": pyseq.Input(normal(2, 8, 16, 1), dims=("batch", "height", 16, 1))})
    expected = model(x).numpy()
    actual = pyseq.Program.parse(data, dtype=dtype).run("forward", x=x)["output"]
    assert not np.array_equal(actual, expected)
    assert np.abs(actual - expected).max() < tolerance * np.abs(expected).max()
