"""Traces of searches: what they say is enough to find the hypotheses again; files and the page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import Browser, screenshot
from typer.testing import CliRunner

import pyseq
from pyseq import decode
from pyseq.cli.app import app
from pyseq.decode import Regex, save_traces

Array = np.ndarray[Any, Any]


class Random:
    def __init__(self, seed: int, vocabulary: int = 7) -> None:
        self.logits = np.random.default_rng(seed).standard_normal((vocabulary, vocabulary)).astype(np.float32)

    def step(self, tokens: Array) -> Array:
        return self.logits[tokens]

    def reorder(self, parents: Array) -> None:
        pass


def replay(trace: dict[str, Any]) -> list[tuple[list[int], float]]:
    """The hypotheses, from what became of candidates alone."""
    nodes = {
        (step["beam"], candidate["node"]): candidate
        for step in trace["steps"]
        for candidate in step["candidates"]
        if candidate["node"] is not None
    }
    found = []
    for (beam, _), candidate in sorted(nodes.items()):
        if candidate["fate"] != "finished":
            continue
        tokens = []
        at: dict[str, Any] | None = candidate
        while at is not None:
            tokens.append(at["token"])
            parent = at["parent"]
            at = None if parent is None else nodes.get((beam, parent)) or nodes[0, parent]
        ids = [token for token in reversed(tokens) if token != trace["options"]["end"]]
        found.append((ids, candidate["score"]))
    return sorted(found, key=lambda pair: -pair[1])


OPTIONS: list[dict[str, Any]] = [
    {},
    {"beam_size": 4, "n_best": 3},
    {"beam_size": 3, "n_best": 3, "length_penalty": 0.7},
    {"beam_size": 4, "groups": 2, "diversity_penalty": 0.5},
    {"beam_size": 5, "phrases": [[[3, 4], [5]]]},
    {"beam_size": 3, "no_repeat_ngram_size": 2, "suppress": [4], "min_length": 3},
    {"beam_size": 2, "prefixes": [[3, 3]]},
    {"sample": True, "n_best": 2, "seed": 4},
    {"beam_size": 3, "allowed": decode.Trie([[3, 4], [5, 5, 5]])},
]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: ",".join(options) or "greedy")
@pytest.mark.parametrize("seed", range(5))
def test_a_trace_gives_the_hypotheses_again(options: dict[str, Any], seed: int) -> None:
    (found,) = decode.search(Random(seed), 1, start=1, end=0, max_length=9, trace=True, **options)
    plain = decode.search(Random(seed), 1, start=1, end=0, max_length=9, **options)[0]
    assert [(one.ids, one.score) for one in found] == [(one.ids, one.score) for one in plain]
    assert plain[0].trace is None
    assert found[0].trace is not None
    trace = found[0].trace.as_object()
    assert trace["format"] == "pyseq.beam_trace/1"
    for hypothesis, (ids, score) in zip(found, replay(trace), strict=False):
        assert ids == hypothesis.ids
        assert score == hypothesis.score
    assert [entry["score"] for entry in trace["hypotheses"]] == [hypothesis.score for hypothesis in found]
    for step in trace["steps"]:  # a line for every token of every row
        rows = {candidate["parent"] for candidate in step["candidates"]}
        assert len(step["candidates"]) == 7 * len(rows)
        for candidate in step["candidates"]:
            assert (candidate["why"] == "") == (candidate["fate"] == "alive")


def reasons(**options: Any) -> set[str]:
    (found,) = decode.search(Random(3), 1, start=1, end=0, max_length=6, trace=True, **options)
    assert found[0].trace is not None
    steps = found[0].trace.as_object()["steps"]
    return {candidate["why"] for step in steps for candidate in step["candidates"] if candidate["fate"] == "banned"}


def test_a_trace_names_the_rule_that_bans() -> None:
    assert reasons(min_length=3) == {"min_length"}
    assert reasons(suppress=[2]) == {"suppress"}
    assert reasons(suppress_first=[2]) == {"suppress_first"}
    assert reasons(suppress_sequences=[[3, 4], [4, 3], [2, 2], [5, 5], [6, 6]]) == {"suppress_sequences"}
    assert reasons(vocabulary=[2, 3, 4]) == {"vocabulary"}
    assert reasons(no_repeat_ngram_size=1, min_length=4) == {"no_repeat_ngram", "min_length"}
    assert reasons(prefixes=[[3]]) == {"prefix"}
    assert reasons(allowed=Regex("a+b", ["", "", "a", "b", "c", "", ""])) == {"regular expression"}
    assert reasons(allowed=decode.Trie([[2, 3]])) == {"trie"}
    assert reasons(phrases=[[[6, 6, 6]]], beam_size=2) == {"phrases"}
    assert reasons(biases={2: -np.inf}) == {"bias"}


def test_traces_are_written(tmp_path: Path) -> None:
    dates = pyseq.load("dates")
    found = dates.translate_batch(["May 5, 1998", "1 </script> 2"], beam_size=2, trace=True)
    traces = [hypotheses[0].trace for hypotheses in found]
    assert all(trace is not None for trace in traces)
    save_traces(tmp_path / "two.json", traces)  # type: ignore[arg-type]
    objects = [json.loads(line) for line in (tmp_path / "two.json").read_text(encoding="utf-8").splitlines()]
    assert [trace["title"] for trace in objects] == ["May 5, 1998", "1 </script> 2"]
    first = objects[0]
    ids, _ = replay(first)[0]
    assert "".join(first["tokens"][str(token)] for token in ids) == "1998-05-05"
    save_traces(tmp_path / "two.html", traces)  # type: ignore[arg-type]
    page = (tmp_path / "two.html").read_text(encoding="utf-8")
    assert page.count("</script>") == 2


def test_the_command_writes_traces(tmp_path: Path) -> None:
    for name in ("trace.html", "trace.json"):
        command = ["run", "dates", "May 5, 1998", "--beam-size", "3", "--trace", str(tmp_path / name)]
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 0, result.output
        assert result.output.strip() == "1998-05-05"
    assert json.loads((tmp_path / "trace.json").read_text(encoding="utf-8"))["options"]["beam_size"] == 3
    assert "<svg" in (tmp_path / "trace.html").read_text(encoding="utf-8") or (tmp_path / "trace.html").stat().st_size


def test_the_page_in_a_browser(browser: Browser, tmp_path: Path) -> None:
    dates = pyseq.load("dates")
    texts = ["May 5, 98", "Thursday <b>"]
    found = dates.translate_batch(texts, beam_size=3, n_best=2, trace=True, allowed=Regex(r"\d{4}-\d\d-\d\d"))
    file = tmp_path / "trace.html"
    save_traces(file, [hypotheses[0].trace for hypotheses in found if hypotheses[0].trace is not None])
    with browser.open(file, width=1500, height=900) as page:
        rows = page.locator("#found tbody tr")
        assert [rows.nth(i).inner_text().split("\t")[1] for i in range(2)] == [one.text for one in found[0]]
        pruned, alive = page.locator("svg .node.pruned"), page.locator("svg .node.alive")
        assert alive.count() >= 3 * 9
        banned = page.locator("svg .node.banned")
        page.locator("#pruned").check()
        page.locator("#banned").check()
        assert pruned.count() > 20
        assert banned.count() > 20
        assert "regular expression" in banned.first.locator("title").text_content()
        screenshot(page, "trace_all")
        page.locator("#pruned").uncheck()
        page.locator("#banned").uncheck()
        assert pruned.count() == banned.count() == 0
        assert page.locator("svg .edge.returned").count() >= 10
        rows.nth(0).click()
        assert found[0][0].text in page.locator("#detail").inner_text()
        assert page.locator("svg .node.path").count() == 11
        page.locator("svg .node").nth(2).hover()
        assert "log P(token)" in page.locator("#detail").inner_text()
        screenshot(page, "trace")
        page.locator("#source").select_option(label="Thursday <b>")
        assert rows.nth(0).inner_text().split("\t")[1] == found[1][0].text
