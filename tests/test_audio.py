"""The front end: features equal to Kaldi's, streams, files, augmentation, and features inside of programs."""

from __future__ import annotations

import io
from typing import Any

import kaldi_native_fbank
import numpy as np
import pytest

import pyseq
from pyseq import audio, nn
from pyseq.audio import FeatureOptions, Features

Array = np.ndarray[Any, Any]


def chirp(seconds: float = 1.0, rate: int = 16000, seed: int = 0) -> Array:
    """A tone that rises, over noise: something in every band."""
    t = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(seed).standard_normal(len(t))
    return (0.4 * np.sin(2 * np.pi * (100 + 1500 * t) * t) + 0.02 * noise).astype(np.float32)


def kaldi(samples: Array, options: Any, kind: Any) -> Array:
    computer = kind(options)
    computer.accept_waveform(16000, samples.tolist())
    computer.input_finished()
    return np.stack([computer.get_frame(i) for i in range(computer.num_frames_ready)])


@pytest.mark.parametrize("scale", [1.0, 32768.0])
def test_filter_banks_equal_kaldis(scale: float) -> None:
    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.dither = 0
    options.mel_opts.num_bins = 80
    expected = kaldi(chirp() * np.float32(scale), options, kaldi_native_fbank.OnlineFbank)
    found = Features(audio.kaldi_fbank(scale=scale))(chirp())
    assert found.shape == expected.shape == (98, 80)
    np.testing.assert_allclose(found, expected, atol=1e-4, rtol=1e-4)


def test_cepstra_equal_kaldis() -> None:
    options = kaldi_native_fbank.MfccOptions()
    options.frame_opts.dither = 0
    options.use_energy = False
    expected = kaldi(chirp() * np.float32(32768), options, kaldi_native_fbank.OnlineMfcc)
    found = Features(audio.kaldi_mfcc(scale=32768.0))(chirp())
    np.testing.assert_allclose(found, expected, atol=3e-4, rtol=1e-4)


def test_spectra_equal_numpys() -> None:
    x = chirp()
    padded = np.pad(x.astype(np.float64), 200, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 400)[::160] * audio.window("hann", 400)
    expected = np.fft.rfft(windows)
    np.testing.assert_allclose(audio.stft(x, 400, 160), expected, atol=2e-4)
    power = audio.power_spectrogram(x, 400, 160)
    np.testing.assert_allclose(power, np.abs(expected) ** 2, atol=1e-5 * power.max())
    assert power.shape == (101, 201)


STREAMED = [
    FeatureOptions(rate=8000, window_size=200, hop=80, num_filters=40),
    audio.log_mel(16000, 64),
    audio.kaldi_mfcc(),
    FeatureOptions(window_size=100, hop=160, fft_size=128, num_filters=20, padding=(30, 70)),
]


@pytest.mark.parametrize("options", STREAMED)
@pytest.mark.parametrize("size", [1, 160, 333, 5000])
def test_a_stream_gives_the_same_frames_for_any_chunks(options: FeatureOptions, size: int) -> None:
    compute, sound = Features(options), chirp(0.2)
    stream = compute.stream()
    for _ in range(2):  # a stream that is finished begins anew
        pieces = [stream.push(sound[begin : begin + size]) for begin in range(0, len(sound), size)]
        found = np.concatenate([*pieces, stream.finish()])
        np.testing.assert_array_equal(found, compute(sound))
        assert len(found) == options.num_frames(len(sound))


class Front(nn.Module):
    def __init__(self) -> None:
        self.features = nn.SoundFeatures(audio.log_mel(8000, 40))
        self.output = nn.Linear(40, 3)

    def initial_state(self, rows: int) -> pyseq.State:
        state = pyseq.State(rows)
        self.features.add_carry(state)
        return state

    def classify(self, samples: Any, lengths: Any) -> dict[str, Any]:
        features, lengths = self.features(samples, lengths)
        return {"logits": pyseq.ops.mask_rows(self.output(features), lengths), "lengths": lengths}

    def step(self, hops: Any, state: pyseq.State) -> Any:
        return self.output(self.features.stream(pyseq.ops.merge_axes(hops, 1), state))


