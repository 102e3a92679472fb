"""Files of word vectors: those that gensim and fastText write, and those that nobody should have written."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyseq
from pyseq import _core
from pyseq.embeddings import Subwords, Word2Vec, WordVectors

WORDS = ["the", "naïve", "年", "x_y"]


@pytest.fixture
def vectors() -> WordVectors:
    return WordVectors(WORDS, np.random.default_rng(0).normal(size=(4, 7)).astype(np.float32))


@pytest.mark.parametrize("name", ["v.txt", "v.bin", "v.glove", "v.vec", "v.safetensors"])
def test_what_is_written_comes_back(vectors: WordVectors, tmp_path: Path, name: str) -> None:
    vectors.save(tmp_path / name)
    read = WordVectors.load(tmp_path / name)
    assert read.words == vectors.words
    assert np.array_equal(read.vectors, vectors.vectors)
    assert WordVectors.load(tmp_path / name, limit=2).words == tuple(WORDS[:2])


def test_safetensors_keep_everything(tmp_path: Path) -> None:
    rows = np.random.default_rng(1).normal(size=(9, 3)).astype(np.float32)
    made = WordVectors(["new york", "a\nb"], rows[:2], counts=np.array([7, 3], np.int64), subwords=Subwords(2, 4, rows))
    made.save(tmp_path / "v.safetensors")
    read = WordVectors.load(tmp_path / "v.safetensors")
    assert read.words == made.words
    assert read.counts is not None
    assert read.counts.tolist() == [7, 3]
    assert np.array_equal(read["unseen"], made["unseen"])
    assert not read.vectors.flags.writeable  # mapped
    assert pyseq.load(tmp_path / "v.safetensors").words == made.words


def test_words_with_spaces(tmp_path: Path) -> None:
    made = WordVectors(["new york", "b"], np.eye(2, dtype=np.float32))
    made.save(tmp_path / "v.txt")
    assert WordVectors.load(tmp_path / "v.txt").words == made.words
    with pytest.raises(pyseq.ArgumentError, match="word2vec-binary files cannot hold the word 'new york'"):
        made.save(tmp_path / "v.bin")
    with pytest.raises(pyseq.ArgumentError, match=r"cannot hold the word 'a\\nb'"):
        WordVectors(["a\nb"], np.ones((1, 1), np.float32)).save(tmp_path / "v.txt")
    (tmp_path / "v.glove").write_text(". . . 0.5 1.5 -2\nb 1 2 3\n")
    read = WordVectors.load(tmp_path / "v.glove")
    assert read.words == (". . .", "b")
    assert read.width == 3


def test_text_without_a_header_and_with_one_too_few(tmp_path: Path) -> None:
    file = tmp_path / "v.txt"
    file.write_text("a 1 2\nb 3 4\n")
    assert WordVectors.load(file).vectors.tolist() == [[1, 2], [3, 4]]
    file.write_text("1 2\n")  # a header without anything behind it
    with pytest.raises(pyseq.FormatError, match="cut short, 0 of 1 words"):
        WordVectors.load(file)
    file.write_text("2 2\na 1 2\nb 3\n")
    with pytest.raises(pyseq.FormatError, match="line 3 has 1 values, expected 2"):
        WordVectors.load(file)
    file.write_text("2 2\na 1 2\nb 3 x\n")
    with pytest.raises(pyseq.FormatError, match="line 3 is no word with 2 values"):
        WordVectors.load(file)
    file.write_text("2 2\na 1 2\na 3 4\n")
    with pytest.raises(pyseq.FormatError, match="'a' is there twice"):
        WordVectors.load(file)
    file.write_bytes(b"1 2\n\xff\xfe 1 2\n")
    with pytest.raises(pyseq.FormatError, match="not UTF-8"):
        WordVectors.load(file, "word2vec")


@pytest.mark.parametrize("name", ["v.txt", "v.bin", "v.vec", "v.txt.gz"])
def test_files_that_are_cut_short(vectors: WordVectors, tmp_path: Path, name: str) -> None:
    plain = name.removesuffix(".gz")
    vectors.save(tmp_path / plain)
    whole = (tmp_path / plain).read_bytes()
    if name.endswith(".gz"):
        whole = gzip.compress(whole)
        (tmp_path / name).write_bytes(whole)
        assert WordVectors.load(tmp_path / name).words == vectors.words
    for size in (len(whole) * 2 // 3, len(whole) // 2, 12):
        (tmp_path / name).write_bytes(whole[:size])
        with pytest.raises(pyseq.FormatError, match=r"cut short|expected 7|no header|no word|decompressed|not UTF-8"):
            WordVectors.load(tmp_path / name, None if size > 12 else "word2vec")


def test_hostile_headers(tmp_path: Path) -> None:
    file = tmp_path / "v.bin"
    file.write_bytes(b"999999999999 300\n" + b"a " + bytes(1200))
    with pytest.raises(pyseq.FormatError, match="do not fit into"):
        WordVectors.load(file, "word2vec-binary")
    file.write_bytes(b"1 1\n" + b"a" * 70000)
    with pytest.raises(pyseq.FormatError, match="longer than 65536 bytes"):
        WordVectors.load(file, "word2vec-binary")
    with pytest.raises(pyseq.ArgumentError, match="no file"):
        WordVectors.load(tmp_path / "nothing")
    with pytest.raises(pyseq.ArgumentError, match="format is 'pickle'"):
        WordVectors.load(file, "pickle")
    with pytest.raises(pyseq.ArgumentError, match="format is None"):
        WordVectors(["a"], np.ones((1, 1), np.float32)).save(tmp_path / "v.pickle")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("binary", [False, True])
def test_files_of_gensim(vectors: WordVectors, tmp_path: Path, binary: bool) -> None:
    gensim: Any = pytest.importorskip("gensim.models", reason="pip install gensim")
    keyed = gensim.KeyedVectors(7)
    keyed.add_vectors(WORDS, vectors.vectors)
    file = str(tmp_path / "v.dat")
    keyed.save_word2vec_format(file, binary=binary)
    read = WordVectors.load(file)
    assert read.words == vectors.words
    np.testing.assert_allclose(read.vectors, vectors.vectors, rtol=1e-6)
    name = "mine.bin" if binary else "mine.txt"
    vectors.save(tmp_path / name)
    theirs = gensim.KeyedVectors.load_word2vec_format(str(tmp_path / name), binary=binary)
    assert theirs.index_to_key == WORDS
    assert np.array_equal(theirs.vectors, vectors.vectors)
    keyed.save_word2vec_format(file, write_header=False)
    assert WordVectors.load(file).words == vectors.words


@pytest.fixture(scope="module")
def fasttext_model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    fasttext: Any = pytest.importorskip("fasttext", reason="pip install fasttext-wheel")
    folder = tmp_path_factory.mktemp("fasttext")
    (folder / "corpus.txt").write_text("the cat sat on the naïve mat\nthe dog sat on the 年 log\n" * 20)
    model = fasttext.train_unsupervised(
        str(folder / "corpus.txt"), dim=9, minCount=1, bucket=200, minn=2, maxn=4, epoch=1, thread=1, verbose=0
    )
    model.save_model(str(folder / "model.bin"))
    return model, folder / "model.bin"


@pytest.mark.parametrize("mmap", [True, False])
def test_models_of_fasttext(fasttext_model: tuple[Any, Path], mmap: bool) -> None:
    model, file = fasttext_model
    read = WordVectors.load(file, mmap=mmap)
    assert list(read.words) == model.words
    for word in [*model.words, "unseen", "naïveté", "年年"]:
        expected = model.get_word_vector(word)
        np.testing.assert_allclose(read[word], expected, rtol=1e-5, atol=1e-7)
    assert read.subwords is not None
    for word in ("naïveté", "a"):
        ngrams, rows = model.get_subwords(word)
        known = word in model.words
        assert read.subwords.ngrams(word) == ngrams[known:]
        assert [len(read) + bucket for bucket in read.subwords.buckets(word)] == rows[known:].tolist()
    assert read.counts is not None
    assert dict(zip(read.words, read.counts.tolist(), strict=True))["the"] == 80


def test_models_of_fasttext_that_are_cut_short(fasttext_model: tuple[Any, Path], tmp_path: Path) -> None:
    whole = fasttext_model[1].read_bytes()
    for size in (3, 40, 150, 200, 400, len(whole) // 2, len(whole) - 1):
        (tmp_path / "m.bin").write_bytes(whole[:size])
        with pytest.raises(pyseq.FormatError):
            WordVectors.load(tmp_path / "m.bin", "fasttext-bin")
    (tmp_path / "m.bin").write_bytes(whole[:4] + struct.pack("<i", 99) + whole[8:])
    with pytest.raises(pyseq.FormatError, match="no fastText model of version 12"):
        WordVectors.load(tmp_path / "m.bin")


def test_a_model_in_the_layout_of_fasttext(tmp_path: Path) -> None:
    """The same without fastText: two words, three buckets."""
    rows = np.arange(10, dtype=np.float32).reshape(5, 2)
    data = struct.pack("<ii12id", 793712314, 12, 2, 5, 1, 1, 5, 1, 2, 2, 3, 3, 3, 100, 1e-4)
    data += struct.pack("<iiiqq", 2, 2, 0, 9, -1)
    for word, count in (("</s>", 6), ("ab", 3)):
        data += word.encode() + b"\0" + struct.pack("<qb", count, 0)
    for matrix in (rows, rows[:2]):
        data += struct.pack("<b", 0) + struct.pack("<qq", *matrix.shape) + matrix.tobytes()
    (tmp_path / "m.bin").write_bytes(data)
    read = WordVectors.load(tmp_path / "m.bin")
    assert read["</s>"].tolist() == [0, 1]
    buckets = [2 + bucket for bucket in _core.subword_buckets("ab", 3, 3, 3)]
    assert len(buckets) == 2
    np.testing.assert_allclose(read["ab"], rows[[1, *buckets]].mean(axis=0))


def test_trained_subword_vectors_are_kept(tmp_path: Path) -> None:
    model = Word2Vec(width=6, min_count=1, subwords=(3, 4), buckets=40)
    model.fit(["the cat sat on the mat"] * 20, epochs=1)
    model.vectors().save(tmp_path / "v.safetensors")
    read = WordVectors.load(tmp_path / "v.safetensors")
    assert np.array_equal(read["cats"], model.vectors()["cats"])
    buckets = [len(model.words) + bucket for bucket in _core.subword_buckets("cat", 3, 4, 40)]
    rows = model.input[[model.words.index("cat"), *buckets]]
    np.testing.assert_allclose(read["cat"], rows.mean(axis=0), rtol=1e-5, atol=1e-8)
