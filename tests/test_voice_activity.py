"""Voice activity: the network of silero-vad against its definition in NumPy; segments, streams, files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

import pyseq
from pyseq.hub import silero
from pyseq.tasks import Segment, SegmentOptions, VoiceActivity
from pyseq.tasks.voice_activity import SegmentTracker, segments_of

Array = np.ndarray[Any, Any]
SIZE, CHUNK, CONTEXT = 256, 512, 64


def basis(size: int = SIZE) -> Array:
    turns = 2 * np.pi * np.outer(np.arange(size // 2 + 1), np.arange(size)) / size
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
    return (np.concatenate([np.cos(turns), -np.sin(turns)]) * hann)[:, None].astype(np.float32)


def random_weights(seed: int = 0) -> dict[str, Array]:
    random = np.random.default_rng(seed)
    shapes: dict[str, tuple[int, ...]] = {"final_conv.weight": (1, 128, 1), "final_conv.bias": (1,)}
    before = 129
    for i, channels in enumerate((128, 64, 64, 128), 1):
        shapes |= {f"conv{i}.weight": (channels, before, 3), f"conv{i}.bias": (channels,)}
        before = channels
    shapes |= {f"lstm_cell.{name}": (512, 128) for name in ("weight_ih", "weight_hh")}
    shapes |= {f"lstm_cell.{name}": (512,) for name in ("bias_ih", "bias_hh")}
    made = {name: random.standard_normal(shape) / np.prod(shape[1:]) ** 0.5 for name, shape in shapes.items()}
    return {"stft_conv.weight": basis(), **{name: array.astype(np.float32) for name, array in made.items()}}


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> VoiceActivity:
    file = tmp_path_factory.mktemp("vad") / "silero_vad_16k.safetensors"
    save_file(random_weights(), file)
    loaded = pyseq.load(file)
    assert isinstance(loaded, VoiceActivity)
    return loaded


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def reference(weights: dict[str, Array], samples: Array) -> list[float]:
    """The network as silero-vad defines it: a convolution takes the spectra of a chunk that is reflected at its end."""
    w = {name: array.astype(np.float64) for name, array in weights.items()}
    h, c, found = np.zeros(128), np.zeros(128), []
    padded = np.concatenate([np.zeros(CONTEXT), samples])
    for begin in range(0, len(samples), CHUNK):
        x = np.pad(padded[begin : begin + CONTEXT + CHUNK], (0, SIZE // 4), mode="reflect")
        frames = np.stack([x[t * 128 : t * 128 + SIZE] for t in range(4)])
        spectra = frames @ w["stft_conv.weight"][:, 0].T
        y = np.sqrt(spectra[:, :129] ** 2 + spectra[:, 129:] ** 2)
        for i, stride in enumerate((1, 2, 2, 1), 1):
            wide = np.pad(y, ((1, 1), (0, 0)))
            windows = [wide[t : t + 3].T for t in range(0, len(y), stride)]
            sums = [np.tensordot(w[f"conv{i}.weight"], window, 2) + w[f"conv{i}.bias"] for window in windows]
            y = np.maximum(np.stack(sums), 0)
        gates = w["lstm_cell.weight_ih"] @ y[0] + w["lstm_cell.bias_ih"]
        i_, f, g, o = np.split(gates + w["lstm_cell.weight_hh"] @ h + w["lstm_cell.bias_hh"], 4)
        c = sigmoid(f) * c + sigmoid(i_) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        found.append(float(sigmoid(w["final_conv.weight"][0, :, 0] @ np.maximum(h, 0) + w["final_conv.bias"])[0]))
    return found


def noise(size: int) -> Array:
    return (0.3 * np.random.default_rng(1).standard_normal(size)).astype(np.float32)


def test_probabilities_equal_the_definition(detector: VoiceActivity) -> None:
    samples = noise(5 * CHUNK)
    np.testing.assert_allclose(detector.probabilities(samples), reference(random_weights(), samples), atol=1e-5)


@pytest.mark.parametrize("size", [100, 512, 3000])
def test_a_stream_gives_the_bits_of_the_whole(detector: VoiceActivity, size: int) -> None:
    samples, stream = noise(8 * CHUNK), detector.stream()
    pieces = [stream.push(samples[begin : begin + size]) for begin in range(0, len(samples), size)]
    np.testing.assert_array_equal(np.concatenate(pieces), detector.probabilities(samples))


def test_both_rates_are_read_from_an_onnx_file(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    helper, arrays = onnx.helper, {}
    names = {ours: theirs for theirs, ours in silero.SAFETENSORS_NAMES.items()}
    graphs = []
    for rate, size in ((16000, 256), (8000, 128)):
        weights = random_weights(rate)
        weights["stft_conv.weight"] = basis(size)
        weights["conv1.weight"] = weights["conv1.weight"][:, : size // 2 + 1].copy()
        arrays[rate] = weights
        tensors = [
            onnx.numpy_helper.from_array(weights[names[ours]], f"branch{rate}.{theirs}")
            for theirs, ours in silero.ONNX_NAMES.items()
        ]
        constant = helper.make_node("Constant", [], [tensors[0].name], value=tensors[0])
        output = helper.make_tensor_value_info(tensors[0].name, 1, None)
        graphs.append(helper.make_graph([constant], f"g{rate}", [], [output], initializer=tensors[1:]))
    condition = helper.make_tensor_value_info("condition", onnx.TensorProto.BOOL, [])
    branch = helper.make_node("If", ["condition"], ["y"], then_branch=graphs[0], else_branch=graphs[1])
    graph = helper.make_graph([branch], "g", [condition], [helper.make_tensor_value_info("y", 1, None)])
    file = tmp_path / "silero_vad.onnx"
    onnx.save(helper.make_model(graph), file)
    for rate in (16000, 8000):
        program = silero.convert(file, rate)
        detector = VoiceActivity(program)
        assert (detector.rate, detector.chunk) == (rate, rate * 512 // 16000)
        np.testing.assert_array_equal(program.tensor("lstm.bias_ih_l0"), arrays[rate]["lstm_cell.bias_ih"])
    assert pyseq.load(file).rate == 16000


def test_files_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "silero_vad_other.safetensors"
    weights = random_weights()
    del weights["conv2.bias"]
    save_file({**weights, "more": np.zeros(1, np.float32)}, file)
    with pytest.raises(pyseq.FormatError, match=r"missing: conv2\.bias; unexpected: more"):
        pyseq.load(file)
    save_file({**random_weights(), "stft_conv.weight": np.zeros((258, 1, 256), np.float32)}, file)
    with pytest.raises(pyseq.FormatError, match="not that of a Hann window"):
        pyseq.load(file)
    save_file({**random_weights(), "conv2.bias": np.zeros(3, np.float32)}, file)
    with pytest.raises(pyseq.FormatError, match=r"encoder\.1\.bias"):
        pyseq.load(file)
    with pytest.raises(pyseq.ArgumentError, match="rate is 44100"):
        silero.convert(file, 44100)


def test_segments_wait_for_silence_and_grow_towards_each_other() -> None:
    p = np.array([0, 0.9, 0.9, 0.9, 0.4, 0.9, 0, 0, 0, 0.9, 0, 0, 0.9, 0.9, 0.9, 0.9])
    options = SegmentOptions(min_speech=0.15, min_silence=0.15, padding=0.3)
    found = segments_of(p, 0.1, 1.6, options)
    assert found == [Segment(0.0, 0.75), Segment(0.75, 1.6)]  # 0.2 s of silence at 1 s are not enough
    assert segments_of(p[:11], 0.1, 1.1, options) == [Segment(0.0, 0.75), Segment(0.75, 1.1)]
    assert segments_of(p[8:10], 0.1, 0.15, options) == []  # too short
    assert segments_of(p * 0, 0.1, 1.6, options) == []


def test_a_tracker_tells_of_starts_and_ends() -> None:
    tracker = SegmentTracker(1.0, SegmentOptions(min_silence=2.0))
    events = [tracker.push(p) for p in (0.2, 0.8, 0.1, 0.8, 0.1, 0.1, 0.1, 0.1)]
    assert [event for event in events if event] == [("start", 1.0), ("end", 4.0)]
