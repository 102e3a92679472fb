"""Recipes: configurations, runs from Python, and `pyseq train`, `eval` and `data` as a user runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from test_cli import output_of, pyseq_command
from training import TEXTS, Model, collate

import pyseq
from pyseq import data, recipes
from pyseq.recipes.configuration import as_toml


@dataclass(frozen=True)
class NextConfig(recipes.RecipeConfig):
    max_steps: int | None = recipes.option(30, "Updates at most.")
    learning_rate: float = recipes.option(0.02, "Learning rate.")
    shuffle: bool = recipes.option(True, "Whether to shuffle.")
    title: str = recipes.option("next", "A name.")


class Next(recipes.Recipe):
    """Predicts the next of a few tokens."""

    Config = NextConfig

    def prepare(self, path: Path | None = None) -> None:
        self.module = Model()
        self.batches = data.Batches(TEXTS, collate, self.config.batch_size, shuffle=self.config.shuffle)

    def evaluate(self) -> dict[str, float]:
        losses, count = self.module.loss(collate(TEXTS[:7]))  # type: ignore[operator]
        return {"loss": float(losses.numpy().sum()) / count}

    def evaluate_program(self, program: pyseq.Program) -> dict[str, float]:
        tokens, targets = collate(TEXTS[:7])
        logits = program.run("forward", tokens=tokens)["output"]
        losses = pyseq.ops.cross_entropy(logits, targets)
        return {"loss": float(losses.sum()) / int((targets >= 0).sum())}

    def export(self, file: Path) -> None:
        pyseq.export(self.module, file, {"tokens": collate(TEXTS[:3])[0]})


NAME = "test_recipes:Next"


@pytest.fixture(autouse=True)
def find_this_module(monkeypatch: Any) -> None:
    paths = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))


def figures(text: str) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in text.splitlines())


def test_a_run_writes_everything_and_is_evaluated(tmp_path: Path) -> None:
    printed = figures(output_of("train", NAME, "--output", tmp_path, "--evaluate-every", 10, "--batch-size", 8))
    assert printed["stopped by"] == "steps"
    assert {file.name for file in tmp_path.iterdir()} == {
        "best.safetensors",
        "config.toml",
        "last.safetensors",
        "metrics.csv",
        "model.safetensors",
    }
    best = printed["best"].split()[0]
    for file in ("best.safetensors", "model.safetensors"):
        metrics = json.loads(output_of("eval", NAME, tmp_path / file, "--json"))
        assert f"{metrics['loss']:.6g}" == pytest.approx(best) or metrics["loss"] == pytest.approx(
            float(best), rel=1e-5
        )
    assert "loss" in output_of("eval", NAME, tmp_path / "last.safetensors")


def test_a_run_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    for steps in (10, 30):
        output_of("train", NAME, "--output", tmp_path / "parts", "--resume", "--max-steps", steps)
    output_of("train", NAME, "--output", tmp_path / "whole")
    parts, whole = (
        pyseq.train.Checkpoint.load(tmp_path / name / "last.safetensors").section("parameters")
        for name in ("parts", "whole")
    )
    assert {name: a.tobytes() for name, a in parts.items()} == {name: a.tobytes() for name, a in whole.items()}


def test_options_come_from_a_file_and_the_command_line_wins(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text('max_steps = 3\ntitle = "file"\nshuffle = false\nclip_norm = 2\n')
    output_of("train", NAME, "--config", tmp_path / "run.toml", "--output", tmp_path, "--title", "line", "--shuffle")
    written = (tmp_path / "config.toml").read_text()
    for line in ("max_steps = 3", 'title = "line"', "shuffle = true", "clip_norm = 2.0"):
        assert line in written
    assert "epochs" not in written  # None is left out


def test_help_shows_the_options_of_the_recipe() -> None:
    text = output_of("train", NAME, "--help")
    for part in ("Predicts the next of a few tokens.", "--learning-rate float", "Learning rate. (default: 0.02)"):
        assert part in text
    assert "--no-shuffle" in text
    assert "pyseq train --list" in output_of("train", "--help")
    assert "recipe" in output_of("train", "--list")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "nothing"], "no recipe 'nothing'"),
        (["train", "json:loads"], "loads is not a subclass of pyseq.recipes.Recipe"),
        (["train", NAME, "--learning-rate", "fast"], "invalid float value: 'fast'"),
        (["train", NAME, "--colour", "red"], "unrecognized arguments: --colour red"),
        (["train", "--quiet", NAME], "--quiet stands before the recipe"),
        (["data", "get", "nothing"], "no data set 'nothing'"),
        (["data", "get", "names"], "source:  https://github.com/spro/practical-pytorch"),
    ],
)
def test_mistakes_are_told(arguments: list[str], message: str) -> None:
    finished = pyseq_command(*arguments)
    assert finished.returncode != 0
    assert message in finished.stderr
    assert "Traceback" not in finished.stderr


def test_a_configuration_names_all_its_mistakes() -> None:
    with pytest.raises(pyseq.ArgumentError, match=r"colour: not one of .*; title is 3, expected str"):
        recipes.configured(NextConfig, {"colour": "red", "title": 3})
    config = NextConfig(title='a "b" \\ ä', clip_norm=None)
    tomllib = pytest.importorskip("tomllib" if sys.version_info >= (3, 11) else "tomli")
    assert recipes.configured(NextConfig, {**tomllib.loads(as_toml(config)), "clip_norm": None}) == config


def test_data_sets_are_listed() -> None:
    text = output_of("data", "list")
    assert "Family names of 18 languages" in text
    assert "CC BY 4.0" in text


def test_ctrl_c_says_how_to_go_on(tmp_path: Path) -> None:
    import signal
    import time

    command = [sys.executable, "-c", "from pyseq.cli import main; main()", "train", NAME, "--output", str(tmp_path)]
    with subprocess.Popen([*command, "--max-steps", "10000000"], stderr=subprocess.PIPE, text=True) as process:
        while not (tmp_path / "metrics.csv").exists():
            time.sleep(0.05)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert f"--resume --output {tmp_path}" in errors
    assert (tmp_path / "last.safetensors").exists()
