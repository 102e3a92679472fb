"""N-gram language models from ARPA files."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import NamedTuple

from pyseq import _core


class WordScore(NamedTuple):
    """What a language model thinks of a word of a sentence."""

    log10_prob: float
    order: int  # words of the n-gram that was found
    known: bool  # whether the word is in the vocabulary


class NgramModel:
    r"""An n-gram language model with back-off.

    log₁₀ p(w | context) = log₁₀ p of the longest n-gram that ends in w + back-off weights of the contexts left out

    An ARPA file is read as a whole and strictly. Its binary form, which `save` writes, is mapped: it opens at once and
    is read where it is needed. Unknown words are <unk>, or have log₁₀ p = -100 where the model has none.

    Args:
        file: an ARPA file, or what `save` wrote.

    Raises:
        FormatError: neither of the two, or a damaged one; the line is named.

    Source:
        Katz, "Estimation of probabilities from sparse data" (1987); the ARPA format of SRILM's ngram-format(5).

    Example:
        >>> from pyseq import ctc
        >>> text = "\\data\\\nngram 1=3\n\n\\1-grams:\n-1 <s>\n-0.5 </s>\n-0.3 yes\n\n\\end\\\n"
        >>> model = ctc.NgramModel.parse(text)
        >>> round(model.log10_prob("yes yes"), 2)
        -1.1
    """

    def __init__(self, file: str | PathLike[str]) -> None:
        self.core = _core.NgramModel.load(file)

    @classmethod
    def parse(cls, content: str | bytes) -> NgramModel:
        """A model from the content of a file.

        Args:
            content: the text of an ARPA file, such as `estimate` gives, or the bytes of either form.

        Example:
            >>> from pyseq import ctc
            >>> model = ctc.NgramModel.parse(ctc.estimate(["to be or not to be"]))
            >>> model.perplexity("to be") < model.perplexity("be to")
            True
        """
        model = cls.__new__(cls)
        model.core = _core.NgramModel.parse(content.encode() if isinstance(content, str) else content)
        return model

    def save(self, file: str | PathLike[str]) -> None:
        """Write the binary form."""
        self.core.save(file)

    @property
    def order(self) -> int:
        """Words of the longest n-grams."""
        return self.core.order

    @property
    def counts(self) -> list[int]:
        """N-grams of each order."""
        return self.core.counts

    def __len__(self) -> int:
        """Words of the vocabulary."""
        return len(self.core)

    def __contains__(self, word: str) -> bool:
        """Whether a word is in the vocabulary."""
        return word in self.core

    def words(self) -> list[str]:
        """The vocabulary, marks included."""
        return [self.core.word(number) for number in range(len(self.core))]

    def score(self, sentence: str | Sequence[str], *, begin: bool = True, end: bool = True) -> list[WordScore]:
        """Each word's log₁₀ probability given those before it.

        Args:
            sentence: words, or a text with spaces between them.
            begin: whether <s> stands before it.
            end: whether </s> is scored behind it (where the model has one).

        Returns:
            A `WordScore` per word.
        """
        words = sentence.split() if isinstance(sentence, str) else list(sentence)
        return [WordScore(*one) for one in self.core.score(words, begin, end)]

    def log10_prob(self, sentence: str | Sequence[str], *, begin: bool = True, end: bool = True) -> float:
        """The log₁₀ probability of a sentence."""
        return sum(word.log10_prob for word in self.score(sentence, begin=begin, end=end))

    def perplexity(self, sentence: str | Sequence[str]) -> float:
        """10 ** (-log₁₀ p / words), </s> counted."""
        scores = self.score(sentence)
        return float(10 ** (-sum(word.log10_prob for word in scores) / max(1, len(scores))))
