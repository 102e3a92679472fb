"""Random checkpoints of usual sizes as Hugging Face folders, made once: every library loads the same weights."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench.peers.model import Array

CACHE = "PYSEQ_BENCH_CACHE"  # the folder for them; without it one in the system's temporary directory
DEVIATION = 0.04


def folder(name: str) -> Path:
    """The folder of a model, made when it is not there yet."""
    cache = Path(os.environ.get(CACHE) or Path(tempfile.gettempdir()) / "pyseq-bench")
    made = cache / name
    if not (made / "model.safetensors").is_file():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as temporary:
            beside = Path(temporary) / name
            beside.mkdir()
            MAKERS[name](beside)
            try:
                beside.rename(made)
            except OSError:  # another process was faster
                assert (made / "model.safetensors").is_file()
    return made


def _save(folder: Path, config: dict[str, Any], shapes: dict[str, tuple[int, ...]]) -> None:
    from safetensors.numpy import save_file

    random = np.random.default_rng(3)
    arrays: dict[str, Array] = {}
    for name, shape in shapes.items():
        is_norm = len(shape) == 1 and name.endswith("weight")
        values = random.standard_normal(shape, np.float32) * np.float32(DEVIATION)
        arrays[name] = values + np.float32(1) if is_norm else values
    save_file(arrays, folder / "model.safetensors", {"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config))


def _linear(name: str, out: int, inputs: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (out, inputs), f"{name}.bias": (out,)}


def _norm(name: str, width: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def _bert(width: int, layers: int, heads: int) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        vocabulary, hidden, positions = 30522, 4 * width, 512
        config = {
            "model_type": "bert",
            "architectures": ["BertModel"],
            "vocab_size": vocabulary,
            "hidden_size": width,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "intermediate_size": hidden,
            "hidden_act": "gelu",
            "max_position_embeddings": positions,
            "type_vocab_size": 2,
        }
        shapes: dict[str, tuple[int, ...]] = {
            "embeddings.word_embeddings.weight": (vocabulary, width),
            "embeddings.position_embeddings.weight": (positions, width),
            "embeddings.token_type_embeddings.weight": (2, width),
            **_norm("embeddings.LayerNorm", width),
            **_linear("pooler.dense", width, width),
        }
        for number in range(layers):
            layer = f"encoder.layer.{number}"
            for name in ("self.query", "self.key", "self.value", "output.dense"):
                shapes |= _linear(f"{layer}.attention.{name}", width, width)
            shapes |= _norm(f"{layer}.attention.output.LayerNorm", width)
            shapes |= _linear(f"{layer}.intermediate.dense", hidden, width)
            shapes |= _linear(f"{layer}.output.dense", width, hidden)
            shapes |= _norm(f"{layer}.output.LayerNorm", width)
        _save(folder, config, shapes)
        (folder / "vocab.txt").write_text("\n".join(_words(vocabulary)) + "\n")

    return make


def _words(count: int) -> list[str]:
    """Made-up tokens t0, t1, ..., behind the marks of BERT."""
    marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    return marks + [f"t{id}" for id in range(len(marks), count)]


def _gpt2(folder: Path) -> None:
    width, layers, vocabulary, positions = 768, 12, 50257, 1024
    config = {
        "model_type": "gpt2",
        "architectures": ["GPT2LMHeadModel"],
        "vocab_size": vocabulary,
        "n_embd": width,
        "n_layer": layers,
        "n_head": 12,
        "n_positions": positions,
        "activation_function": "gelu_new",
        "layer_norm_epsilon": 1e-5,
        "bos_token_id": vocabulary - 1,
        "eos_token_id": vocabulary - 1,
    }
    shapes: dict[str, tuple[int, ...]] = {
        "transformer.wte.weight": (vocabulary, width),
        "transformer.wpe.weight": (positions, width),
        **_norm("transformer.ln_f", width),
    }
    for number in range(layers):
        layer = f"transformer.h.{number}"
        shapes |= _norm(f"{layer}.ln_1", width) | _norm(f"{layer}.ln_2", width)
        for name, inputs, out in (
            ("attn.c_attn", width, 3 * width),
            ("attn.c_proj", width, width),
            ("mlp.c_fc", width, 4 * width),
            ("mlp.c_proj", 4 * width, width),
        ):
            shapes |= {f"{layer}.{name}.weight": (inputs, out), f"{layer}.{name}.bias": (out,)}
    _save(folder, config, shapes)
    _numbered_words(folder, {f"t{id}": id for id in range(vocabulary - 1)} | {"<|endoftext|>": vocabulary - 1})


def _translation(folder: Path) -> None:
    width, hidden, layers, vocabulary = 512, 2048, 6, 32001
    config = {
        "model_type": "marian",
        "architectures": ["MarianMTModel"],
        "vocab_size": vocabulary,
        "d_model": width,
        "encoder_layers": layers,
        "decoder_layers": layers,
        "encoder_ffn_dim": hidden,
        "decoder_ffn_dim": hidden,
        "encoder_attention_heads": 8,
        "decoder_attention_heads": 8,
        "activation_function": "swish",
        "scale_embedding": True,
        "pad_token_id": vocabulary - 1,
        "eos_token_id": 0,
        "decoder_start_token_id": vocabulary - 1,
        "forced_eos_token_id": None,
        "bad_words_ids": [[vocabulary - 1]],
        "max_position_embeddings": 512,
    }
    shapes: dict[str, tuple[int, ...]] = {
        "model.shared.weight": (vocabulary, width),
        "final_logits_bias": (1, vocabulary),
    }
    for side in ("encoder", "decoder"):
        for number in range(layers):
            layer = f"model.{side}.layers.{number}"
            for attention in ("self_attn", "encoder_attn")[: 2 if side == "decoder" else 1]:
                for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
                    shapes |= _linear(f"{layer}.{attention}.{name}", width, width)
                shapes |= _norm(f"{layer}.{attention}_layer_norm", width)
            shapes |= _linear(f"{layer}.fc1", hidden, width) | _linear(f"{layer}.fc2", width, hidden)
            shapes |= _norm(f"{layer}.final_layer_norm", width)
    _save(folder, config, shapes)
    words = {"</s>": 0, "<unk>": 1, "<pad>": vocabulary - 1} | {f"t{id}": id for id in range(2, vocabulary - 1)}
    _numbered_words(folder, words)


def _numbered_words(folder: Path, words: dict[str, int]) -> None:
    """A tokenizer.json that splits at spaces."""
    pre_tokenizer = {"type": "WhitespaceSplit"}
    model = {"type": "WordLevel", "vocab": words, "unk_token": next(iter(words))}
    fields = {"version": "1.0", "added_tokens": [], "pre_tokenizer": pre_tokenizer, "model": model}
    parts = dict.fromkeys(("truncation", "padding", "normalizer", "post_processor", "decoder"))
    (folder / "tokenizer.json").write_text(json.dumps({**parts, **fields}))


MAKERS: dict[str, Callable[[Path], None]] = {
    "bert-base": _bert(768, 12, 12),
    "minilm-6": _bert(384, 6, 12),
    "gpt2-small": _gpt2,
    "translation-base": _translation,
}
