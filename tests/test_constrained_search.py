"""Constraints of a search from Python: callables, programs, the translator and the generator, the command line."""

from __future__ import annotations

import base64
import itertools
import re
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import pyseq
from pyseq import decode
from pyseq.cli.app import app
from pyseq.decode import Regex, Trie
from pyseq.models import RecurrentEncoderDecoder
from pyseq.tasks import Translator
from pyseq.tasks.tokenizer_constraints import TokenizerConstraints
from pyseq.text import SubwordTokenizer, Vocabulary

Array = np.ndarray[Any, Any]

LETTERS = ["", "", "a", "b", "c", "ab"]  # the marks have no text


class Random:
    """A model whose next token depends on the last one."""

    def __init__(self, seed: int) -> None:
        logits = np.random.default_rng(seed).standard_normal((6, 6)) * 2
        logits[:, 1] = -np.inf
        self.log_probs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))  # float64: what scores are held against

    def step(self, tokens: Array) -> Array:
        return self.log_probs[tokens].astype(np.float32)

    def reorder(self, parents: Array) -> None:
        pass

    def score(self, ids: tuple[int, ...], with_end: bool) -> float:
        path = [1, *ids, *([0] if with_end else [])]
        return float(sum(self.log_probs[a, b] for a, b in itertools.pairwise(path)))

    def all_outputs(self, max_length: int) -> dict[tuple[int, ...], float]:
        """Every output with its score; the longest ones are cut."""
        result = {}
        for length in range(max_length + 1):
            for ids in itertools.product(range(2, 6), repeat=length):
                result[ids] = self.score(ids, with_end=length < max_length)
        return result


def contains(ids: tuple[int, ...], phrase: list[int]) -> bool:
    return any(list(ids[i : i + len(phrase)]) == phrase for i in range(len(ids)))


def best_of_all(model: Random, max_length: int, keep: Any) -> tuple[int, ...]:
    kept = {ids: score for ids, score in model.all_outputs(max_length).items() if keep(ids)}
    return max(kept, key=lambda ids: kept[ids])


def is_best(model: Random, ids: tuple[int, ...], max_length: int, keep: Any) -> bool:
    """Whether nothing that may be kept scores more; equals, from the same pairs in another order, may win."""
    found, best = (model.score(one, len(one) < max_length) for one in (ids, best_of_all(model, max_length, keep)))
    return bool(keep(ids)) and found == pytest.approx(best, rel=1e-6)


def search(model: Random, **options: Any) -> list[decode.Hypothesis]:
    return decode.search(model, 1, start=1, end=0, **options)[0]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), st.sampled_from(["(ab|c)*", "a.*", "[^b]*", ".{2,3}", "(a|b)+c?", "c*(ab)+"]))
def test_a_regular_expression_with_a_large_beam_finds_the_best_match(seed: int, pattern: str) -> None:
    model = Random(seed)

    def keep(ids: tuple[int, ...]) -> bool:
        return re.fullmatch(pattern, "".join(LETTERS[token] for token in ids)) is not None

    found = search(model, beam_size=600, max_length=4, allowed=Regex(pattern, LETTERS))
    assert is_best(model, tuple(found[0].ids), 4, keep)
    assert found[0].score == pytest.approx(model.score(tuple(found[0].ids), found[0].finished), rel=1e-5)
    for beam_size in (1, 3):
        ids = tuple(search(model, beam_size=beam_size, max_length=4, allowed=Regex(pattern, LETTERS))[0].ids)
        assert keep(ids)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 1000),
    st.lists(st.lists(st.integers(2, 5), min_size=1, max_size=2), min_size=1, max_size=2),
    st.booleans(),
)
def test_phrases_with_a_large_beam_are_in_the_best_output_that_has_them(
    seed: int, phrases: list[list[int]], with_trie: bool
) -> None:
    model = Random(seed)
    outputs = [list(ids) for ids in model.all_outputs(4) if len(ids) == 4 or sum(ids) % 2]

    def keep(ids: tuple[int, ...]) -> bool:
        return all(contains(ids, phrase) for phrase in phrases) and (not with_trie or list(ids) in outputs)

    options = {"phrases": [phrases], "max_length": 4, **({"allowed": Trie(outputs)} if with_trie else {})}
    assert is_best(model, tuple(search(model, beam_size=800, **options)[0].ids), 4, keep)
    for options_of_search in ({"beam_size": 1}, {"beam_size": 4}, {"sample": True, "seed": seed}):
        assert keep(tuple(search(model, **options_of_search, **options)[0].ids))


