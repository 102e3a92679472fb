"""pyseq.ctc.Decoder: against all paths of tiny lattices, a plain beam search, and itself in pieces."""

from __future__ import annotations

import itertools
import threading
from collections import defaultdict
from pathlib import Path
from typing import Any

import ctc_oracle
import numpy as np
import pytest
from ngram_reference import Reference, random_model

import pyseq
from pyseq import ctc

RANDOM = np.random.default_rng(4)
LN10 = np.log(10)
ALL = 4000  # a beam that drops nothing here
Prefix = tuple[int, ...]


def plain_search(log_probs: Any, beam_size: int, threshold: float = np.inf, tokens: int = 99) -> dict[Prefix, float]:
    """Prefix beam search by its definition, the blank being class 0."""
    beams: dict[Prefix, tuple[float, float]] = {(): (0.0, -np.inf)}  # paths that end in the blank, in the last token
    for frame in log_probs.astype(np.float64):
        tried = {c for _, c in sorted((-value, c) for c, value in enumerate(frame) if c > 0)[:tokens]}
        after: dict[Prefix, list[float]] = defaultdict(lambda: [-np.inf, -np.inf])
        for prefix, (blank, label) in beams.items():
            total = np.logaddexp(blank, label)
            after[prefix][0] = np.logaddexp(after[prefix][0], total + frame[0])
            if prefix:
                after[prefix][1] = np.logaddexp(after[prefix][1], label + frame[prefix[-1]])
            for c in range(1, len(frame)):
                longer = (*prefix, c)
                if c in tried or longer in beams:
                    ways = blank if prefix and prefix[-1] == c else total
                    after[longer][1] = np.logaddexp(after[longer][1], ways + frame[c])
        ranked = sorted(after.items(), key=lambda item: -np.logaddexp(*item[1]))[:beam_size]
        best = np.logaddexp(*ranked[0][1])
        beams = {p: (b, n) for p, (b, n) in ranked if np.logaddexp(b, n) >= best - threshold}
    return {prefix: float(np.logaddexp(*both)) for prefix, both in beams.items()}


def found(hypotheses: list[ctc.Hypothesis]) -> dict[Prefix, float]:
    assert [h.score for h in hypotheses] == sorted((h.score for h in hypotheses), reverse=True)
    return {tuple(h.tokens): h.log_prob for h in hypotheses}


def assert_same(actual: dict[Any, float], expected: dict[Any, float], rel: float = 1e-9) -> None:
    assert actual.keys() == expected.keys()
    for key, value in expected.items():
        assert actual[key] == pytest.approx(value, rel=rel, abs=rel)


@pytest.mark.parametrize("blank", [0, 1])
def test_a_wide_beam_finds_every_sequence_with_all_its_paths(blank: int) -> None:
    log_probs = ctc_oracle.emissions(RANDOM, 6, 3)
    decoder = ctc.Decoder(["a", "b", "c"], blank=blank, beam_size=ALL, n_best=ALL)
    hypotheses = decoder.decode(log_probs)
    assert_same(found(hypotheses), ctc_oracle.totals(log_probs, blank))
    paths = ctc_oracle.best_paths(log_probs, blank)
    for one in hypotheses:
        times = one.alignment
        path = paths[tuple(one.tokens)][1]
        runs = ctc_oracle.runs(path, blank)
        assert list(zip(times.tokens, times.start, times.end, strict=True)) == runs
        expected = [log_probs[start:end, label].astype(np.float64).sum() for label, start, end in runs]
        np.testing.assert_allclose(times.log_probs, expected, rtol=1e-9)
        assert one.text == "".join("abc"[label] for label in one.tokens)


