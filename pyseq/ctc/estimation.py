"""N-gram models from text: interpolated Kneser-Ney, written as ARPA."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable

from pyseq import _core

BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"
Ngram = tuple[str, ...]


def estimate(sentences: Iterable[str], order: int = 3) -> str:
    """An ARPA file from sentences, a word model by interpolated Kneser-Ney smoothing.

    p(w | h) = max(c(h w) - D, 0) / c(h) + D · |{w : c(h w) > 0}| / c(h) · p(w | h without its first word)

    Below the highest order, c counts the different words before an n-gram (except where it begins with <s>). D = n₁ /
    (n₁ + 2 n₂) for each order, n₁ and n₂ being the n-grams with counts 1 and 2. Below single words stands a uniform
    distribution over the vocabulary and <unk>.

    Args:
        sentences: texts with spaces between words.
        order: words of the longest n-grams.

    Returns:
        The text of the file; `NgramModel` reads it.

    Raises:
        ArgumentError: an order below 1, no word, or a mark among the words.

    Source:
        Kneser & Ney, "Improved backing-off for m-gram language modeling" (1995); Chen & Goodman, "An empirical study of
        smoothing techniques for language modeling" (1998).

    Example:
        >>> from pyseq import ctc
        >>> ctc.estimate(["yes", "yes", "no"], order=1).splitlines()[6].split()
        ['-0.4956047', 'yes']
    """
    if order < 1:
        raise _core.ArgumentError(f"ctc.estimate: order is {order}, expected 1 or more")
    counts = _counts(sentences, order)
    tables = [_probabilities(counts[0], None)]
    for n in range(1, order):
        tables.append(_probabilities(counts[n], tables[-1][0]))
    return _arpa(tables)


def _counts(sentences: Iterable[str], order: int) -> list[dict[Ngram, int]]:
    """The counts of each order that probabilities are made from."""
    raw: list[Counter[Ngram]] = [Counter() for _ in range(order)]
    for sentence in sentences:
        words = sentence.split()
        for mark in {BEGIN, END, UNKNOWN}.intersection(words):
            raise _core.ArgumentError(f"ctc.estimate: a sentence has the mark {mark}, expected words alone")
        words = [BEGIN, *words, END]
        for n in range(1, order + 1):
            raw[n - 1].update(tuple(words[i : i + n]) for i in range(len(words) - n + 1))
    if len(raw[0]) <= 2:
        raise _core.ArgumentError("ctc.estimate: the sentences have no word, expected some")
    counts: list[dict[Ngram, int]] = [dict(raw[-1])]
    for n in range(order - 2, -1, -1):
        before: Counter[Ngram] = Counter(ngram[1:] for ngram in raw[n + 1])
        counts.insert(0, {ngram: raw[n][ngram] if ngram[0] == BEGIN else before[ngram] for ngram in raw[n]})
    counts[0].pop((BEGIN,), None)
    return counts


def _probabilities(
    counts: dict[Ngram, int], lower: dict[Ngram, float] | None
) -> tuple[dict[Ngram, float], dict[Ngram, float]]:
    """Probabilities of the n-grams of one order, and what contexts give away to the order below."""
    once, twice = (sum(count == n for count in counts.values()) for n in (1, 2))
    discount = once / (once + 2 * twice) if once and twice else 0.5
    totals: dict[Ngram, int] = defaultdict(int)
    kinds: dict[Ngram, int] = defaultdict(int)
    for ngram, count in counts.items():
        totals[ngram[:-1]] += count
        kinds[ngram[:-1]] += 1
    given_away = {context: discount * kinds[context] / totals[context] for context in totals}
    uniform = 1 / (len(counts) + 1)
    found: dict[Ngram, float] = {}
    for ngram, count in counts.items():
        context = ngram[:-1]
        below = uniform if lower is None else lower[ngram[1:]]
        found[ngram] = (count - discount) / totals[context] + given_away[context] * below
    if lower is None:
        found = {(UNKNOWN,): given_away[()] * uniform, (BEGIN,): 0.0, **found}
    return found, given_away


def _arpa(tables: list[tuple[dict[Ngram, float], dict[Ngram, float]]]) -> str:
    lines = ["\\data\\", *(f"ngram {n}={len(table)}" for n, (table, _) in enumerate(tables, 1))]
    for n, (table, _) in enumerate(tables, 1):
        lines += ["", f"\\{n}-grams:"]
        weights = tables[n][1] if n < len(tables) else {}
        for ngram, probability in table.items():
            log10 = f"{min(math.log10(probability), 0.0):.7g}" if probability > 0 else "-99"
            weight = f"\t{math.log10(weights[ngram]):.7g}" if ngram in weights else ""
            lines.append(f"{log10}\t{' '.join(ngram)}{weight}")
    return "\n".join([*lines, "", "\\end\\", ""])
