"""Judge of n-gram models: an ARPA file as a table of tuples, and back-off by its definition."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

Ngram = tuple[str, ...]


class Reference:
    """log10 p by Katz' recursion."""

    def __init__(self, probabilities: dict[Ngram, float], backoffs: dict[Ngram, float]) -> None:
        self.probabilities, self.backoffs = probabilities, backoffs
        self.order = max(map(len, probabilities))
        self.vocabulary = {ngram[0] for ngram in probabilities if len(ngram) == 1}

    def log10_prob(self, word: str, context: Ngram) -> float:
        context = context[max(0, len(context) - self.order + 1) :]
        if (*context, word) in self.probabilities:
            return self.probabilities[(*context, word)]
        if not context:
            return -100.0
        return self.backoffs.get(context, 0.0) + self.log10_prob(word, context[1:])

    def known(self, word: str) -> str:
        return word if word in self.vocabulary else "<unk>"

    def sentence(self, words: list[str], begin: bool = True, end: bool = True) -> list[float]:
        history: Ngram = ("<s>",) if begin else ()
        scores = []
        for word in [*map(self.known, words), *(["</s>"] if end else [])]:
            scores.append(self.log10_prob(word, history))
            history = (*history, word)
        return scores

    def arpa(self) -> str:
        """The model as a file."""
        lines = ["\\data\\"]
        for order in range(1, self.order + 1):
            lines.append(f"ngram {order}={sum(len(ngram) == order for ngram in self.probabilities)}")
        for order in range(1, self.order + 1):
            lines += ["", f"\\{order}-grams:"]
            for ngram, log_prob in self.probabilities.items():
                if len(ngram) == order:
                    backoff = f"\t{self.backoffs[ngram]}" if ngram in self.backoffs else ""
                    lines.append(f"{log_prob}\t{' '.join(ngram)}{backoff}")
        return "\n".join([*lines, "", "\\end\\", ""])


def random_model(random: np.random.Generator, words: list[str], order: int, share: float = 0.4) -> Reference:
    """Some of all n-grams, each with its context and its shorter forms, in any order within the file."""
    marks = ["<unk>", "<s>", "</s>"]
    tables: list[list[Ngram]] = [[(word,) for word in marks + words]]
    for _ in range(order - 1):
        known: set[Any] = set(tables[-1])
        longer = [
            (*context, word)
            for context, (word,) in itertools.product(tables[-1], tables[0])
            if context[-1] != "</s>"
            and word != "<s>"
            and (*context[1:], word) in (known if len(context) > 1 else {(word,)})
            and random.random() < share
        ]
        tables.append([longer[n] for n in random.permutation(len(longer))] if longer else [])
    probabilities = {
        ngram: round(float(-random.random() * 3), 4) if ngram != ("<s>",) else -99.0
        for table in tables
        for ngram in table
    }
    highest = max(map(len, probabilities))
    backoffs = {
        ngram: round(float(random.standard_normal() * 0.5), 4)
        for ngram in probabilities
        if len(ngram) < highest and random.random() < 0.8
    }
    return Reference(probabilities, backoffs)
