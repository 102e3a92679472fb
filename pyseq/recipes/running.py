"""Recipes by name, and what `pyseq train` and `pyseq eval` do with them."""

from __future__ import annotations

import importlib
import os
import pkgutil
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pyseq import _core, random
from pyseq.metrics import RocPoint
from pyseq.program import Program
from pyseq.recipes.configuration import as_toml, configured
from pyseq.recipes.recipe import Recipe
from pyseq.train import Callback, Checkpoint, Result, Trainer
from pyseq.train.checkpoint import FORMAT
from pyseq.train.run import Metrics
from pyseq.train.trainer import BEST, LAST

_NOT_RECIPES = {
    "recipe",
    "configuration",
    "gene_states",
    "gene_variants",
    "running",
    "labelling",
    "sequence_labels",
    "sequence_pairs",
    "spelling",
    "spoken_digits",
    "transcription",
    "transfer",
    "word_table",
    "recurrent_pairs",
    "translation",
}
MODEL, CONFIG = "model.safetensors", "config.toml"


def recipe_names() -> list[str]:
    """The recipes of the library."""
    import pyseq.recipes

    modules = (module.name for module in pkgutil.iter_modules(pyseq.recipes.__path__))
    return sorted(name.replace("_", "-") for name in modules if name not in _NOT_RECIPES)


def find_recipe(name: str) -> type[Recipe]:
    """The class of a recipe: one of the library, or "package.module:Class" of your own.

    Raises:
        ArgumentError: there is no such recipe.
    """
    module_name, _, attribute = name.partition(":")
    if not attribute:
        if name not in recipe_names():
            raise _core.ArgumentError(
                f"no recipe '{name}': {', '.join(recipe_names()) or 'the library has none yet'}, or "
                "package.module:Class of your own"
            )
        module_name, attribute = f"pyseq.recipes.{name.replace('-', '_')}", "RECIPE"
    try:
        found = getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError) as error:
        raise _core.ArgumentError(f"no recipe '{name}': {error}") from error
    if not (isinstance(found, type) and issubclass(found, Recipe)):
        raise _core.ArgumentError(f"no recipe '{name}': {attribute} is not a subclass of pyseq.recipes.Recipe")
    return found


def train(
    recipe: Recipe,
    folder: str | os.PathLike[str] | None = None,
    data: str | os.PathLike[str] | None = None,
    resume: bool = False,
    quiet: bool = False,
    tensorboard: bool = False,
    callbacks: Iterable[Callback] = (),
    name: str = "",
) -> Result:
    """Train a recipe's model and write it.

    Args:
        recipe: with its configuration.
        folder: for config.toml, metrics.csv, last.safetensors, best.safetensors (checkpoints) and model.safetensors;
            None: nothing is written.
        data: where the data lies; None: where `pyseq.data.find` finds it.
        resume: go on from folder/last.safetensors when it is there.
        quiet: no progress bar.
        tensorboard: write event files.
        callbacks: told after every step and evaluation.
        name: of the recipe, noted in checkpoints.

    Returns:
        How the run ended. Afterwards the module has its best weights.
    """
    recipe.prepare(None if data is None else Path(data))
    recipe.initialize()
    target = None if folder is None else Path(folder)
    trainer = Trainer(
        recipe.module,
        recipe.batches,
        recipe.optimizer(),
        recipe.settings(quiet, tensorboard),
        loss=recipe.loss,
        evaluate=recipe.evaluate,
        folder=target,
        stream=random.Stream(recipe.config.seed),
        callbacks=callbacks,
        facts={"recipe": {"name": name, "config": asdict(recipe.config)}},
    )
    if target is not None and resume and (target / LAST).exists():
        trainer.resume(target / LAST)
    if target is not None:
        (target / CONFIG).write_text(as_toml(recipe.config), encoding="utf-8")
    result = trainer.run()
    recipe.module.eval()
    if target is not None and result.reason != "interrupted":
        load_weights(recipe, target / (BEST if (target / BEST).exists() else LAST))
        recipe.export(target / MODEL)
    return result


def evaluate(recipe: type[Recipe], file: str | os.PathLike[str], data: str | os.PathLike[str] | None = None) -> Metrics:
    """Metrics of a checkpoint, or of an exported model, on the recipe's held-out data.

    Args:
        recipe: the class that trained it.
        file: a checkpoint (its averaged weights are taken, if it has some) or a program file.
        data: where the data lies.
    """
    made, program = _prepared(recipe, file, data)
    return made.evaluate() if program is None else made.evaluate_program(program)


def roc(
    recipe: type[Recipe], file: str | os.PathLike[str], data: str | os.PathLike[str] | None = None
) -> list[RocPoint]:
    """What all thresholds of a detector give on the recipe's held-out data; arguments as for `evaluate`.

    Raises:
        UnsupportedError: the recipe trains no detector.
    """
    made, program = _prepared(recipe, file, data)
    return made.roc(program)


def _prepared(
    recipe: type[Recipe], file: str | os.PathLike[str], data: str | os.PathLike[str] | None
) -> tuple[Recipe, Program | None]:
    """The recipe that made a file, with its data: with the weights of a checkpoint, or beside an exported model."""
    path = None if data is None else Path(data)
    metadata, _ = _core.read_safetensors(Path(file))
    if metadata.get("format") == FORMAT:
        made = recipe(configured(recipe.Config, Checkpoint.load(file).facts["recipe"]["config"]))
        made.prepare(path)
        load_weights(made, Path(file))
        made.module.eval()
        return made, None
    program = Program.load(Path(file))
    config: Any = program.task.get("config", {}) if isinstance(program.task, dict) else {}
    made = recipe(configured(recipe.Config, config))
    made.prepare(path)
    return made, program


def load_weights(recipe: Recipe, file: Path) -> None:
    """Give a recipe's module the weights of a checkpoint, the averaged ones where there are some."""
    checkpoint = Checkpoint.load(file)
    recipe.module.load_state_dict({**checkpoint.section("parameters"), **checkpoint.section("average")})