@pytest.mark.parametrize("beam_size", [1, 2, 5, 16])
@pytest.mark.parametrize("options", [{}, {"beam_threshold": 3.0}, {"tokens_per_frame": 2}])
def test_a_narrow_beam_keeps_what_a_plain_search_keeps(beam_size: int, options: dict[str, Any]) -> None:
    for classes in (3, 9, 30, 300):
        log_probs = ctc_oracle.emissions(RANDOM, 40 if classes < 300 else 8, classes)
        decoder = ctc.Decoder([str(n) for n in range(classes)], beam_size=beam_size, n_best=beam_size, **options)
        names = {"beam_threshold": "threshold", "tokens_per_frame": "tokens"}
        expected = plain_search(log_probs, beam_size, **{names[name]: value for name, value in options.items()})
        assert_same(found(decoder.decode(log_probs)), expected)


def test_tokens_below_a_probability_are_not_tried() -> None:
    log_probs = np.log(np.array([[0.2, 0.5, 0.3], [0.2, 0.3, 0.5], [0.5, 0.3, 0.2]], np.float32))
    decoder = ctc.Decoder(["_", "a", "b"], beam_size=ALL, n_best=ALL, min_token_log_prob=np.log(0.4))
    assert {h.text for h in decoder.decode(log_probs)} == {"", "a", "ab", "b"}


def test_the_blank_penalty_is_that_of_the_blank() -> None:
    log_probs = ctc_oracle.emissions(RANDOM, 5, 3)
    decoder = ctc.Decoder(["_", "a", "b"], beam_size=ALL, n_best=ALL, blank_penalty=1.5)
    changed = log_probs.astype(np.float64)
    changed[:, 0] -= 1.5
    assert_same(found(decoder.decode(log_probs)), ctc_oracle.totals(changed))


def test_impossible_classes_are_never_written() -> None:
    log_probs = ctc_oracle.emissions(RANDOM, 5, 3)
    log_probs[:, 1] = -np.inf
    log_probs[2, [0, 1]] = -np.inf
    decoder = ctc.Decoder(["_", "a", "b"], beam_size=ALL, n_best=ALL)
    expected = {labels: total for labels, total in ctc_oracle.totals(log_probs).items() if total > -np.inf}
    assert_same(found(decoder.decode(log_probs)), expected)


def test_a_long_search_drops_what_is_over_and_keeps_its_results() -> None:
    """Long enough for prefixes and times to be collected several times."""
    log_probs = ctc_oracle.emissions(RANDOM, 900, 8, scale=1.0)
    decoder = ctc.Decoder(list("_abcdefg"), beam_size=20, n_best=20)
    hypotheses = decoder.decode(log_probs)
    assert_same(found(hypotheses), plain_search(log_probs, 20))
    for one in hypotheses:
        times = one.alignment
        assert times.tokens.tolist() == one.tokens
        assert np.all(times.start < times.end)
        assert np.all(times.end[:-1] <= times.start[1:])
        for token, start, end, log_prob in zip(times.tokens, times.start, times.end, times.log_probs, strict=True):
            assert log_prob == pytest.approx(log_probs[start:end, token].astype(np.float64).sum(), rel=1e-9)


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> tuple[Reference, ctc.NgramModel]:
    reference = random_model(np.random.default_rng(2), ["a", "b", "ab", "ba"], 3, share=0.5)
    file = tmp_path_factory.mktemp("lm") / "words.arpa"
    file.write_text(reference.arpa())
    return reference, ctc.NgramModel(file)


TOKENS = ["_", "a", "b", " "]
OPTIONS: dict[str, Any] = {"beam_size": ALL, "n_best": ALL, "alpha": 0.7, "beta": 0.4, "unknown_score": -2.5}


def language(reference: Reference, sentence: list[str]) -> float:
    """What words gain."""
    unknown = sum(word not in reference.vocabulary for word in sentence)
    return 0.7 * LN10 * sum(reference.sentence(sentence)) + 0.4 * len(sentence) - 2.5 * unknown


def text_of(labels: Prefix) -> str:
    return "".join(TOKENS[label] for label in labels)


