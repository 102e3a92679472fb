"""Llama and Qwen2: RMS norms, rotary positions, gated feed-forward networks, grouped heads."""

from __future__ import annotations

from pyseq.hub.folder import Folder
from pyseq.hub.gpt2 import export_generator
from pyseq.hub.weights import load_weights
from pyseq.models import Gpt, GptOptions
from pyseq.nn import RotaryPositions, TransformerVariants, initialization

MODEL_TYPES = ("llama", "qwen2")
PREFIX = "model."
IGNORED = (r".*\.rotary_emb\.inv_freq",)
MODULES = {
    "self_attention.q_proj": "self_attn.q_proj",
    "self_attention.k_proj": "self_attn.k_proj",
    "self_attention.v_proj": "self_attn.v_proj",
    "self_attention.out_proj": "self_attn.o_proj",
    "self_attention_norm": "input_layernorm",
    "feed_forward.gate": "mlp.gate_proj",
    "feed_forward.linear1": "mlp.up_proj",
    "feed_forward.linear2": "mlp.down_proj",
    "feed_forward_norm": "post_attention_layernorm",
}
DEFAULT_LENGTH = 4096


def convert(folder: Folder, pack: bool) -> bytes:
    """The folder as a program with the task "generator"."""
    options = _options(folder)
    with initialization.skipped():
        model = Gpt(options)
    names = {"embedding.weight": f"{PREFIX}embed_tokens.weight", "norm.weight": f"{PREFIX}norm.weight"}
    if not options.tied:
        names["projection.weight"] = "lm_head.weight"
    for number in range(options.num_layers):
        for ours, theirs in MODULES.items():
            for part in ("weight", "bias"):
                names[f"layers.{number}.{ours}.{part}"] = f"{PREFIX}layers.{number}.{theirs}.{part}"
    ignored = (*IGNORED, r"lm_head\.weight") if options.tied else IGNORED
    load_weights(folder.path, model, folder.tensors, names, PREFIX, ignored)
    return export_generator(folder, model, folder.size("max_position_embeddings", DEFAULT_LENGTH), pack)


def _options(folder: Folder) -> GptOptions:
    folder.expect("use_sliding_window", False)
    folder.expect("mlp_bias", False)
    bias = folder.flag("attention_bias", False)
    is_qwen = folder.config["model_type"] == "qwen2"
    heads = folder.size("num_attention_heads")
    width = folder.size("hidden_size")
    has_head = "lm_head.weight" in folder.tensors
    return GptOptions(
        vocabulary=folder.size("vocab_size"),
        width=width,
        num_heads=heads,
        num_layers=folder.size("num_hidden_layers"),
        feed_forward=folder.size("intermediate_size"),
        activation=folder.activation("hidden_act"),
        epsilon=folder.number("rms_norm_eps", 1e-6),
        positions="none",
        tied=folder.flag("tie_word_embeddings", False) or not has_head,
        variants=TransformerVariants(
            norm="rms",
            gated=True,
            bias=False,
            query_bias=bias or is_qwen,
            num_kv_heads=folder.size("num_key_value_heads", heads),
            head_dim=folder.size("head_dim", max(width // heads, 1)),
            rotary=RotaryPositions(base=_rotary_base(folder)),
        ),
    )


def _rotary_base(folder: Folder) -> float:
    """The base of the wavelengths, from the keys of either time; scaled ones are not known."""
    settings = folder.config.get("rope_parameters") or folder.config.get("rope_scaling") or {}
    kind = settings.get("rope_type", settings.get("type", "default"))
    if kind != "default":
        folder.refuse("the type of rotary positions", kind, "'default'")
    base = settings.get("rope_theta", folder.config.get("rope_theta", 10000.0))
    if isinstance(base, bool) or not isinstance(base, int | float) or base <= 0:
        folder.fail(f"rope_theta is {base!r}")
    return float(base)
