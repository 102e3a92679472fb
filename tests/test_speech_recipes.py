"""Recipes of sound and handwriting for a few steps, on small data that the test writes, and what their models do."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyseq
from pyseq import audio
from pyseq.metrics import Debouncing, RocPoint, detections, operating_point
from pyseq.recipes import evaluate, roc, train
from pyseq.recipes.digits import Digits, DigitsConfig
from pyseq.recipes.handwriting import Handwriting, HandwritingConfig
from pyseq.recipes.joined_digits import JoinedDigits, JoinedDigitsConfig
from pyseq.recipes.speech import Speech, SpeechConfig, stretched, warp_matrix
from pyseq.recipes.trigger import TriggerConfig, TriggerRecipe
from pyseq.recipes.yesno import YesNo, YesNoConfig
from pyseq.tasks import SoundClassifier, SpeechRecognizer, TriggerDetector
from pyseq.tasks.trigger_detector import Debounce

Array = np.ndarray[Any, Any]
RATE = 8000


def tone(digit: int, seconds: float, random: np.random.Generator) -> Array:
    """A "digit": a tone of its own pitch, over a little noise."""
    t = np.arange(int(seconds * RATE)) / RATE
    clean = 0.3 * np.sin(2 * np.pi * (250 + 300 * digit) * t) * np.hanning(len(t))
    return (clean + 0.003 * random.standard_normal(len(t))).astype(np.float32)


def wav(samples: Array) -> bytes:
    content = io.BytesIO()
    audio.write(content, samples, RATE)
    return content.getvalue()


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two speakers, ten digits, four recordings of each."""
    folder, random = tmp_path_factory.mktemp("fsdd"), np.random.default_rng(0)
    with zipfile.ZipFile(folder / "recordings.zip", "w") as archive:
        for digit in range(10):
            for speaker in ("ann", "bob"):
                for number in range(8, 12):
                    samples = tone(digit, random.uniform(0.2, 0.3), random)
                    archive.writestr(f"{digit}_{speaker}_{number}.wav", wav(samples))
    return folder


def run(recipe: Any, folder: Path, data: Path) -> tuple[Any, Any]:
    result = train(recipe, folder, data, quiet=True)
    return result, pyseq.load(folder / "model.safetensors")


