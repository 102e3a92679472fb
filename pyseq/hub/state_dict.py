"""PyTorch state_dicts of `nn.RNN`, `nn.LSTM`, `nn.GRU`, `nn.Transformer…` and of models made of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyseq import _core
from pyseq.hub.checkpoint import as_float32
from pyseq.hub.safetensors_file import read_safetensors
from pyseq.hub.torch_file import read_torch_file
from pyseq.nn import Module

Array = NDArray[Any]

# What parts of a Transformer layer are called there and here.
ATTENTIONS = {"self_attn": "self_attention", "multihead_attn": "cross_attention"}
NORMS = {
    2: {"norm1": "self_attention_norm", "norm2": "feed_forward_norm"},
    3: {"norm1": "self_attention_norm", "norm2": "cross_attention_norm", "norm3": "feed_forward_norm"},
}
LAYER_PART = re.compile(r"(?P<layer>.*?)(?P<part>self_attn|multihead_attn|linear[12]|norm[123])\.(?P<rest>.+)")


def load_state_dict(module: Module, file: str | PathLike[str]) -> None:
    """Fill a module from a file that `torch.save` or safetensors wrote; PyTorch itself is not needed.

    Names and layouts are those of the same layers in PyTorch. A module of `nn.TransformerEncoderLayer`s or
    `nn.TransformerDecoderLayer`s takes its names for their parts too (`self_attn.in_proj_weight`, `norm1`, ...).

    Args:
        module: the module, built with the same sizes.
        file: a .pt, .pth or .bin file, or a .safetensors file.

    Raises:
        FormatError: a damaged file, or one whose pickle asks for anything but tensors. ArgumentError: names all arrays
            that are missing, unexpected, or of another shape.
    """
    path = Path(file)
    arrays = read_safetensors(path) if path.suffix == ".safetensors" else read_torch_file(path)
    module.load_state_dict(from_torch_names(arrays, [name for name, _ in module.named_tensors()]))


def from_torch_names(arrays: Mapping[str, Array], expected: list[str]) -> dict[str, Array]:
    """Arrays under our names: parts of Transformer layers are renamed where the module has none of their name."""
    known = set(expected)
    found: dict[str, Array] = {}
    for name, array in arrays.items():
        match = None if name in known else LAYER_PART.fullmatch(name)
        values = array if array.dtype == np.int64 else as_float32(array)
        for new, part in _renamed(match, values, arrays) if match else [(name, values)]:
            found[new] = part
    return found


def _renamed(match: re.Match[str], values: Array, arrays: Mapping[str, Array]) -> list[tuple[str, Array]]:
    layer, part, rest = match["layer"], match["part"], match["rest"]
    if part in ATTENTIONS:
        attention = f"{layer}{ATTENTIONS[part]}"
        if not rest.startswith("in_proj_"):
            return [(f"{attention}.{rest}", values)]
        if len(values) % 3:
            raise _core.FormatError(f"{match[0]}: {len(values)} rows, expected queries, keys and values")
        kind = rest.removeprefix("in_proj_")
        thirds = np.split(values, 3)
        return [(f"{attention}.{letter}_proj.{kind}", third) for letter, third in zip("qkv", thirds, strict=True)]
    if part.startswith("linear"):
        return [(f"{layer}feed_forward.{part}.{rest}", values)]
    norms = NORMS[3 if f"{layer}norm3.weight" in arrays else 2]
    return [(f"{layer}{norms[part]}.{rest}", values)]
