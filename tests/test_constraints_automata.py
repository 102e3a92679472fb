"""Regular expressions and tries as token automata: against Python's `re` and against plain enumeration."""

from __future__ import annotations

import itertools
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pyseq
from pyseq import _core
from pyseq.constraints import Regex, Trie

# --- patterns against Python's re -------------------------------------------------------------------------------------

LETTERS = "ab-é年𝄞\n0_ "
CLASSES = [
    "[ab]",
    "[^a]",
    "[a-c]",
    "[^b-é]",
    r"[\d_]",
    r"[^\w]",
    "[]a]",
    "[-a]",
    "[é-年]",
    r"\d",
    r"\w",
    r"\s",
    r"\S",
    ".",
]
CLASSES += [r"\n", r"\x61", "\\u5e74", r"\-", r"\.", r"\D", r"\W"]


def patterns() -> st.SearchStrategy[str]:
    single = st.one_of(
        st.sampled_from([re.escape(c) if c != "\n" else r"\n" for c in LETTERS]), st.sampled_from(CLASSES)
    )

    def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return st.one_of(
            st.tuples(inner, inner).map("".join),
            st.tuples(inner, inner).map("|".join).map(lambda p: f"({p})"),
            st.tuples(
                inner.map(lambda p: f"(?:{p})"),
                st.sampled_from(["*", "+", "?", "{2}", "{1,}", "{,2}", "{1,3}", "*?", "{0}"]),
            ).map("".join),
            st.lists(inner, min_size=1, max_size=3).map("|".join).map(lambda p: f"(?:{p}|)"),
        )

    return st.recursive(single, larger, max_leaves=8)


@settings(max_examples=400, deadline=None)
@given(patterns(), st.lists(st.text(st.sampled_from(LETTERS + "cz٣\x85"), max_size=5), min_size=1, max_size=12))
def test_a_pattern_matches_what_pythons_re_matches(pattern: str, texts: list[str]) -> None:
    regex = Regex(pattern)
    reference = re.compile(pattern, re.ASCII)
    for text in texts:
        assert regex.matches(text) == (reference.fullmatch(text) is not None), (pattern, text)


@settings(max_examples=150, deadline=None)
@given(patterns(), st.sampled_from(["", " "]))
def test_a_lifted_pattern_accepts_the_texts_of_tokens(pattern: str, separator: str) -> None:
    tokens = ["", "a", "b", "ab", "é", "-a", "年", "0"]
    automaton = Regex(pattern, tokens, separator).automaton()
    reference = re.compile(pattern, re.ASCII)
    for length in range(4):
        for ids in itertools.product(range(len(tokens)), repeat=length):
            text = separator.join(tokens[token] for token in ids)
            expected = 0 not in ids and reference.fullmatch(text) is not None
            assert automaton.accepts(list(ids)) == expected, (pattern, ids)


@settings(max_examples=60, deadline=None)
@given(patterns(), st.integers(1, 3))
def test_only_tokens_that_can_still_match_are_allowed(pattern: str, room: int) -> None:
    tokens = ["", "a", "b", "ab", "é", "-a"]
    automaton = Regex(pattern, tokens).automaton()
    accepted = [
        ids
        for length in range(4)
        for ids in itertools.product(range(1, len(tokens)), repeat=length)
        if automaton.accepts(list(ids))
    ]
    for length in range(3):
        for begin in itertools.product(range(1, len(tokens)), repeat=length):
            longest = min(3, length + room)
            expected = {ids[length] for ids in accepted if ids[:length] == begin and length < len(ids) <= longest}
            if longest == length + room:
                assert set(automaton.allowed_after(list(begin), len(tokens), room)) == expected, (pattern, begin)
            assert expected <= set(automaton.allowed_after(list(begin), len(tokens)))


def test_tokens_may_cut_through_characters() -> None:
    """Byte-level vocabularies have tokens that are no whole characters."""
    year = "年".encode()
    automaton = _core.regex_automaton("年+", [year[:1], year[1:], year[2:] + year[:2]], "")  # type: ignore[list-item]
    assert automaton.accepts([0, 1])
    assert not automaton.accepts([0])
    assert automaton.allowed_after([], 3) == [0]