def test_words_between_separators_are_scored(words: tuple[Reference, ctc.NgramModel]) -> None:
    log_probs = ctc_oracle.emissions(RANDOM, 6, 4)
    hypotheses = ctc.Decoder(TOKENS, language_model=words[1], **OPTIONS).decode(log_probs)
    expected = {
        labels: total + language(words[0], text_of(labels).split())
        for labels, total in ctc_oracle.totals(log_probs).items()
    }
    assert_same({tuple(h.tokens): h.score for h in hypotheses}, expected, rel=1e-6)
    for one in hypotheses:
        assert [word.text for word in one.words] == text_of(tuple(one.tokens)).split()
        assert one.text == " ".join(text_of(tuple(one.tokens)).split())
        assert one.language_log_prob == pytest.approx(LN10 * sum(words[0].sentence(one.text.split())), rel=1e-6)
        for word in one.words:
            assert "".join(TOKENS[token] for token in one.tokens[word.first : word.last]) == word.text
            assert word.start == one.alignment.start[word.first]
            assert word.end == one.alignment.end[word.last - 1]


def test_a_model_over_tokens(tmp_path: Path) -> None:
    reference = random_model(np.random.default_rng(5), ["a", "b", "<space>"], 3, share=0.6)
    (tmp_path / "tokens.arpa").write_text(reference.arpa())
    log_probs = ctc_oracle.emissions(RANDOM, 6, 4)
    decoder = ctc.Decoder(TOKENS, language_model=tmp_path / "tokens.arpa", language_unit="token", **OPTIONS)
    names = {1: "a", 2: "b", 3: "<space>"}
    expected = {
        labels: total + 0.7 * LN10 * sum(reference.sentence([names[n] for n in labels])) + 0.4 * len(labels)
        for labels, total in ctc_oracle.totals(log_probs).items()
    }
    assert_same({tuple(h.tokens): h.score for h in decoder.decode(log_probs)}, expected, rel=1e-6)


LEXICON = {"a": ["a"], "ay": ["a"], "ab": ["ab"], "bab": ["bab"], "b": ["b", "ba"]}  # spellings of words


def readings(text: str) -> list[list[str]]:
    """All word sequences whose spellings make up a text without separators."""
    if not text:
        return [[]]
    return [
        [word, *rest]
        for word, spellings in LEXICON.items()
        for spelling in spellings
        if text.startswith(spelling)
        for rest in readings(text[len(spelling) :])
    ]


@pytest.mark.parametrize("separated", [True, False])
def test_only_words_of_the_lexicon_are_written(separated: bool, words: tuple[Reference, ctc.NgramModel]) -> None:
    tokens = TOKENS if separated else TOKENS[:3]
    log_probs = ctc_oracle.emissions(RANDOM, 6, len(tokens))
    expected: dict[tuple[Prefix, str], list[float]] = defaultdict(list)
    for labels, total in ctc_oracle.totals(log_probs).items():
        text = "".join(tokens[label] for label in labels)
        if separated:
            choices = [[word for word in LEXICON if piece in LEXICON[word]] for piece in text.split()]
            ways = [list(way) for way in itertools.product(*choices)]
        else:
            ways = readings(text)
        for way in ways:
            expected[labels, " ".join(way)].append(total + language(words[0], way))
    spelled = {word: [list(spelling) for spelling in spellings] for word, spellings in LEXICON.items()}
    decoder = ctc.Decoder(tokens, lexicon=spelled, language_model=words[1], **OPTIONS)
    actual: dict[tuple[Prefix, str], list[float]] = defaultdict(list)
    hypotheses = decoder.decode(log_probs)
    for one in hypotheses:
        assert one.complete
        actual[tuple(one.tokens), one.text].append(one.score)
    # A text without separators may be cut into the same words in two ways, which are two hypotheses.
    assert actual.keys() == expected.keys()
    for key, scores in expected.items():
        np.testing.assert_allclose(sorted(actual[key]), sorted(scores), rtol=1e-6)


