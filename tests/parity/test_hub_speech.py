"""Whisper and wav2vec 2.0 folders against `transformers`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyseq

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

import hub_models  # noqa: E402

START, END, LANGUAGES, TRANSCRIBE, NO_TIMESTAMPS = 990, 991, {"<|en|>": 992, "<|de|>": 993}, 994, 996
FRAMES = 22


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A model of `transformers` and the same loaded from its folder."""
    folder = tmp_path_factory.mktemp("whisper")
    config = transformers.WhisperConfig(
        vocab_size=hub_models.VOCABULARY,
        num_mel_bins=7,
        d_model=30,
        encoder_layers=3,
        decoder_layers=2,
        encoder_attention_heads=5,
        decoder_attention_heads=5,
        encoder_ffn_dim=44,
        decoder_ffn_dim=52,
        max_source_positions=FRAMES // 2,
        max_target_positions=20,
        pad_token_id=END,
        bos_token_id=END,
        eos_token_id=END,
        decoder_start_token_id=START,
        suppress_tokens=None,
        begin_suppress_tokens=None,
    )
    model = hub_models.randomised(transformers.WhisperForConditionalGeneration(config))
    with torch.no_grad():
        model.model.decoder.embed_tokens.weight.mul_(3)
    settings = {
        "lang_to_id": LANGUAGES,
        "task_to_id": {"transcribe": TRANSCRIBE, "translate": 995},
        "no_timestamps_token_id": NO_TIMESTAMPS,
        "is_multilingual": True,
        "suppress_tokens": [3, 17, START, *LANGUAGES.values(), TRANSCRIBE, 995, NO_TIMESTAMPS],
        "begin_suppress_tokens": [40, END],
        "decoder_start_token_id": START,
        "eos_token_id": END,
        "pad_token_id": END,
        "max_length": 20,
    }
    for name, value in settings.items():
        setattr(model.generation_config, name, value)
    hub_models.save(model, folder)
    hub_models.byte_pairs(folder)
    return model, pyseq.load(folder)


def spectrograms(count: int, frames: int = FRAMES) -> Any:
    return np.random.default_rng(7).standard_normal((count, frames, 7)).astype(np.float32)


def test_whisper_logits(whisper: Any) -> None:
    model, loaded = whisper
    features, tokens = spectrograms(3), np.random.default_rng(3).integers(0, 1003, (3, 9))
    with torch.no_grad():
        inputs = torch.from_numpy(features.transpose(0, 2, 1).copy())
        expected = model(inputs, decoder_input_ids=torch.from_numpy(tokens)).logits.numpy()
    for row in range(3):
        np.testing.assert_allclose(loaded.logits(features[row], tokens[row]), expected[row], atol=1e-4)


def theirs(model: Any, features: Any, beams: int) -> Any:
    """Without the loop over segments of long sounds: prefix, suppressed tokens, search."""
    prefix = [START, LANGUAGES["<|de|>"], TRANSCRIBE, NO_TIMESTAMPS]
    processors = transformers.LogitsProcessorList(
        [
            transformers.SuppressTokensLogitsProcessor(model.generation_config.suppress_tokens),
            transformers.SuppressTokensAtBeginLogitsProcessor([40, END], begin_index=len(prefix)),
        ]
    )
    return transformers.GenerationMixin.generate(
        model,
        torch.from_numpy(features.transpose(0, 2, 1).copy()),
        decoder_input_ids=torch.tensor([prefix] * len(features)),
        generation_config=transformers.GenerationConfig(
            decoder_start_token_id=START, eos_token_id=END, pad_token_id=END, max_length=20, num_beams=beams
        ),
        logits_processor=processors,
    )


@pytest.mark.parametrize("beams", [1, 3])
def test_whisper_writes(whisper: Any, beams: int) -> None:
    model, loaded = whisper
    features = spectrograms(4)
    options = {"length_penalty": 1.0, "early_exit": "bound"} if beams > 1 else {}
    found = loaded.write_batch(features, language="de", beam_size=beams, **options)
    for row, (hypothesis, *_) in enumerate(found):
        (expected,) = theirs(model, features[row : row + 1], beams).tolist()
        written = [START, *hypothesis.ids, END]
        assert [id for id in written if id != END] == [id for id in expected if id != END]
        assert hypothesis.ids[:3] == [993, TRANSCRIBE, NO_TIMESTAMPS]
        assert hypothesis.ids[3] != 40
        assert 17 not in hypothesis.ids


