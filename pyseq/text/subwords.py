"""Subword vocabularies: trained by `tokenizers`, read from SentencePiece; encoding needs neither."""

from __future__ import annotations

import importlib
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
        ArgumentError: another method, or no room for the special tokens. UnsupportedError: `tokenizers` is not
            installed.

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
    tokenizers = tokenizer_library("tokenizers")
    models, trainers = tokenizers.models, tokenizers.trainers
    common: dict[str, Any] = {"vocab_size": size, "special_tokens": list(specials), "show_progress": False}
    if method == "bpe":
        tokenizer = tokenizers.Tokenizer(models.BPE())
        trainer = trainers.BpeTrainer(**common)
    else:
        tokenizer = tokenizers.Tokenizer(models.Unigram())
        trainer = trainers.UnigramTrainer(**common, unk_token=UNKNOWN if UNKNOWN in specials else None)
    tokenizer.pre_tokenizer = pre_tokenizer(splits_punctuation)
    tokenizer.train_from_iterator(iter(texts), trainer)
    model = json.loads(tokenizer.to_str())["model"]
    unknown = list(specials).index(UNKNOWN) if UNKNOWN in specials else None
    if method == "unigram":
        pieces = [(piece, -math.inf if piece in specials else score) for piece, score in model["vocab"]]
        return Vocabulary(
            [piece for piece, _ in pieces],
            "subword",
            unknown,
            scores=[score for _, score in pieces],
            splits_punctuation=splits_punctuation,
        )
    ids: dict[str, int] = model["vocab"]
    merges = [(ids[left], ids[right]) for left, right in model["merges"]]
    tokens = sorted(ids, key=ids.__getitem__)
    return Vocabulary(tokens, "subword", unknown, merges=merges, splits_punctuation=splits_punctuation)


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
