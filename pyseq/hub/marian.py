"""Marian: post-norm encoder-decoder Transformers for translation, with one table of embeddings."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pyseq.exporting import export
from pyseq.hub.folder import Folder
from pyseq.hub.tokenizer_files import read_tokenizer
from pyseq.hub.weights import Source, load_weights
from pyseq.models import Transformer, TransformerOptions
from pyseq.nn import initialization

MODEL_TYPES = ("marian",)
PREFIX = "model."
MAX_LENGTH = 512  # tokens of a translation, unless the folder says otherwise
PARTS = ("weight", "bias")
ATTENTION = {"q_proj": "q_proj", "k_proj": "k_proj", "v_proj": "v_proj", "out_proj": "out_proj"}
LAYER = {
    **{f"self_attention.{ours}": f"self_attn.{theirs}" for ours, theirs in ATTENTION.items()},
    "self_attention_norm": "self_attn_layer_norm",
    "feed_forward.linear1": "fc1",
    "feed_forward.linear2": "fc2",
    "feed_forward_norm": "final_layer_norm",
}
CROSS = {
    **{f"cross_attention.{ours}": f"encoder_attn.{theirs}" for ours, theirs in ATTENTION.items()},
    "cross_attention_norm": "encoder_attn_layer_norm",
}
# The one table goes by any of these names; files may hold it several times.
TABLES = tuple(f"{PREFIX}{name}.weight" for name in ("shared", "encoder.embed_tokens", "decoder.embed_tokens"))
TABLES += ("lm_head.weight",)
BIAS = "final_logits_bias"


def convert(folder: Folder, pack: bool) -> bytes:
    """The folder as a program with the task "translator"."""
    folder.expect("normalize_embedding", False)
    folder.expect("normalize_before", False)
    folder.expect("static_position_embeddings", True)
    with initialization.skipped():
        model = Transformer(TransformerOptions(**options(folder), position_layout="split"))
    load(folder, model, {}, (rf"{PREFIX}(en|de)coder\.embed_positions\.weight",))
    return export_translator(folder, model, pack)


def options(folder: Folder) -> dict[str, Any]:
    """The options that Marian and BART share."""
    for name in ("share_encoder_decoder_embeddings", "tie_word_embeddings", "is_encoder_decoder"):
        folder.expect(name, True)
    folder.expect("decoder_attention_heads", folder.size("encoder_attention_heads"))
    folder.expect("decoder_vocab_size", folder.size("vocab_size"), None)
    scale = math.sqrt(folder.size("d_model")) if folder.flag("scale_embedding", False) else 1.0
    return {
        "source_vocabulary": folder.size("vocab_size"),
        "target_vocabulary": folder.size("vocab_size"),
        "width": folder.size("d_model"),
        "num_heads": folder.size("encoder_attention_heads"),
        "encoder_layers": folder.size("encoder_layers"),
        "decoder_layers": folder.size("decoder_layers"),
        "feed_forward": folder.size("encoder_ffn_dim"),
        "decoder_feed_forward": folder.size("decoder_ffn_dim"),
        "activation": folder.activation("activation_function"),
        "source_scale": scale,
        "target_scale": scale,
        "shared_embeddings": True,
        "tied_projection": True,
    }


def load(folder: Folder, model: Transformer, more: dict[str, str | Source], ignored: tuple[str, ...]) -> None:
    """Fill the model; `more` are names that a family has besides those of layers and table."""
    table = next((name for name in TABLES if name in folder.tensors), TABLES[0])
    names: dict[str, str | Source] = {"encoder.embedding.weight": table, **more}
    if BIAS in folder.tensors:
        names["decoder.projection.bias"] = Source(BIAS, as_row=True)
    else:
        model.decoder.projection.bias = None
    for side, modules in (("encoder", LAYER), ("decoder", LAYER | CROSS)):
        for number in range(len(getattr(model, side).layers)):
            for ours, theirs in modules.items():
                for part in PARTS:
                    names[f"{side}.layers.{number}.{ours}.{part}"] = f"{PREFIX}{side}.layers.{number}.{theirs}.{part}"
    copies = tuple(name.replace(".", r"\.") for name in TABLES)
    load_weights(folder.path, model, folder.tensors, names, "", (*copies, *ignored))


def export_translator(folder: Folder, model: Transformer, pack: bool, longest: int = MAX_LENGTH) -> bytes:
    """An encoder-decoder as a program that turns texts into texts."""
    _forbid(folder, model)
    tokenizer, vocabulary = read_tokenizer(folder.path, model.options.target_vocabulary)
    tokenizer["max_length"] = folder.size("max_position_embeddings", longest)
    end = folder.generation.get("eos_token_id")
    last = len(model.decoder.layers) - 1
    length = folder.generation.get("max_length")
    task: dict[str, Any] = {
        "kind": "translator",
        "vocabulary": "tokens",
        "source_vocabulary": "tokens",
        "target_vocabulary": "tokens",
        "source_suffix": [],  # the tokenizer puts the end mark there
        "start": folder.token(folder.generation, "decoder_start_token_id"),
        "end": folder.token({"eos_token_id": end[0] if isinstance(end, list) and end else end}, "eos_token_id"),
        "first": folder.generation.get("forced_bos_token_id"),
        "max_length": min(length if isinstance(length, int) and length > 0 else longest, longest),
        "attention": {"path": f"decoder.layers.{last}.cross_attention", "head": -1},
        "tokenizer": tokenizer,
    }
    example = {"tokens": np.zeros((2, 4), np.int64), "lengths": np.array([4, 2])}
    functions = {"encode": example, "step": {"tokens": np.zeros((2, 1), np.int64)}}
    return export(model, None, functions, task=task, vocabularies={"tokens": vocabulary}, pack=pack, check=False)


def _forbid(folder: Folder, model: Transformer) -> None:
    """Tokens that are never written get a logit of −∞ (lists of several tokens are not known here)."""
    bias = model.decoder.projection.bias
    for tokens in folder.generation.get("bad_words_ids") or []:
        if isinstance(tokens, list) and len(tokens) == 1 and bias is not None and 0 <= tokens[0] < bias.data.size:
            bias.data[tokens[0]] = -np.inf
