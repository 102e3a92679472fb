"""`pyseq score` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_cli import output_of, pyseq_command

from pyseq import metrics

HYPOTHESES = ["the cat sat on the mat", "a red heart", "dogs ran"]
REFERENCES = ["the cat sat on a mat", "a red heart", "the dog ran"]


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    paths = tmp_path / "hypotheses.txt", tmp_path / "references.txt"
    for path, lines in zip(paths, (HYPOTHESES, REFERENCES), strict=True):
        path.write_text("".join(f"{line}\n" for line in lines))
    return paths


def test_all_metrics(files: tuple[Path, Path]) -> None:
    names = ["bleu", "chrf", "ter", "exact", "f1", "wer", "cer"]
    options = [word for name in names for word in ("--metric", name)]
    found = json.loads(output_of("score", *files, *options, "--json"))
    assert list(found) == names
    assert found["bleu"]["value"] == metrics.bleu(HYPOTHESES, REFERENCES).value
    assert found["exact"]["value"] == pytest.approx(1 / 3)
    assert found["wer"]["value"] == pytest.approx(metrics.word_error_rate(HYPOTHESES, REFERENCES))
    assert found["cer"]["value"] == pytest.approx(metrics.character_error_rate(HYPOTHESES, REFERENCES))
    assert found["f1"]["low"] <= found["f1"]["value"] <= found["f1"]["high"]


def test_the_table_shows_signatures_and_the_baseline(files: tuple[Path, Path], tmp_path: Path) -> None:
    table = output_of("score", *files, "--metric", "bleu", "--metric", "exact", "--baseline", files[1])
    assert "nrefs:1|case:mixed|eff:no|tok:13a" in table
    assert "baseline -0.6667" in table


def test_several_references_and_bad_input(files: tuple[Path, Path], tmp_path: Path) -> None:
    both = output_of("score", files[0], files[1], files[0], "--metric", "exact", "--metric", "wer").splitlines()
    assert both[1].split()[:2] == ["exact", "1.0000"]
    assert both[2].split()[:2] == ["wer", "0.0000"]
    short = tmp_path / "short.txt"
    short.write_text("one\n")
    assert "has 3 lines" in pyseq_command("score", files[0], short).stderr
    assert "metric is 'rouge'" in pyseq_command("score", *files, "--metric", "rouge").stderr
