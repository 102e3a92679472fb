"""Silero VAD: voice activity from the files of the package silero-vad, rebuilt in `pyseq.nn`."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyseq import _core, nn
from pyseq.exporting import export
from pyseq.hub.safetensors_file import read_safetensors
from pyseq.models import VoiceActivityModel, VoiceActivityOptions
from pyseq.program import Program

Array = NDArray[Any]

DESCRIPTION = "file of silero-vad (silero_vad_16k.safetensors, silero_vad.onnx)"
PREFIX = "silero_vad"
RATES = (16000, 8000)
BASIS = "stft.forward_basis_buffer"  # of ONNX files: what their convolution takes spectra with
# Names in ONNX files, behind a prefix per sample rate, and in the safetensors file.
ONNX_NAMES = {
    BASIS: "basis",
    **{f"encoder.{i}.reparam_conv.{part}": f"encoder.{i}.{part}" for i in range(4) for part in ("weight", "bias")},
    **{f"decoder.rnn.{part}": f"lstm.{part}_l0" for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")},
    "decoder.decoder.2.weight": "output.weight",
    "decoder.decoder.2.bias": "output.bias",
}
SAFETENSORS_NAMES = {
    "stft_conv.weight": "basis",
    **{f"conv{i + 1}.{part}": f"encoder.{i}.{part}" for i in range(4) for part in ("weight", "bias")},
    **{f"lstm_cell.{part}": f"lstm.{part}_l0" for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")},
    "final_conv.weight": "output.weight",
    "final_conv.bias": "output.bias",
}


def recognises(path: Path) -> bool:
    """Whether the path is a file of the package, by its name."""
    return path.is_file() and path.name.startswith(PREFIX) and path.suffix in (".onnx", ".safetensors")


def convert(path: Path, rate: int = 16000) -> Program:
    """A file of the package as a program with the task "voice_activity".

    Args:
        path: a safetensors file (16,000 samples per second) or an ONNX file, of which the weights are read.
        rate: samples per second, 16000 or 8000.

    Raises:
        FormatError: weights are missing, unexpected or of other shapes (all are listed), or their spectra are not those
            of a Hann window. UnsupportedError: an ONNX file without the package onnx, or with weights that the library
            does not know.
    """
    if rate not in RATES:
        raise _core.ArgumentError(f"silero-vad: rate is {rate}, expected 16000 or 8000")
    is_onnx = path.suffix == ".onnx"
    found = _of_rate(path, _onnx_tensors(path), rate) if is_onnx else dict(read_safetensors(path))
    arrays = _renamed(path, found, ONNX_NAMES if is_onnx else SAFETENSORS_NAMES)
    options = VoiceActivityOptions.at(rate)
    _check_basis(path, arrays.pop("basis"), options)
    with nn.initialization.skipped():
        model = VoiceActivityModel(options)
    arrays["output.weight"] = arrays["output.weight"].reshape(1, -1)
    fixed = {"window": model.window.data, "reflection": model.reflection.data}
    try:
        model.load_state_dict({**arrays, **fixed})
    except _core.ArgumentError as error:
        raise _core.FormatError(f"{path}: {error}") from None
    task = {"kind": "voice_activity", "rate": rate, "chunk": options.chunk}
    x = np.zeros((2, 3, options.chunk), np.float32)
    x[:] = np.random.default_rng(0).standard_normal(x.shape) * 0.1
    content = export(model, None, {"step": {"x": x}}, task=task)
    return Program.parse(content)


def _renamed(path: Path, found: Mapping[str, Array], names: Mapping[str, str]) -> dict[str, Array]:
    missing, unexpected = sorted(set(names) - set(found)), sorted(set(found) - set(names))
    if missing or unexpected:
        raise _core.FormatError(f"{path}: missing: {', '.join(missing)}; unexpected: {', '.join(unexpected)}")
    return {names[name]: np.ascontiguousarray(array, np.float32) for name, array in found.items()}


def _check_basis(path: Path, basis: Array, options: VoiceActivityOptions) -> None:
    """The file takes spectra by a convolution with cosines and sines, for which `ops.stft` stands."""
    size = options.fft_size
    turns = 2 * np.pi * np.outer(np.arange(size // 2 + 1), np.arange(size)) / size
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
    expected = np.concatenate([np.cos(turns), -np.sin(turns)]) * hann
    if basis.shape != (size + 2, 1, size) or np.abs(basis[:, 0] - expected).max() > 1e-5:
        raise _core.FormatError(
            f"{path}: the basis of spectra {list(basis.shape)} is not that of a Hann window of {size} samples at "
            f"{options.rate} Hz"
        )


def _onnx_tensors(path: Path) -> dict[str, Array]:
    """All weights of an ONNX file: initialisers and constants, those of subgraphs (branches) too."""
    try:
        onnx: Any = importlib.import_module("onnx")
        numpy_helper: Any = importlib.import_module("onnx.numpy_helper")
    except ImportError:
        raise _core.UnsupportedError('ONNX files need onnx: pip install "pyseq[onnx]"') from None
    try:
        model = onnx.load(str(path), load_external_data=False)
    except Exception as error:  # protobuf's own kinds of errors
        raise _core.FormatError(f"{path} is not an ONNX file: {error}") from None
    found: dict[str, Array] = {}
    graphs = [model.graph]
    while graphs:
        graph = graphs.pop()
        tensors = {tensor.name: tensor for tensor in graph.initializer}
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.type == onnx.AttributeProto.GRAPH:
                    graphs.append(attribute.g)
                elif node.op_type == "Constant" and attribute.type == onnx.AttributeProto.TENSOR:
                    tensors[node.output[0]] = attribute.t
        found.update({name: numpy_helper.to_array(tensor) for name, tensor in tensors.items()})
    return found


def _of_rate(path: Path, tensors: Mapping[str, Array], rate: int) -> dict[str, Array]:
    """The weights that belong to the spectra of a rate; names of both rates differ by their prefix."""
    size = VoiceActivityOptions.at(rate).fft_size
    for name, array in tensors.items():
        if name.endswith(BASIS) and array.shape == (size + 2, 1, size):
            prefix = name.removesuffix(BASIS)
            return {known: tensors[prefix + known] for known in ONNX_NAMES if prefix + known in tensors}
    raise _core.FormatError(f"{path}: no weights for {rate} samples per second")
