"""Subword tokenizers that other libraries run, as they stand in program files."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Sequence
from typing import Any

from pyseq import _core

MAX_JSON_BYTES = 1 << 28  # of a tokenizer.json; the largest known have 20 MB


class SubwordTokenizer:
    """Splits texts into ids with the library `tokenizers` or `sentencepiece`; made from a program's task.

    Args:
        description: {"kind": "tokenizers", "zlib": a tokenizer.json} or {"kind": "sentencepiece",
            "source": model, "target": model}, all of them in base64; "max_length" limits the ids of a text.
        tokens: the token of each id.

    Raises:
        FormatError: a damaged description. UnsupportedError: the library is not installed.
    """

    def __init__(self, description: dict[str, Any], tokens: Sequence[str]) -> None:
        kind = description.get("kind")
        if kind not in _KINDS:
            raise _core.FormatError(f"tokenizer: kind {kind!r}, expected one of {', '.join(_KINDS)}")
        self.tokens = tokens
        self.max_length: int | None = description.get("max_length")
        self._implementation = _KINDS[kind](description, tokens)

    def encode(self, text: str, pair: str | None = None, with_marks: bool = True) -> list[int]:
        """Ids of a text, or of a pair of texts; `with_marks`: with those that the model reads around it."""
        return self.encode_segments(text, pair, with_marks)[0]

    def encode_segments(
        self, text: str, pair: str | None = None, with_marks: bool = True
    ) -> tuple[list[int], list[int]]:
        """The same, and the segment (0 or 1) of each id."""
        ids, segments = self._implementation.encode(text, pair, with_marks, self.max_length)
        return ids, segments

    def encode_target(self, text: str) -> list[int]:
        """Ids of a text in the language that is translated into, without marks."""
        ids: list[int] = self._implementation.encode_target(text)
        return ids

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Where the tokens of a text stand in it, (0, 0) for marks."""
        found: list[tuple[int, int]] = self._implementation.offsets(text, self.max_length)
        return found

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids, without marks."""
        text: str = self._implementation.decode(list(ids))
        return text

    def token_bytes(self) -> list[bytes]:
        """What each token adds to a text, b"" for marks; texts are these one after the other, without a first space.

        Raises:
            UnsupportedError: a tokenizer that does not work like this.
        """
        pieces: list[bytes] = self._implementation.token_bytes(self.tokens)
        return pieces

    def as_tokens(self, ids: Sequence[int]) -> str:
        """Tokens with spaces between: what a program with these words as its vocabulary reads."""
        return " ".join(self.tokens[id] for id in ids)


def describe_tokenizer(tokenizer: Any) -> dict[str, Any]:
    """A tokenizer of the library `tokenizers` as a program's task describes it; it neither pads nor cuts."""
    tokenizer.no_padding()
    tokenizer.no_truncation()
    text = json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False)  # without layout
    packed = base64.b64encode(zlib.compress(text.encode())).decode()  # small and quick to read past
    return {"kind": "tokenizers", "zlib": packed}


