"""BERT, RoBERTa and DistilBERT: encoders, and heads for sentences, tokens and masked tokens."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pyseq import _core
from pyseq.exporting import Input, export
from pyseq.hub.checkpoint import read_json
from pyseq.hub.folder import Folder
from pyseq.hub.tokenizer_files import read_tokenizer
from pyseq.hub.weights import Names, load_weights
from pyseq.models import BertClassifier, BertEmbedder, BertMaskedLanguageModel, BertOptions, BertTagger
from pyseq.nn import Module, initialization

PARTS = ("weight", "bias")
IGNORED = (r".*position_ids", r"cls\.seq_relationship\..*")


@dataclass(frozen=True)
class _Family:
    """Where a family keeps what."""

    prefix: str
    layer: str  # with {n} for the number of the layer
    layer_parts: dict[str, str]  # our module in a layer: theirs
    base: dict[str, str]  # our module: theirs, of the encoder
    classifier: tuple[str, str]  # dense, projection
    activation: str  # between them
    masked: tuple[str, str, str, str]  # dense, norm, bias of the projection, its tied weight
    pooler: str = ""


_BERT_LAYER = {
    "self_attention.q_proj": "attention.self.query",
    "self_attention.k_proj": "attention.self.key",
    "self_attention.v_proj": "attention.self.value",
    "self_attention.out_proj": "attention.output.dense",
    "self_attention_norm": "attention.output.LayerNorm",
    "feed_forward.linear1": "intermediate.dense",
    "feed_forward.linear2": "output.dense",
    "feed_forward_norm": "output.LayerNorm",
}
_BASE = {
    "embedding": "embeddings.word_embeddings",
    "positions": "embeddings.position_embeddings",
    "segments": "embeddings.token_type_embeddings",
    "embedding_norm": "embeddings.LayerNorm",
}
_FAMILIES = {
    "bert": _Family(
        "bert.",
        "encoder.layer.{n}",
        _BERT_LAYER,
        _BASE,
        ("bert.pooler.dense", "classifier"),
        "tanh",
        (
            "cls.predictions.transform.dense",
            "cls.predictions.transform.LayerNorm",
            "cls.predictions.bias",
            "cls.predictions.decoder",
        ),
        "pooler",
    ),
    "roberta": _Family(
        "roberta.",
        "encoder.layer.{n}",
        _BERT_LAYER,
        _BASE,
        ("classifier.dense", "classifier.out_proj"),
        "tanh",
        ("lm_head.dense", "lm_head.layer_norm", "lm_head.bias", "lm_head.decoder"),
        "pooler",
    ),
    "distilbert": _Family(
        "distilbert.",
        "transformer.layer.{n}",
        {
            "self_attention.q_proj": "attention.q_lin",
            "self_attention.k_proj": "attention.k_lin",
            "self_attention.v_proj": "attention.v_lin",
            "self_attention.out_proj": "attention.out_lin",
            "self_attention_norm": "sa_layer_norm",
            "feed_forward.linear1": "ffn.lin1",
            "feed_forward.linear2": "ffn.lin2",
            "feed_forward_norm": "output_layer_norm",
        },
        {name: theirs for name, theirs in _BASE.items() if name != "segments"},
        ("pre_classifier", "classifier"),
        "relu",
        ("vocab_transform", "vocab_layer_norm", "vocab_projector.bias", "vocab_projector"),
    ),
}
MODEL_TYPES = tuple(_FAMILIES)


def convert(folder: Folder, pack: bool) -> bytes:
    """The folder as a program file: what its head is for, without one an encoder."""
    family = _FAMILIES[folder.config["model_type"]]
    options = _options(folder)
    head = folder.architecture
    if head.endswith("ForSequenceClassification"):
        return _classifier(folder, family, options, pack)
    if head.endswith("ForTokenClassification"):
        return _tagger(folder, family, options, pack)
    if head.endswith(("ForMaskedLM", "ForPreTraining")):
        return _masked(folder, family, options, pack)
    if head and not head.endswith("Model"):
        folder.refuse("architectures", head, "a model for sequences, tokens or masked tokens, or an encoder")
    return _encoder(folder, family, options, pack)


def _options(folder: Folder) -> BertOptions:
    folder.expect("position_embedding_type", "absolute")
    folder.expect("is_decoder", False)
    if folder.config["model_type"] == "distilbert":
        return BertOptions(
            vocabulary=folder.size("vocab_size"),
            width=folder.size("dim"),
            num_heads=folder.size("n_heads"),
            num_layers=folder.size("n_layers"),
            feed_forward=folder.size("hidden_dim"),
            activation=folder.activation("activation"),
            positions=folder.size("max_position_embeddings"),
            segments=0,
        )
    is_roberta = folder.config["model_type"] == "roberta"
    return BertOptions(
        vocabulary=folder.size("vocab_size"),
        width=folder.size("hidden_size"),
        num_heads=folder.size("num_attention_heads"),
        num_layers=folder.size("num_hidden_layers"),
        feed_forward=folder.size("intermediate_size"),
        activation=folder.activation("hidden_act"),
        epsilon=folder.number("layer_norm_eps", 1e-12),
        positions=folder.size("max_position_embeddings"),
        position_start=int(folder.number("pad_token_id", 1)) + 1 if is_roberta else 0,
        segments=folder.size("type_vocab_size", 2),
    )


def _encoder(folder: Folder, family: _Family, options: BertOptions, pack: bool) -> bytes:
    pooling, normalize, limit = sentence_settings(folder)
    with initialization.skipped():
        model = BertEmbedder(options, pooling, normalize)
    _fill(folder, family, model, {}, (rf"({family.prefix})?{family.pooler}\..*",) if family.pooler else ())
    example = _example()
    return _export(folder, options, model, {"encode": example, "embed": example}, {"kind": "encoder"}, pack, limit)


def _classifier(folder: Folder, family: _Family, options: BertOptions, pack: bool) -> bytes:
    labels = folder.labels
    with initialization.skipped():
        model = BertClassifier(options, len(labels), family.activation)
    dense, projection = family.classifier
    _fill(folder, family, model, _both({"dense": dense, "projection": projection}))
    functions = {"classify": _example()}
    if options.segments > 1:
        functions["classify_pair"] = {**_example(), "segments": np.array([[0, 0, 1, 1], [0, 1, 0, 1]])}
    return _export(folder, options, model, functions, {"kind": "classifier", "labels": labels}, pack)


def _tagger(folder: Folder, family: _Family, options: BertOptions, pack: bool) -> bytes:
    labels = folder.labels
    with initialization.skipped():
        model = BertTagger(options, len(labels))
    _fill(folder, family, model, _both({"projection": "classifier"}))
    return _export(folder, options, model, {"tag": _example()}, {"kind": "tagger", "labels": labels}, pack)


def _masked(folder: Folder, family: _Family, options: BertOptions, pack: bool) -> bytes:
    folder.expect("tie_word_embeddings", True)
    with initialization.skipped():
        model = BertMaskedLanguageModel(options)
    dense, norm, bias, tied = family.masked
    names = {**_both({"dense": dense, "norm": norm}), "projection.bias": bias}
    copies = (rf"{tied}\.(weight|bias)", rf"({family.prefix})?{family.pooler or 'pooler'}\..*")
    _fill(folder, family, model, names, copies)
    vectors = Input(np.ones((2, options.width), np.float32), dims=("places", options.width))
    functions = {"encode": _example(), "predict": {"vectors": vectors}}
    return _export(folder, options, model, functions, {"kind": "fill_mask", "mask": _mask(folder)}, pack)


def _both(modules: dict[str, str]) -> dict[str, str]:
    """Weight and bias of each."""
    return {f"{ours}.{part}": f"{theirs}.{part}" for ours, theirs in modules.items() for part in PARTS}


def _fill(folder: Folder, family: _Family, model: Module, head: Names, ignored: tuple[str, ...] = ()) -> None:
    encoder: Any = model
    names: dict[str, Any] = dict(head)
    for ours, theirs in _both(family.base).items():
        names[f"encoder.{ours}"] = family.prefix + theirs
    for number in range(len(encoder.encoder.layers)):
        layer = family.prefix + family.layer.format(n=number)
        for ours, theirs in _both(family.layer_parts).items():
            names[f"encoder.layers.{number}.{ours}"] = f"{layer}.{theirs}"
    load_weights(folder.path, model, folder.tensors, names, family.prefix, (*IGNORED, *ignored))


def _example() -> dict[str, Any]:
    return {"tokens": np.zeros((2, 4), np.int64), "lengths": np.array([4, 2])}


def _export(
    folder: Folder,
    options: BertOptions,
    model: Module,
    functions: dict[str, Any],
    task: dict[str, Any],
    pack: bool,
    limit: int | None = None,
) -> bytes:
    tokenizer, vocabulary = read_tokenizer(folder.path, options.vocabulary)
    longest = options.positions - options.position_start
    tokenizer["max_length"] = longest if limit is None else min(limit, longest)
    task = {**task, "vocabulary": "tokens", "tokenizer": tokenizer, "encoder": asdict(options)}
    return export(model, None, functions, task=task, vocabularies={"tokens": vocabulary}, pack=pack, check=False)


def _mask(folder: Folder) -> str:
    """The mask's text."""
    file = folder.path / "tokenizer_config.json"
    found = read_json(file).get("mask_token") if file.is_file() else None
    found = found.get("content") if isinstance(found, dict) else found
    return str(found or ("<mask>" if folder.config["model_type"] == "roberta" else "[MASK]"))


