"""Transformers in CTranslate2 folders: `model.bin` and vocabularies, as its converters write them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyseq import _core
from pyseq.exporting import export
from pyseq.hub.ctranslate2_file import ModelFile, read_model_file
from pyseq.models import Transformer, TransformerOptions
from pyseq.program import Program
from pyseq.text import Vocabulary

Array = NDArray[Any]

DESCRIPTION = "CTranslate2 Transformer folder (model.bin, source and target or shared vocabulary)"
MODEL_FILE = "model.bin"
HEADS_BY_NAME = {"TransformerBase": 8, "TransformerBig": 16}
NAMES = (*HEADS_BY_NAME, "Transformer", "TransformerSpec")
DEFAULT_HEADS = 8
ACTIVATIONS = {0: "relu", 1: "gelu_tanh", 3: "gelu", 5: "tanh", 6: "sigmoid"}
MAX_LENGTH = 256  # tokens of a translation, CTranslate2's default
# Flags of features that this reader does not know, and the value that means "not used".
UNUSED_FLAGS = {"start_from_zero_embedding": 0, "alibi": 0, "scale_outputs": 0, "sliding_window": 0}
# Flags that change nothing here: how several embedding tables are merged, and details of features not used.
IGNORED_FLAGS = ("embeddings_merge", "alibi_use_positive_positions", "scale_alibi", "multi_query_attention")
CONFIG_DEFAULTS: dict[str, Any] = {
    "unk_token": "<unk>",
    "eos_token": "</s>",
    "decoder_start_token": "<s>",
    "add_source_bos": False,
    "add_source_eos": False,
    "layer_norm_epsilon": 1e-5,
}


def recognises(path: Path) -> bool:
    """Whether the path is such a folder."""
    return (path / MODEL_FILE).is_file()


def convert(path: Path) -> Program:
    """The folder as a program with the task "translator".

    Raises:
        FormatError: the files are damaged, or variables are missing or unexpected (all are listed). UnsupportedError:
            a kind of model or a feature that is not known here.
    """
    file = read_model_file(path / MODEL_FILE)
    if file.name not in NAMES:
        raise _core.UnsupportedError(f"{path}: a model of kind {file.name!r}, expected one of {', '.join(NAMES)}")
    config = read_config(path / "config.json")
    variables = _Variables(path, file)
    model = build_model(variables, float(config["layer_norm_epsilon"]))
    source, target = (read_vocabulary(path, side, config["unk_token"]) for side in ("source", "target"))
    _check_size(path, "source", source, model.options.source_vocabulary)
    _check_size(path, "target", target, model.options.target_vocabulary)
    content = export(
        model,
        None,
        {
            "encode": {"tokens": np.arange(8).reshape(2, 4) % len(source), "lengths": np.array([4, 2])},
            "step": {"tokens": np.arange(2).reshape(2, 1) % len(target)},
        },
        task=translator_task(path, model, source, target, config, variables),
        vocabularies={"source": source, "target": target},
    )
    return Program.parse(content)


class _Variables:
    """The variables of a file; what is taken and what is left decides whether the file fits."""

    def __init__(self, path: Path, file: ModelFile) -> None:
        self.path = path
        self.name = file.name
        self.arrays = file.variables
        self.taken: set[str] = set()
        self.missing: list[str] = []

    def __contains__(self, name: str) -> bool:
        return name in self.arrays

    def array(self, name: str) -> Array:
        """A weight; when it is missing, that is noted and an empty one given."""
        self.taken.add(name)
        if name not in self.arrays:
            self.missing.append(name)
            return np.zeros((0, 0), np.float32)
        if self.arrays[name].ndim == 0:
            raise _core.FormatError(f"{self.path}: {name} is a number, expected an array")
        return self.arrays[name]

    def flag(self, name: str, default: float) -> float:
        """A number without axes."""
        self.taken.add(name)
        if name not in self.arrays:
            return default
        if self.arrays[name].size != 1:
            raise _core.FormatError(f"{self.path}: {name} has shape {list(self.arrays[name].shape)}, expected a number")
        return float(self.arrays[name].reshape(()))

    def layers(self, stack: str) -> int:
        """How many layers a stack has."""
        present = {name.split("/")[1] for name in self.arrays if name.startswith(f"{stack}/layer_")}
        return next(number for number in range(len(present) + 1) if f"layer_{number}" not in present)

    def finish(self) -> None:
        """Report everything that is missing or left over."""
        unexpected = sorted(set(self.arrays) - self.taken)
        problems = [
            f"{title}: {', '.join(names)}"
            for title, names in (("missing", self.missing), ("unexpected", unexpected))
            if names
        ]
        if problems:
            raise _core.FormatError(f"{self.path}: variables do not fit a Transformer; {'; '.join(problems)}")


def build_model(variables: _Variables, epsilon: float) -> Transformer:
    """The model with its weights."""
    tensors: dict[str, Array] = {}
    for side in ("encoder", "decoder"):
        _check_flags(variables, side)
        _take_embedding(variables, tensors, side)
        for number in range(variables.layers(side)):
            _take_layer(variables, tensors, side, number)
        if f"{side}/layer_norm/gamma" in variables:
            _take_norm(variables, tensors, f"{side}/layer_norm", f"{side}.norm")
    _take_linear(variables, tensors, "decoder/projection", ["decoder.projection"])
    options = _options(variables, tensors, epsilon)
    variables.finish()
    _check_justified(variables.path, options, tensors)
    model = Transformer(options)
    if tensors["decoder.projection.weight"] is tensors["decoder.embedding.weight"]:
        model.decoder.projection.weight = model.decoder.embedding.weight
    try:
        model.load_state_dict(tensors)
    except _core.ArgumentError as error:
        raise _core.FormatError(f"{variables.path}: {error}") from None
    return model


def _options(variables: _Variables, tensors: dict[str, Array], epsilon: float) -> TransformerOptions:
    heads = HEADS_BY_NAME.get(variables.name, DEFAULT_HEADS)
    both: dict[str, tuple[float, float]] = {
        name: (variables.flag(f"encoder/{name}", default), variables.flag(f"decoder/{name}", default))
        for name, default in (("num_heads", heads), ("pre_norm", 1), ("activation", 0))
    }
    for name, (encoder, decoder) in both.items():
        if encoder != decoder:
            raise _core.UnsupportedError(
                f"{variables.path}: {name} is {encoder:g} in the encoder and {decoder:g} in the decoder, "
                "expected the same"
            )
    activation = int(both["activation"][0])
    if activation not in ACTIVATIONS:
        raise _core.UnsupportedError(f"{variables.path}: activation {activation}, expected one of {ACTIVATIONS}")
    learned = {side: len(tensors.get(f"{side}.positions.weight", ())) for side in ("encoder", "decoder")}
    sinusoidal = not any(learned.values())
    source, target = tensors["encoder.embedding.weight"], tensors["decoder.embedding.weight"]
    feed_forward = tensors.get("encoder.layers.0.feed_forward.linear1.weight", source)
    width = source.shape[-1]
    return TransformerOptions(
        source_vocabulary=len(source),
        target_vocabulary=len(target),
        width=width,
        num_heads=int(both["num_heads"][0]),
        encoder_layers=variables.layers("encoder"),
        decoder_layers=variables.layers("decoder"),
        feed_forward=len(feed_forward),
        activation=ACTIVATIONS[activation],
        pre_norm=bool(both["pre_norm"][0]),
        encoder_norm="encoder.norm.weight" in tensors,
        decoder_norm="decoder.norm.weight" in tensors,
        epsilon=epsilon,
        source_scale=_embedding_scale(variables, "encoder", width),
        target_scale=_embedding_scale(variables, "decoder", width),
        source_positions=learned["encoder"],
        target_positions=learned["decoder"],
        position_start=1 if sinusoidal else 0,
        position_layout="split",
        position_inclusive=True,
    )


def _check_justified(path: Path, options: TransformerOptions, tensors: dict[str, Array]) -> None:
    """Refuse sizes that make no sense, or that would make the model much larger than the file."""
    heads, width = options.num_heads, options.width
    if heads < 1 or width < 1 or width % heads or (width % 2 and options.position_start):
        raise _core.FormatError(f"{path}: width {width} and {heads} heads do not fit each other")
    for side, count in (("encoder", options.encoder_layers), ("decoder", options.decoder_layers)):
        expected = {f"{side}.embedding.weight": (len(tensors[f"{side}.embedding.weight"]), width)}
        for layer in range(count):
            expected[f"{side}.layers.{layer}.self_attention.out_proj.weight"] = (width, width)
            expected[f"{side}.layers.{layer}.feed_forward.linear1.weight"] = (options.feed_forward, width)
        for name, shape in expected.items():
            if tensors[name].shape != shape:
                raise _core.FormatError(f"{path}: {name} has shape {list(tensors[name].shape)}, expected {list(shape)}")


def _embedding_scale(variables: _Variables, side: str, width: int) -> float:
    """A flag (√width or nothing) or the factor itself, depending on its type; √width when absent."""
    for name in (f"{side}/scale_embeddings", f"{side}/embeddings/multiply_by_sqrt_depth"):
        if name in variables:
            value = variables.flag(name, 1)
            is_flag = variables.arrays[name].dtype.kind == "i"
            return (math.sqrt(width) if value else 1.0) if is_flag else value
    return math.sqrt(width)


def _check_flags(variables: _Variables, side: str) -> None:
    for name, unused in UNUSED_FLAGS.items():
        value = variables.flag(f"{side}/{name}", unused)
        if value != unused:
            raise _core.UnsupportedError(f"{variables.path}: {side}/{name} is {value:g}, which is not supported")
    for name in IGNORED_FLAGS:
        variables.taken.add(f"{side}/{name}")


def _take_embedding(variables: _Variables, tensors: dict[str, Array], side: str) -> None:
    first_of_several = f"{side}/embeddings_0/weight"
    name = first_of_several if first_of_several in variables else f"{side}/embeddings/weight"
    tensors[f"{side}.embedding.weight"] = variables.array(name)
    encodings = f"{side}/position_encodings/encodings"
    if encodings in variables:
        tensors[f"{side}.positions.weight"] = variables.array(encodings)


def _take_layer(variables: _Variables, tensors: dict[str, Array], side: str, number: int) -> None:
    theirs, ours = f"{side}/layer_{number}", f"{side}.layers.{number}"
    attention = f"{ours}.self_attention"
    stacked = [f"{attention}.{name}_proj" for name in "qkv"]
    _take_linear(variables, tensors, f"{theirs}/self_attention/linear_0", stacked)
    _take_linear(variables, tensors, f"{theirs}/self_attention/linear_1", [f"{attention}.out_proj"])
    _take_norm(variables, tensors, f"{theirs}/self_attention/layer_norm", f"{attention}_norm")
    if side == "decoder":
        attention = f"{ours}.cross_attention"
        _take_linear(variables, tensors, f"{theirs}/attention/linear_0", [f"{attention}.q_proj"])
        key_value = [f"{attention}.k_proj", f"{attention}.v_proj"]
        _take_linear(variables, tensors, f"{theirs}/attention/linear_1", key_value)
        _take_linear(variables, tensors, f"{theirs}/attention/linear_2", [f"{attention}.out_proj"])
        _take_norm(variables, tensors, f"{theirs}/attention/layer_norm", f"{attention}_norm")
    for index in (0, 1):
        name = f"{ours}.feed_forward.linear{index + 1}"
        _take_linear(variables, tensors, f"{theirs}/ffn/linear_{index}", [name])
    _take_norm(variables, tensors, f"{theirs}/ffn/layer_norm", f"{ours}.feed_forward_norm")


def _take_norm(variables: _Variables, tensors: dict[str, Array], theirs: str, ours: str) -> None:
    tensors[f"{ours}.weight"] = variables.array(f"{theirs}/gamma")
    tensors[f"{ours}.bias"] = variables.array(f"{theirs}/beta")


def _take_linear(variables: _Variables, tensors: dict[str, Array], theirs: str, ours: list[str]) -> None:
    """A linear layer; several of ours are stacked in one of theirs."""
    for part in ("weight", "bias"):
        whole = variables.array(f"{theirs}/{part}")
        if len(ours) == 1:
            tensors[f"{ours[0]}.{part}"] = whole
        elif len(whole) % len(ours):
            raise _core.FormatError(f"{variables.path}: {theirs}/{part} has {len(whole)} rows, not {len(ours)} parts")
        else:
            for name, rows in zip(ours, np.split(whole, len(ours)), strict=True):
                tensors[f"{name}.{part}"] = rows


def translator_task(
    path: Path,
    model: Transformer,
    source: Vocabulary,
    target: Vocabulary,
    config: dict[str, Any],
    variables: _Variables,
) -> dict[str, Any]:
    """The task of the program file."""
    if config["add_source_bos"]:
        raise _core.UnsupportedError(f"{path}: add_source_bos is set, which is not supported")
    last = len(model.decoder.layers) - 1
    return {
        "kind": "translator",
        "source_vocabulary": "source",
        "target_vocabulary": "target",
        "source_suffix": [_mark(path, source, config, "eos_token")] if config["add_source_eos"] else [],
        "start": _mark(path, target, config, "decoder_start_token"),
        "end": _mark(path, target, config, "eos_token"),
        "max_length": min(MAX_LENGTH, model.options.target_positions or MAX_LENGTH),
        "attention": {"path": f"decoder.layers.{last}.cross_attention", "head": 0} if last >= 0 else None,
    }


def _mark(path: Path, vocabulary: Vocabulary, config: dict[str, Any], name: str) -> int:
    token = config[name]
    found = vocabulary.find(token) if isinstance(token, str) else None
    if found is None:
        raise _core.FormatError(f"{path}: {name} {token!r} is not in the vocabulary")
    return found


def read_config(path: Path) -> dict[str, Any]:
    """`config.json` over its defaults; older folders have none."""
    found = read_json(path) if path.is_file() else {}
    if not isinstance(found, dict):
        raise _core.FormatError(f"{path}: expected a JSON object")
    config = CONFIG_DEFAULTS | {name: found[name] for name in CONFIG_DEFAULTS if name in found}
    if config["layer_norm_epsilon"] is None:
        config["layer_norm_epsilon"] = CONFIG_DEFAULTS["layer_norm_epsilon"]
    for name, default in CONFIG_DEFAULTS.items():
        expected = (int, float) if isinstance(default, float) else type(default)
        if not isinstance(config[name], expected):
            raise _core.FormatError(f"{path}: {name} is {config[name]!r}, expected something like {default!r}")
    return config


def read_vocabulary(path: Path, side: str, unknown: str) -> Vocabulary:
    """The vocabulary of a side, or the shared one: a token per line, or a JSON list."""
    for name in (f"{side}_vocabulary", "shared_vocabulary"):
        for file in (path / f"{name}.json", path / f"{name}.txt"):
            if file.is_file():
                tokens = read_json(file) if file.suffix == ".json" else read_lines(file)
                return _vocabulary(file, tokens, unknown)
    raise _core.FormatError(f"{path}: no {side}_vocabulary or shared_vocabulary (.json or .txt)")


def _vocabulary(file: Path, tokens: Any, unknown: str) -> Vocabulary:
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        raise _core.FormatError(f"{file}: expected a list of tokens")
    # The folder does not say how texts are cut; a table of single characters and marks is one of characters.
    single = all(len(token) == 1 or (token.startswith("<") and token.endswith(">")) for token in tokens)
    if unknown not in tokens:
        tokens = [*tokens, unknown]  # as CTranslate2 does
    try:
        return Vocabulary(tokens, "character" if single else "word", tokens.index(unknown))
    except _core.ArgumentError as error:
        raise _core.FormatError(f"{file}: {error}") from None


def _check_size(path: Path, side: str, vocabulary: Vocabulary, rows: int) -> None:
    if len(vocabulary) != rows or rows == 0:
        raise _core.FormatError(
            f"{path}: the {side} vocabulary has {len(vocabulary)} tokens, the model has {rows} {side} embeddings"
        )


def read_json(file: Path) -> Any:
    """A JSON file."""
    try:
        return json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise _core.FormatError(f"{file}: not JSON: {error}") from None


def read_lines(file: Path) -> list[str]:
    """The lines of a text file, without their ends."""
    try:
        text = file.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise _core.FormatError(f"{file}: not UTF-8 at byte {error.start}") from None
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]
