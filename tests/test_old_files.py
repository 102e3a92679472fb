"""Files that earlier versions wrote, kept in tests/golden: they load and answer as they did (docs/architecture.md)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import pyseq
from pyseq.train.checkpoint import Checkpoint

GOLDEN = Path(__file__).resolve().parent / "golden"


def test_program_of_format_1() -> None:
    program = pyseq.Program.load(GOLDEN / "program_format_1.safetensors")
    assert program.format_version == 1
    assert program.task["labels"] == ["a", "b", "c"]
    tokens = np.array([program.vocabulary("text").encode("abced")])
    logits = program.run("classify", tokens=tokens, lengths=np.array([5]))["logits"]
    np.testing.assert_allclose(logits, [[-0.2139816, -0.3233418, -0.0514458]], atol=1e-6)


def test_checkpoint_of_version_1() -> None:
    checkpoint = Checkpoint.load(GOLDEN / "checkpoint_version_1.safetensors")
    assert checkpoint.facts["step"] == 7
    np.testing.assert_array_equal(checkpoint.section("parameters")["weight"], np.arange(3, dtype=np.float32))
