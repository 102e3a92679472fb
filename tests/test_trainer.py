"""The training loop: limits, resuming, kills, interruptions, values that are not finite."""

from __future__ import annotations

import csv
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from training import Model, collate, make_batches, make_trainer

import pyseq
from pyseq import nn, ops, train

SCRIPT = Path(__file__).with_name("training.py")


@pytest.fixture
def restored_threads() -> Iterator[None]:
    threads, isa = pyseq.num_threads(), pyseq.active_isa()
    yield
    pyseq.set_num_threads(threads)
    pyseq.set_isa(isa)


def values(trainer: train.Trainer) -> dict[str, bytes]:
    """Everything that a run ends with, bit by bit."""
    checkpoint = trainer.checkpoint()
    found = {f"{s}.{n}": a.tobytes() for s, arrays in checkpoint.arrays.items() for n, a in arrays.items()}
    facts = {**checkpoint.facts, "counters": {**checkpoint.facts["counters"], "seconds": 0, "evaluated_seconds": 0}}
    return {**found, "facts": repr(facts).encode()}


def rows(folder: Path) -> list[tuple[str, ...]]:
    """The lines of the metrics, without times."""
    with (folder / "metrics.csv").open() as file:
        lines = list(csv.reader(file))
    assert lines[0] == ["step", "epoch", "seconds", "name", "value"]
    return [(line[0], line[1], *line[3:]) for line in lines[1:] if "per_second" not in line[3]]


def test_a_run_learns_and_says_how_it_ended(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path, 60)
    before = trainer.evaluate()["loss"] if trainer.evaluate else 0.0
    result = trainer.run()
    assert (result.reason, result.step) == ("steps", 60)
    assert result.best is not None
    assert result.best <= result.metrics["loss"] < before
    assert result.epoch == trainer.batches.epoch > 1
    assert train.Checkpoint.load(tmp_path / "best.safetensors").facts["counters"]["step"] == result.best_step
    steps = [int(row[0]) for row in rows(tmp_path) if row[2] == "train/loss"]
    assert steps == list(range(1, 61))


@pytest.mark.parametrize("prefetch", [False, True], ids=["", "prefetch"])
@pytest.mark.parametrize("stop", [1, 7, 13])
def test_a_resumed_run_has_the_bits_of_one_that_was_not_stopped(tmp_path: Path, stop: int, prefetch: bool) -> None:
    whole = make_trainer(tmp_path / "whole", 20)
    whole.run()
    make_trainer(tmp_path / "parts", stop, prefetch).run()
    resumed = make_trainer(tmp_path / "parts", 20, prefetch)
    resumed.resume(tmp_path / "parts" / "last.safetensors")
    resumed.run()
    assert values(resumed) == values(whole)
    planned = [row for row in rows(tmp_path / "parts") if int(row[0]) != stop or row[2].startswith("train/")]
    assert planned == [row for row in rows(tmp_path / "whole") if int(row[0]) != stop or row[2].startswith("train/")]


def test_training_has_the_same_bits_for_any_number_of_threads(restored_threads: None) -> None:
    found = []
    for threads in (1, 2, 5):
        pyseq.set_num_threads(threads)
        trainer = make_trainer(None, 15)
        trainer.run()
        found.append(values(trainer))
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("isa", pyseq.available_isas())
def test_golden_curve(isa: str, restored_threads: None) -> None:
    """Twenty losses of a fixed seed guard the whole stack: initial values, batches, gradients, updates."""
    pyseq.set_isa(isa)
    losses: list[float] = []

    class Note(train.Callback):
        def after_step(self, trainer: train.Trainer, loss: float) -> None:
            losses.append(loss)

    trainer = make_trainer(None, 20)
    trainer.callbacks.append(Note())
    trainer.run()
    np.testing.assert_allclose(losses, GOLDEN, rtol=1e-4)


GOLDEN = [
    2.479675,
    2.508464,
    2.430321,
    2.425929,
    2.428201,
    2.463889,
    2.442799,
    2.386860,
    2.429820,
    2.509920,
    2.405745,
    2.388947,
    2.320032,
    2.273151,
    2.326576,
    2.345055,
    2.292011,
    2.197786,
    2.385585,
    2.355505,
]


