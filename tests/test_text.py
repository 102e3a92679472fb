"""Vocabularies: counting against collections.Counter, encoding against the C++ vocabulary that program files carry."""

from __future__ import annotations

import doctest
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyseq
from pyseq import _core
from pyseq.text import TextUnit, Vocabulary, count_units, vocabulary

UNITS: tuple[TextUnit, ...] = ("character", "word")
TEXTS = ["to be or not to be", "", "  tabs\tand\nlines\u2028 ", "Բարև ձեզ", "naïve 🙂🙂 x", "a\u00a0b\u3000c"]

# What UTF-8 can express, short and with many spaces, so that words repeat.
text_strategy = st.text(st.sampled_from("ab \t\n\x1c\x85\xa0\u3000é🙂") | st.characters(exclude_categories=["Cs"]))


def split(text: str, unit: TextUnit) -> list[str]:
    return text.split() if unit == "word" else list(text)


def in_cpp(table: Vocabulary) -> _core.Vocabulary:
    return _core.Vocabulary(**table.to_dict())


@pytest.mark.parametrize("unit", UNITS)
@given(texts=st.lists(text_strategy))
def test_counts_are_those_of_a_counter(unit: TextUnit, texts: list[str]) -> None:
    expected: Counter[str] = Counter()
    for text in texts:
        expected.update(split(text, unit))
    assert count_units(texts, unit) == expected


@pytest.mark.parametrize("unit", UNITS)
@given(texts=st.lists(text_strategy, max_size=4), text=text_strategy)
def test_python_and_cpp_split_encode_and_decode_alike(unit: TextUnit, texts: list[str], text: str) -> None:
    table = Vocabulary.build(texts, unit)
    cpp = in_cpp(table)
    assert table.split(text) == cpp.split(text) == split(text, unit)
    ids = table.encode(text)
    assert ids == cpp.encode(text)
    assert table.decode(ids) == cpp.decode(ids)
    assert [table.find(token) for token in table.split(text)] == [cpp.find(token) for token in cpp.split(text)]


def test_every_code_point_separates_words_in_both_languages_or_in_none() -> None:
    table = _core.Vocabulary(["x"], "word")
    for code in range(sys.maxunicode + 1):
        if not 0xD800 <= code <= 0xDFFF:
            text = f"a{chr(code)}b"
            assert table.split(text) == text.split(), hex(code)


def test_build_sorts_by_count_then_code_point_and_puts_specials_first() -> None:
    table = Vocabulary.build(["c b a", "c b d <eos>"], "word", specials=("<pad>", "<unk>", "<eos>"))
    assert table.tokens == ("<pad>", "<unk>", "<eos>", "b", "c", "a", "d")
    assert table.unknown == 1


def test_build_keeps_the_frequent_units() -> None:
    texts = ["aaabbc"]
    assert Vocabulary.build(texts, "character", min_count=2).tokens == ("<unk>", "a", "b")
    assert Vocabulary.build(texts, "character", max_size=2).tokens == ("<unk>", "a")
    assert Vocabulary.build(texts, "character", specials=()).unknown is None
    with pytest.raises(pyseq.ArgumentError, match="max_size is 0, expected at least 1"):
        Vocabulary.build(texts, "character", max_size=0)


@pytest.mark.parametrize("unit", UNITS)
def test_a_batch_is_its_texts_one_by_one_padded(unit: TextUnit) -> None:
    table = Vocabulary.build(TEXTS, unit)
    ids, lengths = table.encode_batch(TEXTS, padding=-7)
    assert ids.dtype == lengths.dtype == np.int64
    assert ids.shape == (len(TEXTS), max(len(table.encode(text)) for text in TEXTS))
    for row, length, text in zip(ids, lengths, TEXTS, strict=True):
        assert row[:length].tolist() == table.encode(text)
        assert set(row[length:].tolist()) <= {-7}
    assert ids.flags.writeable
    assert lengths.flags.writeable


def test_a_batch_of_nothing() -> None:
    for texts in ([], ["", ""]):
        ids, lengths = Vocabulary(["a"], "character").encode_batch(texts)
        assert ids.shape == (len(texts), 0)
        assert lengths.tolist() == [0] * len(texts)


