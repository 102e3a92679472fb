"""Vocabulary: the table between the units of texts and their ids, built from texts, saved, put in program files."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from pyseq import _core
from pyseq.text import _counting

TextUnit = Literal["character", "word", "subword"]

UNKNOWN = "<unk>"
WORD_MARK = "▁"  # U+2581, stands for the space before a word in subwords
# What cannot stand in a line of a vocabulary file, and how it is written there.
_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r"}
_UNESCAPES = {escaped[1]: character for character, escaped in _ESCAPES.items()}


class Vocabulary:
    """A table of tokens, where token n has id n.

    Texts are split into characters (Unicode code points), words (what `str.split` gives), or pieces of words (subwords,
    see `train_subwords`). Special tokens such as `<unk>`, `<eos>`, `<s>`, `</s>` or `<pad>` are entries like all
    others; `build` puts them first. A program file carries the same table, and C++ encodes and decodes with it in the
    same way.

    Args:
        tokens: the entries, without duplicates.
        unit: what texts are split into, "character", "word" or "subword".
        unknown: the id that stands for what is not in the table; without it, encoding such a text is an error.
        merges: of subwords: pairs of ids whose tokens, joined, are a token; the first one is done first (BPE).
        scores: of subwords in place of merges: the log probability of every token (unigram model); −inf for marks that
            no text becomes. With neither, words (and punctuation marks) are looked up as a whole.
        splits_punctuation: of subwords: whether punctuation marks are kept apart from letters (all but ' and -).

    Raises:
        ArgumentError: duplicate tokens, tokens that UTF-8 cannot express, another unit, an unknown id out of range,
            merges of or into tokens that are not there, not one score per token.

    Example:
        >>> from pyseq.text import Vocabulary
        >>> vocabulary = Vocabulary.build(["to be or not to be"], unit="word", specials=("<unk>", "<eos>"))
        >>> vocabulary.tokens
        ('<unk>', '<eos>', 'be', 'to', 'not', 'or')
        >>> vocabulary.encode("not to see")
        [4, 3, 0]
        >>> vocabulary.decode([4, 3, 0])
        'not to <unk>'
    """

    __slots__ = ("_ids", "_merges", "_scores", "_splits_punctuation", "_subwords", "_tokens", "_unit", "_unknown")

    def __init__(
        self,
        tokens: Iterable[str],
        unit: TextUnit,
        unknown: int | None = None,
        *,
        merges: Iterable[tuple[int, int]] = (),
        scores: Iterable[float] = (),
        splits_punctuation: bool = False,
    ) -> None:
        self._tokens = tuple(tokens)
        self._unit = unit
        self._unknown = unknown
        self._merges = tuple((int(left), int(right)) for left, right in merges)
        self._scores = tuple(map(float, scores))
        self._splits_punctuation = splits_punctuation
        self._ids: dict[str, int] = {}
        self._check_arguments()
        for id, token in enumerate(self._tokens):
            _check_utf8(id, token)
            if self._ids.setdefault(token, id) != id:
                raise _core.ArgumentError(f"vocabulary: tokens {self._ids[token]} and {id} are both {token!r}")
        self._subwords = self._subword_core() if unit == "subword" else None

    def _subword_core(self) -> _core.Vocabulary:
        """What cuts words into pieces: the same code as in C++."""
        made: _core.Vocabulary = _core.Vocabulary.subwords(
            self._tokens, self._unknown, self._merges, self._scores, self._splits_punctuation
        )
        return made

    def _check_arguments(self) -> None:
        if self._unit not in get_args(TextUnit):
            known = "'character', 'word' or 'subword'"
            raise _core.ArgumentError(f"vocabulary: unit is {self._unit!r}, expected {known}")
        if self._unit != "subword" and (self._merges or self._scores or self._splits_punctuation):
            raise _core.ArgumentError(f"vocabulary: unit is {self._unit!r}, expected 'subword' with merges or scores")
        if self._unknown is not None and not 0 <= self._unknown < len(self._tokens):
            raise _core.ArgumentError(
                f"vocabulary: unknown is {self._unknown}, expected an id below {len(self._tokens)}"
            )

    @classmethod
    def build(
        cls,
        texts: Iterable[str],
        unit: TextUnit,
        max_size: int | None = None,
        min_count: int = 1,
        specials: Sequence[str] = (UNKNOWN,),
    ) -> Vocabulary:
        """Count the units of texts and keep the frequent ones.

        The special tokens come first, then the units from the most to the least frequent; units that are equally
        frequent are in the order of their code points.

        Args:
            texts: the texts, read once (a file gives its lines).
            unit: what to count, "character" or "word" (subwords: `train_subwords`).
            max_size: the most entries that the table may have, special tokens among them.
            min_count: the least number of times that a unit must occur.
            specials: tokens to put first; when `<unk>` is one of them, it stands for units that are not in the table.

        Returns:
            The vocabulary.

        Raises:
            ArgumentError: max_size leaves no room for the special tokens, or the unit is "subword".

        Example:
            >>> Vocabulary.build(["abba", "cab"], unit="character", min_count=2).tokens
            ('<unk>', 'a', 'b')
        """
        if unit == "subword":
            raise _core.ArgumentError("vocabulary: pieces of words are not counted; train them: text.train_subwords")
        if max_size is not None and max_size < len(specials):
            raise _core.ArgumentError(
                f"vocabulary: max_size is {max_size}, expected at least {len(specials)} (the special tokens)"
            )
        counts = count_units(texts, unit)
        frequent = [token for token, count in counts.items() if count >= min_count and token not in specials]
        frequent.sort(key=lambda token: (-counts[token], token))
        tokens = [*specials, *frequent][:max_size]
        return cls(tokens, unit, specials.index(UNKNOWN) if UNKNOWN in specials else None)

    @property
    def tokens(self) -> tuple[str, ...]:
        """All entries, in the order of their ids."""
        return self._tokens

    @property
    def unit(self) -> TextUnit:
        """What texts are split into."""
        return self._unit

    @property
    def unknown(self) -> int | None:
        """The id that stands for what is not in the table, if there is one."""
        return self._unknown

    def token(self, id: int) -> str:
        """The token of an id; OutOfRangeError when there is none."""
        if not 0 <= id < len(self._tokens):
            raise _core.OutOfRangeError(f"vocabulary: id is {id}, expected one below {len(self._tokens)}")
        return self._tokens[id]

    def find(self, token: str) -> int | None:
        """The id of a token, or None."""
        return self._ids.get(token)

    def id(self, token: str) -> int:
        """The id of a token that must be there; OutOfRangeError when it is not."""
        id = self._ids.get(token)
        if id is None:
            raise _core.OutOfRangeError(f"vocabulary: there is no token {token!r}")
        return id

    def split(self, text: str) -> list[str]:
        """The characters or words of a text; of subwords what pieces are looked for in."""
        if self._subwords is not None:
            return self._subwords.split(text)
        return text.split() if self._unit == "word" else list(text)

    def encode(self, text: str) -> list[int]:
        """The ids of a text; OutOfRangeError for a unit that is not in the table when there is no unknown id."""
        if self._subwords is not None:
            return self._subwords.encode(text)
        return _counting.encode_units(text, self._ids, self._unit == "word", self._unknown)

    def encode_batch(self, texts: Iterable[str], padding: int = 0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The ids of many texts as one array.

        Args:
            texts: the texts.
            padding: what fills the rows of shorter texts.

        Returns:
            The ids [batch, time], where time is that of the longest text, and the lengths [batch].

        Raises:
            OutOfRangeError: a unit that is not in the table when there is no unknown id.

        Example:
            >>> ids, lengths = Vocabulary("ab", unit="character").encode_batch(["abba", "b"])
            >>> ids
            array([[0, 1, 1, 0],
                   [1, 0, 0, 0]])
            >>> lengths
            array([4, 1])
        """
        if self._subwords is not None:
            return _padded([self.encode(text) for text in texts], padding)
        encoded = _counting.encode_many(texts, self._ids, self._unit == "word", self._unknown)
        flat, lengths = (np.frombuffer(values, np.int64) for values in encoded)
        ids = np.full((len(lengths), lengths.max(initial=0)), padding, np.int64)
        ids[np.arange(ids.shape[1]) < lengths[:, None]] = flat
        return ids, lengths.copy()

    def decode(self, ids: Iterable[int], skip: Iterable[str] = ()) -> str:
        """The text of ids: characters joined directly, words by single spaces; tokens in `skip` are left out.

        Of subwords, U+2581 becomes a space, but for the first of them.
        """
        skipped = frozenset(skip)
        tokens = (self.token(int(id)) for id in ids)
        if self._unit == "subword":
            text = "".join(token for token in tokens if token not in skipped)
            return text.replace(WORD_MARK, " ").removeprefix(" ")
        return (" " if self._unit == "word" else "").join(token for token in tokens if token not in skipped)

    def to_dict(self) -> dict[str, Any]:
        """The vocabulary as a program file carries it: unit, tokens and unknown, and what cuts words into subwords."""
        description: dict[str, Any] = {"unit": self._unit, "tokens": list(self._tokens), "unknown": self._unknown}
        if self._merges:
            description["merges"] = [list(merge) for merge in self._merges]
        if self._scores:
            description["scores"] = [score if math.isfinite(score) else None for score in self._scores]
        if self._splits_punctuation:
            description["splits_punctuation"] = True
        return description

    @classmethod
    def from_dict(cls, description: dict[str, Any]) -> Vocabulary:
        """The vocabulary that `to_dict` describes."""
        return cls(
            description["tokens"],
            description["unit"],
            description["unknown"],
            merges=description.get("merges", ()),
            scores=(-math.inf if score is None else score for score in description.get("scores", ())),
            splits_punctuation=description.get("splits_punctuation", False),
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        r"""Write a text file: a line with unit and unknown id, then a token per line; JSON when the unit is "subword".

        In tokens, a backslash and the two characters that end lines are written as `\\`, `\n` and `\r`.
        """
        if self._unit == "subword":
            _core.write_file(path, (json.dumps(self.to_dict(), ensure_ascii=False) + "\n").encode())
            return
        unknown = "none" if self._unknown is None else str(self._unknown)
        lines = [f"unit={self._unit} unknown={unknown}", *map(_escape, self._tokens)]
        _core.write_file(path, "".join(f"{line}\n" for line in lines).encode())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Vocabulary:
        """Read what `save` wrote; FormatError for any other file."""
        try:
            text = Path(path).read_bytes().decode()
        except UnicodeDecodeError as error:
            raise _core.FormatError(f"{path}: not a vocabulary file: not UTF-8 at byte {error.start}") from None
        if text.startswith("{"):
            return cls._parse_json(path, text)
        lines = text.split("\n")
        if lines.pop() != "" or not lines:
            raise _core.FormatError(f"{path}: not a vocabulary file: the last line has no end")
        try:
            unit, unknown = _parse_header(lines[0])
            return cls([_unescape(line) for line in lines[1:]], unit, unknown)
        except ValueError as error:
            raise _core.FormatError(f"{path}: not a vocabulary file: {error}") from None

    @classmethod
    def _parse_json(cls, path: str | os.PathLike[str], text: str) -> Vocabulary:
        try:
            return cls.from_dict(json.loads(text))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise _core.FormatError(f"{path}: not a vocabulary file: {error}") from None

    def __len__(self) -> int:
        return len(self._tokens)

    def __contains__(self, token: object) -> bool:
        return token in self._ids

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash((self._tokens, self._unit, self._unknown, self._merges, self._scores, self._splits_punctuation))

    def __repr__(self) -> str:
        return f"Vocabulary({len(self)} tokens, unit={self._unit!r}, unknown={self._unknown})"


def count_units(texts: Iterable[str], unit: TextUnit) -> dict[str, int]:
    """Count the characters or words of texts.

    Args:
        texts: the texts, read once.
        unit: what to count, "character" or "word".

    Returns:
        For every unit how often it occurs.

    Example:
        >>> from pyseq.text import count_units
        >>> count_units(["to be or", "not to be"], unit="word")
        {'to': 2, 'be': 2, 'or': 1, 'not': 1}
    """
    return _counting.count_units(texts, unit == "word")


def _padded(rows: list[list[int]], padding: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    lengths = np.array([len(row) for row in rows], np.int64)
    ids = np.full((len(rows), lengths.max(initial=0)), padding, np.int64)
    for row, values in zip(ids, rows, strict=True):
        row[: len(values)] = values
    return ids, lengths


def _check_utf8(id: int, token: str) -> None:
    try:
        token.encode()
    except UnicodeEncodeError:
        raise _core.ArgumentError(f"vocabulary: token {id} is {token!r}, which UTF-8 cannot express") from None


def _escape(token: str) -> str:
    return "".join(_ESCAPES.get(character, character) for character in token)


def _unescape(line: str) -> str:
    token: list[str] = []
    characters = iter(line)
    for character in characters:
        if character == "\\":
            escaped = next(characters, "")
            if escaped not in _UNESCAPES:
                raise ValueError(f"unknown escape \\{escaped}")
            character = _UNESCAPES[escaped]
        token.append(character)
    return "".join(token)


def _parse_header(line: str) -> tuple[TextUnit, int | None]:
    fields = dict(field.split("=", 1) for field in line.split(" ") if "=" in field)
    if fields.keys() != {"unit", "unknown"}:
        raise ValueError(f"the first line is {line[:80]!r}, expected 'unit=... unknown=...'")
    unit: Any = fields["unit"]  # checked by the constructor
    return unit, None if fields["unknown"] == "none" else int(fields["unknown"])