def test_two_batches_of_half_the_size_give_the_gradient_of_the_whole() -> None:
    def run(parts: int) -> Any:
        model = Model(noisy=False).initialize(5)
        texts = [np.arange(5) + n for n in range(6)]
        batches = pyseq.data.Batches(texts, collate, batch_size=6 // parts, shuffle=False)
        settings = train.Settings(max_steps=3, accumulate=parts, quiet=True)
        train.Trainer(model, batches, train.SGD(model, 0.1), settings).run()
        return model.output.weight.numpy()

    np.testing.assert_allclose(run(2), run(1), rtol=1e-4, atol=1e-6)


def test_epochs_seconds_patience_and_callbacks_end_a_run() -> None:
    assert make_trainer(None, 10_000, epochs=2).run().epoch == 2
    begin = time.perf_counter()
    result = make_trainer(None, 10**9, max_seconds=0.2).run()
    assert result.reason == "seconds"
    assert time.perf_counter() - begin < 5
    trainer = make_trainer(None, 1000, evaluate_every=1, patience=3)
    trainer.evaluate = iter([{"loss": loss} for loss in (3.0, 2.0, 2.5, 2.5, 2.5, 0.0)]).__next__
    result = trainer.run()
    assert (result.reason, result.step, result.best, result.best_step) == ("patience", 5, 2.0, 2)

    class Stop(train.Callback):
        def after_evaluation(self, trainer: train.Trainer, metrics: Any) -> None:
            trainer.stop()

    trainer = make_trainer(None, 1000)
    trainer.callbacks.append(Stop())
    result = trainer.run()
    assert (result.reason, result.step) == ("callback", 7)


def start(folder: Path, steps: int) -> subprocess.Popen[str]:
    command = [sys.executable, str(SCRIPT), str(folder), str(steps)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    return process


def test_a_kill_at_any_moment_leaves_a_checkpoint_that_a_run_goes_on_from(tmp_path: Path) -> None:
    delays = np.random.default_rng(0).uniform(0.0, 0.1, 36)
    reached = 0
    for delay in delays:
        with start(tmp_path, 10**6) as process:
            time.sleep(delay)
            process.kill()
        if (tmp_path / "last.safetensors").exists():
            step = train.Checkpoint.load(tmp_path / "last.safetensors").facts["counters"]["step"]
            assert step >= reached
            reached = step
    assert reached >= 5  # the runs went on from each other
    steps = [int(row[0]) for row in rows(tmp_path)]
    resumed = make_trainer(tmp_path, reached + 20, checkpoint_every=1)
    resumed.resume(tmp_path / "last.safetensors")
    resumed.run()
    assert not list(tmp_path.glob("*.tmp"))
    assert not list(tmp_path.glob(".*.tmp"))
    whole = make_trainer(tmp_path / "whole", reached + 20, checkpoint_every=1)
    whole.run()
    assert values(resumed) == values(whole)
    assert steps == sorted(steps)


def test_ctrl_c_saves_and_ends_the_run(tmp_path: Path) -> None:
    with start(tmp_path, 10**6) as process:
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=30)
    assert (process.returncode, output) == (0, "interrupted\n")
    checkpoint = train.Checkpoint.load(tmp_path / "last.safetensors")
    assert checkpoint.facts["counters"]["step"] > 0


class Broken(Model):
    """Takes the logarithm of a number that becomes negative, or divides by 0."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.scale = pyseq.Parameter(np.zeros((1, CLASSES_OF_OUTPUT), np.float32))

    def forward(self, tokens: Any) -> Any:
        logits = super().forward(tokens)
        if self.kind == "op":
            return ops.log(ops.subtract(logits, np.full(logits.shape[-1], 100, np.float32)))
        if self.kind == "gradient":
            return ops.multiply(ops.sqrt(ops.multiply(logits, np.zeros(logits.shape[-1], np.float32))), logits)
        return logits


CLASSES_OF_OUTPUT = 11


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (
            "op",
            r"step 1: the loss is nan; the first value that is not finite is a result of log; its inputs are finite",
        ),
        ("gradient", r"step 1: the norm of the gradients is nan; the loss is finite; .* comes from sqrt"),
        ("parameter", r"step 1: .*; parameter output.bias already has a value that is not finite"),
    ],
)
def test_what_is_not_finite_is_found(kind: str, message: str) -> None:
    model = Broken(kind).initialize(5)
    optimizer = train.Adam(model)
    if kind == "parameter":
        model.output.bias.data[3] = np.nan
    trainer = train.Trainer(model, make_batches(), optimizer, train.Settings(max_steps=3, quiet=True))
    with pytest.raises(train.NonFiniteError, match=message):
        trainer.run()


def test_an_input_that_is_not_finite_is_named() -> None:
    layer = nn.Linear(2, 1)

    def loss(batch: Any) -> tuple[Any, float]:
        return layer(batch), len(batch)

    x = np.array([[1.0, np.inf]], np.float32)
    batches = pyseq.data.Batches(range(1), lambda rows: x, batch_size=1)
    trainer = train.Trainer(layer, batches, train.SGD(layer), train.Settings(max_steps=1, quiet=True), loss=loss)
    with pytest.raises(train.NonFiniteError, match=r"result of linear; input 0 of it already has one"):
        trainer.run()


def test_tensorboard_gets_the_values_of_the_csv_file(tmp_path: Path) -> None:
    event_pb2 = pytest.importorskip("tensorboardX.proto.event_pb2", reason='pip install ".[test]"')
    make_trainer(tmp_path, 5, tensorboard=True).run()
    (file,) = (tmp_path / "tensorboard").iterdir()
    content, events, at = file.read_bytes(), [], 0
    while at < len(content):  # a record: length (8 bytes), its checksum (4), the event, its checksum (4)
        size = int.from_bytes(content[at : at + 8], "little")
        events.append(event_pb2.Event.FromString(content[at + 12 : at + 12 + size]))
        at += 16 + size
    shown = {(e.step, v.tag): v.simple_value for e in events for v in e.summary.value}
    written = {(int(step), name): float(value) for step, _, name, value in rows(tmp_path)}
    assert written
    assert {key for key in shown if "per_second" not in key[1]} == set(written)
    assert all(shown[key] == pytest.approx(value, rel=1e-6) for key, value in written.items())


def test_tensorboard_without_its_writer_says_what_to_install(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(pyseq.UnsupportedError, match=r'pip install "pyseq\[tensorboard\]"'):
        make_trainer(tmp_path, 1, tensorboard=True).run()


def test_another_file_is_not_taken_for_a_checkpoint(tmp_path: Path) -> None:
    pyseq._core.write_safetensors(tmp_path / "other.safetensors", {"format": "pt"}, {"x": np.ones(1, np.float32)})
    with pytest.raises(pyseq.FormatError, match=r"other.safetensors is not a checkpoint"):
        train.Checkpoint.load(tmp_path / "other.safetensors")


def test_settings_need_a_limit() -> None:
    with pytest.raises(pyseq.ArgumentError, match="or training never ends"):
        train.Settings()
