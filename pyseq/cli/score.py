"""``pyseq score HYPOTHESES REFERENCES [...]``: metrics of a file of outputs, a line per example."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

import pyseq
from pyseq import metrics
from pyseq.cli.table import print_table

Lines = list[str]
# Per metric, the statistics of one example with its references, and the figure of their sum.
Part = Callable[[str, Sequence[str]], list[float]]
Whole = Callable[[Any, int], float]


def score(
    hypotheses: Annotated[Path, typer.Argument(help="What is judged, a line per example.")],
    references: Annotated[list[Path], typer.Argument(help="One file or more with a reference per line.")],
    metric: Annotated[
        list[str] | None, typer.Option(help="bleu, chrf, ter, exact, f1, wer, cer; may be repeated (default: bleu).")
    ] = None,
    tokenize: Annotated[str, typer.Option(help="sacrebleu's tokeniser of BLEU: 13a, intl, char, none …")] = "13a",
    lowercase: Annotated[bool, typer.Option(help="BLEU ignores case.")] = False,
    baseline: Annotated[
        Path | None, typer.Option(help="Another system's lines: differences of exact, f1, wer and cer, tested.")
    ] = None,
    samples: Annotated[int, typer.Option(min=1, help="Bootstrap samples.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Of the bootstrap.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Judge outputs: BLEU, chrF, TER (sacrebleu), exact matches, word F1, word and character error rates."""
    lines, others = read_lines(hypotheses), [read_lines(file) for file in references]
    for file, found in zip(references, others, strict=True):
        if len(found) != len(lines):
            raise pyseq.ArgumentError(f"score: {hypotheses} has {len(lines)} lines, {file} has {len(found)}")
    targets = list(zip(*others, strict=True))
    against = None if baseline is None else read_lines(baseline)
    if against is not None and len(against) != len(lines):
        raise pyseq.ArgumentError(f"score: {hypotheses} has {len(lines)} lines, {baseline} has {len(against)}")
    results: dict[str, dict[str, Any]] = {}
    for name in metric or ["bleu"]:
        if name in ("bleu", "chrf", "ter"):
            options = {"tokenize": tokenize, "lowercase": lowercase} if name == "bleu" else {}
            found = getattr(metrics, name)(lines, targets, **options)
            results[name] = {"value": found.value, "signature": found.signature, "detail": found.text}
        else:
            results[name] = by_example(name, lines, targets, against, samples, seed)
    print_results(results, as_json)


def by_example(
    name: str, lines: Lines, targets: list[tuple[str, ...]], against: Lines | None, samples: int, seed: int
) -> dict[str, Any]:
    """A metric whose examples add up, with its 95 % interval and the test against a baseline."""
    if name not in PARTS:
        raise pyseq.ArgumentError(f"score: metric is '{name}', expected bleu, chrf, ter, {', '.join(PARTS)}")
    part, whole = PARTS[name]
    rows = [part(line, several) for line, several in zip(lines, targets, strict=True)]
    if whole is metrics.ratio and not sum(row[1] for row in rows):
        raise pyseq.ArgumentError(f"score: {name} has no meaning, the references are empty")
    interval = metrics.bootstrap_interval(rows, whole, samples=samples, seed=seed)
    result: dict[str, Any] = {"value": interval.value, "low": interval.low, "high": interval.high}
    if against is not None:
        theirs = [part(line, several) for line, several in zip(against, targets, strict=True)]
        compared = metrics.paired_bootstrap(rows, theirs, whole, samples=samples, seed=seed)
        result.update(
            difference=compared.difference.value,
            difference_low=compared.difference.low,
            difference_high=compared.difference.high,
            p_value=compared.p_value,
        )
    return result


def exact(line: str, references: Sequence[str]) -> list[float]:
    """1 where the line is one of the references."""
    return [float(line in references)]


def words_in_common(line: str, references: Sequence[str]) -> list[float]:
    """F1 of the words with the best reference."""
    return [max(metrics.token_f1([line.split()], [one.split()]) for one in references)]


def word_edits(line: str, references: Sequence[str]) -> list[float]:
    """Edits to the nearest reference, and its words."""
    return min(([metrics.edit_distance(line.split(), one.split()), len(one.split())] for one in references), key=rate)


def character_edits(line: str, references: Sequence[str]) -> list[float]:
    """Edits to the nearest reference, and its characters."""
    return min(([metrics.edit_distance(line, one), len(one)] for one in references), key=rate)


def rate(row: Sequence[float]) -> float:
    """Edits per token."""
    return row[0] / max(row[1], 1)


PARTS: dict[str, tuple[Part, Whole]] = {
    "exact": (exact, metrics.mean),
    "f1": (words_in_common, metrics.mean),
    "wer": (word_edits, metrics.ratio),
    "cer": (character_edits, metrics.ratio),
}


def print_results(results: dict[str, dict[str, Any]], as_json: bool) -> None:
    """A table, or one JSON object."""
    if as_json:
        print(json.dumps(results))
        return
    rows = []
    for name, found in results.items():
        note = found.get("signature", "")
        if "low" in found:
            note = f"[{found['low']:.4f}, {found['high']:.4f}] with 95 % confidence"
        if "p_value" in found:
            note += (
                f"; baseline {found['difference']:+.4f} "
                f"[{found['difference_low']:+.4f}, {found['difference_high']:+.4f}], p {found['p_value']:.4f}"
            )
        rows.append([name, f"{found['value']:.2f}" if "signature" in found else f"{found['value']:.4f}", note])
    print_table(["metric", "value", "how"], rows)


def read_lines(file: Path) -> Lines:
    """Lines without their ends."""
    text = file.read_text(encoding="utf-8")
    return text.removesuffix("\n").split("\n") if text else []
