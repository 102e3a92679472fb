"""Tiny models in other projects' formats, with random weights: a clone alone tests every code path."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
import reference
import reference_attention

import pyseq

Array = np.ndarray[Any, Any]

SOURCE_TOKENS = ["<blank>", "<s>", "</s>", "<unk>", *"abcdefgh"]
TARGET_TOKENS = ["<blank>", "<s>", "</s>", *"ABCDEFG", "<unk>"]
WIDTH, HEADS, HIDDEN, LAYERS = 16, 2, 24, 2
TYPE_NUMBERS = {"float32": 0, "int8": 1, "int16": 2, "int32": 3, "float16": 4, "bfloat16": 5}


def transformer_variables(seed: int = 0, source: int = 12, target: int = 11) -> dict[str, Array]:
    """Weights of a Transformer under CTranslate2's names."""
    random = np.random.default_rng(seed)
    variables: dict[str, Array] = {}

    def linear(name: str, rows: int, columns: int) -> None:
        variables[f"{name}/weight"] = random.standard_normal((rows, columns)).astype(np.float32) / math.sqrt(columns)
        variables[f"{name}/bias"] = 0.1 * random.standard_normal(rows).astype(np.float32)

    def norm(name: str) -> None:
        variables[f"{name}/gamma"] = 1 + 0.1 * random.standard_normal(WIDTH).astype(np.float32)
        variables[f"{name}/beta"] = 0.1 * random.standard_normal(WIDTH).astype(np.float32)

    for side, count in (("encoder", source), ("decoder", target)):
        variables[f"{side}/embeddings/weight"] = random.standard_normal((count, WIDTH)).astype(np.float32)
        norm(f"{side}/layer_norm")
        for layer in range(LAYERS):
            path = f"{side}/layer_{layer}"
            linear(f"{path}/self_attention/linear_0", 3 * WIDTH, WIDTH)
            linear(f"{path}/self_attention/linear_1", WIDTH, WIDTH)
            norm(f"{path}/self_attention/layer_norm")
            if side == "decoder":
                linear(f"{path}/attention/linear_0", WIDTH, WIDTH)
                linear(f"{path}/attention/linear_1", 2 * WIDTH, WIDTH)
                linear(f"{path}/attention/linear_2", WIDTH, WIDTH)
                norm(f"{path}/attention/layer_norm")
            linear(f"{path}/ffn/linear_0", HIDDEN, WIDTH)
            linear(f"{path}/ffn/linear_1", WIDTH, HIDDEN)
            norm(f"{path}/ffn/layer_norm")
        variables[f"{side}/num_heads"] = np.array(HEADS, np.int8)
    linear("decoder/projection", target, WIDTH)
    return variables


def model_bytes(
    variables: dict[str, Array],
    version: int = 6,
    name: str = "TransformerSpec",
    aliases: dict[str, str] | None = None,
    types: dict[str, str] | None = None,
) -> bytes:
    """`model.bin` in a binary version from 2 to 6."""

    def text(value: str) -> bytes:
        return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"

    parts = [struct.pack("<I", version), text(name), struct.pack("<II", 3, len(variables))]
    for key, array in variables.items():
        parts += [text(key), struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape)]
        if version >= 4:
            number = TYPE_NUMBERS[(types or {}).get(key, str(array.dtype))]
            parts.append(struct.pack("<BI", number, array.nbytes))
        else:
            parts.append(struct.pack("<BI", array.itemsize, array.size))
        parts.append(array.tobytes())
    if version >= 3:
        parts.append(struct.pack("<I", len(aliases or {})))
        parts += [text(alias) + text(original) for alias, original in (aliases or {}).items()]
    return b"".join(parts)


def write_folder(
    folder: Path,
    content: bytes | None = None,
    *,
    source_tokens: list[str] = SOURCE_TOKENS,
    target_tokens: list[str] = TARGET_TOKENS[:-1],  # CTranslate2 appends an <unk> that is not in the file
    as_json: bool = False,
    config: dict[str, Any] | None = None,
) -> Path:
    """A CTranslate2 folder."""
    folder.mkdir(exist_ok=True)
    (folder / "model.bin").write_bytes(model_bytes(transformer_variables()) if content is None else content)
    for side, tokens in (("source", source_tokens), ("target", target_tokens)):
        if as_json:
            (folder / f"{side}_vocabulary.json").write_text(json.dumps(tokens))
        else:
            (folder / f"{side}_vocabulary.txt").write_text("".join(f"{token}\n" for token in tokens))
    if config is not None:
        (folder / "config.json").write_text(json.dumps(config))
    return folder


