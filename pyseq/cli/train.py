"""``pyseq train RECIPE [--options]`` and ``pyseq eval RECIPE MODEL``."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import pyseq
from pyseq.cli.table import print_table

if TYPE_CHECKING:
    from pyseq.recipes import Recipe
    from pyseq.train import Result

EXIT_INTERRUPTED = 130
# Options of a recipe are not known before its name is: they are read by a parser made from its configuration.
FREE_ARGUMENTS = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def train(
    context: typer.Context,
    recipe: Annotated[str | None, typer.Argument(help="A recipe (--list), or package.module:Class.")] = None,
) -> None:
    """Train a model by a recipe: pyseq train RECIPE --help lists its options."""
    from pyseq import recipes

    words = [*([recipe] if recipe else []), *context.args]
    if not words or words[0].startswith("-"):
        return general(context, words)
    found = recipes.find_recipe(words[0])
    options = parser_of(words[0], found).parse_args(words[1:])
    if options.threads is not None:
        pyseq.set_num_threads(options.threads)
    config = recipes.configured(found.Config, {**read_toml(options.config), **given_options(found, options)})
    folder = options.output or Path("runs") / words[0].rpartition(":")[2]
    result = recipes.train(
        found(config), folder, options.data, options.resume, options.quiet, options.tensorboard, name=words[0]
    )
    report(result, folder)
    if result.reason == "interrupted":
        print(f"pyseq: interrupted; go on with: pyseq train {words[0]} --resume --output {folder}", file=sys.stderr)
        raise typer.Exit(EXIT_INTERRUPTED)
    return None


def general(context: typer.Context, words: list[str]) -> None:
    """`pyseq train --list` and `pyseq train --help`."""
    from pyseq import recipes

    if words == ["--list"]:
        classes = {name: recipes.find_recipe(name) for name in recipes.recipe_names()}
        print_table(["recipe", "what it does"], [[name, first_line(found)] for name, found in classes.items()])
    elif words in ([], ["--help"]):
        print("Usage: pyseq train RECIPE [OPTIONS]\n       pyseq train RECIPE --help\n       pyseq train --list")
    else:
        raise pyseq.ArgumentError(f"train: {words[0]} stands before the recipe; see pyseq train --help")


def evaluate(
    recipe: Annotated[str, typer.Argument(help="The recipe that made the model.")],
    model: Annotated[Path, typer.Argument(help="A checkpoint (best.safetensors) or an exported model.")],
    data: Annotated[Path | None, typer.Option(help="Where the data lies.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads to use (default: CPUs usable).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    roc: Annotated[
        Path | None,
        typer.Option(help="Of detectors: draw the ROC curve (.svg, .png, .pdf), and print its operating point."),
    ] = None,
    alarms: Annotated[float, typer.Option(min=0, help="False alarms per minute that this point may have.")] = 0.1,
) -> None:
    """Evaluate a trained model on the recipe's held-out data."""
    from pyseq import recipes

    if threads is not None:
        pyseq.set_num_threads(threads)
    found = recipes.find_recipe(recipe)
    metrics = recipes.evaluate(found, model, data) if roc is None else drawn_roc(found, model, data, roc, alarms)
    if as_json:
        print(json.dumps(dict(metrics)))
        return
    print_table(["metric", "value"], [[name, f"{value:.6g}"] for name, value in metrics.items()])


def drawn_roc(recipe: type[Recipe], model: Path, data: Path | None, file: Path, alarms: float) -> dict[str, float]:
    """Draw the ROC curve of a detector; the point of it that allows so many false alarms per minute."""
    from pyseq import recipes
    from pyseq.metrics import operating_point
    from pyseq.viz import roc_curve

    points = recipes.roc(recipe, model, data)
    chosen = operating_point(points, alarms)
    roc_curve(points, file, chosen=chosen, allowed=alarms, title=f"{model.name}: {first_line(recipe)}")
    return {name: float(value) for name, value in chosen._asdict().items()}


def parser_of(name: str, recipe: type[Recipe]) -> argparse.ArgumentParser:
    """The options of a recipe, from the fields of its configuration, and those that all runs have."""
    from pyseq.recipes.configuration import value_type

    parser = argparse.ArgumentParser(f"pyseq train {name}", description=recipe.__doc__, allow_abbrev=False)
    run = parser.add_argument_group("run")
    run.add_argument("--data", type=Path, metavar="PATH", help="Where the data lies.")
    run.add_argument("--output", type=Path, metavar="FOLDER", help="Where to write (default: runs/RECIPE).")
    run.add_argument("--config", type=Path, metavar="FILE", help="A TOML file with options; the command line wins.")
    run.add_argument("--resume", action="store_true", help="Go on from the last checkpoint in the output folder.")
    run.add_argument("--threads", type=int, help="Threads to use (default: CPUs usable).")
    run.add_argument("--quiet", action="store_true", help="No progress bar.")
    run.add_argument("--tensorboard", action="store_true", help="Write TensorBoard's event files too.")
    options = parser.add_argument_group("recipe")
    for field in fields(recipe.Config):
        kind, optional = value_type(recipe.Config, field)
        help = f"{field.metadata.get('help', '')} (default: {field.default})"
        flag = f"--{field.name.replace('_', '-')}"
        if kind is bool:
            options.add_argument(flag, action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS, help=help)
        else:
            parse = optional_value(kind) if optional else kind
            options.add_argument(flag, type=parse, metavar=kind.__name__, default=argparse.SUPPRESS, help=help)
    return parser


def optional_value(kind: type) -> Any:
    """Reads a value, or "none"."""

    def parse(text: str) -> Any:
        return None if text == "none" else kind(text)

    parse.__name__ = kind.__name__  # argparse's messages show it
    return parse


def given_options(recipe: type[Recipe], options: argparse.Namespace) -> dict[str, Any]:
    """What the command line says of the configuration."""
    return {f.name: getattr(options, f.name) for f in fields(recipe.Config) if hasattr(options, f.name)}


def read_toml(file: Path | None) -> dict[str, Any]:
    """The values of a TOML file."""
    if file is None:
        return {}
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise pyseq.FormatError(f"{file} is not a TOML file: {error}") from None


def report(result: Result, folder: Path) -> None:
    """What came out of a run."""
    figures = {"stopped by": result.reason, "steps": str(result.step), "seconds": f"{result.seconds:.1f}"}
    figures.update({name: f"{value:.6g}" for name, value in result.metrics.items()})
    if result.best is not None:
        figures["best"] = f"{result.best:.6g} at step {result.best_step}"
    figures["folder"] = str(folder)
    for name, value in figures.items():
        print(f"{name}: {value}")


def first_line(recipe: type[Recipe]) -> str:
    """The first line of a class's docstring."""
    return (recipe.__doc__ or "").strip().splitlines()[0]
