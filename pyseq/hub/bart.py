"""BART: learned positions that begin at row 2, and a norm behind the embeddings."""

from __future__ import annotations

from pyseq.hub.folder import Folder
from pyseq.hub.marian import PARTS, PREFIX, export_translator, load, options
from pyseq.hub.weights import Source
from pyseq.models import Transformer, TransformerOptions
from pyseq.nn import initialization

MODEL_TYPES = ("bart",)
POSITION_START = 2


def convert(folder: Folder, pack: bool) -> bytes:
    """The folder as a program with the task "translator": summaries and the like are translations too."""
    folder.expect("normalize_embedding", True)
    folder.expect("normalize_before", False)
    folder.expect("add_final_layer_norm", False)
    longest = folder.size("max_position_embeddings")
    rows = longest + POSITION_START
    with initialization.skipped():
        model = Transformer(
            TransformerOptions(
                **options(folder),
                source_positions=rows,
                target_positions=rows,
                position_start=POSITION_START,
                embedding_norm=True,
            )
        )
    names: dict[str, str | Source] = {}
    for side in ("encoder", "decoder"):
        names[f"{side}.positions.weight"] = f"{PREFIX}{side}.embed_positions.weight"
        for part in PARTS:
            names[f"{side}.embedding_norm.{part}"] = f"{PREFIX}{side}.layernorm_embedding.{part}"
    load(folder, model, names, ())
    return export_translator(folder, model, pack, longest)
