"""pyseq.ctc.NgramModel: scores against the definition and KenLM, both file forms, files that are wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ngram_reference import Reference, random_model

import pyseq
from pyseq import ctc

WORDS = ["a", "b", "ab", "naïve", "z'"]
GOOD = """some words before

\\data\\
ngram 1=4
ngram 2=2

\\1-grams:
-1.5\t<s>\t-0.25
-0.5\t</s>
-0.25\ta\t0.5
-1\t<unk>

\\2-grams:
-0.125\t<s> a
-0.75\ta </s>

\\end\\
"""


def write(folder: Path, text: str) -> Path:
    file = folder / "model.arpa"
    file.write_bytes(text.encode())
    return file


def sentences(random: np.random.Generator, count: int) -> list[list[str]]:
    pool = [*WORDS, "unheard"]
    return [[pool[n] for n in random.integers(0, len(pool), random.integers(0, 9))] for _ in range(count)]


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_scores_are_those_of_the_definition(order: int, tmp_path: Path) -> None:
    random = np.random.default_rng(order)
    reference = random_model(random, WORDS, order)
    model = ctc.NgramModel(write(tmp_path, reference.arpa()))
    assert model.order == reference.order
    lengths = [len(ngram) for ngram in reference.probabilities]
    assert model.counts == [lengths.count(n) for n in range(1, reference.order + 1)]
    assert model.words()[:3] == ["<unk>", "<s>", "</s>"]
    model.save(tmp_path / "model.bin")
    for one in (model, ctc.NgramModel(tmp_path / "model.bin")):
        for sentence in sentences(random, 200):
            for begin, end in ((True, True), (False, True), (True, False)):
                expected = reference.sentence(sentence, begin, end)
                found = [word.log10_prob for word in one.score(sentence, begin=begin, end=end)]
                np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_scores_are_those_of_kenlm(tmp_path: Path) -> None:
    kenlm = pytest.importorskip("kenlm", reason="pip install kenlm")
    random = np.random.default_rng(7)
    file = write(tmp_path, random_model(random, WORDS, 4, share=0.6).arpa())
    model, peer = ctc.NgramModel(file), kenlm.Model(str(file))
    for sentence in sentences(random, 300):
        for begin, end in ((True, True), (False, False)):
            expected = list(peer.full_scores(" ".join(sentence), bos=begin, eos=end))
            found = model.score(sentence, begin=begin, end=end)
            np.testing.assert_allclose([w.log10_prob for w in found], [w[0] for w in expected], rtol=1e-5, atol=1e-6)
            assert [w.known for w in found] == [not w[2] for w in expected]
            assert [w.order for w in found if w.known] == [w[1] for w in expected if not w[2]]


def test_a_model_of_a_file(tmp_path: Path) -> None:
    model = ctc.NgramModel(write(tmp_path, GOOD.replace("\n", "\r\n")))
    assert len(model) == 4
    assert "a" in model
    assert "b" not in model
    scores = model.score("a b")
    assert [(w.order, w.known) for w in scores] == [(2, True), (0, False), (1, True)]
    assert model.log10_prob("a b") == pytest.approx(-0.125 + (0.5 - 1) - 0.5)
    assert ctc.NgramModel.parse(GOOD.encode()).score("a b") == ctc.NgramModel.parse(GOOD).score("a b") == scores
    assert model.perplexity("a") == pytest.approx(10 ** ((0.125 + 0.75) / 2))


def test_without_unk_and_marks(tmp_path: Path) -> None:
    model = ctc.NgramModel(write(tmp_path, "\\data\\\nngram 1=1\n\\1-grams:\n-1 a\n\\end\\\n"))
    assert [w.log10_prob for w in model.score("a b a")] == [-1, -100, -1]


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (GOOD, "", "is empty"),
        (GOOD, "hello\n", r"line 1: there is no \\data\\, expected an ARPA file"),
        ("\\data\\\nngram 1=4\nngram 2=2", "\\data\\", r"line 5: there is no 'ngram 1=...' behind"),
        ("ngram 1=4", "ngram 2=4", r"line 4: 'ngram 2=4', expected 'ngram 1=COUNT'"),
        ("ngram 1=4", "ngram 1=x", r"line 4: 'ngram 1=x', expected 'ngram 1=COUNT'"),
        ("ngram 1=4", "ngram 1=-4", r"line 4: 'ngram 1=-4', expected"),
        ("ngram 1=4", "ngram 1=999999999999", "promises more n-grams than the file has room for"),
        ("ngram 1=4", "ngram 1=99999999999999999999", "expected 'ngram 1=COUNT'"),
        ("ngram 1=4", "ngram 1=5", r"line 13: there are 4 1-grams, expected the 5 that \\data\\ announces"),
        ("ngram 1=4", "ngram 1=3", r"line 11: there are more 1-grams than the 3 that \\data\\ announces"),
        ("\\1-grams:", "\\2-grams:", r"line 7: '\\2-grams:', expected \\1-grams:"),
        ("\\end\\", "", r"the file ends, expected \\end\\"),
        ("\\end\\", "\\3-grams:", r"'\\3-grams:', expected \\end\\"),
        ("-0.25\ta", "0.25\ta", r"line 10: the log-probability is '0.25', expected at most 0"),
        ("-0.25\ta", "nan\ta", r"line 10: the log-probability is 'nan', expected a finite number"),
        ("-0.25\ta", "-inf\ta", r"line 10: the log-probability is '-inf', expected a finite number"),
        ("-0.25\ta", "-1e99\ta", r"line 10: the log-probability is '-1e99', expected a finite number"),
        ("-0.25\ta", "-0.25x\ta", r"line 10: the log-probability is '-0.25x'"),
        ("-0.25\ta\t0.5", "-0.25", r"line 10: the word is missing"),
        ("\ta\t0.5", "\ta\tinf", r"line 10: the back-off weight is 'inf'"),
        ("\ta\t0.5", "\ta\t0.5\t1", r"line 10: it has more fields than a 1-gram"),
        ("-1\t<unk>", "-1\ta", r"line 11: the word 'a' stands here again"),
        ("<s> a", "<s> b", r"line 14: the word 'b' is not among the 1-grams"),
        ("<s> a", "<s>", r"line 14: it has 1 words, expected 2"),
        ("<s> a", "<s> a\t-1", r"line 14: it has more fields than a 2-gram of the highest order"),
        ("a </s>\n", "<s> a\n", "of the 2-grams, one that ends in 'a' stands there twice"),
    ],
)
def test_files_that_are_wrong(old: str, new: str, sentence: str, tmp_path: Path) -> None:
    assert old in GOOD
    with pytest.raises(pyseq.FormatError, match=sentence):
        ctc.NgramModel(write(tmp_path, GOOD.replace(old, new)))


def test_contexts_must_be_there(tmp_path: Path) -> None:
    text = Reference({("a",): -1, ("b",): -1, ("a", "b"): -1, ("b", "a", "b"): -1}, {}).arpa()
    with pytest.raises(pyseq.FormatError, match="line 14: its context is not among the 2-grams"):
        ctc.NgramModel(write(tmp_path, text))


@pytest.mark.parametrize("old", [b"\\data", b"ngram 2", b"\\2-grams", b"-0.25\ta", b"<s> a", b"0.5"])
def test_bytes_that_are_not_utf_8_are_no_trouble(old: bytes, tmp_path: Path) -> None:
    (tmp_path / "bad.arpa").write_bytes(GOOD.encode().replace(old, b"\xff\xfe"))
    with pytest.raises(pyseq.FormatError, match="line"):
        ctc.NgramModel(tmp_path / "bad.arpa")


def test_words_that_are_not_utf_8(tmp_path: Path) -> None:
    (tmp_path / "bad.arpa").write_bytes(GOOD.encode().replace(b"\ta\t", b"\t\xff\t"))
    with pytest.raises(pyseq.FormatError, match="line 10: the word is not UTF-8"):
        ctc.NgramModel(tmp_path / "bad.arpa")


def test_binary_files_that_are_wrong(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.numpy", reason="pip install safetensors")
    reference = random_model(np.random.default_rng(1), WORDS, 3)
    ctc.NgramModel(write(tmp_path, reference.arpa())).save(tmp_path / "good.bin")
    good = safetensors.load_file(tmp_path / "good.bin")

    def load(metadata: str = "1", **changed: np.ndarray | None) -> ctc.NgramModel:
        arrays = {name: value for name, value in {**good, **changed}.items() if value is not None}
        safetensors.save_file(arrays, tmp_path / "bad.bin", {"pyseq.ngram": metadata})
        return ctc.NgramModel(tmp_path / "bad.bin")

    load()
    for changed, sentence in (
        ({"metadata": "2"}, "it is no n-gram model that this version reads"),
        ({"words": None}, "the array words is missing"),
        ({"words": good["words"][1:].copy()}, r"the array words is int32 \[\d+\], expected int32 \[\d+\]"),
        ({"counts": np.zeros(0, np.int64)}, "there are 0 orders"),
        ({"counts": np.array([2**31, 2**31, 1])}, "the counts are out of range"),
        ({"counts": np.array([-1, 5, 1])}, "the counts are out of range"),
        ({"ends": good["ends"][::-1].copy()}, "the ends of its words do not ascend"),
        ({"ends": good["ends"] + 1000}, "the ends of its words do not ascend"),
        ({"text": np.full_like(good["text"], 255)}, "a word is not UTF-8"),
    ):
        with pytest.raises(pyseq.FormatError, match=sentence):
            load(**changed)  # type: ignore[arg-type]
    # Numbers of nodes are looked at when they are followed.
    for name, value in (("suffix", 2**30), ("first_child", -1), ("log_probs", np.nan), ("backoffs", np.inf)):
        model = load(**{name: np.full_like(good[name], value)})
        with pytest.raises(pyseq.FormatError, match="its arrays do not fit together"):
            [model.score(sentence) for sentence in sentences(np.random.default_rng(0), 50)]


def test_estimated_probabilities_add_up_to_one(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    lines = [" ".join(np.array(["a", "b", "c", "d"])[random.zipf(1.6, random.integers(1, 9)) % 4]) for _ in range(60)]
    for order in (1, 2, 3, 4):
        model = ctc.NgramModel(write(tmp_path, ctc.estimate(lines, order)))
        assert model.order == order
        for context in (["a"], ["b", "a"], ["d", "d", "d"], ["c", "c"], []):
            total = 0.0
            for word in ("a", "b", "c", "d", "<unk>", "</s>"):
                total += 10 ** model.score([*context, word], end=False)[-1].log10_prob
            assert total == pytest.approx(1, rel=1e-5)
    better = [ctc.NgramModel(write(tmp_path, ctc.estimate(["a b c d"] * 5 + ["d a"], order))) for order in (1, 2, 3)]
    assert better[0].perplexity("a b c d") > better[1].perplexity("a b c d") >= better[2].perplexity("a b c d")


def test_sentences_that_make_no_model() -> None:
    for lines, order, sentence in (
        (["a"], 0, "order is 0, expected 1 or more"),
        (["", " "], 2, "the sentences have no word"),
        (["a <s>"], 2, "a sentence has the mark <s>"),
    ):
        with pytest.raises(pyseq.ArgumentError, match=sentence):
            ctc.estimate(lines, order)