def test_hot_words_gain_their_boost_wherever_they_stand() -> None:
    hot_words = {"ab": 2.0, "a b": 1.5, "b": -0.75}
    log_probs = ctc_oracle.emissions(RANDOM, 6, 4)

    def boost(text: str) -> float:
        padded = f" {text} "
        return sum(
            value * sum(padded.startswith(f" {phrase} ", at) for at in range(len(padded)))
            for phrase, value in hot_words.items()
        )

    decoder = ctc.Decoder(TOKENS, hot_words=hot_words, beam_size=ALL, n_best=ALL)
    expected = {labels: t + boost(text_of(labels)) for labels, t in ctc_oracle.totals(log_probs).items()}
    assert_same({tuple(h.tokens): h.score for h in decoder.decode(log_probs)}, expected)

    open_decoder = ctc.Decoder(TOKENS[:3], hot_words={"ab": 2.0, "bab": 1.0}, beam_size=ALL, n_best=ALL)
    expected = {
        labels: t + 2 * text_of(labels).count("ab") + text_of(labels).replace("bab", "bab|ab").count("bab")
        for labels, t in ctc_oracle.totals(log_probs[:, :3]).items()
    }
    narrow = np.ascontiguousarray(log_probs[:, :3])
    assert_same({tuple(h.tokens): h.score for h in open_decoder.decode(narrow)}, expected)


def test_a_hot_word_changes_what_is_heard() -> None:
    log_probs = np.log(np.array([[0.1, 0.6, 0.3], [0.9, 0.05, 0.05]], np.float32))
    assert ctc.Decoder(["_", "a", "b"]).decode(log_probs)[0].text == "a"
    assert ctc.Decoder(["_", "a", "b"], hot_words={"b": 3}).decode(log_probs)[0].text == "b"


def decoders(words: tuple[Reference, ctc.NgramModel]) -> list[ctc.Decoder]:
    narrow = {"beam_size": 12, "n_best": 6}
    return [
        ctc.Decoder(TOKENS, **narrow),
        ctc.Decoder(TOKENS, language_model=words[1], hot_words={"ab a": 1.0}, **narrow),
        ctc.Decoder(TOKENS, language_model=words[1], lexicon=["a", "ab", "bba"], **narrow),
    ]


def details(hypotheses: list[ctc.Hypothesis]) -> list[Any]:
    return [
        (h.text, h.tokens, h.score, h.log_prob, h.alignment.start.tolist(), h.alignment.end.tolist())
        for h in hypotheses
    ]


def test_frames_in_pieces_give_what_all_at_once_give(words: tuple[Reference, ctc.NgramModel]) -> None:
    log_probs = ctc_oracle.emissions(RANDOM, 90, 4)
    for decoder in decoders(words):
        whole = details(decoder.decode(log_probs))
        stream = decoder.stream()
        for _ in range(2):
            at = 0
            while at < 90:
                size = int(RANDOM.integers(0, 20))
                stream.feed(np.ascontiguousarray(log_probs[at : at + size]))
                at += size
                assert stream.hypotheses(final=False)
            assert stream.frames == 90
            assert details(stream.hypotheses()) == whole
            stream.reset()


def test_a_batch_gives_the_same_for_any_threads_and_padding(words: tuple[Reference, ctc.NgramModel]) -> None:
    log_probs, lengths = ctc_oracle.emissions(RANDOM, 5, 40, 4), np.array([40, 0, 7, 39, 22])
    before = pyseq.num_threads()
    for decoder in decoders(words):
        alone = [details(decoder.decode(np.ascontiguousarray(x[:n]))) for x, n in zip(log_probs, lengths, strict=True)]
        for threads in (1, 2):
            pyseq.set_num_threads(threads)
            assert [details(row) for row in decoder.decode_batch(log_probs, lengths)] == alone
    pyseq.set_num_threads(before)


