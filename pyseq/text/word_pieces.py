"""Word pieces: BERT's subwords, found and run by the library `tokenizers`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pyseq import _core
from pyseq.text.library_tokenizer import describe_tokenizer
from pyseq.text.subwords import tokenizer_library
from pyseq.text.vocabulary import Vocabulary

PAD, UNKNOWN, FIRST, LAST, MASK = MARKS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def train_word_pieces(texts: Iterable[str], size: int, lowercase: bool = True) -> tuple[dict[str, Any], Vocabulary]:
    """Learn BERT's pieces of words: [PAD], [UNK], [CLS], [SEP] and [MASK] first; pieces within words begin with ##.

    Args:
        texts: the texts, read once.
        size: entries of the vocabulary; fewer when the texts are too small for more.
        lowercase: whether letters become small, and lose their accents.

    Returns:
        the tokenizer as the task of a program file describes it (`SubwordTokenizer` runs it), and its vocabulary.

    Raises:
        ArgumentError: no room for the marks. UnsupportedError: `tokenizers` is not installed.

    Source:
        Devlin et al., "BERT: Pre-training of deep bidirectional transformers" (2019).

    Example:
        >>> from pyseq import text
        >>> description, vocabulary = text.train_word_pieces(["low lower lowest"] * 9, size=30)
        >>> tokenizer = text.SubwordTokenizer(description, vocabulary.tokens)
        >>> [vocabulary.tokens[id] for id in tokenizer.encode("Lower")]
        ['[CLS]', 'lower', '[SEP]']
    """
    if size <= len(MARKS):
        raise _core.ArgumentError(f"train_word_pieces: size is {size}, expected above {len(MARKS)} (marks)")
    tokenizers = tokenizer_library("tokenizers")
    tokenizer = _tokenizer(tokenizers.models.WordPiece(unk_token=UNKNOWN), lowercase)
    trainer = tokenizers.trainers.WordPieceTrainer(
        vocab_size=size, special_tokens=list(MARKS), show_progress=False, continuing_subword_prefix="##"
    )
    tokenizer.train_from_iterator(iter(texts), trainer)
    ids: dict[str, int] = tokenizer.get_vocab()
    found = word_piece_tokenizer(ids, lowercase)
    return describe_tokenizer(found), Vocabulary(sorted(ids, key=ids.__getitem__), "word", ids[UNKNOWN])


def word_piece_tokenizer(
    ids: Mapping[str, int], lowercase: bool = True, split_chinese: bool = True, strip_accents: bool | None = None
) -> Any:
    """BERT's tokenizer with these pieces, of the library `tokenizers`: with [CLS] and [SEP] around texts.

    Args:
        ids: of the pieces.
        lowercase: whether letters become small.
        split_chinese: whether every Chinese character is a word.
        strip_accents: None: where letters become small.
    """
    tokenizers = tokenizer_library("tokenizers")
    tokenizer = _tokenizer(
        tokenizers.models.WordPiece(dict(ids), unk_token=UNKNOWN), lowercase, split_chinese, strip_accents
    )
    tokenizer.decoder = tokenizers.decoders.WordPiece()
    tokenizer.add_special_tokens([mark for mark in MARKS if mark in ids])
    if {FIRST, LAST} <= ids.keys():
        tokenizer.post_processor = tokenizers.processors.BertProcessing((LAST, ids[LAST]), (FIRST, ids[FIRST]))
    return tokenizer


def _tokenizer(model: Any, lowercase: bool, split_chinese: bool = True, strip_accents: bool | None = None) -> Any:
    tokenizers = tokenizer_library("tokenizers")
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.normalizer = tokenizers.normalizers.BertNormalizer(
        lowercase=lowercase, handle_chinese_chars=split_chinese, strip_accents=strip_accents
    )
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    return tokenizer