class _Tokenizers:
    """The library `tokenizers`."""

    def __init__(self, description: dict[str, Any], tokens: Sequence[str]) -> None:
        try:
            from tokenizers import Tokenizer
        except ImportError:
            raise _missing("tokenizers") from None
        try:
            self.tokenizer = Tokenizer.from_str(_unpacked(description["zlib"]))
        except Exception as error:  # the library raises bare exceptions
            raise _core.FormatError(f"tokenizer: {error}") from None
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()

    def encode(self, text: str, pair: str | None, with_marks: bool, limit: int | None) -> tuple[list[int], list[int]]:
        self._limit(limit)
        found = self.tokenizer.encode(text, pair, add_special_tokens=with_marks)
        return found.ids, found.type_ids

    def encode_target(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def offsets(self, text: str, limit: int | None) -> list[tuple[int, int]]:
        self._limit(limit)
        found: list[tuple[int, int]] = self.tokenizer.encode(text).offsets
        return found

    def decode(self, ids: list[int]) -> str:
        text: str = self.tokenizer.decode(ids, skip_special_tokens=True)
        return text

    def token_bytes(self, tokens: Sequence[str]) -> list[bytes]:
        decoder = json.loads(self.tokenizer.to_str())["decoder"] or {}
        kinds = [step["type"] for step in decoder.get("decoders", [decoder]) if "type" in step]
        marks = {token.content for token in self.tokenizer.get_added_tokens_decoder().values() if token.special}
        if "ByteLevel" in kinds:
            code = {character: byte for byte, character in enumerate(_BYTE_CHARACTERS)}
            whole = [token if all(c in code for c in token) else None for token in tokens]  # else: an added token
            return [
                b"" if token in marks else token.encode() if plain is None else bytes(code[c] for c in plain)
                for token, plain in zip(tokens, whole, strict=True)
            ]
        if "Metaspace" in kinds or "ByteFallback" in kinds:
            return [b"" if token in marks else _piece_bytes(token) for token in tokens]
        raise _core.UnsupportedError(f"tokenizer: regular expressions do not go with its decoder ({', '.join(kinds)})")

    def _limit(self, limit: int | None) -> None:
        if limit is not None and self.tokenizer.truncation is None:
            self.tokenizer.enable_truncation(limit)


def _unpacked(packed: str) -> str:
    """The text of base64 over zlib, of bounded size."""
    stream = zlib.decompressobj()
    text = stream.decompress(base64.b64decode(packed), MAX_JSON_BYTES)
    if not stream.eof:
        raise ValueError(f"cut short, or more than {MAX_JSON_BYTES} bytes")
    return text.decode()


class _SentencePiece:
    """The library `sentencepiece`: one model per language, ids by piece."""

    def __init__(self, description: dict[str, Any], tokens: Sequence[str]) -> None:
        try:
            from sentencepiece import SentencePieceProcessor
        except ImportError:
            raise _missing("sentencepiece") from None
        try:
            self.source, self.target = (
                SentencePieceProcessor(model_proto=base64.b64decode(description[side])) for side in ("source", "target")
            )
        except Exception as error:
            raise _core.FormatError(f"tokenizer: {error}") from None
        self.tokens = tokens
        self.ids = {token: id for id, token in enumerate(tokens)}
        self.unknown = self.ids.get("<unk>", 0)
        self.suffix = [self.ids["</s>"]] if "</s>" in self.ids else []
        self.marks = {self.ids[mark] for mark in ("</s>", "<unk>", "<pad>", "<s>") if mark in self.ids}

    def encode(self, text: str, pair: str | None, with_marks: bool, limit: int | None) -> tuple[list[int], list[int]]:
        if pair is not None:
            raise _core.ArgumentError("tokenizer: pairs of texts are not known to sentencepiece models")
        suffix = self.suffix if with_marks else []
        # Words are joined to the mark of a language that may stand first (">>fra<<"), which is one token.
        first, _, rest = text.partition(" ")
        named = first in self.ids and first.startswith(">>")
        pieces = [first, *self.source.encode(rest, out_type=str)] if named else self.source.encode(text, out_type=str)
        ids = [self.ids.get(piece, self.unknown) for piece in pieces][: None if limit is None else limit - len(suffix)]
        return ids + suffix, [0] * (len(ids) + len(suffix))

    def encode_target(self, text: str) -> list[int]:
        return [self.ids.get(piece, self.unknown) for piece in self.target.encode(text, out_type=str)]

    def offsets(self, text: str, limit: int | None) -> list[tuple[int, int]]:
        raise _core.UnsupportedError("tokenizer: sentencepiece models tell no offsets")

    def token_bytes(self, tokens: Sequence[str]) -> list[bytes]:
        return [b"" if id in self.marks else _piece_bytes(token) for id, token in enumerate(tokens)]

    def decode(self, ids: list[int]) -> str:
        text: str = self.target.decode_pieces([self.tokens[id] for id in ids if id not in self.marks])
        return text


def _piece_bytes(piece: str) -> bytes:
    """A piece of sentencepiece, where \u2581 stands for a space and <0x41> for a byte."""
    if len(piece) == 6 and piece.startswith("<0x") and piece.endswith(">"):
        return bytes.fromhex(piece[3:5])
    return piece.replace("\u2581", " ").encode()


def _byte_characters() -> str:
    """The character that stands for each byte in byte-level vocabularies: itself, where it can be seen."""
    seen = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = iter(range(256, 512))
    return "".join(chr(byte) if byte in seen else chr(next(others)) for byte in range(256))


_BYTE_CHARACTERS = _byte_characters()

_KINDS: dict[str, Any] = {"tokenizers": _Tokenizers, "sentencepiece": _SentencePiece}


def _missing(package: str) -> _core.UnsupportedError:
    return _core.UnsupportedError(f"this model's tokenizer needs the package {package} (pip install 'pyseq[hub]')")
