"""T5: pre-norm RMS norms without biases, and relative positions that all layers of a side share."""

from __future__ import annotations

import numpy as np

from pyseq.hub.folder import ACTIVATIONS, Folder
from pyseq.hub.marian import export_translator
from pyseq.hub.weights import load_weights
from pyseq.models import Transformer, TransformerOptions
from pyseq.nn import TransformerVariants, initialization

MODEL_TYPES = ("t5",)
MAX_LENGTH = 512  # positions have no limit: the length that the published models were trained with
ATTENTION = {"q_proj": "q", "k_proj": "k", "v_proj": "v", "out_proj": "o"}
TABLES = ("shared.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight")
HEAD = "lm_head.weight"
# Some files hold a table that nothing reads.
IGNORED = (r"decoder\.block\.0\.layer\.1\.EncDecAttention\.relative_attention_bias\.weight",)


def convert(folder: Folder, pack: bool) -> bytes:
    """The folder as a program with the task "translator": whatever T5 does, it turns texts into texts."""
    head = folder.architecture
    if head and head not in ("T5ForConditionalGeneration", "T5WithLMHeadModel"):
        folder.refuse("architectures", head, "'T5ForConditionalGeneration'")
    options = _options(folder)
    with initialization.skipped():
        model = Transformer(options)
    ignored = (*IGNORED, *(name.replace(".", r"\.") for name in TABLES), *((HEAD,) if options.tied_projection else ()))
    load_weights(folder.path, model, folder.tensors, _names(folder, model), "", ignored)
    if folder.flag("scale_decoder_outputs", folder.flag("tie_word_embeddings", True)):
        scale = model.state_dict()["decoder.norm.weight"]  # in place of the vectors that are projected
        scale *= np.float32(options.width**-0.5)
    return export_translator(folder, model, pack, folder.size("n_positions", MAX_LENGTH))


def _options(folder: Folder) -> TransformerOptions:
    activation, is_gated = _feed_forward(folder)
    layers = folder.size("num_layers")
    return TransformerOptions(
        source_vocabulary=folder.size("vocab_size"),
        target_vocabulary=folder.size("vocab_size"),
        width=folder.size("d_model"),
        num_heads=folder.size("num_heads"),
        encoder_layers=layers,
        decoder_layers=folder.size("num_decoder_layers", layers),
        feed_forward=folder.size("d_ff"),
        activation=activation,
        pre_norm=True,
        encoder_norm=True,
        decoder_norm=True,
        epsilon=folder.number("layer_norm_epsilon", 1e-6),
        relative_buckets=folder.size("relative_attention_num_buckets", 32),
        relative_distance=folder.size("relative_attention_max_distance", 128),
        shared_embeddings=True,
        tied_projection=_has_tied_head(folder),
        projection_bias=False,
        variants=TransformerVariants(norm="rms", gated=is_gated, bias=False, head_dim=folder.size("d_kv"), scale=1.0),
    )


def _feed_forward(folder: Folder) -> tuple[str, bool]:
    """The activation, and whether there is a gate: "relu", "gated-gelu", ... (the latter's GELU is that of tanh)."""
    name = folder.config.get("feed_forward_proj", "relu")
    gate, _, kind = str(name).rpartition("-")
    if gate not in ("", "gated") or kind not in ACTIVATIONS:
        folder.refuse("feed_forward_proj", name, "an activation, or gated- and an activation")
    return ("gelu_tanh" if name == "gated-gelu" else ACTIVATIONS[kind]), gate == "gated"


def _has_tied_head(folder: Folder) -> bool:
    """Whether the last projection is the table; files may hold it twice."""
    head, table = folder.tensors.get(HEAD), folder.tensors.get(_table(folder))
    return head is None or (table is not None and head.shape == table.shape and np.array_equal(head, table))


def _table(folder: Folder) -> str:
    return next((name for name in TABLES if name in folder.tensors), TABLES[0])


def _names(folder: Folder, model: Transformer) -> dict[str, str]:
    """Where every parameter comes from."""
    found = {"encoder.embedding.weight": _table(folder), "decoder.projection.weight": HEAD}
    for side in ("encoder", "decoder"):
        first = f"{side}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
        found |= {f"{side}.relative.weight": first, f"{side}.norm.weight": f"{side}.final_layer_norm.weight"}
        for number in range(len(getattr(model, side).layers)):
            blocks = ["self_attention", *(["cross_attention"] if side == "decoder" else []), "feed_forward"]
            for place, block in enumerate(blocks):
                ours, theirs = f"{side}.layers.{number}.{block}", f"{side}.block.{number}.layer.{place}"
                found[f"{ours}_norm.weight"] = f"{theirs}.layer_norm.weight"
                found |= {f"{ours}.{part}.weight": f"{theirs}.{name}.weight" for part, name in _parts(model, block)}
    return found


def _parts(model: Transformer, block: str) -> list[tuple[str, str]]:
    """The projections of a part of a layer: ours, theirs."""
    if block == "feed_forward":
        gated = model.options.variants.gated
        inner = [("gate", "wi_0"), ("linear1", "wi_1")] if gated else [("linear1", "wi")]
        return [(part, f"DenseReluDense.{name}") for part, name in (*inner, ("linear2", "wo"))]
    kind = "SelfAttention" if block == "self_attention" else "EncDecAttention"
    return [(part, f"{kind}.{name}") for part, name in ATTENTION.items()]
