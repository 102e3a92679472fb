"""Features equal to those of transformers."""

from __future__ import annotations

import numpy as np
import pytest

from pyseq import audio

transformers = pytest.importorskip("transformers", reason='pip install ".[parity]"')


def sound(seconds: float) -> np.ndarray:
    t = np.arange(round(seconds * 16000)) / 16000
    noise = np.random.default_rng(0).standard_normal(len(t))
    return (0.4 * np.sin(2 * np.pi * (100 + 900 * t) * t) + 0.1 * noise).astype(np.float32)


@pytest.mark.parametrize("num_filters", [80, 128])
@pytest.mark.parametrize("seconds", [0.7, 31.0])
def test_log_mel_equals_whispers(num_filters: int, seconds: float) -> None:
    extractor = transformers.WhisperFeatureExtractor(feature_size=num_filters)
    expected = extractor(sound(seconds), sampling_rate=16000, return_tensors="np").input_features[0].T
    found = audio.whisper_features(sound(seconds), num_filters)
    assert found.shape == expected.shape == (3000, num_filters)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_normalized_samples_equal_those_of_wav2vec() -> None:
    extractor = transformers.Wav2Vec2FeatureExtractor(do_normalize=True)
    expected = extractor(sound(0.5), sampling_rate=16000, return_tensors="np").input_values[0]
    np.testing.assert_allclose(audio.normalized(sound(0.5)), expected, atol=1e-4)