def test_units_that_are_not_in_the_table() -> None:
    assert Vocabulary(["<unk>", "a"], "character", unknown=0).encode("ab") == [1, 0]
    table = Vocabulary(["a"], "character")
    for encode in (table.encode, in_cpp(table).encode, lambda text: table.encode_batch([text])):
        with pytest.raises(pyseq.OutOfRangeError, match="'b' is not in it, and it has no unknown token"):
            encode("ab")


def test_ids_and_tokens_that_are_not_there() -> None:
    table = Vocabulary(["a", "b"], "word")
    for either in (table, in_cpp(table)):
        for id in (-1, 2):
            with pytest.raises(pyseq.OutOfRangeError, match=f"id is {id}, expected one below 2"):
                either.token(id)
            with pytest.raises(pyseq.OutOfRangeError):
                either.decode([0, id])
        assert either.find("c") is None
    with pytest.raises(pyseq.OutOfRangeError, match="no token 'c'"):
        table.id("c")
    assert table.id("b") == 1
    assert "b" in table
    assert "c" not in table


def test_decode_leaves_out_what_it_is_told() -> None:
    table = Vocabulary(["<pad>", "</s>", "to", "be"], "word")
    assert table.decode(np.array([2, 3, 1, 0])) == "to be </s> <pad>"
    assert table.decode([2, 3, 1, 0], skip=("</s>", "<pad>")) == "to be"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tokens": ["a", "b", "a"], "unit": "word"}, "tokens 0 and 2 are both 'a'"),
        ({"tokens": ["a"], "unit": "word", "unknown": 1}, "unknown is 1, expected an id below 1"),
        ({"tokens": ["a"], "unit": "word", "unknown": -1}, "unknown is -1"),
        ({"tokens": ["a"], "unit": "syllable"}, "unit is 'syllable', expected 'character', 'word' or 'subword'"),
    ],
)
def test_python_and_cpp_refuse_the_same_tables(arguments: dict[str, Any], message: str) -> None:
    for build in (Vocabulary, _core.Vocabulary):
        with pytest.raises(pyseq.ArgumentError, match=message):
            build(**arguments)


def test_tokens_that_utf8_cannot_express_are_refused() -> None:
    with pytest.raises(pyseq.ArgumentError, match=r"token 1 is '\\ud800'"):
        Vocabulary(["a", "\ud800"], "word")


def test_what_is_not_text_is_refused() -> None:
    for use in (lambda texts: count_units(texts, "word"), Vocabulary(["a"], "word").encode_batch):
        with pytest.raises(pyseq.DTypeError, match="got a single text"):
            use("a b")
        with pytest.raises(pyseq.DTypeError, match="type bytes, expected str"):
            use([b"a"])


@given(tokens=st.lists(text_strategy, unique=True), data=st.data())
def test_a_saved_vocabulary_comes_back(tmp_path_factory: Any, tokens: list[str], data: st.DataObject) -> None:
    unknown = data.draw(st.none() | st.integers(0, len(tokens) - 1)) if tokens else None
    table = Vocabulary(tokens, data.draw(st.sampled_from(UNITS)), unknown)
    path = tmp_path_factory.getbasetemp() / "vocabulary.txt"
    table.save(path)
    assert Vocabulary.load(path) == table
    assert Vocabulary.from_dict(table.to_dict()) == table


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the last line has no end"),
        (b"unit=word unknown=none\na", "the last line has no end"),
        (b"a\nb\n", "the first line is 'a'"),
        (b"unit=word unknown=2\na\n", "unknown is 2"),
        (b"unit=word unknown=x\na\n", "invalid literal"),
        (b"unit=x unknown=none\na\n", "unit is 'x'"),
        (b"unit=word unknown=none\na\na\n", "tokens 0 and 1 are both 'a'"),
        (b"unit=word unknown=none\na\\x\n", r"unknown escape \\x"),
        (b"unit=word unknown=none\n\xff\n", "not UTF-8 at byte 23"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "vocabulary.txt"
    path.write_bytes(content)
    with pytest.raises(pyseq.FormatError, match=message):
        Vocabulary.load(path)


def test_the_examples_in_the_docstrings() -> None:
    assert doctest.testmod(vocabulary).failed == 0
