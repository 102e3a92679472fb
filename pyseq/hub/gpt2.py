"""GPT-2: products are stored as [in, out], queries, keys and values in one."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyseq.exporting import export
from pyseq.hub.folder import Folder
from pyseq.hub.tokenizer_files import read_tokenizer
from pyseq.hub.weights import Source, load_weights
from pyseq.models import Gpt, GptOptions
from pyseq.nn import initialization

MODEL_TYPES = ("gpt2",)
PREFIX = "transformer."
IGNORED = (r".*\.attn\.(masked_)?bias", r"lm_head\.weight")
PARTS = ("weight", "bias")
NORMS = {"self_attention_norm": "ln_1", "feed_forward_norm": "ln_2"}
LINEARS = {
    "self_attention.out_proj": "attn.c_proj",
    "feed_forward.linear1": "mlp.c_fc",
    "feed_forward.linear2": "mlp.c_proj",
}


def convert(folder: Folder, pack: bool) -> bytes:
    """The folder as a program with the task "generator"."""
    for name, value in (("scale_attn_weights", True), ("scale_attn_by_inverse_layer_idx", False)):
        folder.expect(name, value)
    folder.expect("add_cross_attention", False)
    folder.expect("tie_word_embeddings", True)
    width = folder.size("n_embd")
    options = GptOptions(
        vocabulary=folder.size("vocab_size"),
        width=width,
        num_heads=folder.size("n_head"),
        num_layers=folder.size("n_layer"),
        feed_forward=folder.size("n_inner", 4 * width),
        activation=folder.activation("activation_function"),
        epsilon=folder.number("layer_norm_epsilon", 1e-5),
        max_positions=folder.size("n_positions", 1024),
    )
    with initialization.skipped():
        model = Gpt(options)
    load_weights(folder.path, model, folder.tensors, names(options.num_layers), PREFIX, IGNORED)
    return export_generator(folder, model, options.max_positions, pack)


def names(layers: int) -> dict[str, str | Source]:
    """Where every parameter comes from."""
    found: dict[str, str | Source] = {
        "embedding.weight": f"{PREFIX}wte.weight",
        "positions.weight": f"{PREFIX}wpe.weight",
        **{f"norm.{part}": f"{PREFIX}ln_f.{part}" for part in PARTS},
    }
    for number in range(layers):
        ours, theirs = f"layers.{number}", f"{PREFIX}h.{number}"
        for part in PARTS:
            for norm, name in NORMS.items():
                found[f"{ours}.{norm}.{part}"] = f"{theirs}.{name}.{part}"
            for linear, name in LINEARS.items():
                found[f"{ours}.{linear}.{part}"] = Source(f"{theirs}.{name}.{part}", transposed=part == "weight")
            for index, letter in enumerate("qkv"):
                found[f"{ours}.self_attention.{letter}_proj.{part}"] = Source(
                    f"{theirs}.attn.c_attn.{part}", transposed=part == "weight", part=index, parts=3
                )
    return found


def export_generator(folder: Folder, model: Gpt, longest: int, pack: bool) -> bytes:
    """A language model as a program that reads prompts and writes on."""
    tokenizer, vocabulary = read_tokenizer(folder.path, model.options.vocabulary)
    end = folder.generation.get("eos_token_id")
    start = folder.generation.get("bos_token_id")
    task: dict[str, Any] = {
        "kind": "generator",
        "vocabulary": "tokens",
        "start": None,  # the tokenizer puts it before a text where the model wants one
        "end": end[0] if isinstance(end, list) and end else end,
        "positions": longest if model.options.positions == "learned" else None,
        "max_length": longest,
        "empty_prompt": start,
        "tokenizer": tokenizer,
    }
    example = {"tokens": np.zeros((2, 2), np.int64)}
    functions = {"step": example, "prefill": example}
    return export(model, None, functions, task=task, vocabularies={"tokens": vocabulary}, pack=pack, check=False)
