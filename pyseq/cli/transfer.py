"""``pyseq transfer RECIPE --vectors FILE [--options]``: what given word vectors are worth."""

from __future__ import annotations

from typing import Annotated

import typer

import pyseq
from pyseq.cli.table import print_table
from pyseq.cli.train import given_options, parser_of, read_toml


def transfer(
    context: typer.Context,
    recipe: Annotated[str, typer.Argument(help="A recipe with word vectors: ner, pos or sentiment.")],
) -> None:
    """Train a recipe with random and with given word vectors, frozen and fine-tuned, and print a table.

    Options are those of `pyseq train RECIPE`; --vectors FILE names the word vectors.
    """
    from pyseq import recipes
    from pyseq.recipes.transfer import compare_vectors

    found = recipes.find_recipe(recipe)
    options = parser_of(recipe, found).parse_args(context.args)
    if options.threads is not None:
        pyseq.set_num_threads(options.threads)
    config = recipes.configured(found.Config, {**read_toml(options.config), **given_options(found, options)})
    file = getattr(config, "vectors", "")
    if not file:
        raise pyseq.ArgumentError("transfer: no word vectors; give --vectors FILE")
    outcomes = compare_vectors(found, config, file, options.data)
    rows = [
        [
            one.vectors,
            "frozen" if one.frozen else "fine-tuned",
            f"{one.known:.1%}",
            f"{one.value:.4f}",
            f"{one.seconds:.1f}",
        ]
        for one in outcomes
    ]
    print_table(["vectors", "then", "words with one", outcomes[0].metric, "seconds"], rows)
