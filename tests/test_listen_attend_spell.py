"""Listen, attend and spell: gradients, whole text = step by step, eager = exported, and joint transcripts of a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyseq
from pyseq import audio, ops
from pyseq.models import ListenAttendSpell, ListenOptions
from pyseq.recipes import evaluate, train
from pyseq.recipes.speech import Speech, SpeechConfig
from pyseq.tasks import JointSearch
from pyseq.tensor import Tensor

Array = np.ndarray[Any, Any]
RANDOM = np.random.default_rng(0)
LENGTHS = np.array([21, 10])
FRAMES = RANDOM.standard_normal((2, 21, 5)).astype(np.float32)
TARGETS = np.array([[1, 4, 5], [1, 6, 3]])


def small(**changes: Any) -> ListenAttendSpell:
    sizes: dict[str, Any] = {
        "vocabulary": 7,
        "feature_size": 5,
        "channels": 6,
        "kernel": 4,
        "encoder_size": 5,
        "target_embedding": 4,
        "decoder_size": 8,
        "attention_size": 6,
        "location_filters": 3,
        "location_width": 3,
        "dropout": 0.0,
    }
    return ListenAttendSpell(ListenOptions(**(sizes | changes))).initialize(1)


@pytest.mark.parametrize("changes", [{"pyramid": 0}, {"pyramid": 2, "stride": 1, "feed": "none"}, {}])
def test_gradients_are_those_of_central_differences(changes: dict[str, Any]) -> None:
    model = small(**changes)
    model.convolution.bias.data[...] = 2  # no kink of relu is near
    frames = FRAMES * np.float32(0.4)

    def both() -> Tensor:
        state = model.encode(Tensor(frames), Tensor(LENGTHS))
        logits = ops.sum(model.step(Tensor(TARGETS), state), axis=1)
        return logits + ops.sum(state.memory["frame_logits"], axis=1)

    pyseq.check_gradients(both, [], dict(model.named_parameters()), tolerance=0.05, directions=2)


def test_two_frames_become_one_from_layer_to_layer() -> None:
    model = small(pyramid=2).eval()
    assert model.options.frames_per_step == 8
    annotations, counts, _ = model.listen(Tensor(FRAMES), Tensor(LENGTHS))
    assert annotations.shape == (2, 3, 10)
    assert counts.data.tolist() == [3, 2]  # 21 -> 11 -> 6 -> 3, 10 -> 5 -> 3 -> 2


def test_a_whole_text_gives_what_single_steps_give_and_padding_nothing() -> None:
    model = small().eval()
    whole = model.step(Tensor(TARGETS), model.encode(Tensor(FRAMES), Tensor(LENGTHS))).numpy()
    state = model.encode(Tensor(FRAMES[1:, :10].copy()), Tensor(LENGTHS[1:]))
    for place in range(TARGETS.shape[1]):
        step = model.step(Tensor(TARGETS[1:, place : place + 1].copy()), state).numpy()
        np.testing.assert_array_equal(step[0, 0], whole[1, place])
    np.testing.assert_allclose(state.carry["alignment"].numpy().sum(1), 1, rtol=1e-5)
    with pytest.raises(pyseq.ArgumentError, match="ListenAttendSpell: 0 features"):
        small(feature_size=0)


def test_samples_go_in_where_the_model_has_a_front_end() -> None:
    model = small(features=audio.log_mel(8000, 20), feature_size=0).eval()
    found = model.recognize(Tensor(np.zeros((1, 1600), np.float32)), Tensor(np.array([1600])))
    assert found["logits"].shape == (1, 5, 7)
    state = model.encode(Tensor(np.zeros((1, 1600), np.float32)), Tensor(np.array([1600])))
    np.testing.assert_array_equal(state.memory["frame_logits"].numpy(), found["logits"].numpy())


def write_speech(folder: Path) -> None:
    """Two texts, each with frames of its own."""
    lengths = RANDOM.integers(40, 60, 24).astype(np.int32)
    pieces = []
    for index, length in enumerate(lengths):
        tones = np.sin(np.arange(length)[:, None] * (0.3 + 0.4 * (index % 2)) + np.arange(13))
        pieces.append(tones + 0.1 * RANDOM.standard_normal((length, 13)))
    np.savez(
        folder / "train.npz",
        mfcc=np.concatenate(pieces).astype(np.float16),
        lengths=lengths,
        text=np.array(["A B", "GO NOW"] * 12),
        speaker=np.array([f"s{index % 12}" for index in range(24)]),
    )


def test_a_recipe_trains_attention_and_ctc_together(tmp_path: Path) -> None:
    write_speech(tmp_path)
    config = SpeechConfig(
        model="attention",
        epochs=None,
        max_steps=25,
        evaluate_every=25,
        batch_size=8,
        channels=16,
        hidden_size=16,
        decoder_size=24,
        beam_size=2,
        average_decay=0.0,
        dropout=0.0,
    )
    result = train(Speech(config), tmp_path / "run", tmp_path, quiet=True)
    assert set(result.metrics) == {"loss", "token_error_rate", "word_error_rate"}
    file = tmp_path / "run" / "model.safetensors"
    found = evaluate(Speech, file, tmp_path)
    assert found["token_error_rate"] == result.metrics["token_error_rate"]  # the file writes what the module writes
    model = pyseq.load(file)
    frames = RANDOM.standard_normal((3, 45, 13)).astype(np.float32)
    together = model.transcribe_batch(list(frames))
    assert together == [model.transcribe(one) for one in frames]
    for transcript in (*together, model.transcribe(frames[0], JointSearch(beam_size=2, ctc_weight=0.0))):
        assert set(transcript.text) <= set("A BGO NOW")
        for word in transcript.words:
            assert 0 <= word.start < word.end <= 0.52
    assert set(model.transcribe(frames[0], model.decoder(beam_size=4)).text) <= set("A BGO NOW")  # CTC alone
    with pytest.raises(pyseq.ArgumentError, match="speech: model is 'rnnt', expected 'ctc' or 'attention'"):
        train(Speech(SpeechConfig(model="rnnt")), None, tmp_path)
