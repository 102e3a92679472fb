"""PyTorch, eager."""

from __future__ import annotations

import copy
from importlib import import_module
from typing import Any

import numpy as np

from bench.peers.model import Array, Call


def library(threads: int) -> Any:
    """The module, with its threads set."""
    torch: Any = import_module("torch")
    torch.set_num_threads(threads)
    return torch


def tensor(array: Array, dtype: str = "float32") -> Any:
    """A tensor that shares the array's memory, or one of another type."""
    torch: Any = import_module("torch")
    return torch.from_numpy(np.ascontiguousarray(array)).to(getattr(torch, dtype))


def inference(threads: int, function: Any, *arguments: Any) -> Call:
    """A call under inference_mode."""
    torch = library(threads)

    def call() -> Any:
        with torch.inference_mode():
            return function(*arguments)

    return call


def quantized(module: Any, *kinds: Any) -> Any:
    """Dynamic int8 quantisation of the layers of the given kinds."""
    quantization: Any = import_module("torch.ao.quantization")
    torch: Any = import_module("torch")
    return quantization.quantize_dynamic(torch.nn.Sequential(module), set(kinds), dtype=torch.qint8)


def as_bfloat16(module: Any) -> Any:
    """A copy with bfloat16 parameters."""
    return copy.deepcopy(module).bfloat16()


def load(module: Any, weights: dict[str, Array]) -> Any:
    """Give a module the arrays of its state_dict; it is in evaluation mode then."""
    module.load_state_dict({name: tensor(array) for name, array in weights.items()})
    return module.eval()