def test_a_decoder_may_be_used_by_several_threads(words: tuple[Reference, ctc.NgramModel]) -> None:
    log_probs, decoder = ctc_oracle.emissions(RANDOM, 60, 4), decoders(words)[2]
    expected, results = details(decoder.decode(log_probs)), []
    threads = [threading.Thread(target=lambda: results.append(details(decoder.decode(log_probs)))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected] * 4


def test_an_unfinished_word_is_given_only_where_nothing_else_is() -> None:
    log_probs = np.log(np.array([[0.1, 0.8, 0.1]], np.float32))
    decoder = ctc.Decoder(["_", "a", "b"], lexicon=["ab"], separator="", beam_size=2, n_best=2)
    assert [(h.text, h.complete) for h in decoder.decode(log_probs)] == [("", True)]
    only = ctc.Decoder(["_", "a", "b"], lexicon=["ab"], separator="", beam_size=1)
    best = only.decode(log_probs)[0]
    assert (best.text, best.tokens, best.complete) == ("", [1], False)


def test_words_that_begin_with_a_mark() -> None:
    tokens = ["_", "▁he", "llo", "▁", "▁world", "h"]
    assert ctc.Decoder(tokens).spell("hello world") == [1, 2, 4]
    assert ctc.Decoder(tokens).spell("hello there") is None
    path = [1, 0, 2, 2, 4, 3, 5]
    log_probs = np.full((len(path), 6), -9, np.float32)
    log_probs[np.arange(len(path)), path] = 0
    best = ctc.Decoder(tokens).decode(log_probs)[0]
    assert best.text == "hello world h"
    assert [(w.text, w.first, w.last, w.start, w.end) for w in best.words] == [
        ("hello", 0, 2, 0, 4),
        ("world", 2, 3, 4, 5),
        ("h", 3, 5, 5, 7),
    ]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"beam_size": 0}, r"ctc.Decoder: beam_size has 0, expected 1 to"),
        ({"n_best": 17}, r"n_best has 17, expected 1 to beam_size \(16\)"),
        ({"beam_threshold": -1.0}, r"beam_threshold has -1.*, expected 0 or more"),
        ({"alpha": np.nan}, r"alpha has nan, expected a finite number"),
        ({"blank": 4}, r"blank has 4, expected a class, 0 to 3"),
        ({"blank": 3}, r"separator has the blank, expected another class"),
        ({"separator": "|"}, r"separator is '\|', expected one of the tokens"),
        ({"lexicon": ["xyz"]}, r"lexicon has 'xyz', expected texts that the tokens can spell"),
        ({"lexicon": []}, r"lexicon has no word"),
        ({"lexicon": {"a": [["x"]]}}, r"lexicon spells 'a' with 'x', expected one of the tokens"),
        ({"lexicon": {"a": [[]]}}, r"lexicon has no spelling for 'a'"),
        ({"lexicon": {"a": [["_"]]}}, r"lexicon has the blank in the spelling of 'a'"),
        ({"lexicon": {"a": [[" "]]}}, r"lexicon has the separator in the spelling of 'a'"),
        ({"hot_words": {"": 1.0}}, r"hot_words has '', expected texts that the tokens can spell"),
        ({"hot_words": {"a": np.inf}}, r"hot_words has a phrase .* infinite boost"),
        ({"language_unit": "letter"}, r"language_unit is 'letter', expected 'word' or 'token'"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(pyseq.ArgumentError, match=sentence):
        ctc.Decoder(TOKENS, **options)


def test_bad_frames_are_named_and_leave_a_stream_as_it_was() -> None:
    decoder, good = ctc.Decoder(TOKENS), ctc_oracle.emissions(RANDOM, 5, 4)
    with pytest.raises(pyseq.ShapeError, match=r"log_probs has 3 classes, expected 4 \(tokens of the decoder\)"):
        decoder.decode(good[:, :3].copy())
    with pytest.raises(pyseq.ShapeError, match=r"ctc.Decoder.decode: log_probs has shape"):
        decoder.decode(good[None])
    stream = decoder.stream()
    stream.feed(good)
    before, bad = details(stream.hypotheses()), good.copy()
    bad[3, 1] = np.nan
    with pytest.raises(pyseq.ArgumentError, match=r"log_probs has NaN in frame 8 of row 0"):
        stream.feed(bad)
    assert details(stream.hypotheses()) == before
    assert stream.frames == 5
    with pytest.raises(pyseq.DeadlineError):
        decoder.decode(good, deadline=0.0)
