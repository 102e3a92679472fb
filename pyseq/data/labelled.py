"""Sentences whose words have labels, read from files."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from pyseq import _core

_OPENERS: dict[str, Any] = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}


class Labelled(NamedTuple):
    """A sentence: words, and a label for each."""

    words: list[str]
    labels: list[str]


def read_conll(file: str | os.PathLike[str]) -> list[Labelled]:
    r"""Sentences of a file in the form of CoNLL: a word and its label a line, an empty line between sentences.

    The word is the first column and the label the last one; tabs stand between them, or spaces where there is no tab.
    Lines of `-DOCSTART-` and blank words are left out. Files may be compressed (.gz, .xz, .bz2).

    Raises:
        FormatError: names the line without a label.

    Example:
        >>> import tempfile, pathlib
        >>> from pyseq.data import read_conll
        >>> file = pathlib.Path(tempfile.mkdtemp()) / "train.conll"
        >>> _ = file.write_text("Anna\tB-PER\nsings\tO\n\nYes\tO\n")
        >>> read_conll(file)
        [Labelled(words=['Anna', 'sings'], labels=['B-PER', 'O']), Labelled(words=['Yes'], labels=['O'])]
    """
    sentences: list[Labelled] = []
    words: list[str] = []
    labels: list[str] = []

    def end_sentence() -> None:
        if words:
            sentences.append(Labelled(words.copy(), labels.copy()))
            words.clear()
            labels.clear()

    for number, line in enumerate(_lines(file), 1):
        if not line.strip():
            end_sentence()
            continue
        columns = line.split("\t") if "\t" in line else line.split(" ")
        if columns[0] == "-DOCSTART-":
            continue
        if len(columns) < 2 or not columns[-1]:
            raise _core.FormatError(f"{file}: line {number} is {line[:80]!r}, expected a word and a label")
        if columns[0].strip():
            words.append(columns[0])
            labels.append(columns[-1])
    end_sentence()
    return sentences


def read_tagged(file: str | os.PathLike[str]) -> list[list[Labelled]]:
    r"""Documents of `word_TAG word_TAG ...` lines, a sentence each; a line `### name` begins a document.

    A piece without a tag has that of the next one ("J. D._NNP" are two words); a tag without a word, or at the end of a
    line a piece without a tag, is left out.

    Raises:
        FormatError: no line has a word with a tag.

    Example:
        >>> import tempfile, pathlib
        >>> from pyseq.data import read_tagged
        >>> file = pathlib.Path(tempfile.mkdtemp()) / "train.txt"
        >>> _ = file.write_text("### one\nA_DT snake_case_NN\n")
        >>> read_tagged(file)
        [[Labelled(words=['A', 'snake_case'], labels=['DT', 'NN'])]]
    """
    documents: list[list[Labelled]] = []
    for line in _lines(file):
        if line.startswith("### ") or not documents:
            documents.append([])
        if line.startswith("### ") or not line.strip():
            continue
        sentence = Labelled([], [])
        for token in line.split():
            word, mark, tag = token.rpartition("_")
            sentence.words.extend([word if mark else tag] if word or not mark else [])
            sentence.labels.extend([tag] * (len(sentence.words) - len(sentence.labels)) if mark and tag else [])
        del sentence.words[len(sentence.labels) :]
        if sentence.words:
            documents[-1].append(sentence)
    if not any(documents):
        raise _core.FormatError(f"{file}: no line has a word with a tag, expected word_TAG word_TAG ...")
    return documents


def _lines(file: str | os.PathLike[str]) -> Iterator[str]:
    opener = _OPENERS.get(Path(file).suffix, open)
    stream: IO[str]
    with opener(file, "rt", encoding="utf-8") as stream:
        yield from (line.rstrip("\r\n") for line in stream)
