"""Files of word vectors: word2vec, GloVe, fastText, safetensors."""

from __future__ import annotations

import gzip
import io
import json
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from pyseq import _core
from pyseq.embeddings.fasttext_file import MAGIC, read_fasttext
from pyseq.embeddings.subwords import Subwords
from pyseq.embeddings.word_vectors import WordVectors

KIND = "pyseq.word_vectors"
FORMATS = ("safetensors", "word2vec", "word2vec-binary", "glove", "fasttext")
ENDINGS = {
    ".safetensors": "safetensors",
    ".txt": "word2vec",
    ".bin": "word2vec-binary",
    ".glove": "glove",
    ".vec": "fasttext",
}
LARGEST_HEADER = 1 << 16  # bytes of a first line that may be a header
LONGEST_WORD = 1 << 16


def save_vectors(vectors: WordVectors, file: str | os.PathLike[str], format: str | None) -> None:
    """Write vectors in a format; see `WordVectors.save`."""
    path = Path(file)
    chosen = ENDINGS.get(path.suffix) if format is None else format
    if chosen not in FORMATS:
        raise _core.ArgumentError(f"{path}: format is {chosen!r}, expected one of {', '.join(FORMATS)}")
    if chosen == "safetensors":
        _save_safetensors(vectors, path)
        return
    for word in vectors.words:
        if not word or any(mark in word for mark in ("\n", " ")):
            kept = "safetensors keeps them" if chosen != "glove" else "safetensors or word2vec text keep them"
            if "\n" in word or not word or chosen == "word2vec-binary":
                raise _core.ArgumentError(f"{path}: {chosen} files cannot hold the word {word!r}; {kept}")
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as out:
        if chosen != "glove":
            out.write(f"{len(vectors)} {vectors.width}\n".encode())
        for word, row in zip(vectors.words, vectors.vectors, strict=True):
            if chosen == "word2vec-binary":
                out.write(word.encode() + b" " + np.ascontiguousarray(row, "<f4").tobytes() + b"\n")
            else:
                out.write((word + " " + " ".join(map(_number, row.tolist())) + "\n").encode())
    partial.replace(path)


def _number(value: float) -> str:
    """A float32 in as few digits as bring it back."""
    return f"{np.float32(value)}"


def _save_safetensors(vectors: WordVectors, path: Path) -> None:
    metadata = {"format": KIND}
    tensors: dict[str, Any] = {
        "vectors": np.ascontiguousarray(vectors.vectors, np.float32),
        "words": np.frombuffer(json.dumps(vectors.words, ensure_ascii=False).encode(), np.uint8),
    }
    if vectors.counts is not None:
        tensors["counts"] = np.ascontiguousarray(vectors.counts, np.int64)
    if vectors.subwords is not None:
        metadata["subwords"] = json.dumps([vectors.subwords.shortest, vectors.subwords.longest])
        tensors["subwords"] = np.ascontiguousarray(vectors.subwords.rows, np.float32)
    _core.write_safetensors(os.fspath(path), metadata, tensors)


def load_vectors(
    file: str | os.PathLike[str], format: str | None = None, *, limit: int | None = None, mmap: bool = True
) -> WordVectors:
    """Read vectors; see `WordVectors.load`."""
    path = Path(file)
    if not path.is_file():
        raise _core.ArgumentError(f"word vectors: no file {path}")
    chosen = _recognised(path) if format is None else format
    if chosen == "safetensors":
        return _load_safetensors(path, limit, mmap)
    if chosen == "fasttext-bin":
        return read_fasttext(path, limit, mmap)
    if chosen == "word2vec-binary":
        return _read_binary(path, limit)
    if chosen in ("word2vec", "fasttext", "glove"):
        with _open(path) as source:
            return _read_text(source, path, limit)
    raise _core.ArgumentError(f"{path}: format is {chosen!r}, expected one of {', '.join((*FORMATS, 'fasttext-bin'))}")


