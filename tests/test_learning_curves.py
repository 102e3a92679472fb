"""Pictures of training runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from training import make_trainer

import pyseq
from pyseq import viz


def test_pictures_are_written(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason='matplotlib is not installed: pip install ".[viz]"')
    make_trainer(tmp_path, 15).run()
    axes = viz.learning_curves(tmp_path / "metrics.csv", tmp_path / "curves.svg")
    assert [line.get_label() for line in axes.lines] == ["train/loss", "evaluation/loss"]
    assert len(axes.lines[0].get_xdata()) == 15
    assert (tmp_path / "curves.svg").stat().st_size > 1000
    with pytest.raises(pyseq.ArgumentError, match="has none of nothing"):
        viz.learning_curves(tmp_path / "metrics.csv", names=["nothing"])
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(pyseq.FormatError, match="does not hold the metrics of a run"):
        viz.learning_curves(tmp_path / "other.csv")


def test_without_matplotlib_the_error_says_what_to_install(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    make_trainer(tmp_path, 1).run()
    with pytest.raises(pyseq.UnsupportedError, match=r'pip install "pyseq\[viz\]"'):
        viz.learning_curves(tmp_path / "metrics.csv")
