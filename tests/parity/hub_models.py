"""Randomly initialised models of `transformers`, saved as folders with the files that hubs hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

VOCABULARY = 1003


def randomised(model: Any, seed: int = 0) -> Any:
    """Weights large enough that every part matters, norms and biases included."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.ndim > 1:
                parameter.copy_(noise * parameter.shape[-1] ** -0.5)
            else:
                parameter.copy_(
                    0.1 * noise + (1.0 if "norm" in name.lower() or "ln_" in name else 0.0) * (name.endswith("weight"))
                )
    return model.eval()


def save(model: Any, folder: Path, as_torch_file: bool = False, shard: str = "1GB") -> None:
    """config.json and weights, as `save_pretrained` or as the library of some years ago writes them."""
    model.save_pretrained(folder, max_shard_size=shard)
    if as_torch_file:
        for file in folder.glob("*.safetensors"):
            file.unlink()
        torch.save(model.state_dict(), folder / "pytorch_model.bin")


def word_pieces(folder: Path) -> list[str]:
    """A vocab.txt of 1003 tokens."""
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    tokens += [a + b for a in letters for b in letters]
    tokens += [f"##{a}{b}" for a in letters for b in letters]
    tokens = tokens[:VOCABULARY]
    (folder / "vocab.txt").write_text("\n".join(tokens) + "\n")
    return tokens


def byte_pairs(folder: Path, specials: tuple[str, ...] = ()) -> dict[str, int]:
    """A vocab.json of 1003 tokens and merges.txt: bytes, pairs of letters, and special tokens at the end."""
    from tokenizers.pre_tokenizers import ByteLevel

    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    merges = [(a, b) for a in ["Ġ", *letters] for b in letters]
    tokens = sorted(ByteLevel.alphabet()) + [a + b for a, b in merges]
    tokens = tokens[: VOCABULARY - len(specials)]
    merges = [pair for pair in merges if "".join(pair) in set(tokens)]
    tokens += specials
    vocabulary = {token: id for id, token in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(" ".join(pair) for pair in merges) + "\n")
    return vocabulary


def ragged(rows: tuple[int, ...], seed: int = 1, lowest: int = 5, highest: int = VOCABULARY) -> tuple[Any, Any]:
    """Tokens [batch, time] and lengths; beyond a length anything stands."""
    random = np.random.default_rng(seed)
    return random.integers(lowest, highest, (len(rows), max(rows))), np.array(rows)


def masked(tokens: Any, lengths: Any, pad: int = 0) -> dict[str, Any]:
    """What `transformers` takes for the same."""
    mask = np.arange(tokens.shape[1])[None] < lengths[:, None]
    return {
        "input_ids": torch.from_numpy(np.where(mask, tokens, pad)),
        "attention_mask": torch.from_numpy(mask.astype(np.int64)),
    }


def sentence_pieces(folder: Path) -> None:
    """source.spm and target.spm: a small unigram model trained on letters."""
    import io

    import sentencepiece

    random = np.random.default_rng(0)
    letters = list("abcdefghijklmnopqrstuvwxyz")
    words = ["".join(random.choice(letters, random.integers(2, 8))) for _ in range(400)]
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(" ".join(random.choice(words, 6)) for _ in range(300)),
        model_writer=model,
        vocab_size=120,
        minloglevel=2,
    )
    for side in ("source", "target"):
        (folder / f"{side}.spm").write_bytes(model.getvalue())
    pieces = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    tokens = ["</s>", "<unk>", *(pieces.id_to_piece(id) for id in range(3, pieces.vocab_size()))]
    ids = {token: id + 2 for id, token in enumerate(tokens)}
    ids.update({"</s>": 1000, "<unk>": 1001, "<pad>": 1002})
    (folder / "vocab.json").write_text(json.dumps(ids))