def recognises(path: Path) -> bool:
    """Whether a file is one of those that `WordVectors.save` writes as safetensors."""
    if not path.is_file() or path.suffix != ".safetensors":
        return False
    with path.open("rb") as source:
        return f'"format":"{KIND}"' in source.read(1024).decode(errors="replace").replace(" ", "")


def _open(path: Path) -> IO[bytes]:
    if path.suffix == ".gz":
        return io.BufferedReader(gzip.open(path, "rb"))
    return path.open("rb")


def _recognised(path: Path) -> str:
    """The format that the beginning of a file shows."""
    with _open(path) as source:
        try:
            beginning = source.read(LARGEST_HEADER)
        except (EOFError, OSError) as error:
            raise _core.FormatError(f"{path}: cannot be decompressed ({error})") from None
    if path.suffix == ".safetensors":
        return "safetensors"
    if beginning[:4] == MAGIC:
        return "fasttext-bin"
    line, _, rest = beginning.partition(b"\n")
    if _header(line) is None:
        return "glove"
    # A text has nothing but text behind its header; what stands there in a binary file is seldom UTF-8.
    cut = rest.rfind(b"\n") if b"\n" in rest else len(rest)
    try:
        text = rest[:cut].decode()
    except UnicodeDecodeError:
        return "word2vec-binary"
    return "word2vec-binary" if "\0" in text else "word2vec"


def _header(line: bytes) -> tuple[int, int] | None:
    """Words and width, when a line is "words width"."""
    parts = line.split()
    if len(parts) != 2 or not all(part.isdigit() for part in parts):
        return None
    words, width = map(int, parts)
    return (words, width) if width > 0 else None


def _lines(source: IO[bytes], path: Path) -> Iterator[bytes]:
    try:
        yield from source
    except (EOFError, OSError) as error:
        raise _core.FormatError(f"{path}: cannot be decompressed, it may be cut short ({error})") from None


def _read_text(source: IO[bytes], path: Path, limit: int | None) -> WordVectors:
    """A word and its values per line; the first line may say how many. The last `width` fields are the values."""
    lines = _lines(source, path)
    first = next(lines, b"")
    header = _header(first.rstrip(b"\n"))
    words: list[str] = []
    rows: list[NDArray[np.float32]] = []
    width = 0 if header is None else header[1]
    expected = None if header is None else header[0] if limit is None else min(limit, header[0])
    number = 1
    pending = [first] if header is None and first else []
    for line in _chain(pending, lines):
        number += header is not None or number > 1 or bool(words)
        if (expected is not None and len(words) == expected) or (limit is not None and len(words) == limit):
            break
        line = line.rstrip(b"\r\n").rstrip(b" ")
        if not line:
            continue
        if not width:
            width = _guessed_width(line)
        word, values = _word_and_values(line, width, path, number)
        words.append(word)
        rows.append(values)
    if expected is not None and len(words) < expected:
        raise _core.FormatError(f"{path}: cut short, {len(words)} of {expected} words are there")
    if not words:
        raise _core.FormatError(f"{path}: no word vectors")
    return _made(words, np.stack(rows), path)


def _chain(first: list[bytes], rest: Iterator[bytes]) -> Iterator[bytes]:
    yield from first
    yield from rest


def _guessed_width(line: bytes) -> int:
    """Numbers at the end of a line: a word may have spaces, its first field is never a value."""
    fields = line.split(b" ")
    count = 0
    for field in reversed(fields[1:]):
        try:
            float(field)
        except ValueError:
            break
        count += 1
    return count


def _word_and_values(line: bytes, width: int, path: Path, number: int) -> tuple[str, NDArray[np.float32]]:
    word, _, rest = line.partition(b" ")
    values = _values(rest)
    if len(values) != width:  # the word may have spaces
        fields = line.rsplit(b" ", width)
        if width < 1 or len(fields) != width + 1:
            raise _core.FormatError(f"{path}: line {number} has {len(fields) - 1} values, expected {max(width, 1)}")
        word, values = fields[0], _values(b" ".join(fields[1:]))
        if len(values) != width:
            raise _core.FormatError(f"{path}: line {number} is no word with {width} values")
    try:
        return word.decode(), values
    except UnicodeDecodeError as error:
        raise _core.FormatError(f"{path}: the word of line {number} is not UTF-8 ({error})") from None


