"""Tokenizer files of a Hugging Face folder: tokenizer.json, vocab.txt, vocab.json + merges.txt, *.spm, spiece.model."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pyseq import _core
from pyseq.hub.checkpoint import read_json
from pyseq.text import Vocabulary, describe_tokenizer, word_piece_tokenizer

Description = dict[str, Any]
Ids = Mapping[str, int]


def read_tokenizer(folder: Path, size: int) -> tuple[Description, Vocabulary]:
    """The tokenizer as a program's task describes it, and the token of each of `size` ids.

    Raises:
        FormatError: no tokenizer files, damaged ones, or more tokens than ids. UnsupportedError: a library is missing.
    """
    readers: tuple[tuple[str, Callable[[Path], tuple[Description, Ids]]], ...] = (
        ("source.spm", _sentence_pieces),
        ("tokenizer.json", _json),
        ("vocab.txt", _word_pieces),
        ("merges.txt", _byte_pairs),
        ("spiece.model", _one_sentence_piece),
    )
    for name, read in readers:
        if (folder / name).is_file():
            description, ids = read(folder)
            return description, vocabulary_of_ids(folder, ids, size)
    names = ", ".join(name for name, _ in readers)
    raise _core.FormatError(f"{folder}: no tokenizer, expected one of {names}")


def vocabulary_of_ids(folder: Path, ids: Ids, size: int) -> Vocabulary:
    """Tokens in the order of their ids; those with spaces in them and ids without a token get made-up names."""
    most = max(ids.values(), default=-1)
    if most >= size:
        raise _core.FormatError(f"{folder}: the tokenizer has the id {most}, but the model has {size} tokens")
    tokens = [f"<token-{id}>" for id in range(size)]
    for token, id in ids.items():
        if token and token.split() == [token]:
            tokens[id] = token
    return Vocabulary(tokens, "word")


def _json(folder: Path) -> tuple[Description, Ids]:
    text = (folder / "tokenizer.json").read_text(encoding="utf-8")
    tokenizers = _library()
    try:
        tokenizer = tokenizers.Tokenizer.from_str(text)
    except Exception as error:  # the library raises bare exceptions
        raise _core.FormatError(f"{folder / 'tokenizer.json'}: {error}") from None
    return _described(tokenizer)


def _word_pieces(folder: Path) -> tuple[Description, Ids]:
    """BERT's: one token per line."""
    _library()
    lines = (folder / "vocab.txt").read_text(encoding="utf-8").split("\n")
    ids = {token: id for id, token in enumerate(lines) if token or id + 1 < len(lines)}
    config = _optional_json(folder / "tokenizer_config.json")
    tokenizer = word_piece_tokenizer(
        ids,
        lowercase=config.get("do_lower_case", True),
        split_chinese=config.get("tokenize_chinese_chars", True),
        strip_accents=config.get("strip_accents"),
    )
    return _described(tokenizer)


def _byte_pairs(folder: Path) -> tuple[Description, Ids]:
    """Byte-level byte-pair encoding: GPT-2's, and RoBERTa's and BART's with marks around a text."""
    tokenizers = _library()
    vocabulary = {str(token): int(id) for token, id in read_json(folder / "vocab.json").items()}
    lines = (folder / "merges.txt").read_text(encoding="utf-8").split("\n")
    merges = [tuple(line.split(" ")) for line in lines if line and not line.startswith("#version")]
    try:
        tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, merges))
    except Exception as error:
        raise _core.FormatError(f"{folder / 'merges.txt'}: {error}") from None
    with_space = bool(_optional_json(folder / "tokenizer_config.json").get("add_prefix_space", False))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=with_space)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    marks = ("<s>", "<pad>", "</s>", "<unk>", "<mask>", "<|endoftext|>")
    # In RoBERTa's texts the mask takes the space before it.
    specials = [tokenizers.AddedToken(mark, lstrip=mark == "<mask>") for mark in marks if mark in vocabulary]
    tokenizer.add_special_tokens(specials)
    if {"<s>", "</s>"} <= vocabulary.keys():
        tokenizer.post_processor = tokenizers.processors.RobertaProcessing(
            ("</s>", vocabulary["</s>"]), ("<s>", vocabulary["<s>"]), add_prefix_space=with_space
        )
    return _described(tokenizer)


def _sentence_pieces(folder: Path) -> tuple[Description, Ids]:
    """Marian's: a sentencepiece model per language, and the ids of both in vocab.json."""
    ids = {str(token): int(id) for token, id in read_json(folder / "vocab.json").items()}
    models = {side: base64.b64encode((folder / f"{side}.spm").read_bytes()).decode() for side in ("source", "target")}
    return {"kind": "sentencepiece", **models}, ids


def _one_sentence_piece(folder: Path) -> tuple[Description, Ids]:
    """T5's: one sentencepiece model, whose ids are the model's; behind them the marks of gaps, the last one first."""
    try:
        from sentencepiece import SentencePieceProcessor
    except ImportError:
        raise _core.UnsupportedError(
            "reading spiece.model needs the package sentencepiece (pip install 'pyseq[hub]')"
        ) from None
    content = (folder / "spiece.model").read_bytes()
    try:
        model = SentencePieceProcessor(model_proto=content)
    except Exception as error:  # the library raises bare exceptions
        raise _core.FormatError(f"{folder / 'spiece.model'}: {error}") from None
    gaps = int(_optional_json(folder / "tokenizer_config.json").get("extra_ids", 100))
    pieces = [model.id_to_piece(id) for id in range(model.vocab_size())]
    pieces += [f"<extra_id_{number}>" for number in reversed(range(gaps))]
    packed = base64.b64encode(content).decode()
    return {"kind": "sentencepiece", "source": packed, "target": packed}, {piece: id for id, piece in enumerate(pieces)}


def _described(tokenizer: Any) -> tuple[Description, Ids]:
    return describe_tokenizer(tokenizer), tokenizer.get_vocab(with_added_tokens=True)


def _optional_json(file: Path) -> dict[str, Any]:
    return read_json(file) if file.is_file() else {}


def _library() -> Any:
    try:
        import tokenizers
        import tokenizers.decoders
        import tokenizers.models
        import tokenizers.normalizers
        import tokenizers.pre_tokenizers
        import tokenizers.processors
    except ImportError:
        raise _core.UnsupportedError(
            "reading tokenizer files needs the package tokenizers (pip install 'pyseq[hub]')"
        ) from None
    return tokenizers