def sentence_settings(folder: Folder) -> tuple[str, bool, int | None]:
    """Pooling, whether vectors are normalised, and the longest text, as sentence-transformers' files say."""
    file = folder.path / "modules.json"
    if not file.is_file():
        return "mean", False, None
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))
        modules = [(str(entry["type"]).rpartition(".")[2], str(entry["path"])) for entry in entries]
    except (ValueError, KeyError, TypeError) as error:
        raise _core.FormatError(f"{file}: not a list of modules: {error}") from None
    unknown = [kind for kind, _ in modules if kind not in ("Transformer", "Pooling", "Normalize")]
    if unknown:
        raise _core.UnsupportedError(f"{file}: modules {', '.join(unknown)}, expected Transformer, Pooling, Normalize")
    paths = dict(modules)
    pooling = _pooling(folder, paths["Pooling"]) if "Pooling" in paths else "mean"
    limits = folder.path / "sentence_bert_config.json"
    limit = read_json(limits).get("max_seq_length") if limits.is_file() else None
    return pooling, "Normalize" in paths, limit


def _pooling(folder: Folder, path: str) -> str:
    config = read_json(folder.path / path / "config.json")
    chosen = [name for name, value in config.items() if name.startswith("pooling_mode_") and value is True]
    known = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "first", "pooling_mode_max_tokens": "max"}
    if len(chosen) != 1 or chosen[0] not in known:
        raise _core.UnsupportedError(f"{folder.path / path}: pooling {chosen}, expected one of {', '.join(known)}")
    return known[chosen[0]]