def _values(text: bytes) -> NDArray[np.float32]:
    """The numbers of a text; none when something else is among them."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found: NDArray[np.float32] = np.fromstring(text, np.float32, sep=" ")
    except (ValueError, DeprecationWarning):
        return np.zeros(0, np.float32)
    return found


def _read_binary(path: Path, limit: int | None) -> WordVectors:
    """A line "words width", then words: letters, a space and float32 values, with or without a line break behind."""
    with _open(path) as source:
        try:
            data: Any = source.read() if path.suffix == ".gz" else np.memmap(path, np.uint8, "r")
        except (EOFError, OSError, ValueError) as error:
            raise _core.FormatError(f"{path}: cannot be read, it may be cut short ({error})") from None
    view = memoryview(data)
    first = bytes(view[:LARGEST_HEADER]).partition(b"\n")[0]
    header = _header(first)
    if header is None:
        raise _core.FormatError(f"{path}: no header, expected 'words width'")
    count, width = header
    count = count if limit is None else min(limit, count)
    if count * (4 * width + 2) > len(view):
        raise _core.FormatError(f"{path}: {count} words of width {width} do not fit into {len(view)} bytes: cut short")
    vectors = np.empty((count, width), np.float32)
    words = []
    offset = len(first) + 1
    for place in range(count):
        word, offset = _word_at(view, offset, path, place, count)
        words.append(word)
        values = view[offset : offset + 4 * width]
        if len(values) != 4 * width:
            raise _core.FormatError(f"{path}: cut short, {place} of {count} words are there")
        vectors[place] = np.frombuffer(values, "<f4")
        offset += 4 * width
    return _made(words, vectors, path)


def _word_at(view: memoryview, offset: int, path: Path, place: int, count: int) -> tuple[str, int]:
    """The word that starts at an offset, and where its values start."""
    size = 64
    while True:
        # word2vec ends vectors with a line break, others do not.
        beginning = bytes(view[offset : offset + size])
        letters = beginning.lstrip(b"\n")
        end = letters.find(b" ")
        if end >= 0:
            break
        if len(letters) > LONGEST_WORD:
            raise _core.FormatError(f"{path}: word {place} is longer than {LONGEST_WORD} bytes; not word2vec binary?")
        if len(beginning) < size:
            raise _core.FormatError(f"{path}: cut short, {place} of {count} words are there")
        size *= 4
    try:
        return letters[:end].decode(), offset + len(beginning) - len(letters) + end + 1
    except UnicodeDecodeError as error:
        raise _core.FormatError(f"{path}: word {place} is not UTF-8 ({error})") from None


def _load_safetensors(path: Path, limit: int | None, mmap: bool) -> WordVectors:
    metadata, tensors = _core.read_safetensors(os.fspath(path), mmap=mmap)
    if metadata.get("format") != KIND or not {"vectors", "words"} <= tensors.keys():
        raise _core.FormatError(f"{path}: no word vectors (WordVectors.save writes them)")
    words = json.loads(tensors["words"].tobytes())
    subwords = None
    if "subwords" in tensors:
        shortest, longest = json.loads(metadata["subwords"])
        subwords = Subwords(shortest, longest, tensors["subwords"])
    counts = tensors["counts"][:limit] if "counts" in tensors else None
    return WordVectors(words[:limit], tensors["vectors"][:limit], counts=counts, subwords=subwords)


def _made(words: list[str], vectors: NDArray[np.float32], path: Path) -> WordVectors:
    try:
        return WordVectors(words, vectors)
    except _core.ArgumentError as error:
        raise _core.FormatError(f"{path}: {error}") from None
