"""BLEU, chrF and TER of translations, computed by sacrebleu: figures that others can compare with theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pyseq import _core
from pyseq.metrics.checks import library, same_number

References = Sequence[str] | Sequence[Sequence[str]]


@dataclass(frozen=True)
class CorpusScore:
    """A score over all sentences, with what is needed to compute it again."""

    name: str
    value: float  # sacrebleu's scale: 0 to 100; TER may be larger
    signature: str  # settings and version, in sacrebleu's form
    text: str  # with its parts: n-gram precisions, brevity penalty


def bleu(
    hypotheses: Sequence[str], references: References, *, tokenize: str = "13a", lowercase: bool = False
) -> CorpusScore:
    """BLEU = BP · exp(Σ_n ¼ log p_n), p_n the modified n-gram precision of all sentences together (n = 1 … 4).

    Args:
        hypotheses: detokenised texts.
        references: per hypothesis a text, or a list of texts.
        tokenize: sacrebleu's tokeniser: "13a", "intl", "char", "zh", "none" …
        lowercase: whether case is ignored.

    Returns:
        the score with its signature; `bleu_of_tokens` computes it on tokens.

    Raises:
        ArgumentError: unequal numbers. UnsupportedError: sacrebleu is not installed.

    Source:
        Papineni et al., "BLEU: a method for automatic evaluation of machine translation" (2002); Post, "A call for
        clarity in reporting BLEU scores" (2018).

    Example:
        >>> from pyseq import metrics
        >>> score = metrics.bleu(["the cat sat on the mat"], ["the cat sat on a mat"])
        >>> round(score.value, 2), score.signature.split("|")[:2]
        (53.73, ['nrefs:1', 'case:mixed'])
    """
    metrics = library("sacrebleu.metrics")
    return _score("bleu", metrics.BLEU(tokenize=tokenize, lowercase=lowercase), hypotheses, references)


def chrf(hypotheses: Sequence[str], references: References, *, word_order: int = 0, beta: int = 2) -> CorpusScore:
    """ChrF = (1 + β²) P R / (β² P + R) over the means of character n-gram precisions P and recalls R (n = 1 … 6).

    Args:
        hypotheses: texts.
        references: per hypothesis a text, or a list of texts.
        word_order: word n-grams that count too: 2 is chrF++.
        beta: recall counts β times as much as precision.

    Returns:
        the score with its signature.

    Raises:
        ArgumentError: unequal numbers. UnsupportedError: sacrebleu is not installed.

    Source:
        Popović, "chrF: character n-gram F-score for automatic MT evaluation" (2015).

    Example:
        >>> from pyseq import metrics
        >>> round(metrics.chrf(["the cat sat"], ["the cats sat"]).value, 1)
        68.7
    """
    metrics = library("sacrebleu.metrics")
    return _score("chrf", metrics.CHRF(word_order=word_order, beta=beta), hypotheses, references)


def ter(hypotheses: Sequence[str], references: References, *, case_sensitive: bool = False) -> CorpusScore:
    """TER = 100 · edits / words of the references; moving a block of words is one edit.

    Args:
        hypotheses: texts.
        references: per hypothesis a text, or a list of texts.
        case_sensitive: whether case matters.

    Returns:
        the score with its signature; small is good.

    Raises:
        ArgumentError: unequal numbers. UnsupportedError: sacrebleu is not installed.

    Source:
        Snover et al., "A study of translation edit rate with targeted human annotation" (2006).

    Example:
        >>> from pyseq import metrics
        >>> metrics.ter(["on the mat sat the cat"], ["the cat sat on the mat"]).value < 40
        True
    """
    metrics = library("sacrebleu.metrics")
    return _score("ter", metrics.TER(case_sensitive=case_sensitive), hypotheses, references)


def _score(name: str, metric: Any, hypotheses: Sequence[str], references: References) -> CorpusScore:
    same_number(name, hypotheses, references)
    try:
        found = metric.corpus_score(list(hypotheses), _streams(references))
    except (EOFError, ValueError) as error:  # a reference that is missing or empty
        raise _core.ArgumentError(f"{name}: {error}") from None
    return CorpusScore(name, float(found.score), str(metric.get_signature()), str(found))


def _streams(references: References) -> list[list[str | None]]:
    """First references of all sentences, then the second ones, …; None where a sentence has fewer."""
    lists = [[one] if isinstance(one, str) else list(one) for one in references]
    longest = max(map(len, lists))
    return [[one[n] if n < len(one) else None for one in lists] for n in range(longest)]
