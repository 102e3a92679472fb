"""Voice activity equal to that of the package silero-vad: probabilities and segments of real speech."""

from __future__ import annotations

import importlib.util
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import data_folder, skip_or_fail

from pyseq import audio
from pyseq.hub import silero
from pyseq.tasks import VoiceActivity

torch = pytest.importorskip("torch", reason='PyTorch is not installed: pip install ".[parity]"')


@pytest.fixture(scope="module")
def package() -> Path:
    spec = importlib.util.find_spec("silero_vad")
    if spec is None or not spec.submodule_search_locations:
        skip_or_fail("the package silero-vad is not installed (pip install --no-deps silero-vad)")
    return Path(spec.submodule_search_locations[0]) / "data"  # type: ignore[union-attr, index]


def speech(rate: int) -> np.ndarray[Any, Any]:
    """Two sentences with silence around them."""
    folder = data_folder()
    if folder is None or not (folder / "speech" / "ljspeech.zip").is_file():
        skip_or_fail("no data set speech: set PYSEQ_DATA_DIR")
    with zipfile.ZipFile(folder / "speech" / "ljspeech.zip") as archive:  # type: ignore[operator]
        names = sorted(name for name in archive.namelist() if name.endswith(".wav"))[:2]
        sounds = [audio.read(archive.read(name), rate).samples for name in names]
    pause = np.zeros(rate, np.float32)
    return np.concatenate([pause, sounds[0], pause, sounds[1], pause])


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
@pytest.mark.parametrize("rate", [16000, 8000])
def test_probabilities_equal_the_packages_own(package: Path, rate: int) -> None:
    samples = speech(rate)
    theirs = torch.jit.load(str(package / "silero_vad.jit"))
    expected = theirs.audio_forward(torch.from_numpy(samples)[None], rate)[0].numpy()
    detector = VoiceActivity(silero.convert(package / "silero_vad.onnx", rate))
    found = detector.probabilities(samples)
    assert found.max() > 0.9
    assert found.min() < 0.1
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_safetensors_file_equals_its_definition(package: Path) -> None:
    from safetensors.torch import load_file

    samples = torch.from_numpy(speech(16000))
    w = load_file(package / "silero_vad_16k.safetensors")
    cell = torch.nn.LSTMCell(128, 128)
    cell.load_state_dict({name.removeprefix("lstm_cell."): w[name] for name in w if name.startswith("lstm_cell.")})
    state, expected = None, []
    padded = torch.nn.functional.pad(samples, (64, -len(samples) % 512))
    with torch.no_grad():
        for begin in range(0, len(padded) - 64, 512):
            chunk = torch.nn.functional.pad(padded[None, None, begin : begin + 576], (0, 64), mode="reflect")
            x = torch.nn.functional.conv1d(chunk, w["stft_conv.weight"], stride=128)
            x = (x[:, :129] ** 2 + x[:, 129:] ** 2).sqrt()
            for i, stride in enumerate((1, 2, 2, 1), 1):
                x = torch.relu(torch.nn.functional.conv1d(x, w[f"conv{i}.weight"], w[f"conv{i}.bias"], stride, 1))
            state = cell(x[..., 0], state)
            y = torch.nn.functional.conv1d(
                torch.relu(state[0])[..., None], w["final_conv.weight"], w["final_conv.bias"]
            )
            expected.append(float(torch.sigmoid(y)))
    found = VoiceActivity(silero.convert(package / "silero_vad_16k.safetensors")).probabilities(samples.numpy())
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("rate", [16000, 8000])
def test_segments_equal_the_packages_own(package: Path, rate: int) -> None:
    utilities = pytest.importorskip("silero_vad.utils_vad")
    samples = speech(rate)
    detector = VoiceActivity(silero.convert(package / "silero_vad.onnx", rate))
    theirs = utilities.get_speech_timestamps_from_probs(
        detector.probabilities(samples).tolist(), rate, audio_length_samples=len(samples)
    )
    found = [(round(segment.start * rate), round(segment.end * rate)) for segment in detector.segments(samples)]
    assert len(found) > 1
    assert found == [(one["start"], one["end"]) for one in theirs]