class SlowTransformer:
    """The same model restated in float64 NumPy, one whole target at a time."""

    def __init__(self, variables: dict[str, Array], pre_norm: bool = True, activation: str = "relu") -> None:
        self.variables, self.pre_norm, self.activation = variables, pre_norm, activation
        self.scale = math.sqrt(WIDTH)

    def linear(self, name: str, x: Array, activation: str = "none") -> Array:
        return reference.linear(x, self.variables[f"{name}/weight"], self.variables[f"{name}/bias"], activation)

    def norm(self, name: str, x: Array) -> Array:
        if f"{name}/gamma" not in self.variables:
            return x
        return reference.layer_norm(x, self.variables[f"{name}/gamma"], self.variables[f"{name}/beta"])

    def around(self, name: str, x: Array, block: Any) -> Array:
        if self.pre_norm:
            return x + block(self.norm(name, x))
        return self.norm(name, x + block(x))

    def embed(self, side: str, ids: list[int]) -> Array:
        x = reference.embedding(np.array([ids]), self.variables[f"{side}/embeddings/weight"], self.scale)
        encodings = self.variables.get(f"{side}/position_encodings/encodings")
        if encodings is not None:
            return reference.learned_positions(x, encodings)
        return reference.sinusoidal_positions(x, start=1, layout="split", inclusive=True)

    def self_attention(self, name: str, x: Array, causal: bool) -> Array:
        query, key, value = np.split(self.linear(f"{name}/linear_0", x), 3, -1)
        y, _ = reference_attention.attention(query, key, value, num_heads=HEADS, causal=causal)
        return self.linear(f"{name}/linear_1", y)

    def cross_attention(self, name: str, x: Array, source: Array) -> Array:
        key, value = np.split(self.linear(f"{name}/linear_1", source), 2, -1)
        y, self.weights = reference_attention.attention(self.linear(f"{name}/linear_0", x), key, value, num_heads=HEADS)
        return self.linear(f"{name}/linear_2", y)

    def feed_forward(self, name: str, x: Array) -> Array:
        return self.linear(f"{name}/linear_1", self.linear(f"{name}/linear_0", x, self.activation))

    def encode(self, ids: list[int]) -> Array:
        x = self.embed("encoder", ids)
        for layer in range(LAYERS):
            path = f"encoder/layer_{layer}"
            x = self.around(
                f"{path}/self_attention/layer_norm",
                x,
                lambda v, path=path: self.self_attention(f"{path}/self_attention", v, False),
            )
            x = self.around(f"{path}/ffn/layer_norm", x, lambda v, path=path: self.feed_forward(f"{path}/ffn", v))
        return self.norm("encoder/layer_norm", x)

    def log_probs(self, source: Array, ids: list[int]) -> Array:
        """Log probabilities after each target token [time, vocabulary]; `weights` are those of the last layer."""
        x = self.embed("decoder", ids)
        for layer in range(LAYERS):
            path = f"decoder/layer_{layer}"
            x = self.around(
                f"{path}/self_attention/layer_norm",
                x,
                lambda v, path=path: self.self_attention(f"{path}/self_attention", v, True),
            )
            x = self.around(
                f"{path}/attention/layer_norm",
                x,
                lambda v, path=path: self.cross_attention(f"{path}/attention", v, source),
            )
            x = self.around(f"{path}/ffn/layer_norm", x, lambda v, path=path: self.feed_forward(f"{path}/ffn", v))
        return reference.log_softmax(self.linear("decoder/projection", self.norm("decoder/layer_norm", x)))[0]

    def greedy(self, ids: list[int], max_length: int) -> tuple[list[int], float]:
        """The most likely next token each time (start 1, end 2), and the sum of log probabilities."""
        source, target, score = self.encode(ids), [1], 0.0
        while len(target) <= max_length:
            last = self.log_probs(source, target)[-1]
            target.append(int(last.argmax()))
            score += last.max()
            if target[-1] == 2:
                return target[1:-1], score
        return target[1:], score


def g2p_arrays(hidden: int = 12, embedding: int = 8, seed: int = 2) -> dict[str, Array]:
    """Arrays of the g2p-en checkpoint, smaller; 29 letters and marks, 74 phonemes and marks."""
    random = np.random.default_rng(seed)
    shapes: dict[str, tuple[int, ...]] = {"enc_emb": (29, embedding), "dec_emb": (74, embedding)}
    for side in ("enc", "dec"):
        shapes |= {f"{side}_w_ih": (3 * hidden, embedding), f"{side}_w_hh": (3 * hidden, hidden)}
        shapes |= {f"{side}_b_ih": (3 * hidden,), f"{side}_b_hh": (3 * hidden,)}
    shapes |= {"fc_w": (74, hidden), "fc_b": (74,)}
    return {name: random.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


def loading_problem(path: Path) -> str | None:
    """What pyseq.load complains about; any other exception than one of ours goes through."""
    try:
        pyseq.load(path)
    except pyseq.Error as error:
        return str(error)
    return None
