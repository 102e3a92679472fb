"""``pyseq analyze beam MODEL --data FILE``: who errs, the search or the model."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated

import typer

import pyseq
from pyseq.analysis import BeamAnalysis, analyze_beam, read_pairs
from pyseq.cli.table import print_table
from pyseq.tasks import Translator
from pyseq.viz import beam_errors_page, beam_errors_plot

app = typer.Typer(help="Find out why a model errs.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def analyze() -> None:
    """Find out why a model errs."""


@app.command("beam")
def beam(
    model: Annotated[
        Path, typer.Argument(help="A program file (.safetensors), a model folder, or a model of the package: dates.")
    ],
    data: Annotated[Path, typer.Option(help="Source and reference per line, a tab between them.")],
    beam_size: Annotated[
        list[int] | None, typer.Option(min=1, help="Hypotheses kept at each step; may be repeated (default: 4).")
    ] = None,
    length_penalty: Annotated[float, typer.Option(help="Scores are divided by length ** this.")] = 0.0,
    max_length: Annotated[int, typer.Option(min=0, help="Longest output in tokens; 0: the model's own.")] = 0,
    limit: Annotated[int | None, typer.Option(min=1, help="Lines to read at most.")] = None,
    output: Annotated[
        Path | None, typer.Option(help="Write every sentence, of the last beam size: .tsv or .json.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page with picture and sentences.")] = None,
    picture: Annotated[Path | None, typer.Option(help="Write the picture: .png, .svg or .pdf.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per beam size.")] = False,
) -> None:
    """Compare P(y*|x) of references with P(ŷ|x) of what the search finds, and blame the search or the model."""
    translator = pyseq.load(model)
    if not isinstance(translator, Translator):
        raise pyseq.ArgumentError(f"analyze beam: {model} is no translator")
    pairs = read_pairs(data, limit)
    analyses = [
        analyze_beam(translator, pairs, beam_size=size, length_penalty=length_penalty, max_length=max_length)
        for size in beam_size or [4]
    ]
    if as_json:
        for analysis in analyses:
            print(json.dumps(analysis.as_object(), ensure_ascii=False))
    else:
        print_table(
            ["beam", "sentences", "right", "search errs", "model errs", "search %", "model %"],
            [_row(analysis) for analysis in analyses],
        )
    if output is not None:
        analyses[-1].save(output)
    if html is not None:
        html.write_text(beam_errors_page(analyses), encoding="utf-8")
    if picture is not None:
        beam_errors_plot(analyses[-1], picture)


def _row(analysis: BeamAnalysis) -> list[str]:
    counts = analysis.counts
    shares = ["" if math.isnan(share) else f"{share:.1%}" for share in (analysis.search_share, analysis.model_share)]
    return [
        str(analysis.beam_size),
        str(len(analysis.examples)),
        *(str(counts[blame]) for blame in ("none", "search", "model")),
        *(share.rstrip("%") for share in shares),
    ]
