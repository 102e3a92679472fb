"""What given word vectors are worth: one recipe, its vectors given or random, fixed or trained."""

from __future__ import annotations

import os
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, NamedTuple

from pyseq import _core
from pyseq.recipes.recipe import Recipe, RecipeConfig
from pyseq.recipes.running import train

WAYS = (("random", True), ("random", False), ("given", True), ("given", False))


class Outcome(NamedTuple):
    """One way to begin, and where it led."""

    vectors: str  # "random" or "given"
    frozen: bool  # whether they stayed as they were
    known: float  # the share of the vocabulary that has a given vector
    metric: str
    value: float  # at its best
    seconds: float


def compare_vectors(
    recipe: type[Recipe], config: RecipeConfig, vectors: str, data: str | os.PathLike[str] | None = None
) -> list[Outcome]:
    """Train a recipe with random and with given word vectors, each frozen and fine-tuned.

    Args:
        recipe: one whose configuration has `vectors` and `frozen`: ner, pos, sentiment.
        config: all other options.
        vectors: a file of word vectors.
        data: where the data lies.

    Raises:
        ArgumentError: a recipe without word vectors.
    """
    if not {"vectors", "frozen"} <= {field.name for field in fields(config)}:
        raise _core.ArgumentError(
            f"compare_vectors: {recipe.__name__} has no word vectors; ner, pos and sentiment have some"
        )
    outcomes = []
    for source, frozen in WAYS:
        made = recipe(replace(config, vectors=vectors if source == "given" else "", frozen=frozen))  # type: ignore[call-arg]
        result = train(made, None, None if data is None else Path(data), quiet=True)
        table: Any = getattr(made, "table", None)
        known = 0.0 if table is None else table.known_share()
        best = result.best if result.best is not None else result.metrics[made.monitor]
        outcomes.append(Outcome(source, frozen, known, made.monitor, float(best), result.seconds))
    return outcomes