def test_what_cannot_come_to_an_end_is_not_begun() -> None:
    automaton = Regex("a!|b|a+c", ["a", "b"]).automaton()
    assert automaton.allowed_after([], 2) == [1]
    assert Regex("a!", ["a", "b"]).automaton().allowed_after([], 2) == []
    assert Regex("[^\\w\\W]", ["a"]).automaton().allowed_after([], 1) == []


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("a)", r"position 1: a \) without its \("),
        ("年(a|b", r"position 1: a \( without its \)"),
        ("a**", "position 2: a repetition of a repetition"),
        ("*a", "position 0: nothing to repeat"),
        ("a|+", "position 2: nothing to repeat"),
        ("[a", r"position 0: a \[ without its \]"),
        ("[b-a]", "position 1: expected a range"),
        (r"[\d-z]", "position 1: expected a range"),
        ("a{3,2}", "position 0: repeats from 3 to 2 times"),
        ("a{1001}", "position 2: more than 1000 repetitions"),
        ("a{x}", r"position 1: expected a repetition \{m\}"),
        ("a\\", r"position 1: a \\ at the end"),
        (r"\q", r"position 0: \\q is not known"),
        (r"(a)\1", r"position 3: \\1 is not known"),
        (r"\xZ1", "position 0: expected 2 hexadecimal digits"),
        (r"\uD800", "position 0: the code of no character"),
        ("(?=a)", r"position 0: expected \(\?: or \("),
        ("^a", "position 0: the whole text is matched"),
        ("(" * 300 + ")" * 300, "position 201: more than 200 groups"),
    ],
)
def test_errors_name_the_position(pattern: str, message: str) -> None:
    with pytest.raises(pyseq.ArgumentError, match=f"regular expression: {message}"):
        Regex(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "(a|b)*a(a|b){30}",
        "((a{1000}){1000}){1000}",
        "((((){1000}){1000}){1000}){1000}",
        "(.*a.{20}){50}",
        ".{1000}" * 100,
        "(a?){1000}(b?){1000}|" + "|".join(f"(.*{c}.*){{9}}" for c in "abcdefgh"),
    ],
)
def test_hostile_patterns_are_refused_in_little_time(pattern: str) -> None:
    begin = time.monotonic()
    with pytest.raises(pyseq.ArgumentError, match=r"regular expression: it (takes too many states|has more than)"):
        Regex(pattern)
    assert time.monotonic() - begin < 20


# --- tries ------------------------------------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.integers(0, 3), max_size=4), min_size=1, max_size=6))
def test_a_trie_accepts_its_sequences_alone(sequences: list[list[int]]) -> None:
    automaton = Trie(sequences).automaton()
    for length in range(5):
        for ids in itertools.product(range(4), repeat=length):
            assert automaton.accepts(list(ids)) == (list(ids) in sequences)
            for room in (1, 2, None):
                expected = {
                    sequence[length]
                    for sequence in sequences
                    if sequence[:length] == list(ids) and length < len(sequence) <= length + (room or 9)
                }
                assert set(automaton.allowed_after(list(ids), 4, room)) == expected


def test_tries_that_cannot_be_are_refused() -> None:
    with pytest.raises(pyseq.ArgumentError, match="Trie: there is no output"):
        Trie([])
    with pytest.raises(pyseq.ArgumentError, match="expected one kind"):
        Trie(["a", [1]])  # type: ignore[list-item]
    with pytest.raises(pyseq.ArgumentError, match="trie: token -1"):
        Trie([[-1]]).automaton()
    with pytest.raises(pyseq.ArgumentError, match="expected token ids"):
        Trie(["a"]).automaton()
    with pytest.raises(pyseq.OutOfRangeError, match="trie: token 7 is outside the model's vocabulary of 7"):
        Trie([[7]]).automaton().allowed_after([], 7)
    with pytest.raises(pyseq.ArgumentError, match="made for 1 tokens, the model has 2"):
        Regex("a", ["a"]).automaton().allowed_after([], 2)
    with pytest.raises(pyseq.ArgumentError, match=r"expected tokens=\["):
        Regex("a").automaton()
