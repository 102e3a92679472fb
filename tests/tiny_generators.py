"""Small language models with random weights, as tests of generation need them."""

from __future__ import annotations

from typing import Any

import numpy as np

import pyseq
from pyseq import nn
from pyseq.models import Gpt, GptOptions, LanguageModelOptions, RecurrentLanguageModel
from pyseq.tasks import Generator
from pyseq.text import Vocabulary

CHARACTERS = Vocabulary("abcdefgh ", unit="character")
WORDS = Vocabulary(["<unk>", "<eos>", "to", "be", "or", "not"], unit="word", unknown=0)
EXAMPLE = {"tokens": np.array([[1, 2], [3, 4]])}


def write_gpt(
    vocabulary: Vocabulary = CHARACTERS, sharpness: float = 3.0, max_positions: int = 400, **task: Any
) -> Generator:
    """A Transformer with learned positions; `prefill` and `step`."""
    options = GptOptions(
        len(vocabulary), width=16, num_heads=2, num_layers=2, feed_forward=24, max_positions=max_positions, tied=False,
        variants=nn.TransformerVariants(num_kv_heads=1),
    )  # fmt: skip
    model = Gpt(options).initialize(7)
    for name, parameter in model.named_parameters():
        if "norm" not in name and "bias" not in name:
            parameter.data[...] *= sharpness
    return _generator(model, vocabulary, {"prefill": EXAMPLE, "step": EXAMPLE}, task)


def write_recurrent(vocabulary: Vocabulary = CHARACTERS, cell: str = "lstm", **task: Any) -> Generator:
    """A recurrent network; `step` alone."""
    options = LanguageModelOptions(len(vocabulary), embedding_size=6, hidden_size=12, cell=cell)
    model = RecurrentLanguageModel(options).initialize(3)
    model.projection.weight.data[...] *= 6  # far from even
    return _generator(model, vocabulary, {"step": EXAMPLE}, task)


def _generator(module: Any, vocabulary: Vocabulary, functions: dict[str, Any], task: dict[str, Any]) -> Generator:
    complete = {"kind": "generator", "vocabulary": "text", "start": None, "end": None, "max_length": 20} | task
    data = pyseq.export(module, None, functions, task=complete, vocabularies={"text": vocabulary})
    return Generator(pyseq.Program.parse(data))
