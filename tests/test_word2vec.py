"""word2vec against a float64 reference; the same bits whatever the threads, and after an interruption."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reference_word2vec import Options, Reference

import pyseq
from pyseq import _core
from pyseq.embeddings import Corpus, Word2Vec

WORDS, WIDTH = 11, 21
RATE = 0.03
COUNTS = [20, 15, 11, 9, 8, 7, 5, 4, 3, 2, 1]


def tokens(count: int = 120) -> Any:
    """Sentences of a few words, -1 behind each."""
    random = np.random.default_rng(3)
    found: list[int] = [*random.integers(0, WORDS, 45).tolist(), -1]  # one is long
    while len(found) < count:
        found += [*random.integers(0, WORDS, random.integers(1, 9)).tolist(), -1]
    return np.array(found, np.int32)


def trainer(input: Any, output: Any, options: Options, lists: Any = None, **other: Any) -> _core.WordTrainer:
    begins = rows = None
    if lists is not None:
        begins = np.cumsum([0, *map(len, lists)]).astype(np.int64)
        rows = np.concatenate(lists).astype(np.int32)
    settings = {
        "input": input,
        "output": output,
        "counts": np.array(COUNTS, np.int64),
        "subword_begins": begins,
        "subword_rows": rows,
        "noise_power": 0.0,
        "subsample": 0.0,
        "deterministic": True,
        **vars(options),
        **other,
    }
    return _core.WordTrainer(**settings)


@pytest.mark.parametrize("isa", pyseq.available_isas())
@pytest.mark.parametrize("loss", ["negative", "hierarchical", "softmax"])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"cbow": True},
        {"cbow": True, "cbow_mean": False, "dynamic_window": True},
        {"context": "left", "dynamic_window": True},
        {"context": "previous"},
        {"context": "nearby", "window": 3},
        {"window": 40},
        {"partitions": 3, "slice_tokens": 16},
    ],
    ids=str,
)
def test_training_equals_the_float64_reference(isa: str, loss: str, changes: dict[str, Any]) -> None:
    compare(isa, Options(loss=loss, **changes))


@pytest.mark.parametrize("changes", [{}, {"cbow": True}, {"partitions": 4, "slice_tokens": 16}], ids=str)
def test_subwords_share_what_their_words_learn(changes: dict[str, Any]) -> None:
    random = np.random.default_rng(1)
    lists = [[w, *(WORDS + random.integers(0, 6, 3)).tolist()] for w in range(WORDS)]
    compare(pyseq.active_isa(), Options(**changes), lists)


def compare(isa: str, options: Options, lists: Any = None) -> None:
    random = np.random.default_rng(0)
    input = random.normal(0, 0.5, (WORDS + 6, WIDTH)).astype(np.float32)
    output = random.normal(0, 0.5, (WORDS, WIDTH)).astype(np.float32)
    reference = Reference(input, output, COUNTS, lists, options)
    found = tokens()
    before = pyseq.active_isa()
    pyseq.set_isa(isa)
    try:
        made = trainer(input, output, options, lists)
        for epoch in range(2):
            position = 0
            while position < len(found):
                position = made.train(found, position, 1, epoch, RATE, RATE, 0, 1)[0]
            reference.train(found.tolist(), epoch, float(np.float32(RATE)))
    finally:
        pyseq.set_isa(before)
    np.testing.assert_allclose(input, reference.input, rtol=0, atol=3e-5)
    np.testing.assert_allclose(output, reference.output, rtol=0, atol=3e-5)


def test_unordered_training_on_one_thread_is_the_sequence_of_slices() -> None:
    random = np.random.default_rng(0)
    input, output = random.normal(0, 0.5, (2, WORDS, WIDTH)).astype(np.float32)
    options = Options(slice_tokens=16)
    reference = Reference(input, output, COUNTS, None, options)
    made = trainer(input, output, options, deterministic=False)
    before = pyseq.num_threads()
    pyseq.set_num_threads(1)
    try:
        made.train(tokens(), 0, 10**6, 0, 0.1, 0.1, 0, 1)
    finally:
        pyseq.set_num_threads(before)
    reference.train(tokens().tolist(), 0, float(np.float32(0.1)))
    np.testing.assert_allclose(input, reference.input, rtol=0, atol=3e-5)


def text(lines: int = 300) -> list[str]:
    """Sentences about two topics that share their small words."""
    random = np.random.default_rng(2)
    topics = [["cat", "dog", "horse", "cow", "pig"], ["red", "blue", "green", "black", "white"]]
    small = ["the", "a", "of", "and"]
    return [
        " ".join(word for _ in range(6) for word in (random.choice(small), random.choice(topics[i % 2])))
        for i in range(lines)
    ]


@pytest.mark.parametrize(
    "options",
    [
        {"loss": "negative"},
        {"loss": "hierarchical"},
        {"loss": "softmax"},
        {"architecture": "cbow"},
        {"subwords": (2, 4), "buckets": 100},
    ],
    ids=str,
)
def test_a_seed_gives_the_same_bits_on_any_number_of_threads(options: dict[str, Any]) -> None:
    corpus = Corpus.read(text(), min_count=1)
    before = pyseq.num_threads()
    results = []
    try:
        for threads in (1, 2, 3):
            pyseq.set_num_threads(threads)
            model = Word2Vec(width=20, min_count=1, slice_tokens=100, noise_pool=50, seed=9, **options)
            model.fit(corpus, epochs=2)
            results.append((model.input.tobytes(), model.output.tobytes()))
    finally:
        pyseq.set_num_threads(before)
    assert results[0] == results[1] == results[2]
    assert len({tuple(row) for row in model.input.tolist()}) > 1


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"loss": "hierarchical"},
        {"loss": "softmax"},
        {"architecture": "cbow", "learning_rate": 0.1},
        {"deterministic": False},
        {"subwords": (3, 5), "buckets": 500},
        {"context": "left"},
        {"context": "nearby"},
    ],
    ids=str,
)
def test_words_of_a_topic_become_neighbours(options: dict[str, Any]) -> None:
    model = Word2Vec(**{"width": 24, "min_count": 1, "subsample": 1e-2, "learning_rate": 0.05, "window": 4, **options})
    report = model.fit(text(400), epochs=30)
    assert report.losses[-1] < report.losses[0]
    vectors = model.vectors()
    for word, other in (("cat", "horse"), ("red", "green")):
        same, different = vectors.similarity(word, other), vectors.similarity(word, "black" if word == "cat" else "cow")
        assert same > different + 0.1, (word, same, different)


def test_an_interrupted_training_goes_on_with_the_same_bits(tmp_path: Path) -> None:
    options: dict[str, Any] = {"width": 8, "min_count": 1, "slice_tokens": 64, "partitions": 2}
    whole = Word2Vec(**options)
    whole.fit(text(), epochs=3)
    stops = iter([False, False, True])
    first = Word2Vec(**options)
    import pyseq.embeddings.word2vec as module

    block, module.BLOCK = module.BLOCK, 500
    try:
        first.fit(text(), epochs=3, stop=lambda: next(stops), checkpoint=tmp_path / "part.safetensors")
        second = Word2Vec.load(tmp_path / "part.safetensors")
        with pytest.raises(pyseq.ArgumentError, match="the training to go on with had"):
            second.fit(text(10))
        second.fit(text())
    finally:
        module.BLOCK = block
    assert second.input.tobytes() == whole.input.tobytes()
    assert first.input.tobytes() != whole.input.tobytes()


def test_new_words_join_a_vocabulary() -> None:
    model = Word2Vec(width=8, min_count=1, subsample=0.0, subwords=(3, 4), buckets=50)
    model.fit(["one two three"] * 20, epochs=1)
    before = model.input.copy()
    assert model.update_vocabulary(["four one", "five four"]) == 2
    assert model.words == ("one", "three", "two", "four", "five")
    assert model.counts.tolist() == [21, 20, 20, 2, 1]
    assert np.array_equal(model.input[:3], before[:3])
    assert np.array_equal(model.input[5:], before[3:])
    model.fit(["four one", "five four"] * 5, epochs=2)
    assert not np.array_equal(model.input[:3], before[:3])


def test_a_bar_tells_words_per_second(capsys: pytest.CaptureFixture[str]) -> None:
    Word2Vec(width=4, min_count=1).fit(text(20), epochs=2, progress=True)
    shown = capsys.readouterr().err
    assert " words/s" in shown
    assert "480/480" in shown


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 0}, "width is 0, expected at least 1"),
        ({"architecture": "glove"}, "architecture is 'glove', expected 'skip-gram' or 'cbow'"),
        ({"subwords": (4, 3)}, r"subwords is \(4, 3\)"),
        ({"loss": "hinge"}, "loss is 'hinge', expected one of 'hierarchical', 'negative', 'softmax'"),
        ({"window": 0}, "window is 0, expected at least 1"),
        ({"subsample": -1.0}, "subsample is -1"),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(pyseq.ArgumentError, match=message):
        Word2Vec(**{"min_count": 1, **options}).fit(["a b c"], epochs=1)


def test_tokens_that_are_no_words_are_refused() -> None:
    made = trainer(np.zeros((WORDS, WIDTH), np.float32), np.zeros((WORDS, WIDTH), np.float32), Options())
    with pytest.raises(pyseq.OutOfRangeError, match="the corpus has word 99"):
        made.train(np.array([1, 99], np.int32), 0, 10, 0, 0.1, 0.1, 0, 1)


def test_one_hot_times_the_table_is_the_lookup() -> None:
    table = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)
    ids = np.array([[3, 0], [6, 3]])
    one_hot = np.eye(7, dtype=np.float32)[ids]
    assert np.array_equal(pyseq.ops.matmul(one_hot, table), pyseq.ops.embedding(ids, table))