PATTERNS = ["(ab|c)*", "a.*", "[^b]*", ".{2,3}", "(a|b)+c?", "c*(ab)+"]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 1000),
    st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=2),
    st.lists(st.lists(st.integers(2, 5), min_size=1, max_size=2), max_size=1),
    st.sets(st.integers(2, 5), max_size=2),
    st.integers(0, 3),
    st.lists(st.integers(2, 5), max_size=1),
)
def test_several_constraints_find_an_output_wherever_one_meets_them_all(
    seed: int, patterns: list[str], phrases: list[list[int]], banned: set[int], min_length: int, prefix: list[int]
) -> None:
    model = Random(seed)

    def keep(ids: tuple[int, ...]) -> bool:
        text = "".join(LETTERS[token] for token in ids)
        return (
            all(re.fullmatch(pattern, text) for pattern in patterns)
            and all(contains(ids, phrase) for phrase in phrases)
            and not banned & set(ids[len(prefix) :])
            and len(ids) >= min_length
            and list(ids[: len(prefix)]) == prefix
        )

    options = {
        "max_length": 4,
        "min_length": min_length,
        "allowed": [Regex(pattern, LETTERS) for pattern in patterns],
        "phrases": [phrases],
        "suppress": sorted(banned),
        "prefixes": [prefix],
    }
    is_possible = any(keep(ids) for ids in model.all_outputs(4))
    for own in ({"beam_size": 1}, {"beam_size": 3}, {"sample": True, "seed": seed}):
        if is_possible:
            assert keep(tuple(search(model, **own, **options)[0].ids))
        else:
            with pytest.raises(pyseq.ArgumentError, match="the options leave source 0 no hypothesis"):
                search(model, **own, **options)


def test_what_nothing_meets_together_is_named() -> None:
    options = {"allowed": [Regex("a+", LETTERS), Trie([[2, 3], [4]])], "phrases": [[[4]]], "suppress": [5]}
    message = (
        "no output of 9 tokens or less meets these together: regular expression, trie, phrases, tokens that are left"
    )
    with pytest.raises(pyseq.ArgumentError, match=message):
        search(Random(1), max_length=9, **options)


def test_constraints_that_are_too_many_to_look_ahead() -> None:
    # All sixteen pairs of four tokens: the sets of pairs that have come are more joint states than are looked at.
    phrases = [[a, b] for a in range(2, 6) for b in range(2, 6)]
    found = search(Random(1), max_length=60, beam_size=8, allowed=Regex(".*", LETTERS), phrases=[phrases])
    assert all(contains(tuple(found[0].ids), phrase) for phrase in phrases)
    with pytest.raises(pyseq.ArgumentError, match="too much to look ahead: a larger beam may find one"):
        search(Random(1), max_length=60, allowed=Regex("(c?(a|b)+)*c?", LETTERS), phrases=[phrases], beam_size=2)


def test_draws_have_the_probabilities_of_the_model_among_what_is_allowed() -> None:
    model = Random(5)
    counts = {(2,): 0, (3,): 0}
    for hypothesis in search(model, sample=True, n_best=3000, allowed=Trie([[2], [3]])):
        counts[tuple(hypothesis.ids)] += 1  # type: ignore[index]
        assert hypothesis.score == pytest.approx(model.score(tuple(hypothesis.ids), True), rel=1e-5)
    weights = {ids: np.exp(model.log_probs[1, ids[0]]) for ids in counts}
    assert counts[2,] / 3000 == pytest.approx(weights[2,] / (weights[2,] + weights[3,]), abs=0.04)


