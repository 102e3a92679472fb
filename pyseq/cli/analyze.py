"""``pyseq analyze``: who errs, the search or the model; what a model looks at; how sure it is."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated

import typer

import pyseq
from pyseq.analysis import BeamAnalysis, analyze_beam, attention_heads, read_pairs, token_confidence
from pyseq.cli.table import print_table
from pyseq.tasks import Captioner, Generator, Translator
from pyseq.viz import (
    AttentionMap,
    CaptionMap,
    attention_page,
    attention_plot,
    attention_text,
    beam_errors_page,
    beam_errors_plot,
    caption_page,
    caption_plot,
    confidence_page,
    heads_page,
    transformer_figures_page,
)

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


@app.command("attention")
def attention(
    model: Annotated[
        Path, typer.Argument(help="A translator or captioner: a program file, a folder, or a model of the package.")
    ],
    inputs: Annotated[list[str], typer.Argument(help="Texts, or picture files.")],
    beam_size: Annotated[int, typer.Option(min=1, help="Hypotheses kept at each step.")] = 1,
    html: Annotated[Path | None, typer.Option(help="Write a page with all of them.")] = None,
    picture: Annotated[
        Path | None, typer.Option(help="Write pictures: .png, .svg or .pdf; from the second on, numbered.")
    ] = None,
) -> None:
    """Show what a model looked at, word by word: over the words of a text, or over the places of a picture."""
    loaded = pyseq.load(model)
    if isinstance(loaded, Captioner):
        captions = _caption_maps(loaded, inputs, beam_size)
        for number, item in enumerate(captions):
            print(item.title)
            if picture is not None:
                caption_plot(item, _numbered(picture, number))
        if html is not None:
            html.write_text(caption_page(captions), encoding="utf-8")
        return
    if not isinstance(loaded, Translator):
        raise pyseq.ArgumentError(f"analyze attention: {model} is neither a translator nor a captioner")
    maps = _attention_maps(loaded, inputs, beam_size)
    for number, found in enumerate(maps):
        print(found.title)
        if picture is not None:
            attention_plot(found, _numbered(picture, number))
        elif html is None:
            print(attention_text(found.rows, found.columns, found.weights), end="\n\n")
    if html is not None:
        html.write_text(attention_page(maps), encoding="utf-8")


@app.command("heads")
def heads(
    model: Annotated[
        Path, typer.Argument(help="A model with attention: a program file, a model folder, or a model of the package.")
    ],
    texts: Annotated[list[str], typer.Argument(help="What it translates, goes on with, or reads.")],
    html: Annotated[Path, typer.Option(help="Where the page is written.")],
    beam_size: Annotated[int, typer.Option(min=1, help="Of a translator: hypotheses kept at each step.")] = 1,
    max_length: Annotated[int, typer.Option(min=0, help="Longest output in tokens; 0: the model's own.")] = 0,
) -> None:
    """Show every head of every layer: all of them as small pictures, and the lines of a chosen one."""
    loaded = pyseq.load(model)
    options = {"max_length": max_length} if isinstance(loaded, Translator | Generator) else {}
    if isinstance(loaded, Translator):
        options["beam_size"] = beam_size
    found = [attention_heads(loaded, text, **options) for text in texts]
    for text in found:
        print(text.title)
        print(f"  {text.cost}")
        for group in text.groups:
            print(f"  {group.name}: {len(group.layers)} layers, {group.layers[0].weights.shape[0]} heads")
    html.write_text(heads_page(found), encoding="utf-8")


@app.command("confidence")
def confidence(
    model: Annotated[Path, typer.Argument(help="A translator or a language model.")],
    texts: Annotated[list[str], typer.Argument(help="What it translates, or goes on with.")],
    html: Annotated[Path | None, typer.Option(help="Write a page; without it, a line per token.")] = None,
    beam_size: Annotated[int, typer.Option(min=1, help="Hypotheses kept at each step.")] = 1,
    max_length: Annotated[int, typer.Option(min=0, help="Longest output in tokens; 0: the model's own.")] = 0,
    top_tokens: Annotated[int, typer.Option(min=0, help="The likeliest tokens told for every place.")] = 5,
    given: Annotated[bool, typer.Option("--given", help="Judge the texts instead of going on with them.")] = False,
) -> None:
    """Show how sure a model is of every token that it writes, and what it would have written else."""
    loaded = pyseq.load(model)
    found = [
        token_confidence(loaded, text, top_tokens, given, beam_size=beam_size, max_length=max_length) for text in texts
    ]
    if html is not None:
        html.write_text(confidence_page(found), encoding="utf-8")
        return
    for item in found:
        print(item.title)
        for token, log_prob in zip(item.tokens, item.log_probs, strict=True):
            print(f"{math.exp(log_prob):.4f}\t{token}")


@app.command("figures")
def figures(
    html: Annotated[Path, typer.Option(help="Where the page is written.")],
    seed: Annotated[int, typer.Option(min=0, help="Of the queries, keys and scores.")] = 0,
) -> None:
    """Draw the Transformer's figures: softmax with and without 1/√d_k, causal masks, positions."""
    html.write_text(transformer_figures_page(seed=seed), encoding="utf-8")


def _attention_maps(translator: Translator, texts: list[str], beam_size: int) -> list[AttentionMap]:
    """Per text what its best translation looked at."""
    maps = []
    found = translator.translate_batch(texts, beam_size=beam_size, return_attention=True)
    for text, (best, *_) in zip(texts, found, strict=True):
        if best.attention is None:
            raise pyseq.ArgumentError("analyze attention: the model tells no attention")
        columns = translator.source_tokens(text)
        maps.append(AttentionMap(f"{text} → {best.text}", best.tokens, columns, best.attention))
    return maps


def _caption_maps(captioner: Captioner, files: list[str], beam_size: int) -> list[CaptionMap]:
    """Per picture what its best caption looked at."""
    if captioner.grid == (0, 0):
        raise pyseq.ArgumentError("analyze attention: the model tells no attention")
    images = captioner.read(files)
    maps = []
    for image, (best, *_) in zip(
        images, captioner.caption_batch(images, beam_size=beam_size, return_attention=True), strict=True
    ):
        assert best.attention is not None
        maps.append(CaptionMap(best.text, image, best.tokens, best.attention, captioner.grid))
    return maps


def _numbered(file: Path, number: int) -> Path:
    """The file itself, then file-2.png, file-3.png and so on."""
    return file if number == 0 else file.with_stem(f"{file.stem}-{number + 1}")
