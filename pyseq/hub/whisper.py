"""Whisper: an encoder of spectrograms and a pre-norm decoder; keys have no bias."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyseq.exporting import export
from pyseq.hub.folder import Folder
from pyseq.hub.marian import CROSS, LAYER, PARTS
from pyseq.hub.tokenizer_files import read_tokenizer
from pyseq.hub.weights import load_weights
from pyseq.models import SpeechTransformer, TransformerOptions
from pyseq.nn import MultiHeadAttention, initialization

MODEL_TYPES = ("whisper",)
PREFIX = "model."
IGNORED = (r"proj_out\.weight",)
ENCODER = {"conv1": "conv1", "conv2": "conv2", "norm": "layer_norm"}


def convert(folder: Folder, pack: bool) -> bytes:
    """The folder as a program with the task "spectrogram_recognizer"."""
    head = folder.architecture
    if head and head != "WhisperForConditionalGeneration":
        folder.refuse("architectures", head, "'WhisperForConditionalGeneration'")
    options, bins = _options(folder), folder.size("num_mel_bins", 80)
    with initialization.skipped():
        model = SpeechTransformer(options, bins)
    for _, module in model.named_modules():
        if isinstance(module, MultiHeadAttention):
            module.k_proj.bias = None
    load_weights(folder.path, model, folder.tensors, _names(options), PREFIX, IGNORED)
    return _export(folder, model, bins, pack)


def _options(folder: Folder) -> TransformerOptions:
    folder.expect("scale_embedding", False)
    folder.expect("tie_word_embeddings", True)
    folder.expect("decoder_attention_heads", folder.size("encoder_attention_heads"))
    return TransformerOptions(
        source_vocabulary=0,
        target_vocabulary=folder.size("vocab_size"),
        width=folder.size("d_model"),
        num_heads=folder.size("encoder_attention_heads"),
        encoder_layers=folder.size("encoder_layers"),
        decoder_layers=folder.size("decoder_layers"),
        feed_forward=folder.size("encoder_ffn_dim"),
        decoder_feed_forward=folder.size("decoder_ffn_dim"),
        activation=folder.activation("activation_function"),
        pre_norm=True,
        encoder_norm=True,
        decoder_norm=True,
        source_positions=folder.size("max_source_positions", 1500),
        target_positions=folder.size("max_target_positions", 448),
        tied_projection=True,
        projection_bias=False,
    )


def _names(options: TransformerOptions) -> dict[str, str]:
    """Where every parameter comes from."""
    found = {
        "encoder.positions.weight": f"{PREFIX}encoder.embed_positions.weight",
        "decoder.positions.weight": f"{PREFIX}decoder.embed_positions.weight",
        "decoder.embedding.weight": f"{PREFIX}decoder.embed_tokens.weight",
    }
    for part in PARTS:
        found |= {f"encoder.{ours}.{part}": f"{PREFIX}encoder.{theirs}.{part}" for ours, theirs in ENCODER.items()}
        found[f"decoder.norm.{part}"] = f"{PREFIX}decoder.layer_norm.{part}"
    sides = (("encoder", options.encoder_layers, LAYER), ("decoder", options.decoder_layers, LAYER | CROSS))
    for side, layers, modules in sides:
        for number in range(layers):
            layer = f"{PREFIX}{side}.layers.{number}"
            for ours, theirs in modules.items():
                found |= {f"{side}.layers.{number}.{ours}.{part}": f"{layer}.{theirs}.{part}" for part in PARTS}
    return found


def _export(folder: Folder, model: SpeechTransformer, bins: int, pack: bool) -> bytes:
    options = model.options
    tokenizer, vocabulary = read_tokenizer(folder.path, options.target_vocabulary)
    settings = folder.generation
    end = settings.get("eos_token_id")
    task: dict[str, Any] = {
        "kind": "spectrogram_recognizer",
        "vocabulary": "tokens",
        "bins": bins,
        "max_frames": 2 * options.source_positions,
        "start": folder.token(settings, "decoder_start_token_id"),
        "end": folder.token({"eos_token_id": end[0] if isinstance(end, list) and end else end}, "eos_token_id"),
        "max_length": options.target_positions - 1,  # beside the start mark
        "suppress": settings.get("suppress_tokens") or [],
        "suppress_first": settings.get("begin_suppress_tokens") or [],
        "forced": _forced(settings),
        "languages": settings.get("lang_to_id") or {},
        "tasks": settings.get("task_to_id") or {},
        "no_timestamps": settings.get("no_timestamps_token_id"),
        "attention": {"path": f"decoder.layers.{options.decoder_layers - 1}.cross_attention", "head": -1},
        "tokenizer": tokenizer,
    }
    example = {"features": np.zeros((2, 4, bins), np.float32), "lengths": np.array([4, 2])}
    functions = {"encode": example, "step": {"tokens": np.zeros((2, 1), np.int64)}}
    return export(model, None, functions, task=task, vocabularies={"tokens": vocabulary}, pack=pack, check=False)


def _forced(settings: dict[str, Any]) -> list[int | None]:
    """Tokens behind the start mark, as older folders list them by position; None for a language that is found out."""
    places = settings.get("forced_decoder_ids") or []
    by_place: dict[int, int | None] = dict(places)
    return [by_place[place] for place in range(1, len(by_place) + 1) if place in by_place]