def test_constraints_of_several_sources() -> None:
    model = Random(1)
    found = decode.search(model, 2, start=1, end=0, max_length=4, beam_size=4, phrases=[[[2, 3]], []])
    assert contains(tuple(found[0][0].ids), [2, 3])
    assert found[1][0].ids == search(model, max_length=4, beam_size=4)[0].ids


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"allowed": Regex("d", LETTERS)}, "the options leave source 0 no hypothesis"),
        ({"allowed": Regex("a{9}", LETTERS), "max_length": 3}, "the options leave source 0 no hypothesis"),
        ({"phrases": [[[2, 3, 4, 2]]], "max_length": 3}, "the options leave source 0 no hypothesis"),
        ({"allowed": Regex("a", ["a"])}, "made for 1 tokens, the model has 6"),
        ({"allowed": Regex("a")}, r"expected tokens=\["),
        ({"allowed": Trie(["a"])}, "expected token ids"),
        ({"allowed": "a"}, "allowed has 'a', expected a Trie or a Regex"),
        ({"phrases": [["a"]]}, "the phrase is 'a', expected token ids"),
        ({"phrases": [[[2]], [[3]]]}, r"2 of phrases, expected none or one list per source \(1\)"),
        ({"phrases": [[[]]]}, "phrase 0 is empty"),
        ({"phrases": [[[0]]]}, "contains the end mark"),
    ],
)
def test_impossible_constraints_are_errors(options: dict[str, Any], message: str) -> None:
    for beam_size in (1, 3):
        with pytest.raises(pyseq.ArgumentError, match=message):
            search(Random(2), beam_size=beam_size, **options)


# --- translator -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dates() -> Translator:
    return pyseq.load("dates")


def test_a_translator_reads_constraints_with_its_vocabulary(dates: Translator) -> None:
    assert dates.translate("May 5, 1998").text == "1998-05-05"
    assert dates.translate("May 5, 1998", allowed=Regex(r"19\d\d-1[0-2]-\d\d")).text.startswith("1998-1")
    assert dates.translate("May 5, 1998", allowed=Trie(["1998-05-06", "2001-05-05"]), beam_size=3).text == "1998-05-06"
    assert "-07-" in dates.translate("May 5, 1998", phrases=["-07-"], beam_size=8).text
    both = dates.translate("May 5, 1998", phrases=["9", "12"], allowed=[Regex(".*-1.-.*"), Regex("19.*")], beam_size=8)
    assert re.fullmatch(r"19.*-1.-.*", both.text)
    assert "12" in both.text


def test_scores_of_constrained_translations_are_those_of_the_model(dates: Translator) -> None:
    found = dates.translate("May 5, 1998", allowed=Regex("2.*"), beam_size=4)
    assert found.text.startswith("2")
    assert found.score == pytest.approx(dates.score("May 5, 1998", found.text).score, abs=1e-4)


def test_phrases_may_differ_from_text_to_text(dates: Translator) -> None:
    texts = ["May 5, 1998", "June 6, 1999"]
    found = dates.translate_batch(texts, phrases=[["-12"], []], beam_size=4)
    assert "-12" in found[0][0].text
    assert found[1][0].text == "1999-06-06"


def test_texts_that_no_output_contains_are_refused(dates: Translator) -> None:
    for options in ({"phrases": ["§"]}, {"allowed": Trie(["§"])}):
        with pytest.raises((pyseq.ArgumentError, pyseq.OutOfRangeError), match="§"):
            dates.translate("May 5, 1998", **options)
    with pytest.raises(pyseq.ArgumentError, match="no hypothesis"):
        dates.translate("May 5, 1998", allowed=Regex("[a-z]+"))


