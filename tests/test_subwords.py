"""Subword vocabularies: what C++ cuts is what `tokenizers` and SentencePiece cut, on any text."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pyseq
from pyseq import _core
from pyseq.text import Vocabulary, build_words, read_sentencepiece, subwords, train_subwords

tokenizers = pytest.importorskip("tokenizers", reason="pip install 'pyseq[text]'")

VERSES = [
    "The rain it raineth every day, with hey, ho, the wind and the rain!",
    "À l'orée du bois, l'été s'éveille; n'est-ce pas « merveilleux » ?",
    "Größe, Straße und Fuß – süße Grüße aus dem Süden.",
    "Дождь идёт каждый день, и ветер воет.",
    "snow-white winter's tale ... (act 5, scene 1) 雨は毎日降る。",
]
TEXTS = [" ".join(np.random.default_rng(seed).permutation(verse.split())) for seed in range(9) for verse in VERSES]
# What breaks splitters: all kinds of spaces, word marks, punctuation, combining and unassigned characters, marks.
HOSTILE = (
    "\t\n\x0b\x1c\x1f \x85\xa0\u1680\u2003\u2028\u202f\u3000\u200b▁▁.,!?'’-«»…\u0301\ufeff\U0001f600\U000e0001<unk></s>"
)
UNICODE = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from(HOSTILE) | st.sampled_from("".join(VERSES))
)
METHODS: Any = ("bpe", "unigram")


@pytest.fixture(scope="module", params=[(m, s) for m in METHODS for s in (True, False)], ids=str)
def trained(request: pytest.FixtureRequest) -> Vocabulary:
    method, splits = request.param
    return train_subwords(TEXTS, 260, method, ("<unk>", "<s>", "</s>"), splits)


def peer_of(vocabulary: Vocabulary) -> Any:
    """The same model in `tokenizers`. Its unigram model takes special tokens for pieces, so they are left out."""
    description = vocabulary.to_dict()
    tokens, splits = description["tokens"], description.get("splits_punctuation", False)
    if "merges" in description:
        merges = [(tokens[left], tokens[right]) for left, right in description["merges"]]
        ids = {token: id for id, token in enumerate(tokens)}
        model = tokenizers.models.BPE(ids, merges, unk_token="<unk>", fuse_unk=True)
    else:
        pieces = [
            (f"\U0010ffff{token}" if score is None else token, score or 0.0)
            for token, score in zip(tokens, description["scores"], strict=True)
        ]
        model = tokenizers.models.Unigram(pieces, unk_id=0)
    peer = tokenizers.Tokenizer(model)
    peer.pre_tokenizer = subwords.pre_tokenizer(splits)
    return peer


def test_pieces_are_those_of_tokenizers(trained: Vocabulary) -> None:
    peer = peer_of(trained)

    @settings(max_examples=400, deadline=None)
    @given(UNICODE)
    def check(text: str) -> None:
        assert trained.encode(text) == peer.encode(text).ids
        assert trained.split(text) == [unit for unit, _ in peer.pre_tokenizer.pre_tokenize_str(text)]

    check()


def test_training_gives_the_same_vocabulary_every_time(trained: Vocabulary) -> None:
    method: Any = "bpe" if "merges" in trained.to_dict() else "unigram"
    specials = ("<unk>", "<s>", "</s>")
    assert train_subwords(TEXTS, 260, method, specials, bool(trained.to_dict().get("splits_punctuation"))) == trained


@pytest.mark.parametrize("method", METHODS)
def test_without_texts_there_are_special_tokens_alone(method: Any) -> None:
    assert train_subwords(["", " "], 10, method, ("<unk>", "</s>")).tokens == ("<unk>", "</s>")


def test_a_table_of_pieces_has_room_for_all_characters() -> None:
    with pytest.raises(pyseq.ArgumentError, match=r"train_subwords: size 9 does not suit the texts: .*9"):
        train_subwords(["the rain it raineth every day"], 9, "unigram")


def test_known_texts_come_back(trained: Vocabulary) -> None:
    for text in TEXTS:
        assert trained.decode(trained.encode(text)) == text
    assert trained.unknown not in trained.encode(" ".join(TEXTS))
    assert len(trained.encode(TEXTS[0])) < len(TEXTS[0]) * 3 / 4


def test_special_tokens_in_a_text_are_text(trained: Vocabulary) -> None:
    for mark in ("<s>", "</s>"):
        assert trained.id(mark) not in trained.encode(f"rain{mark}rain {mark}")


def test_a_long_word_takes_no_square_of_its_length(trained: Vocabulary) -> None:
    word = "rain" * 25_000
    assert "".join(trained.token(id) for id in trained.encode(word)) == "▁" + word


def test_vocabularies_come_back_from_files(trained: Vocabulary, tmp_path: Path) -> None:
    trained.save(tmp_path / "vocabulary.json")
    assert Vocabulary.load(tmp_path / "vocabulary.json") == trained
    assert Vocabulary.from_dict(json.loads(json.dumps(trained.to_dict()))) == trained


def test_encode_batch_pads(trained: Vocabulary) -> None:
    ids, lengths = trained.encode_batch(["the rain", "wind and rain", ""], padding=1)
    assert lengths.tolist() == [len(trained.encode(text)) for text in ("the rain", "wind and rain", "")]
    assert ids[0, : lengths[0]].tolist() == trained.encode("the rain")
    assert (ids[2] == 1).all()


class Echo(pyseq.nn.Module):
    """A program that only carries a vocabulary."""

    def forward(self, x: pyseq.Tensor) -> pyseq.Tensor:
        return pyseq.ops.relu(x)


def test_a_program_file_carries_what_cuts_words(trained: Vocabulary) -> None:
    content = pyseq.export(Echo(), None, {"x": np.ones((1, 2), np.float32)}, vocabularies={"text": trained})
    found = pyseq.Program.parse(content).vocabulary("text")
    assert found.unit == "subword"
    for text in (*TEXTS[:5], HOSTILE):
        assert found.encode(text) == trained.encode(text)
        assert found.decode(found.encode(text)) == trained.decode(trained.encode(text))


def test_words_with_punctuation_marks_apart() -> None:
    vocabulary = build_words(["Rain, rain, go away!", "Come again - another day."], specials=("<unk>", "<s>"))
    ids = vocabulary.encode("Rain, go another way!")
    assert [vocabulary.token(id) for id in ids] == ["▁Rain", ",", "▁go", "▁another", "<unk>", "!"]
    assert vocabulary.decode(vocabulary.encode("Come again, rain!")) == "Come again, rain!"
    assert build_words(["a b b"], max_size=2).tokens == ("<unk>", "▁b")
    with pytest.raises(pyseq.ArgumentError, match="build_words: max_size is 0"):
        build_words(["a"], max_size=0)


def test_sentencepiece_models_cut_the_same(tmp_path: Path) -> None:
    library = pytest.importorskip("sentencepiece", reason="pip install 'pyseq[text]'")
    model = io.BytesIO()
    library.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXTS),
        model_writer=model,
        vocab_size=100,
        normalization_rule_name="identity",
        minloglevel=2,
    )
    file = tmp_path / "verses.model"
    file.write_bytes(model.getvalue())
    vocabulary, processor = read_sentencepiece(file), library.SentencePieceProcessor(model_file=str(file))
    for text in TEXTS:
        assert vocabulary.encode(text) == processor.encode(text)
        assert vocabulary.decode(vocabulary.encode(text)) == text


def test_other_sentencepiece_models_are_refused(tmp_path: Path) -> None:
    library = pytest.importorskip("sentencepiece", reason="pip install 'pyseq[text]'")
    file = tmp_path / "verses.model"
    for options, message in (({"model_type": "bpe"}, "of type BPE"), ({"byte_fallback": True}, "pieces for bytes")):
        model = io.BytesIO()
        library.SentencePieceTrainer.train(
            sentence_iterator=iter(TEXTS), model_writer=model, vocab_size=400, hard_vocab_limit=False, **options
        )
        file.write_bytes(model.getvalue())
        with pytest.raises(pyseq.UnsupportedError, match=message):
            read_sentencepiece(file)
    file.write_bytes(b"nothing")
    with pytest.raises(pyseq.FormatError, match="not a SentencePiece model"):
        read_sentencepiece(file)


def test_what_cannot_be_cut_is_an_error_without_an_unknown_token() -> None:
    bare = train_subwords(["abc abc abc"], 10, specials=("<s>",))
    with pytest.raises(pyseq.OutOfRangeError, match="'d' is not in it, and it has no unknown token"):
        bare.encode("abcd")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"merges": [(0, 9)]}, "merge 0 is of tokens 0 and 9, expected ids below 3"),
        ({"merges": [(0, 0)]}, "merge 0 makes 'aa', which is not a token"),
        ({"merges": [(0, 1)], "scores": [0.0, 0.0, 0.0]}, "merges and scores"),
        ({"scores": [0.0]}, "has 1 scores, expected 3"),
        ({"scores": [0.0, math.nan, 0.0]}, "score of token 1 is NaN"),
    ],
)
def test_rules_that_do_not_fit_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(pyseq.ArgumentError, match=message):
        Vocabulary(["a", "b", "ab"], "subword", **arguments)


def test_only_subwords_have_rules() -> None:
    with pytest.raises(pyseq.ArgumentError, match="expected 'subword' with merges or scores"):
        Vocabulary(["a", "b", "ab"], "word", splits_punctuation=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"merges": [[0]]}, "a merge is not a pair of ids"),
        ({"merges": [[0, 7]]}, "expected ids below 3"),
        ({"scores": ["high"]}, "a score is neither a number nor null"),
        ({"splits_punctuation": 1}, "neither true nor false"),
        ({"unit": "word", "merges": []}, "merges"),
    ],
)
def test_broken_rules_in_a_program_file_are_format_errors(change: dict[str, Any], message: str) -> None:
    class Written:
        """Stands for a vocabulary that a stranger wrote."""

        def to_dict(self) -> dict[str, Any]:
            return {"unit": "subword", "tokens": ["a", "b", "ab"], "unknown": None} | change

    def write() -> bytes:
        content = pyseq.export(Echo(), None, {"x": np.ones((1, 2), np.float32)}, vocabularies={"text": Written()})
        assert content is not None
        return content

    with pytest.raises(pyseq.FormatError, match=message):
        pyseq.Program.parse(write())


def test_training_refuses_what_it_cannot_do() -> None:
    with pytest.raises(pyseq.ArgumentError, match="method is 'wordpiece'"):
        train_subwords(TEXTS, 100, "wordpiece")  # type: ignore[arg-type]
    with pytest.raises(pyseq.ArgumentError, match="size is 1, expected above 1"):
        train_subwords(TEXTS, 1)
    with pytest.raises(pyseq.ArgumentError, match=r"text\.train_subwords"):
        Vocabulary.build(TEXTS, "subword")


def test_without_the_package_there_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tokenizers", None)
    with pytest.raises(pyseq.UnsupportedError, match=r"pip install 'pyseq\[text\]'"):
        train_subwords(TEXTS, 100)


def test_the_core_tells_its_unit() -> None:
    assert _core.Vocabulary.subwords(["▁a"]).unit == "subword"
