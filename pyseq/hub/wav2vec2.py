"""wav2vec 2.0 with a CTC head; the convolution that tells positions is stored as lengths and directions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyseq import _core
from pyseq.exporting import Input, export
from pyseq.hub.checkpoint import as_float32, read_json
from pyseq.hub.folder import Folder
from pyseq.hub.marian import PARTS
from pyseq.hub.tokenizer_files import vocabulary_of_ids
from pyseq.hub.weights import load_weights
from pyseq.models import SpeechCtc, SpeechCtcOptions
from pyseq.nn import initialization

Array = NDArray[Any]

MODEL_TYPES = ("wav2vec2",)
PREFIX = "wav2vec2."
IGNORED = (r"(wav2vec2\.)?masked_spec_embed",)
POSITIONS = "encoder.pos_conv_embed.conv"
# Names of the lengths and directions of its weight, in files of either time.
LENGTHS_AND_DIRECTIONS = (
    ("weight_g", "weight_v"),
    ("parametrizations.weight.original0", "parametrizations.weight.original1"),
)
LAYER = {
    **{f"self_attention.{name}": f"attention.{name}" for name in ("q_proj", "k_proj", "v_proj", "out_proj")},
    "self_attention_norm": "layer_norm",
    "feed_forward.linear1": "feed_forward.intermediate_dense",
    "feed_forward.linear2": "feed_forward.output_dense",
    "feed_forward_norm": "final_layer_norm",
}
MODULES = {
    "projection_norm": "feature_projection.layer_norm",
    "projection": "feature_projection.projection",
    "positions": POSITIONS,
    "norm": "encoder.layer_norm",
}
NORMS = {"group": "instance", "layer": "layer"}


def convert(folder: Folder, pack: bool) -> bytes:
    """The folder as a program with the task "speech_recognizer"."""
    head = folder.architecture
    if head != "Wav2Vec2ForCTC":
        folder.refuse("architectures", head, "'Wav2Vec2ForCTC'")
    options = _options(folder)
    with initialization.skipped():
        model = SpeechCtc(options)
    load_weights(folder.path, model, _plain(folder), _names(options), PREFIX, IGNORED)
    return _export(folder, model, pack)


def _options(folder: Folder) -> SpeechCtcOptions:
    folder.expect("add_adapter", False)
    folder.expect("adapter_attn_dim", None)
    folder.expect("feat_extract_activation", "gelu")
    norm = folder.config.get("feat_extract_norm", "group")
    if norm not in NORMS:
        folder.refuse("feat_extract_norm", norm, " or ".join(NORMS))
    return SpeechCtcOptions(
        classes=folder.size("vocab_size"),
        channels=folder.sizes("conv_dim"),
        kernels=folder.sizes("conv_kernel"),
        strides=folder.sizes("conv_stride"),
        norm=NORMS[norm],
        conv_bias=folder.flag("conv_bias", False),
        width=folder.size("hidden_size"),
        num_heads=folder.size("num_attention_heads"),
        num_layers=folder.size("num_hidden_layers"),
        feed_forward=folder.size("intermediate_size"),
        activation=folder.activation("hidden_act"),
        pre_norm=folder.flag("do_stable_layer_norm", False),
        epsilon=folder.number("layer_norm_eps", 1e-5),
        position_kernel=folder.size("num_conv_pos_embeddings", 128),
        position_groups=folder.size("num_conv_pos_embedding_groups", 16),
    )


def _plain(folder: Folder) -> dict[str, Array]:
    """The tensors, with the weight of the positions multiplied out: per tap, its length times its direction."""
    found = dict(folder.tensors)
    for pair in LENGTHS_AND_DIRECTIONS:
        for prefix in (PREFIX, ""):
            names = [f"{prefix}{POSITIONS}.{name}" for name in pair]
            if all(name in found for name in names):
                length, direction = (as_float32(found.pop(name)).astype(np.float64) for name in names)
                norm = np.sqrt((direction**2).sum(axis=(0, 1), keepdims=True))
                if length.shape != norm.shape:
                    raise _core.FormatError(f"{folder.path}: {names[0]} {list(length.shape)}, expected {[*norm.shape]}")
                found[f"{prefix}{POSITIONS}.weight"] = (direction * (length / norm)).astype(np.float32)
    return found


def _names(options: SpeechCtcOptions) -> dict[str, str]:
    """Where every parameter comes from."""
    found: dict[str, str] = {}
    for part in PARTS:
        found |= {f"{ours}.{part}": f"{PREFIX}{theirs}.{part}" for ours, theirs in MODULES.items()}
        found[f"head.{part}"] = f"lm_head.{part}"
        for number in range(len(options.channels)):
            layer = f"{PREFIX}feature_extractor.conv_layers.{number}"
            found[f"samples.convolutions.{number}.{part}"] = f"{layer}.conv.{part}"
            found[f"samples.norms.{number}.{part}"] = f"{layer}.layer_norm.{part}"
        for number in range(options.num_layers):
            layer = f"{PREFIX}encoder.layers.{number}"
            found |= {f"layers.{number}.{ours}.{part}": f"{layer}.{theirs}.{part}" for ours, theirs in LAYER.items()}
    return found


def _export(folder: Folder, model: SpeechCtc, pack: bool) -> bytes:
    file = folder.path / "vocab.json"
    if not file.is_file():
        raise _core.FormatError(f"{folder.path}: no vocab.json")
    ids = read_json(file)
    if not all(isinstance(id, int) for id in ids.values()):
        raise _core.UnsupportedError(f"{file}: several vocabularies, expected one mapping from tokens to ids")
    settings = folder.path / "preprocessor_config.json"
    front_end = read_json(settings) if settings.is_file() else {}
    rate = front_end.get("sampling_rate", 16000)
    if not isinstance(rate, int) or rate < 1:
        raise _core.FormatError(f"{settings}: sampling_rate is {rate!r}")
    task: dict[str, Any] = {
        "kind": "speech_recognizer",
        "vocabulary": "tokens",
        "blank": folder.token(folder.config, "pad_token_id"),
        "word_separator": "|",
        "input": {"samples": {"rate": rate, "normalize": bool(front_end.get("do_normalize", True))}},
        "frame_seconds": math.prod(model.options.strides) / rate,
    }
    vocabulary = vocabulary_of_ids(folder.path, ids, model.options.classes)
    samples = _fewest_samples(model.options) * 2
    inputs = {"x": Input(np.zeros((2, samples), np.float32)), "lengths": np.array([samples, samples // 2])}
    functions = {"recognize": inputs}
    return export(model, None, functions, task=task, vocabularies={"tokens": vocabulary}, pack=pack, check=False)


def _fewest_samples(options: SpeechCtcOptions) -> int:
    """Of one frame."""
    samples = 1
    for kernel, stride in zip(reversed(options.kernels), reversed(options.strides), strict=True):
        samples = (samples - 1) * stride + kernel
    return samples