def test_the_command_has_constraints() -> None:
    command = ["run", "dates", "May 5, 1998", "--allowed", r"\d{4}-0[67]-\d\d", "--phrase", "11", "--beam-size", "6"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert re.fullmatch(r"\d{4}-0[67]-\d\d", result.output.strip())
    assert "11" in result.output


# --- subword tokenizers -----------------------------------------------------------------------------------------------

TEXTS = ["the quick brown fox", "jumps over the lazy dog", "été 年 über", "the the then"] * 5


def subword_tokenizer(kind: str) -> SubwordTokenizer:
    """A tiny tokenizer, trained here."""
    tokenizers = pytest.importorskip("tokenizers")
    marks = ["<s>", "</s>"]
    bpe = tokenizers.Tokenizer(tokenizers.models.BPE(byte_fallback=kind == "metaspace"))
    initial = list(tokenizers.pre_tokenizers.ByteLevel.alphabet()) if kind == "byte-level" else []
    if kind == "byte-level":
        bpe.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
        bpe.decoder = tokenizers.decoders.ByteLevel()
    elif kind == "metaspace":
        bpe.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
        bpe.decoder = tokenizers.decoders.Metaspace()
    else:
        bpe.decoder = tokenizers.decoders.WordPiece()
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=330, special_tokens=marks, initial_alphabet=initial)
    bpe.train_from_iterator(TEXTS, trainer)
    tokens = [bpe.id_to_token(id) for id in range(bpe.get_vocab_size())]
    packed = base64.b64encode(zlib.compress(bpe.to_str().encode())).decode()
    return SubwordTokenizer({"kind": "tokenizers", "zlib": packed}, tokens)


@pytest.mark.parametrize("kind", ["byte-level", "metaspace"])
def test_regular_expressions_over_subword_tokens(kind: str) -> None:
    tokenizer = subword_tokenizer(kind)
    pieces = tokenizer.token_bytes()
    reader = TokenizerConstraints(tokenizer)
    automaton = Regex("the( [a-zéü年]+)*").automaton(reader)
    for text in TEXTS[:4]:
        ids = tokenizer.encode_target(text)
        assert b"".join(pieces[id] for id in ids).decode().removeprefix(" ") == tokenizer.decode(ids) == text
        assert automaton.accepts(ids) == text.startswith("the")
        assert reader.phrase(text) == ids
        assert Trie([text]).automaton(reader).accepts(ids)
    assert not automaton.accepts([0])
    assert 0 not in automaton.allowed_after([], len(pieces))


def test_regular_expressions_are_refused_where_tokens_are_not_texts() -> None:
    with pytest.raises(pyseq.UnsupportedError, match="do not go with its decoder"):
        Regex("a").automaton(TokenizerConstraints(subword_tokenizer("word pieces")))


def test_the_core_reads_constraints_over_subwords() -> None:
    tokens = ["<s>", "</s>", "<unk>", "▁the", "▁", "c", "a", "t", "▁cat", "at"]
    vocabulary = Vocabulary(tokens, "subword", unknown=2, merges=[(6, 7)])
    model = RecurrentEncoderDecoder(len(tokens), len(tokens), 8, 8).initialize(2)
    marks = {"start": 0, "end": 1, "max_length": 9, "source_suffix": [], "attention": None}
    task = {"kind": "translator", "source_vocabulary": "subwords", "target_vocabulary": "subwords", **marks}
    examples = {
        "encode": {"tokens": np.array([[3, 4, 5], [6, 7, 0]]), "lengths": np.array([3, 2])},
        "step": {"tokens": np.array([[0], [1]])},
    }
    data = pyseq.export(model, None, examples, task=task, vocabularies={"subwords": vocabulary})
    translator = Translator(pyseq.Program.parse(data))
    found = translator.translate("cat", allowed=Regex("the( c?at)+"), phrases=["cat"], beam_size=6, trace=True)
    assert re.fullmatch("the( c?at)*( cat)( c?at)*", found.text)
    assert found.trace is not None
    assert " the" in found.trace.as_object()["tokens"].values()
    assert translator.translate("cat", allowed=Trie(["cat cat", "cat"]), beam_size=3).text in ("cat cat", "cat")
