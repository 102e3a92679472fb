"""``pyseq text``: train vocabularies, encode and decode texts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

import pyseq

app = typer.Typer(help="Vocabularies: train them, encode and decode texts.", no_args_is_help=True)
METHODS = ("character", "word", "words", "bpe", "unigram")

VocabularyFile = Annotated[
    Path, typer.Argument(help="A vocabulary file, a model file, or a SentencePiece model (.model).")
]
Name = Annotated[str | None, typer.Option("--name", help="Which vocabulary of a model file (default: the only one).")]


@app.command("train")
def train(
    output: Annotated[Path, typer.Argument(help="The vocabulary file to write.")],
    texts: Annotated[list[Path] | None, typer.Argument(help="Text files (default: standard input).")] = None,
    method: Annotated[
        str, typer.Option(help="character, word, words (with punctuation marks apart), bpe or unigram.")
    ] = "bpe",
    size: Annotated[int, typer.Option(min=1, help="Entries at most, special tokens among them.")] = 8000,
    min_count: Annotated[int, typer.Option(min=1, help="Rarer characters and words are left out.")] = 1,
    specials: Annotated[str, typer.Option(help="Special tokens, put first, with commas between.")] = "<unk>,<s>,</s>",
) -> None:
    """Make a vocabulary of the lines of text files."""
    from pyseq import text

    if method not in METHODS:
        raise pyseq.ArgumentError(f"text train: method is {method!r}, expected one of {', '.join(METHODS)}")
    lines, marks = read_lines(texts or []), [mark for mark in specials.split(",") if mark]
    made: Any
    if method in ("bpe", "unigram"):
        made = text.train_subwords(lines, size, "bpe" if method == "bpe" else "unigram", marks)
    elif method == "words":
        made = text.build_words(lines, size, min_count, marks)
    else:
        made = text.Vocabulary.build(lines, "word" if method == "word" else "character", size, min_count, marks)
    made.save(output)
    print(f"{len(made)} tokens in {output}")


@app.command("encode")
def encode(
    vocabulary: VocabularyFile,
    name: Name = None,
    pieces: Annotated[bool, typer.Option("--pieces", help="Print tokens in place of their ids.")] = False,
) -> None:
    """Print the ids of every line of standard input, with spaces between."""
    found = read_vocabulary(vocabulary, name)
    for line in read_lines([]):
        ids = found.encode(line)
        print(" ".join(found.token(id) if pieces else str(id) for id in ids), flush=True)


@app.command("decode")
def decode(vocabulary: VocabularyFile, name: Name = None) -> None:
    """Print the text of every line of ids of standard input."""
    found = read_vocabulary(vocabulary, name)
    for line in read_lines([]):
        try:
            ids = list(map(int, line.split()))
        except ValueError:
            raise pyseq.ArgumentError(f"text decode: {line[:80]!r} are not ids with spaces between") from None
        print(found.decode(ids), flush=True)


def read_lines(files: list[Path]) -> Iterator[str]:
    """The lines of files, or of standard input, without their ends."""
    if not files:
        yield from (line.rstrip("\n") for line in sys.stdin)
    for file in files:
        with file.open(encoding="utf-8") as lines:
            yield from (line.rstrip("\n") for line in lines)


def read_vocabulary(file: Path, name: str | None) -> Any:
    """The vocabulary of a file: one of its own, one in a model file, or a SentencePiece model."""
    from pyseq import text

    if file.suffix == ".model":
        return text.read_sentencepiece(file)
    if file.suffix != ".safetensors":
        return text.Vocabulary.load(file)
    program = pyseq.Program.load(file)
    names = program.vocabulary_names
    if name is None and len(names) != 1:
        raise pyseq.ArgumentError(f"{file}: choose a vocabulary with --name: {', '.join(names) or 'it has none'}")
    return program.vocabulary(name or names[0])
