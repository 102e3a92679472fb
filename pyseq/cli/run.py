"""``pyseq run MODEL [TEXT ...]``: texts from the arguments, or standard input line by line."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import pyseq
from pyseq import ArgumentError
from pyseq.decode import Regex, Trace, save_traces
from pyseq.search_options import EARLY_EXITS
from pyseq.tasks import Captioner, Classifier, Encoder, FillMask, Generator, Tagger, Translator
from pyseq.text import OUTSIDE

if TYPE_CHECKING:
    from pyseq.tasks import Hypothesis

BATCH = 32  # lines translated at once when they come from a file; a terminal gets its answer line by line

GENERATOR_OPTIONS = ("max_length", "temperature", "top_k", "top_p", "min_p", "seed", "allowed")
SEARCHING = ("beam_size", "groups", "alternatives", "early_exit", "patience", "length_penalty")
TRANSLATOR_OPTIONS = (
    "ensemble",
    "ensemble_mean",
    "ensemble_weights",
    "language_model",
    "language_model_weight",
    "replace_unknowns",
    "coverage_penalty",
)


def run(
    context: typer.Context,
    model: Annotated[
        Path, typer.Argument(help="A program file (.safetensors), a model folder, or a model of the package: dates.")
    ],
    texts: Annotated[
        list[str] | None, typer.Argument(help="Texts, or picture files; without any, lines of standard input.")
    ] = None,
    beam_size: Annotated[int, typer.Option(min=1, help="Hypotheses kept at each step; 1 is greedy.")] = 1,
    n_best: Annotated[int, typer.Option(min=1, help="Hypotheses printed per text, best first.")] = 1,
    length_penalty: Annotated[float, typer.Option(help="Divide scores by length ** this.")] = 0.0,
    length_normalization: Annotated[str, typer.Option(help="power, or gnmt: ((5 + length) / 6) ** penalty.")] = "power",
    coverage_penalty: Annotated[float, typer.Option(help="Punish source positions left without attention.")] = 0.0,
    early_exit: Annotated[str, typer.Option(help=f"When to stop: {', '.join(EARLY_EXITS)}.")] = "automatic",
    patience: Annotated[float, typer.Option(help="Stop after beam size times this finished hypotheses.")] = 1.0,
    min_length: Annotated[int, typer.Option(min=0, help="Shortest output in tokens.")] = 0,
    max_length: Annotated[int, typer.Option(min=0, help="Longest output in tokens; 0: the model's own.")] = 0,
    repetition_penalty: Annotated[float, typer.Option(help="Above 1 makes tokens that were there less likely.")] = 1.0,
    no_repeat_ngram_size: Annotated[int, typer.Option(min=0, help="No n tokens in a row come twice.")] = 0,
    suppress: Annotated[list[str] | None, typer.Option(help="A token that never comes; may be repeated.")] = None,
    biases: Annotated[
        list[str] | None,
        typer.Option("--bias", help="TOKEN=NUMBER: what is added to the logit of a token; may be repeated."),
    ] = None,
    groups: Annotated[int, typer.Option(min=1, help="Groups of a diverse beam search.")] = 1,
    diversity_penalty: Annotated[float, typer.Option(min=0, help="How much groups avoid each other's tokens.")] = 0.0,
    target_prefix: Annotated[str, typer.Option(help="What translations begin with.")] = "",
    prefix_bias: Annotated[float, typer.Option(help="Above 0, below 1: favour the prefix, do not force it.")] = 0.0,
    alternatives: Annotated[bool, typer.Option(help="The n best tokens after the prefix, each gone on with.")] = False,
    min_alternative_prob: Annotated[float, typer.Option(help="Leave out alternatives less likely than this.")] = 0.0,
    ensemble: Annotated[
        list[Path] | None, typer.Option(help="Another model whose probabilities are averaged in; may be repeated.")
    ] = None,
    ensemble_mean: Annotated[str, typer.Option(help="Of probabilities, or log_probabilities.")] = "probabilities",
    ensemble_weights: Annotated[
        list[float] | None, typer.Option("--ensemble-weight", help="One per model, MODEL first; none: equal ones.")
    ] = None,
    language_model: Annotated[Path | None, typer.Option(help="A language model that has a say.")] = None,
    language_model_weight: Annotated[float, typer.Option(help="How much it has to say.")] = 0.0,
    replace_unknowns: Annotated[
        bool, typer.Option("--replace-unknowns", help="Unknown tokens become the words that they attend to.")
    ] = False,
    sample: Annotated[bool, typer.Option(help="Draw translations instead of searching for them.")] = False,
    temperature: Annotated[float, typer.Option(min=0, help="Of draws: 0 takes the likeliest tokens.")] = 1.0,
    top_k: Annotated[int, typer.Option(min=0, help="Of draws: only the k likeliest tokens; 0: all.")] = 0,
    top_p: Annotated[float, typer.Option(help="Of draws: only the likeliest, up to this share.")] = 1.0,
    min_p: Annotated[float, typer.Option(help="Of draws: only those with this share of the largest.")] = 0.0,
    seed: Annotated[int, typer.Option(min=0, help="Of draws: the same seed gives the same text.")] = 0,
    allowed: Annotated[
        str | None, typer.Option("--allowed", help="A regular expression that the whole output matches.")
    ] = None,
    phrases: Annotated[
        list[str] | None, typer.Option("--phrase", help="What every translation contains; may be repeated.")
    ] = None,
    trace: Annotated[
        Path | None, typer.Option(help="Write what the search did: a page (.html), or a line of JSON per text (.json).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per text, with scores.")] = False,
    dtype: Annotated[
        str | None, typer.Option(help="Storage type of the weights: float32, bfloat16 or int8 (default: as stored).")
    ] = None,
    cache_dtype: Annotated[
        str | None, typer.Option(help="Storage type of key/value caches: float32, bfloat16 or int8.")
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads to use (default: CPUs usable).")] = None,
) -> None:
    """Run a model on texts: it translates each, goes on with it, tells its label or vector, or what a picture shows."""
    if threads is not None:
        pyseq.set_num_threads(threads)
    loaded = pyseq.load(model, dtype=dtype, cache_dtype=cache_dtype)
    lines = iter(texts) if texts else standard_input()
    batch_size = 1 if not texts and sys.stdin.isatty() else BATCH
    options = given_options(context)
    if allowed is not None:
        options["allowed"] = Regex(allowed)
    if biases:
        options["biases"] = dict(map(bias_of, biases))
    companions(options, dtype, cache_dtype)
    if isinstance(loaded, Generator) and not as_json and set(options) <= set(GENERATOR_OPTIONS):
        for number, text in enumerate(lines):
            write_on(loaded, text, stream=number, **options)
    elif isinstance(loaded, Classifier):
        refuse_others(options, (), "a classifier")
        for batch in batches(lines, batch_size):
            for found in loaded.classify_batch(batch):
                print(f"{found.label}\t{found.probability:.4f}", flush=True)
    elif isinstance(loaded, Encoder):
        for batch in batches(lines, batch_size):
            for vector in loaded.embed(batch):
                print(json.dumps([round(float(value), 6) for value in vector]), flush=True)
    elif isinstance(loaded, Tagger):
        for text in lines:
            print(tagged(loaded, text), flush=True)
    elif isinstance(loaded, FillMask):
        for text in lines:
            for fillings in loaded.fill(text):
                print("\t".join(f"{filling.text} {filling.probability:.4f}" for filling in fillings), flush=True)
    else:
        prefix = options.pop("target_prefix", None)
        traces: list[Trace] = []
        options["trace"] = trace is not None
        if isinstance(loaded, Generator):  # texts are drawn unless the options are those of a search
            refuse_others(options, TRANSLATOR_OPTIONS, "a language model", refused=True)
            sample = sample or not set(options) & set(SEARCHING)
            options["sample"] = sample
        for number, batch in enumerate(batches(lines, batch_size)):
            if sample:  # every line draws on its own, however lines are batched
                options["seed"] = [(seed << 32) % 2**64 + number * batch_size + line for line in range(len(batch))]
            if phrases:
                options["phrases"] = [phrases] * len(batch)
            results = answers(loaded, batch, prefix, options)
            for text, hypotheses in zip(batch, results, strict=True):
                begin = text if isinstance(loaded, Generator) else ""
                print(as_object(text, hypotheses) if as_json else as_lines(hypotheses, begin), flush=True)
            traces += [hypotheses[0].trace for hypotheses in results if hypotheses[0].trace is not None]
        if trace is not None:
            save_traces(trace, traces)


def answers(loaded: Any, batch: list[str], prefix: str | None, options: dict[str, Any]) -> list[list[Hypothesis]]:
    """What a translator makes of texts, a language model of prompts, a captioner of picture files."""
    if isinstance(loaded, Generator):
        return loaded.generate_batch(batch, prefixes=[prefix] * len(batch) if prefix else [], **options)
    if isinstance(loaded, Captioner):
        prefixes = [prefix] * len(batch) if prefix else []
        return loaded.caption_batch(loaded.read(batch), prefixes=prefixes, **options)
    found: list[list[Hypothesis]] = loaded.translate_batch(
        batch, target_prefixes=[prefix] * len(batch) if prefix else [], **options
    )
    return found


def tagged(tagger: Tagger, text: str) -> str:
    """The spans of a text, "label: words"; where no label means outside of all spans, every word with its label."""
    if OUTSIDE in tagger.labels:
        return "\t".join(f"{span.label}: {span.text}" for span in tagger.spans(text))
    return " ".join(f"{text[tag.begin : tag.end]}_{tag.label}" for tag in tagger.tag(text))


def given_options(context: typer.Context) -> dict[str, Any]:
    """What the command line says about search and sampling, without defaults."""
    general = ("model", "texts", "as_json", "dtype", "cache_dtype", "threads")
    return {
        name: value
        for name, value in context.params.items()
        if name not in general and getattr(context.get_parameter_source(name), "name", "DEFAULT") != "DEFAULT"
    }


def bias_of(text: str) -> tuple[str, float]:
    """TOKEN=NUMBER as a token and a number; the token may contain an equals sign."""
    token, _, number = text.rpartition("=")
    try:
        return token, float(number)
    except ValueError:
        raise ArgumentError(f"run: --bias is {text!r}, expected TOKEN=NUMBER") from None


def companions(options: dict[str, Any], dtype: str | None, cache_dtype: str | None) -> None:
    """Opens the models that options name."""
    if "ensemble" in options:
        options["ensemble"] = [pyseq.load(file, dtype=dtype, cache_dtype=cache_dtype) for file in options["ensemble"]]
        for model in options["ensemble"]:
            if not isinstance(model, Translator):
                raise ArgumentError("run: --ensemble takes translators")
    if "language_model" in options:
        options["language_model"] = pyseq.load(options["language_model"], dtype=dtype, cache_dtype=cache_dtype)
        if not isinstance(options["language_model"], Generator):
            raise ArgumentError("run: --language-model takes a language model")


def refuse_others(options: dict[str, Any], known: Sequence[str], kind: str, refused: bool = False) -> None:
    """An error for the first option that is not among the known ones, or, with `refused`, is among them."""
    for name in options:
        if (name in known) == refused:
            raise ArgumentError(f"run: --{name.replace('_', '-')} does not go with {kind}")


def write_on(generator: Generator, text: str, **options: Any) -> None:
    """Print a text and what follows it, as it is written."""
    pieces = generator.stream(text, **options)
    print(text, end="", flush=True)
    for piece in pieces:
        print(piece, end="", flush=True)
    print()


def standard_input() -> Iterator[str]:
    """Lines of standard input without their ends."""
    for line in sys.stdin:
        yield line.rstrip("\r\n")


def batches(lines: Iterable[str], size: int) -> Iterator[list[str]]:
    """Lists of at most `size` lines."""
    iterator = iter(lines)
    while batch := list(islice(iterator, size)):
        yield batch


def as_lines(hypotheses: list[Hypothesis], begin: str) -> str:
    """One hypothesis per line, behind the text that it goes on with."""
    return "\n".join(begin + hypothesis.text for hypothesis in hypotheses)


def as_object(text: str, hypotheses: list[Hypothesis]) -> str:
    """One line of JSON for a text."""
    found = [
        {
            "text": hypothesis.text,
            "score": hypothesis.score,
            "tokens": hypothesis.tokens,
            "token_log_probs": [float(value) for value in hypothesis.token_log_probs],
        }
        for hypothesis in hypotheses
    ]
    return json.dumps({"source": text, "hypotheses": found}, ensure_ascii=False)
