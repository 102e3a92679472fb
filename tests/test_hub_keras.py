"""Keras files, written here as Keras 3.15 lays them out, against its recurrences in NumPy."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyseq
from pyseq.hub.keras import load_keras

h5py = pytest.importorskip("h5py", reason='h5py is not installed: pip install ".[keras]"')

Array = np.ndarray[Any, Any]
GATES = {"LSTM": 4, "GRU": 3, "SimpleRNN": 1}
RANDOM = np.random.default_rng(3)


def floats(*shape: int) -> Array:
    return RANDOM.standard_normal(shape).astype(np.float32)


def recurrent(kind: str, name: str, inputs: int, units: int, *, pair: bool = False, **options: Any) -> dict[str, Any]:
    """A layer: its entry in the configuration, and weights by the paths of both formats."""
    width = GATES[kind] * units
    config = {
        "name": name,
        "units": units,
        "activation": "tanh",
        "recurrent_activation": "sigmoid",
        "use_bias": True,
        "return_sequences": True,
        "go_backwards": False,
        **({"reset_after": True} if kind == "GRU" else {}),
        **options,
    }
    bias = (2, width) if config.get("reset_after") else (width,)
    shapes = {"kernel": (inputs, width), "recurrent_kernel": (units, width), "bias": bias}
    if not config["use_bias"]:
        del shapes["bias"]
    cell, sides = kind.lower() + "_cell", ("forward", "backward") if pair else ("",)
    weights, named = {}, {}
    for side in sides:
        for number, (part, shape) in enumerate(shapes.items()):
            array = floats(*shape)
            weights[f"{f'{side}_layer/' if side else ''}cell/vars/{number}"] = array
            named[f"{name}/{f'{side}_{kind.lower()}/' if side else ''}{cell}/{part}"] = array
    inner = {"class_name": kind, "config": config}
    entry = {"class_name": "Bidirectional", "config": {"name": name, "layer": inner, "merge_mode": "concat"}}
    return {"entry": entry if pair else inner, "weights": weights, "named": named}


def dense(name: str, inputs: int, units: int, activation: str) -> dict[str, Any]:
    kernel, bias = floats(inputs, units), floats(units)
    config = {"name": name, "units": units, "activation": activation, "use_bias": True}
    return {
        "entry": {"class_name": "Dense", "config": config},
        "weights": {"vars/0": kernel, "vars/1": bias},
        "named": {f"{name}/kernel": kernel, f"{name}/bias": bias},
    }


def write(file: Path, layers: list[dict[str, Any]]) -> Path:
    """A Sequential model."""
    model = {"class_name": "Sequential", "config": {"layers": [layer["entry"] for layer in layers]}}
    if file.suffix == ".h5":
        with h5py.File(file, "w") as store:
            store.attrs["model_config"] = json.dumps(model)
            for layer in layers:
                group = store.create_group(f"model_weights/{layer['entry']['config']['name']}")
                group.attrs["weight_names"] = list(layer["named"])
                for path, array in layer["named"].items():
                    group[path] = array
        return file
    weights, seen = file.with_name("model.weights.h5"), {}
    with h5py.File(weights, "w") as store:
        for layer in layers:
            kind = {"SimpleRNN": "simple_rnn"}.get(layer["entry"]["class_name"], layer["entry"]["class_name"].lower())
            count = seen[kind] = seen.get(kind, -1) + 1
            for path, array in layer["weights"].items():
                store[f"layers/{kind}{f'_{count}' if count else ''}/{path}"] = array
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("config.json", json.dumps(model))
        archive.write(weights, "model.weights.h5")
    return file


def sigmoid(x: Array) -> Array:
    result: Array = 1 / (1 + np.exp(-x))
    return result


def run(kind: str, x: Array, weights: list[Array], reset_after: bool) -> Array:
    """All states h [time, units] of one sequence [time, inputs], gate by gate as Keras has them."""
    kernel, recurrent_kernel = weights[0].astype(np.float64), weights[1].astype(np.float64)
    bias = weights[2] if len(weights) > 2 else np.zeros((2, kernel.shape[1]) if reset_after else kernel.shape[1])
    h = c = np.zeros(recurrent_kernel.shape[0])
    states = []
    for step in x:
        if kind == "GRU":
            xz, xr, xh = np.split(step @ kernel + (bias[0] if reset_after else bias), 3)
            uz, ur, uh = np.split(recurrent_kernel, 3, axis=1)
            bz, br, bh = np.split(bias[1], 3) if reset_after else (0, 0, 0)
            z, r = sigmoid(xz + h @ uz + bz), sigmoid(xr + h @ ur + br)
            new = np.tanh(xh + (r * (h @ uh + bh) if reset_after else (r * h) @ uh))
            h = z * h + (1 - z) * new
        elif kind == "LSTM":
            i, f, new, o = np.split(step @ kernel + h @ recurrent_kernel + bias, 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(new)
            h = sigmoid(o) * np.tanh(c)
        else:
            h = np.tanh(step @ kernel + h @ recurrent_kernel + bias)
        states.append(h)
    return np.array(states)


CELLS = [("LSTM", {}), ("GRU", {}), ("GRU", {"reset_after": False}), ("SimpleRNN", {})]


@pytest.mark.parametrize("suffix", ["keras", "h5"])
@pytest.mark.parametrize(("kind", "options"), CELLS, ids=["lstm", "gru", "gru reset before", "rnn"])
def test_a_chain(kind: str, options: dict[str, Any], suffix: str, tmp_path: Path) -> None:
    layers = [
        recurrent(kind, "first", 4, 5, **options),
        recurrent(kind, "second", 5, 3, use_bias=False, **options),
        recurrent(kind, "pair", 3, 6, pair=True, return_sequences=False, **options),
        dense("hidden", 12, 7, "relu"),
        dense("output", 7, 3, "softmax"),
    ]
    model = load_keras(write(tmp_path / f"model.{suffix}", layers)).eval()
    x, lengths = floats(3, 6, 4), np.array([6, 1, 4])
    found = model(x, lengths).numpy()
    after = options.get("reset_after", kind == "GRU")
    for row, length in enumerate(lengths):
        y: Array = x[row, :length]
        for layer in layers[:2]:
            y = run(kind, y, list(layer["weights"].values()), after)
        weights = list(layers[2]["weights"].values())
        ends = [run(kind, part, half, after)[-1] for part, half in ((y, weights[:3]), (y[::-1], weights[3:]))]
        hidden = np.maximum(np.concatenate(ends) @ layers[3]["weights"]["vars/0"] + layers[3]["weights"]["vars/1"], 0)
        logits = hidden @ layers[4]["weights"]["vars/0"] + layers[4]["weights"]["vars/1"]
        expected = np.exp(logits - logits.max())
        np.testing.assert_allclose(found[row], expected / expected.sum(), atol=1e-5)
    program = pyseq.Program.parse(pyseq.export(model, None, {"x": x, "lengths": lengths}))
    np.testing.assert_array_equal(program.run("forward", x=x, lengths=lengths)["output"], found)


def test_misfits_are_listed(tmp_path: Path) -> None:
    layers = [recurrent("GRU", "first", 4, 5), dense("output", 5, 3, "linear")]
    layers[0]["weights"]["cell/vars/2"] = floats(15)
    layers[1]["weights"]["vars/1"] = floats(4)
    with pytest.raises(pyseq.FormatError) as caught:
        load_keras(write(tmp_path / "model.keras", layers))
    assert "first: bias [15], expected [2, 15]" in str(caught.value)
    assert "output: bias [4], expected [3]" in str(caught.value)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"activation": "relu"}, "layer 'first' has activation 'relu', expected 'tanh'"),
        ({"recurrent_activation": "hard_sigmoid"}, "recurrent_activation 'hard_sigmoid', expected 'sigmoid'"),
        ({"go_backwards": True}, "go_backwards True, expected False"),
    ],
)
def test_what_is_not_known_is_refused(options: dict[str, Any], problem: str, tmp_path: Path) -> None:
    with pytest.raises(pyseq.UnsupportedError, match=problem):
        load_keras(write(tmp_path / "model.keras", [recurrent("LSTM", "first", 4, 5, **options)]))


def test_hostile_files(tmp_path: Path) -> None:
    file = write(tmp_path / "model.h5", [dense("output", 5, 3, "linear")])
    with h5py.File(file, "a") as store:
        del store["model_weights/output/output/kernel"]
        store["model_weights/output/output/kernel"] = h5py.ExternalLink("/etc/passwd", "/x")
    with pytest.raises(pyseq.FormatError, match="kernel is missing"):
        load_keras(file)
    (tmp_path / "noise.keras").write_bytes(b"not a model")
    with pytest.raises(pyseq.FormatError, match="damaged"):
        load_keras(tmp_path / "noise.keras")
    with h5py.File(tmp_path / "weights.h5", "w") as store:
        store["layers/dense/vars/0"] = floats(2)
    with pytest.raises(pyseq.FormatError, match="weights alone, expected a whole model"):
        load_keras(tmp_path / "weights.h5")