def falls(folder: Path) -> bool:
    """Whether the training loss becomes lower than at the start."""
    lines = [line.split(",") for line in (folder / "metrics.csv").read_text().splitlines()]
    losses = [float(line[4]) for line in lines if line[3] == "train/loss"]
    return min(losses[len(losses) // 2 :]) < losses[0]


def test_tones_are_told_apart(digits: Path, tmp_path: Path) -> None:
    config = DigitsConfig(epochs=None, max_steps=40, batch_size=20, channels=24, hidden_size=16, noise=0.0, log_every=1)
    result, classifier = run(Digits(config), tmp_path, digits)
    assert isinstance(classifier, SoundClassifier)
    assert falls(tmp_path)
    assert result.metrics["accuracy"] > 0.4
    found = classifier.classify(audio.Sound(tone(7, 0.25, np.random.default_rng(3)), RATE))
    assert len(found.ranking) == 10
    assert sum(probability for _, probability in found.ranking) == pytest.approx(1)
    assert evaluate(Digits, tmp_path / "model.safetensors", digits)["accuracy"] == result.best
    with pytest.raises(pyseq.ShapeError, match=r"samples \[2, 3\]"):
        classifier.classify(np.zeros((2, 3), np.float32))


@pytest.fixture(scope="module")
def recognizer(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("joined")
    config = JoinedDigitsConfig(
        max_steps=12, batch_size=4, channels=24, hidden_size=16, num_layers=1, evaluate_every=12, log_every=1
    )
    result, loaded = run(JoinedDigits(config), folder, digits)
    assert isinstance(loaded, SpeechRecognizer)
    assert falls(folder)
    assert 0 <= result.metrics["token_error_rate"] <= 2
    return folder / "model.safetensors"


def test_a_recognizer_takes_files_sounds_and_samples(recognizer: Path, tmp_path: Path) -> None:
    model, random = pyseq.load(recognizer), np.random.default_rng(5)
    sound = np.concatenate([tone(digit, 0.3, random) for digit in (3, 1, 4)])
    (tmp_path / "314.wav").write_bytes(wav(sound))
    assert model.rate == RATE
    log_probs = model.log_probs(sound)
    assert log_probs.shape[1] == 11
    np.testing.assert_allclose(np.exp(log_probs).sum(1), 1, rtol=1e-4)
    assert model.log_probs(audio.Sound(np.repeat(sound, 2), 2 * RATE)).shape == log_probs.shape
    transcripts = model.transcribe_batch([sound, tmp_path / "314.wav", sound[:1600]])
    assert transcripts[0] == model.transcribe(sound)
    assert transcripts[2] == model.transcribe(sound[:1600])
    assert transcripts[0].text == "".join(word.text for word in transcripts[0].words)  # every digit is a word
    searched = model.transcribe(sound, model.decoder(beam_size=4, lexicon=["3", "14"]))
    assert set(searched.text.split()) <= {"3", "14"}
    aligned = model.align(sound, "314")
    assert (aligned.text, [word.text for word in aligned.words]) == ("314", ["3", "1", "4"])
    assert set(model.transcribe(sound, model.decoder(beam_size=4)).text) <= set("0123456789")
    for word in transcripts[0].words + searched.words + aligned.words:
        assert 0 <= word.start < word.end <= len(sound) / RATE + model.frame_seconds
        assert 0 < word.confidence <= 1


def test_the_command_line_transcribes(recognizer: Path, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wav(tone(3, 0.4, np.random.default_rng(0))))
    command = [sys.executable, "-m", "pyseq", "transcribe", str(tmp_path / "a.wav"), "--model", str(recognizer)]
    page = tmp_path / "page.html"
    made = subprocess.run(
        [*command, "--format", "json", "--html", str(page)], capture_output=True, text=True, check=True
    )
    assert set(json.loads(made.stdout)) == {"text", "words"}
    assert page.read_text(encoding="utf-8").count("<svg") == 1
    subprocess.run([*command, "--format", "srt", "--output", str(tmp_path / "out")], check=True)
    assert (tmp_path / "out" / "a.srt").is_file()


@pytest.fixture(scope="module")
def trigger(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trigger")
    config = TriggerConfig(
        max_steps=12,
        batch_size=4,
        channels=16,
        hidden_size=12,
        num_layers=1,
        evaluate_every=12,
        log_every=1,
        minutes=2.0,
    )
    result, detector = run(TriggerRecipe(config), folder, digits)
    assert isinstance(detector, TriggerDetector)
    assert falls(folder)
    assert result.metrics["alarms_per_minute"] <= 60
    return folder / "model.safetensors"


def test_a_trigger_stream_gives_what_the_whole_gives(trigger: Path) -> None:
    detector = pyseq.load(trigger)
    assert detector.word == "seven"
    random = np.random.default_rng(1)
    sound = np.concatenate([tone(digit, 0.3, random) for digit in (1, 7, 3, 7, 7)])
    whole = detector.probabilities(sound)
    stream = detector.stream(0.0)
    pieces = [stream.push(sound[begin : begin + 777]) for begin in range(0, len(sound), 777)]
    np.testing.assert_array_equal(np.concatenate([probabilities for _, probabilities in pieces]), whole)
    events = [event for events, _ in pieces for event in events]
    assert events == detector.detect(sound, 0.0)
    assert np.diff([event.seconds for event in events]).min() >= detector.pause_seconds
    lengths = np.array([len(sound)])
    logits = detector.program.run("detect", x=sound[None], lengths=lengths)["logits"][0]
    np.testing.assert_allclose(1 / (1 + np.exp(-logits[: len(whole)])), whole, rtol=1e-5)


def test_listen_reads_files_and_standard_input(trigger: Path, tmp_path: Path) -> None:
    sound = tone(7, 2.0, np.random.default_rng(0))
    (tmp_path / "a.wav").write_bytes(wav(sound))
    command = [sys.executable, "-m", "pyseq", "listen", str(trigger)]
    page = tmp_path / "page.html"
    options = ["--threshold", "0", "--html", str(page)]
    made = subprocess.run([*command, str(tmp_path / "a.wav"), *options], capture_output=True, text=True, check=True)
    lines = made.stdout.splitlines()
    assert lines
    assert all(line.split("\t")[1] == "seven" for line in lines)
    assert page.read_text(encoding="utf-8").count('class="event"') == len(lines)
    raw = (sound * 32767).astype("<i2").tobytes()
    piped = subprocess.run([*command, "--threshold", "0"], input=raw, capture_output=True, check=True)
    assert len(piped.stdout.decode().splitlines()) == len(lines)


def test_detections_and_false_alarms_are_counted() -> None:
    p = np.zeros(250, np.float32)  # 25 steps a second
    p[50:56] = p[200:210] = 0.9  # at 2 s and 8 s
    ends, rule = [[1.8, 5.0, 9.5]], Debouncing(0.04)  # behind the last one there is no time for an event
    assert detections([p], ends, 0.5, rule) == RocPoint(0.5, 0.5, pytest.approx(6.0))
    assert detections([p], ends, 0.95, rule) == RocPoint(0.95, 0.0, 0.0)
    curve = [detections([p], ends, threshold, rule) for threshold in (0.5, 0.9, 0.95)]
    assert operating_point(curve, 7.0).threshold == 0.9  # of equals the highest
    assert operating_point(curve, 0.1).threshold == 0.95


@pytest.mark.parametrize("frames", [1, 2, 4])
def test_events_are_those_of_a_stream(frames: int) -> None:
    random = np.random.default_rng(frames)
    for _ in range(20):
        p = random.random(200)
        debounce = Debounce(0.4, frames, 7)
        expected = [(step + 1) * 0.04 for step, value in enumerate(p) if debounce.push(value)]
        assert Debouncing(0.04, frames, 0.28).events(p, 0.4) == pytest.approx(expected)


def test_a_detector_has_a_curve(trigger: Path, digits: Path, tmp_path: Path) -> None:
    points = roc(TriggerRecipe, trigger, digits)
    alarms = [point.alarms_per_minute for point in points]
    assert alarms[-1] <= max(alarms)
    assert all(0 <= point.detected <= 1 for point in points)
    found = evaluate(TriggerRecipe, trigger, digits)
    threshold = pyseq.load(trigger).threshold
    nearest = min(points, key=lambda point: abs(point.threshold - threshold))
    assert found["detected"] == pytest.approx(nearest.detected)
    pytest.importorskip("matplotlib")
    command = [sys.executable, "-m", "pyseq", "eval", "trigger", str(trigger), "--data", str(digits)]
    file = tmp_path / "roc.svg"
    made = subprocess.run([*command, "--roc", str(file), "--json"], capture_output=True, text=True, check=True)
    assert set(json.loads(made.stdout)) == {"threshold", "detected", "alarms_per_minute"}
    assert "false alarms per minute" in file.read_text(encoding="utf-8") or file.stat().st_size > 5000
    with pytest.raises(pyseq.UnsupportedError, match="YesNo: only detectors have an ROC curve"):
        YesNo(YesNoConfig()).roc()


def test_yes_and_no(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    with zipfile.ZipFile(tmp_path / "recordings.zip", "w") as archive:
        for _ in range(9):
            words = random.integers(0, 2, 8)
            samples = np.concatenate([tone(2 + 4 * int(word), 0.2, random) for word in words])
            archive.writestr("_".join(map(str, words)) + ".wav", wav(samples))
    config = YesNoConfig(max_steps=6, evaluate_every=6, batch_size=3, channels=16, hidden_size=12, log_every=1)
    result, model = run(YesNo(config), tmp_path / "run", tmp_path)
    assert falls(tmp_path / "run")
    assert set(result.metrics) == {"loss", "token_error_rate"}
    assert set(model.transcribe(samples).text.split()) <= {"yes", "no"}
    aligned = model.align(samples, "yes no yes")
    assert aligned.text == "yes no yes"
    assert [word.start for word in aligned.words] == sorted({word.start for word in aligned.words})
    with pytest.raises(pyseq.ArgumentError, match="align: the model has no tokens that spell 'maybe'"):
        model.align(samples, "maybe")
    searched = model.transcribe(samples, model.decoder(beam_size=4, beta=1.0))
    assert {word.text for word in searched.words} <= {"yes", "no"}
    assert set(model.transcribe(samples, model.decoder(lexicon=["yes"])).text.split()) <= {"yes"}


def test_speech_takes_features_and_says_which(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    lengths = random.integers(60, 100, 24).astype(np.int32)
    np.savez(
        tmp_path / "train.npz",
        mfcc=random.standard_normal((int(lengths.sum()), 13)).astype(np.float16),
        lengths=lengths,
        text=np.array(["A B", "GO NOW"] * 12),
        speaker=np.array([f"s{index % 12}" for index in range(24)]),
    )
    config = SpeechConfig(
        epochs=None, max_steps=6, evaluate_every=6, batch_size=4, channels=16, hidden_size=12, log_every=1
    )
    result, model = run(Speech(config), tmp_path / "run", tmp_path)
    assert falls(tmp_path / "run")
    assert set(result.metrics) == {"loss", "token_error_rate", "word_error_rate"}
    assert model.rate is None
    assert model.frame_seconds == pytest.approx(0.04)
    features = random.standard_normal((40, 13)).astype(np.float32)
    assert model.log_probs(features).shape == (10, len(set("A BGO NOW")) + 1)
    with pytest.raises(pyseq.ShapeError, match=r"expected features \[frames, 13\] \(CMU AN4's"):
        model.transcribe(np.zeros(100, np.float32))


def test_voices_are_warped_and_paces_changed() -> None:
    random = np.random.default_rng(0)
    np.testing.assert_allclose(warp_matrix(13, 1.0), np.eye(13), atol=1e-6)
    bands = np.arange(40)
    cosines = np.cos(np.pi * np.outer(bands + 0.5, np.arange(13)) / 40)  # back to a spectrum
    for factor in (0.9, 1.1):  # a peak moves up with a factor above 1
        spectrum = np.exp(-(((bands - 20) / 5) ** 2))
        cepstra = (spectrum @ cosines * np.where(np.arange(13) == 0, 1 / 40, 2 / 40) ** 0.5).astype(np.float32)
        moved = cosines @ (cepstra @ warp_matrix(13, factor))
        assert (int(moved.argmax()) - 20) * (factor - 1) > 0
    frames = random.standard_normal((50, 13)).astype(np.float32)
    assert np.array_equal(stretched(frames, 1.0), frames)
    assert stretched(frames, 1.25).shape == (40, 13)
    np.testing.assert_allclose(stretched(frames[:2], 0.5)[:, 0], np.linspace(frames[0, 0], frames[1, 0], 4), rtol=1e-5)


def test_lines_of_handwriting(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    images = np.zeros((60, 8, 8), np.uint8)
    labels = np.arange(60) % 10
    for image, label in zip(images, labels, strict=True):
        image[label % 8, 1:7] = 16
        image[:, 1 + label // 2] = random.integers(10, 17, 8)
    np.savez(tmp_path / "train.npz", image=images, label=labels)
    config = HandwritingConfig(
        max_steps=8, evaluate_every=8, batch_size=8, channels=24, hidden_size=16, average_decay=0.0, log_every=1
    )
    result, model = run(Handwriting(config), tmp_path / "run", tmp_path)
    assert falls(tmp_path / "run")
    assert 0 <= result.metrics["token_error_rate"] <= 2
    assert set(model.transcribe(np.zeros((30, 8), np.float32)).text) <= set("0123456789")