def test_whisper_finds_the_language(whisper: Any) -> None:
    model, loaded = whisper
    features = spectrograms(6)
    with torch.no_grad():
        inputs = torch.from_numpy(features.transpose(0, 2, 1).copy())
        logits = model(inputs, decoder_input_ids=torch.full((6, 1), START)).logits[:, 0].numpy()
    names = {id: name for name, id in LANGUAGES.items()}
    for row in range(6):
        expected = max(names, key=lambda id: logits[row, id])
        assert loaded.detect_language(features[row]) == names[expected]
        assert loaded.write(features[row]).ids[0] == expected
    with pytest.raises(pyseq.ArgumentError, match=r"'<\|xx\|>' is not among the languages"):
        loaded.write(features[0], language="xx")
    with pytest.raises(pyseq.ShapeError, match=r"\[22, 6\], expected \[1 to 22 frames, 7 bins\]"):
        loaded.write(features[0, :, :6])


def test_shorter_spectrograms_go_alone(whisper: Any) -> None:
    _, loaded = whisper
    long, short = spectrograms(1)[0], spectrograms(1, 9)[0]
    together, alone = loaded.write_batch([long, short], beam_size=2), loaded.write_batch([short], beam_size=2)
    assert together[1] == alone[0]


def test_whisper_transcribes_one_window_after_the_other(whisper: Any) -> None:
    _, loaded = whisper
    samples = np.random.default_rng(2).standard_normal(FRAMES * 160 + 700).astype(np.float32)
    parts = [
        pyseq.audio.whisper_features(part, 7, FRAMES / 100)
        for part in (samples[: FRAMES * 160], samples[FRAMES * 160 :])
    ]
    expected = [loaded.write(part, language="en").text.strip() for part in parts]
    assert loaded.transcribe(samples, language="en").text == " ".join(expected)


def wav2vec2(folder: Path, **more: Any) -> Any:
    config = transformers.Wav2Vec2Config(
        vocab_size=33,
        hidden_size=30,
        num_hidden_layers=3,
        num_attention_heads=5,
        intermediate_size=44,
        conv_dim=[18, 22, 26],
        conv_kernel=[10, 3, 2],
        conv_stride=[5, 2, 2],
        num_conv_pos_embeddings=more.pop("kernel"),
        num_conv_pos_embedding_groups=6,
        pad_token_id=0,
        **more,
    )
    model = hub_models.randomised(transformers.Wav2Vec2ForCTC(config))
    with torch.no_grad():
        taps = model.wav2vec2.encoder.pos_conv_embed.conv.parametrizations.weight
        taps.original0.copy_(0.5 + torch.rand(taps.original0.shape, generator=torch.Generator().manual_seed(1)))
    hub_models.save(model, folder)
    tokens = ["<pad>", "<s>", "</s>", "<unk>", "|", *(chr(code) for code in range(ord("A"), ord("A") + 28))]
    (folder / "vocab.json").write_text(json.dumps({token: id for id, token in enumerate(tokens)}))
    (folder / "preprocessor_config.json").write_text(json.dumps({"do_normalize": True, "sampling_rate": 8000}))
    return model


@pytest.mark.parametrize(
    "variant",
    [
        {"feat_extract_norm": "group", "kernel": 8},
        {"feat_extract_norm": "layer", "conv_bias": True, "do_stable_layer_norm": True, "kernel": 7},
    ],
    ids=["base", "large"],
)
def test_wav2vec2_logits(variant: dict[str, Any], tmp_path: Path) -> None:
    model = wav2vec2(tmp_path, **variant)
    loaded = pyseq.load(tmp_path)
    assert (loaded.rate, loaded.blank, loaded.vocabulary.token(5), loaded.frame_seconds) == (8000, 0, "A", 20 / 8000)
    random = np.random.default_rng(0)
    sounds = [7 + 3 * random.standard_normal(size).astype(np.float32) for size in (997, 30, 2001)]
    extractor = transformers.Wav2Vec2FeatureExtractor(do_normalize=True)
    for sound, found in zip(sounds, loaded.log_probs_batch(sounds), strict=True):
        values = extractor(sound, sampling_rate=16000, return_tensors="pt").input_values
        with torch.no_grad():
            expected = model(values).logits[0]
        inputs = {"x": values.numpy(), "lengths": np.array([len(sound)])}
        np.testing.assert_allclose(loaded.program.run("recognize", **inputs)["logits"][0], expected.numpy(), atol=1e-4)
        np.testing.assert_allclose(found, torch.log_softmax(expected, -1).numpy(), atol=1e-4)
        assert np.array_equal(loaded.log_probs(sound), found)


def test_misfits_of_speech_models_are_listed(tmp_path: Path) -> None:
    wav2vec2(tmp_path, feat_extract_norm="group", kernel=8)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "conv_bias": True, "intermediate_size": 45}))
    with pytest.raises(pyseq.FormatError) as caught:
        pyseq.load(tmp_path)
    message = str(caught.value)
    assert "missing: wav2vec2.feature_extractor.conv_layers.0.conv.bias" in message
    assert "of another shape: wav2vec2.encoder.layers.0.feed_forward.intermediate_dense.weight [44, 30]" in message
