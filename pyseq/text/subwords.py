"""Subword vocabularies: trained by `tokenizers` and SentencePiece, read from the latter; encoding needs neither."""

from __future__ import annotations

import importlib
import io
import itertools
import json
import math
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Literal, get_args

from pyseq import _core
from pyseq.text.vocabulary import UNKNOWN, WORD_MARK, Vocabulary

Method = Literal["bpe", "unigram"]

# Marks that stand alone; apostrophes and hyphens belong to words. csrc/text/subwords.cpp has the same list.
PUNCTUATION = '!"#$%&()*+,./:;<=>?@[\\]^_`{|}~¡¿«»‹›…–—“”„、。，！？：；（）「」'
# What str.split() splits at.
SPACES = "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"

UNIT_END = "\x1f"  # no piece goes across; str.split() takes it for a space, so units have none
# How SentencePiece is to train: on texts as they are, one thread (sums in one order), all characters covered.
PIECES: dict[str, Any] = {
    "model_type": "unigram",
    "normalization_rule_name": "identity",
    "add_dummy_prefix": False,
    "remove_extra_whitespaces": False,
    "character_coverage": 1.0,
    "max_sentence_length": 1 << 30,  # bytes; longer ones would be left out
    "hard_vocab_limit": False,
    "num_threads": 1,
    "unk_id": 0,
    "bos_id": -1,
    "eos_id": -1,
    "pad_id": -1,
    "minloglevel": 2,
}


def train_subwords(
    texts: Iterable[str],
    size: int,
    method: Method = "bpe",
    specials: Sequence[str] = (UNKNOWN,),
    splits_punctuation: bool = True,
) -> Vocabulary:
    """Learn the pieces that words are cut into.

    Args:
        texts: the texts, read once (a file gives its lines).
        size: entries of the vocabulary, special tokens among them; fewer when the texts are too small for more.
        method: "bpe" (merges of frequent neighbours) or "unigram" (the likeliest pieces).
        specials: tokens to put first; when `<unk>` is one of them, it stands for characters that were not seen.
        splits_punctuation: whether punctuation marks are kept apart from letters.

    Returns:
        A vocabulary with unit "subword". It is saved in program files, and encodes without any other package.

    Raises:
        ArgumentError: another method, or no room for the special tokens (with "unigram": and all characters).
            UnsupportedError: `tokenizers` ("bpe") or `sentencepiece` ("unigram") is not installed.

    Source:
        Sennrich et al., "Neural machine translation of rare words with subword units" (2016); Kudo, "Subword
        regularization" (2018).

    Example:
        >>> from pyseq import text
        >>> vocabulary = text.train_subwords(["low lower lowest", "new newer newest"] * 9, size=20)
        >>> vocabulary.split("Lowest, newest")
        ['▁Lowest', ',', '▁newest']
        >>> vocabulary.decode(vocabulary.encode("lower newest"))
        'lower newest'
    """
    if method not in get_args(Method):
        raise _core.ArgumentError(f"train_subwords: method is {method!r}, expected 'bpe' or 'unigram'")
    if size <= len(specials):
        raise _core.ArgumentError(f"train_subwords: size is {size}, expected above {len(specials)} (special tokens)")
    train = _train_merges if method == "bpe" else _train_pieces
    return train(texts, size, list(specials), splits_punctuation)


def _train_merges(texts: Iterable[str], size: int, specials: list[str], splits_punctuation: bool) -> Vocabulary:
    tokenizers = tokenizer_library("tokenizers")
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer(splits_punctuation)
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=size, special_tokens=specials, show_progress=False)
    tokenizer.train_from_iterator(iter(texts), trainer)
    model = json.loads(tokenizer.to_str())["model"]
    ids: dict[str, int] = model["vocab"]
    merges = [(ids[left], ids[right]) for left, right in model["merges"]]
    tokens = sorted(ids, key=ids.__getitem__)
    return Vocabulary(tokens, "subword", _unknown_id(specials), merges=merges, splits_punctuation=splits_punctuation)


def _train_pieces(texts: Iterable[str], size: int, specials: list[str], splits_punctuation: bool) -> Vocabulary:
    """SentencePiece gives the same pieces in every run; the unigram trainer of `tokenizers` does not."""
    library = tokenizer_library("sentencepiece")
    splitter = Vocabulary((), "subword", splits_punctuation=splits_punctuation)
    pieces: list[tuple[str, float]] = []
    sentences = filter(None, (UNIT_END.join(splitter.split(line)) for line in texts))
    first = next(sentences, None)
    if first is not None:
        written = io.BytesIO()
        try:
            library.SentencePieceTrainer.train(
                sentence_iterator=itertools.chain([first], sentences),
                model_writer=written,
                vocab_size=size - len(specials) + 1,  # and its own token for the unknown
                pretokenization_delimiter=UNIT_END,
                **PIECES,
            )
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            raise _core.ArgumentError(f"train_subwords: size {size} does not suit the texts: {reason}") from None
        model = library.SentencePieceProcessor(model_proto=written.getvalue())
        found = [(model.id_to_piece(id), model.get_score(id)) for id in range(1, model.get_piece_size())]
        pieces = [(piece, score) for piece, score in found if piece not in specials]
    return Vocabulary(
        [*specials, *(piece for piece, _ in pieces)],
        "subword",
        _unknown_id(specials),
        scores=[-math.inf] * len(specials) + [score for _, score in pieces],
        splits_punctuation=splits_punctuation,
    )