def test_features_stand_inside_of_a_program() -> None:
    model, sounds = Front(), np.stack([chirp(0.2, 8000), chirp(0.2, 8000, 1)])
    model.features.normalize_like(list(sounds))
    features = model.features(sounds)[0].numpy()
    np.testing.assert_allclose(features.mean((0, 1)), 0, atol=1e-4)
    np.testing.assert_allclose(features.std((0, 1)), 1, atol=1e-3)
    data = pyseq.export(
        model,
        None,
        {
            "classify": {"samples": sounds, "lengths": np.array([1600, 800])},
            "step": {"hops": pyseq.Input(sounds[:, :160].reshape(2, 2, 80))},
        },
    )
    program = pyseq.Program.parse(data)
    whole = program.run("classify", samples=sounds, lengths=np.array([1600, 900]))
    assert whole["logits"].shape == (2, 20, 3)
    assert whole["lengths"].tolist() == [20, 11]
    assert not whole["logits"][1, 11:].any()
    state = program.new_state(2)
    hops = sounds.reshape(2, 20, 80)
    chunks = [program.run("step", state=state, hops=hops[:, t : t + 4].copy())["logits"] for t in range(0, 20, 4)]
    ends = np.pad(sounds, ((0, 0), (120, 0)))  # frames of a stream end where their hop ends
    model.features.options = FeatureOptions(**{**vars(model.features.options), "padding": (0, 0)})
    expected = model.output(model.features(ends)[0]).numpy()
    np.testing.assert_array_equal(np.concatenate(chunks, 1), expected)


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG"])
def test_files_of_three_kinds(kind: str) -> None:
    sound, content = chirp(0.5), io.BytesIO()
    audio.write(content, np.stack([sound, sound], 1), 16000, kind)
    found = audio.read(content.getvalue())
    assert found.rate == 16000
    assert found.samples.shape == sound.shape
    assert found.seconds == 0.5
    np.testing.assert_allclose(found.samples, sound, atol=0.1 if kind == "OGG" else 1e-4)
    assert audio.read(content.getvalue(), keep_channels=True).samples.shape == (8000, 2)
    assert audio.read(content.getvalue(), 8000).samples.shape == (4000,)


def test_what_is_no_sound_file_is_refused() -> None:
    with pytest.raises(pyseq.FormatError, match="the file is not a sound file"):
        audio.read(b"no sound")
    with pytest.raises(FileNotFoundError, match=r"nowhere\.wav: no such file"):
        audio.read("nowhere.wav")


@pytest.mark.parametrize("package", ["soundfile", "soxr"])
def test_a_package_that_is_missing_is_named(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(pyseq.UnsupportedError, match=rf'{package}: pip install "pyseq\[audio\]"'):
        audio.resample(np.zeros(9, np.float32), 1, 2) if package == "soxr" else audio.read("any.wav")


def test_noise_has_the_ratio_that_was_asked_for() -> None:
    speech, noise = chirp(0.5), np.random.default_rng(1).standard_normal(1000).astype(np.float32)
    for snr in (-5, 0, 10):
        mixed = audio.mix_noise(speech, noise, snr, np.random.default_rng(2))
        ratio = 10 * np.log10(np.square(speech).sum() / np.square(mixed - speech).sum())
        assert ratio == pytest.approx(snr, abs=0.01)


def test_speed_changes_length_and_pitch() -> None:
    tone = np.sin(np.arange(16000) * 2 * np.pi * 440 / 16000).astype(np.float32)
    fast = audio.change_speed(tone, 1.1)
    assert len(fast) == pytest.approx(16000 / 1.1, abs=2)
    peak = np.abs(np.fft.rfft(fast[:12000])).argmax() * 16000 / 12000
    assert peak == pytest.approx(484, abs=2)


def test_spec_augment_leaves_out_stripes_and_nothing_else() -> None:
    x = np.random.default_rng(0).standard_normal((100, 40)).astype(np.float32)
    y = audio.spec_augment(x, np.random.default_rng(3), value=7.0)
    changed = y == 7
    assert 0 < changed.mean() < 0.8
    np.testing.assert_array_equal(y[~changed], x[~changed])
    rows, columns = changed.all(1), changed.all(0)
    np.testing.assert_array_equal(changed, rows[:, None] | columns[None])
    warped = audio.spec_augment(x, np.random.default_rng(3), time_masks=0, frequency_masks=0, warp=10)
    assert warped.shape == x.shape
    np.testing.assert_array_equal(warped[0], x[0])
    assert (warped != x).any()


def test_deltas_of_a_straight_line_are_its_slope() -> None:
    x = np.arange(20, dtype=np.float32)[:, None] * 3
    y = audio.deltas(x)
    assert y.shape == (20, 3)
    np.testing.assert_allclose(y[4:-4, 1], 3)
    np.testing.assert_allclose(y[4:-4, 2], 0, atol=1e-6)


def test_options_that_make_no_sense_are_refused() -> None:
    with pytest.raises(pyseq.ArgumentError, match=r"mel_filters: .*0 <= low < high"):
        Features(FeatureOptions(low=9000))
    with pytest.raises(pyseq.ArgumentError, match="window: name is 'hat'"):
        Features(FeatureOptions(window="hat"))
    with pytest.raises(pyseq.ArgumentError, match="90 cepstra of 80 filters"):
        Features(FeatureOptions(num_cepstra=90))
    with pytest.raises(pyseq.ShapeError, match=r"samples \[2, 3\]"):
        Features(FeatureOptions())(np.zeros((2, 3), np.float32))


def test_a_spectrogram_as_a_picture(tmp_path: Any) -> None:
    axes = pyseq.viz.spectrogram_plot(chirp(0.3), 16000, tmp_path / "sound.png")
    assert (tmp_path / "sound.png").read_bytes()[1:4] == b"PNG"
    assert axes.get_xlabel() == "seconds"
    assert pyseq.viz.spectrogram_plot(chirp(0.3), 16000, mel=40).get_ylabel() == "mel filter"
