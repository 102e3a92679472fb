"""Layers and weights of a Keras model file (.keras or .h5, as Keras 3 writes them), read without Keras."""

from __future__ import annotations

import importlib
import io
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyseq import _core
from pyseq.hub.checkpoint import as_float32

Array = NDArray[Any]

WEIGHTS, CONFIG = "model.weights.h5", "config.json"
MAX_JSON_BYTES, MAX_WEIGHT_BYTES = 1 << 27, 1 << 34
RECURRENT = ("LSTM", "GRU", "SimpleRNN")


@dataclass(frozen=True)
class KerasLayer:
    """A layer of a chain."""

    kind: str  # the name of its class
    name: str
    config: dict[str, Any]
    weights: dict[str, Array] = field(default_factory=dict)  # "kernel"; of the directions of a pair "forward/kernel"


def read_keras_file(file: Path) -> list[KerasLayer]:
    """The layers of a Sequential or Functional model, each reading the one before, with their weights.

    Raises:
        FormatError: a damaged file, or no model in it.
        UnsupportedError: layers that are not a chain, or h5py is missing.
    """
    h5py = _library()
    try:
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                layers = _chain(file, json.loads(_member(file, archive, CONFIG, MAX_JSON_BYTES)))
                content = io.BytesIO(_member(file, archive, WEIGHTS, MAX_WEIGHT_BYTES))
            with h5py.File(content, "r") as store:
                return [_with_weights(file, layer, store, group) for layer, group in _groups(layers)]
        with h5py.File(file, "r") as store:
            if "model_config" not in store.attrs or "model_weights" not in store:
                raise _core.FormatError(f"{file}: weights alone, expected a whole model (`model.save`)")
            layers = _chain(file, json.loads(store.attrs["model_config"]))
            return [_with_old_weights(file, layer, store) for layer in layers]
    except _core.Error:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile, RecursionError) as error:
        raise _core.FormatError(f"{file}: damaged: {type(error).__name__}: {error}") from None


def _library() -> Any:
    try:
        return importlib.import_module("h5py")
    except ImportError:
        raise _core.UnsupportedError(
            "reading Keras files needs the package h5py (pip install 'pyseq[keras]')"
        ) from None


def _member(file: Path, archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    if name not in archive.NameToInfo:
        raise _core.FormatError(f"{file}: {name} is missing")
    if archive.getinfo(name).file_size > limit:
        raise _core.FormatError(f"{file}: {name} has {archive.getinfo(name).file_size} bytes, expected at most {limit}")
    return archive.read(name)


def _chain(file: Path, model: dict[str, Any]) -> list[KerasLayer]:
    """The layers in their order. A Functional model must read like a Sequential one."""
    # A comparison with 0 makes the mask of an embedding: told by lengths here.
    entries = [entry for entry in model["config"]["layers"] if entry["class_name"] != "NotEqual"]
    layers = [KerasLayer(entry["class_name"], entry["config"]["name"], entry["config"]) for entry in entries]
    if model["class_name"] == "Sequential":
        return layers
    if model["class_name"] != "Functional":
        raise _core.UnsupportedError(f"{file}: a {model['class_name']} model, expected Sequential or Functional")
    for number, entry in enumerate(entries):
        arguments = [node["args"] for node in entry.get("inbound_nodes", [])]  # masks are not among them
        read = re.findall(r'"keras_history": \["([^"]*)"', json.dumps(arguments))
        if read != [layer.name for layer in layers[max(number - 1, 0) : number]]:
            name = layers[number].name
            raise _core.UnsupportedError(f"{file}: layer {name!r} reads {read}, expected a chain of layers")
    return layers


def _groups(layers: list[KerasLayer]) -> Iterator[tuple[KerasLayer, str]]:
    """Each layer and the name of its group: that of its class in lower case, then _1, _2, ... for more of the class."""
    seen: dict[str, int] = {}
    for layer in layers:
        snake = re.sub("([a-z])([A-Z])", r"\1_\2", re.sub("(.)([A-Z][a-z0-9]+)", r"\1_\2", layer.kind)).lower()
        count = seen.get(snake, 0)
        seen[snake] = count + 1
        yield layer, f"layers/{snake}_{count}" if count else f"layers/{snake}"


def _with_weights(file: Path, layer: KerasLayer, store: Any, group: str) -> KerasLayer:
    """Weights that are numbered: <group>/vars/0 ..., of recurrent layers <group>/cell/vars/0 ..."""
    weights: dict[str, Array] = {}
    for prefix, place, names in _places(layer):
        numbered = _group(file, store, f"{group}/{place}")
        arrays = [_array(file, numbered, str(number)) for number in range(len(numbered))]
        if len(arrays) != len(names):
            raise _core.FormatError(f"{file}: {group}/{place} has {len(arrays)} arrays, expected {', '.join(names)}")
        weights |= {f"{prefix}{name}": array for name, array in zip(names, arrays, strict=True)}
    return KerasLayer(layer.kind, layer.name, layer.config, weights)


def _places(layer: KerasLayer) -> list[tuple[str, str, list[str]]]:
    """What weights are to be called, where they are, and their names in order."""
    if layer.kind == "Bidirectional":
        inner = _recurrent_names(layer.config["layer"]["config"])
        return [(f"{side}/", f"{side}_layer/cell/vars", inner) for side in ("forward", "backward")]
    if layer.kind in RECURRENT:
        return [("", "cell/vars", _recurrent_names(layer.config))]
    if layer.kind == "Dense":
        return [("", "vars", ["kernel", "bias"] if layer.config["use_bias"] else ["kernel"])]
    return [("", "vars", ["embeddings"])] if layer.kind == "Embedding" else []


def _recurrent_names(config: dict[str, Any]) -> list[str]:
    return ["kernel", "recurrent_kernel", *(["bias"] if config["use_bias"] else [])]


def _with_old_weights(file: Path, layer: KerasLayer, store: Any) -> KerasLayer:
    """Weights that are named: model_weights/<layer>/<path>, the paths listed in an attribute."""
    group = _group(file, store, f"model_weights/{layer.name}")
    weights: dict[str, Array] = {}
    for path in group.attrs["weight_names"]:
        path = path.decode() if isinstance(path, bytes) else str(path)
        *parents, name = path.removesuffix(":0").split("/")
        side = next((word for word in ("forward", "backward") if any(part.startswith(word) for part in parents)), "")
        weights[f"{side}/{name}" if side and layer.kind == "Bidirectional" else name] = _array(file, group, path)
    return KerasLayer(layer.kind, layer.name, layer.config, weights)


def _group(file: Path, store: Any, path: str) -> Any:
    """A group, reached by links within the file alone."""
    found = _inside(file, store, path)
    if not hasattr(found, "keys"):
        raise _core.FormatError(f"{file}: {path} is not a group")
    return found


def _array(file: Path, group: Any, path: str) -> Array:
    found = _inside(file, group, path)
    if not hasattr(found, "shape") or found.dtype.kind != "f":
        raise _core.FormatError(f"{file}: {group.name}/{path} is not an array of numbers")
    if found.external or found.is_virtual or found.nbytes > MAX_WEIGHT_BYTES:
        raise _core.FormatError(f"{file}: {group.name}/{path} is not stored in the file, or too large")
    return as_float32(np.asarray(found[()]))


def _inside(file: Path, store: Any, path: str) -> Any:
    h5py = _library()
    for part in path.split("/"):
        link = store.get(part, getlink=True) if hasattr(store, "keys") else None
        if not isinstance(link, h5py.HardLink):
            raise _core.FormatError(f"{file}: {path} is missing")
        store = store[part]
    return store