def _unknown_id(specials: list[str]) -> int | None:
    return specials.index(UNKNOWN) if UNKNOWN in specials else None


def build_words(
    texts: Iterable[str], max_size: int | None = None, min_count: int = 1, specials: Sequence[str] = (UNKNOWN,)
) -> Vocabulary:
    """Count words and punctuation marks and keep the frequent ones.

    In a vocabulary with unit "word" a comma belongs to the word before it; here it is a token of its own. Words carry
    U+2581 for the space before them, so that `decode` gives the text as it was written.

    Args:
        texts: the texts, read once.
        max_size: the most entries that the table may have, special tokens among them.
        min_count: the least number of times that a unit must occur.
        specials: tokens to put first; when `<unk>` is one of them, it stands for units that are not in the table.

    Returns:
        A vocabulary with unit "subword" that cuts no words.

    Raises:
        ArgumentError: max_size leaves no room for the special tokens.

    Example:
        >>> from pyseq import text
        >>> vocabulary = text.build_words(["To be, or not to be."])
        >>> vocabulary.tokens
        ('<unk>', '▁be', ',', '.', '▁To', '▁not', '▁or', '▁to')
        >>> vocabulary.decode(vocabulary.encode("not to see, or be."))
        'not to<unk>, or be.'
    """
    if max_size is not None and max_size < len(specials):
        raise _core.ArgumentError(
            f"build_words: max_size is {max_size}, expected at least {len(specials)} (the special tokens)"
        )
    splitter = Vocabulary((), "subword", splits_punctuation=True)
    counts = Counter(unit for line in texts for unit in splitter.split(line))
    frequent = [token for token, count in counts.items() if count >= min_count and token not in specials]
    frequent.sort(key=lambda token: (-counts[token], token))
    unknown = specials.index(UNKNOWN) if UNKNOWN in specials else None
    return Vocabulary([*specials, *frequent][:max_size], "subword", unknown, splits_punctuation=True)


def pre_tokenizer(splits_punctuation: bool) -> Any:
    """What `Vocabulary.split` does, as a pre-tokenizer of `tokenizers`."""
    tokenizers = tokenizer_library("tokenizers")
    parts = tokenizers.pre_tokenizers
    steps = [
        parts.Split(tokenizers.Regex(f"[{SPACES}]+"), "removed"),
        parts.Metaspace(WORD_MARK, prepend_scheme="always", split=False),
    ]
    if splits_punctuation:
        marks = "".join(f"\\{mark}" if mark.isascii() else mark for mark in PUNCTUATION)
        steps.append(parts.Split(tokenizers.Regex(f"{WORD_MARK}?[{marks}]"), "isolated"))
    return parts.Sequence(steps)


def read_sentencepiece(file: str | os.PathLike[str]) -> Vocabulary:
    """A unigram model of SentencePiece (`.model`) as a vocabulary.

    Texts are not normalised: train with `--normalization_rule_name=identity`, or normalise before.

    Args:
        file: the model file.

    Returns:
        A vocabulary with the ids of the model.

    Raises:
        UnsupportedError: `sentencepiece` is not installed, the model is none of pieces with scores, or falls back to
            bytes.
        FormatError: not a model file.
    """
    library = tokenizer_library("sentencepiece")
    try:
        model = library.SentencePieceProcessor(model_file=os.fspath(file))
    except (RuntimeError, OSError) as error:
        raise _core.FormatError(f"{file}: not a SentencePiece model: {error}") from None
    count = range(model.get_piece_size())
    if any(model.is_byte(id) for id in count):
        raise _core.UnsupportedError(f"{file}: pieces for bytes are not supported")
    pieces = [model.id_to_piece(id) for id in count]
    scores = [-math.inf if model.is_control(id) or model.is_unknown(id) else model.get_score(id) for id in count]
    if _has_merge_scores([score for score in scores if math.isfinite(score)]):
        raise _core.UnsupportedError(f"{file}: a model of type BPE; train with --model_type=unigram, or train_subwords")
    return Vocabulary(pieces, "subword", model.unk_id(), scores=scores)


def _has_merge_scores(scores: Sequence[float]) -> bool:
    """SentencePiece gives pieces of BPE the scores 0, −1, −2 and so on."""
    return len(scores) > 1 and all(score == -index for index, score in enumerate(scores))


def tokenizer_library(name: str) -> Any:
    """A library for pieces of words, imported where it is used."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise _core.UnsupportedError(f"subwords need {name}: pip install 'pyseq[text]'") from None
