"""Error analysis of beam search: blame, shares, files, the command."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import pyseq
from pyseq import decode
from pyseq.analysis import BeamAnalysis, BeamExample, analyze_beam, read_pairs
from pyseq.cli.app import app
from pyseq.viz import beam_errors_page, beam_errors_plot


@dataclass
class Scored:
    text: str
    ids: list[int]
    score: float


PROBS = {1: [0, 0, 0.5, 0.4, 0.1], 2: [0.34, 0, 0.33, 0.33, 0], 3: [0.05, 0, 0, 0.05, 0.9], 4: [1, 0, 0, 0, 0]}
LETTERS = {2: "a", 3: "b", 4: "c"}


class GardenPath:
    """Vocabulary: end, start, a, b, c. Greedy search takes "a", after which everything is unlikely; "b c" is best."""

    def step(self, tokens: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        with np.errstate(divide="ignore"):
            table = np.log(np.array([PROBS.get(i, [1, 0, 0, 0, 0]) for i in range(5)], np.float32))
        return table[tokens]

    def reorder(self, parents: np.ndarray[Any, Any]) -> None:
        pass

    def translate_batch(self, texts: Sequence[str], **options: Any) -> list[list[Scored]]:
        found = decode.search(self, len(texts), start=1, end=0, **options)
        return [[self.scored(hypothesis) for hypothesis in hypotheses] for hypotheses in found]

    def score(self, source: str, target: str, *, length_penalty: float = 0.0) -> Scored:
        ids = ["_^abc".find(letter) for letter in target]
        if -1 in ids:
            raise pyseq.OutOfRangeError("no such letter")
        return self.scored(decode.score(self, [ids], start=1, end=0, length_penalty=length_penalty)[0])

    def scored(self, found: decode.Hypothesis) -> Scored:
        return Scored("".join(LETTERS[token] for token in found.ids), found.ids, found.score)


PAIRS = [("1", "bc"), ("2", "a"), ("3", "c"), ("4", "z"), (" ", "a")]


def test_the_search_is_blamed_where_the_model_likes_the_reference_better() -> None:
    greedy = analyze_beam(GardenPath(), PAIRS)
    assert [example.blame for example in greedy.examples] == ["search", "none", "model", "model"]
    assert greedy.counts == {"none": 1, "search": 1, "model": 2}
    assert greedy.search_share == pytest.approx(1 / 3)
    assert greedy.model_share == pytest.approx(2 / 3)
    assert greedy.examples[0].reference_score == pytest.approx(math.log(0.4 * 0.9), rel=1e-5)
    assert greedy.examples[0].hypothesis_score == pytest.approx(math.log(0.5 * 0.34), rel=1e-5)
    assert greedy.examples[3].reference_score == -math.inf


def test_a_larger_beam_leaves_errors_to_the_model() -> None:
    assert analyze_beam(GardenPath(), PAIRS, beam_size=3).counts == {"none": 1, "search": 0, "model": 3}


def test_references_are_normalised_like_the_search() -> None:
    analysis = analyze_beam(GardenPath(), PAIRS[:1], length_penalty=1.0)
    assert analysis.examples[0].reference_score == pytest.approx(math.log(0.4 * 0.9) / 3, rel=1e-5)
    assert analysis.examples[0].hypothesis_score == pytest.approx(math.log(0.5 * 0.34) / 2, rel=1e-5)


def test_without_errors_there_are_no_shares() -> None:
    analysis = BeamAnalysis([BeamExample("x", "a", "a", -1.0, -1.0, "none")], 1, 0.0)
    assert math.isnan(analysis.search_share)
    assert analysis.as_object()["search_share"] is None


def test_files_have_every_sentence(tmp_path: Path) -> None:
    analysis = analyze_beam(GardenPath(), PAIRS)
    analysis.save(tmp_path / "errors.json")
    found = json.loads((tmp_path / "errors.json").read_text(encoding="utf-8"))
    assert found["format"] == "pyseq.beam_errors/1"
    assert found["counts"] == analysis.counts
    assert found["examples"][3]["reference_score"] is None
    analysis.save(tmp_path / "errors.tsv")
    with (tmp_path / "errors.tsv").open(encoding="utf-8") as opened:
        rows = list(csv.DictReader(opened, dialect="excel-tab"))
    assert [row["blame"] for row in rows] == ["search", "none", "model", "model"]
    assert float(rows[0]["reference_score"]) == analysis.examples[0].reference_score


def test_pictures(tmp_path: Path) -> None:
    analysis = analyze_beam(GardenPath(), PAIRS)
    axes = beam_errors_plot(analysis, tmp_path / "errors.svg")
    assert "the search (1)" in [text.get_text() for text in axes.get_legend().get_texts()]
    assert (tmp_path / "errors.svg").read_text().startswith("<?xml")
    page = beam_errors_page([analysis])
    assert page.count("<circle") == 3
    hostile = BeamExample("</script><b>", "<i>", "&", -1.0, -2.0, "search")
    page = beam_errors_page([BeamAnalysis([hostile], 1, 0.0)])
    assert "</script><b>" not in page
    assert "<i>" not in page


def test_pairs_are_read(tmp_path: Path) -> None:
    file = tmp_path / "pairs.tsv"
    file.write_text("a\tb\tmore\r\nc\td\n", encoding="utf-8")
    assert read_pairs(file) == [("a", "b"), ("c", "d")]
    assert read_pairs(file, limit=1) == [("a", "b")]
    file.write_text("a\tb\nc\n", encoding="utf-8")
    with pytest.raises(pyseq.FormatError, match="line 2 has no tab"):
        read_pairs(file)
    file.write_text("", encoding="utf-8")
    with pytest.raises(pyseq.FormatError, match="there are no lines"):
        read_pairs(file)


DATES = "20 July 1969\t1969-07-20\nMay 5, 1998\t1998-05-05\n1 May 99\t1899-05-01\nMay 1\t2001-§\n"


def test_the_command_reads_the_model_of_the_package(tmp_path: Path) -> None:
    data = tmp_path / "dates.tsv"
    data.write_text(DATES, encoding="utf-8")
    outputs = [tmp_path / name for name in ("errors.tsv", "errors.html", "errors.png")]
    command = ["analyze", "beam", "dates", "--data", str(data), "--beam-size", "1", "--beam-size", "4"]
    command += ["--output", str(outputs[0]), "--html", str(outputs[1]), "--picture", str(outputs[2])]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0].split()[:5] == ["beam", "sentences", "right", "search", "errs"]
    assert lines[2].split()[:5] == ["4", "4", "2", "0", "2"]
    assert all(file.stat().st_size > 100 for file in outputs)
    result = CliRunner().invoke(app, ["analyze", "beam", "dates", "--data", str(data), "--json", "--limit", "2"])
    assert json.loads(result.output)["counts"] == {"none": 2, "search": 0, "model": 0}
