"""How good word vectors are: word similarity and analogies."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyseq import _core
from pyseq.embeddings.word_vectors import Objective, WordVectors

Pair = tuple[str, str, float]
Question = tuple[str, str, str, str]


@dataclass(frozen=True)
class SimilarityScore:
    """Agreement with people about word similarity.

    Args:
        spearman: correlation of ranks, ρ.
        pearson: correlation of values.
        pairs: that were judged.
        missing: pairs with a word that has no vector.
    """

    spearman: float
    pearson: float
    pairs: int
    missing: int


def evaluate_similarity(
    vectors: WordVectors, pairs: str | os.PathLike[str] | Iterable[Pair], *, lowercase: bool = False
) -> SimilarityScore:
    """Compare cosines with people's judgements (WordSim-353, SimLex-999, …).

    Args:
        vectors: to judge.
        pairs: (word, word, score) triples, or a file of them, tabs between; lines with "#" in front are left out.
        lowercase: look words up in lower case.

    Returns:
        the correlations.

    Raises:
        FormatError: a line that is no pair. ArgumentError: fewer than two pairs have vectors.

    Example:
        >>> import numpy as np
        >>> from pyseq.embeddings import WordVectors, evaluate_similarity
        >>> words = WordVectors(["a", "b", "c"], np.array([[1, 0], [1, 1], [0, 1]], np.float32))
        >>> score = evaluate_similarity(words, [("a", "b", 7.0), ("a", "c", 1.0), ("a", "d", 3.0)])
        >>> round(score.spearman, 3), score.missing
        (1.0, 1)
    """
    triples = read_pairs(pairs) if isinstance(pairs, str | os.PathLike) else list(pairs)
    found, judged = [], []
    for first, second, score in triples:
        a, b = (vectors.get(word.lower() if lowercase else word) for word in (first, second))
        if a is not None and b is not None:
            found.append(vectors.similarity(a, b))
            judged.append(score)
    if len(found) < 2:
        raise _core.ArgumentError(f"evaluate_similarity: {len(found)} of {len(triples)} pairs have vectors")
    return SimilarityScore(
        spearman=_pearson(_ranks(found), _ranks(judged)),
        pearson=_pearson(np.array(found), np.array(judged)),
        pairs=len(found),
        missing=len(triples) - len(found),
    )


def read_pairs(file: str | os.PathLike[str]) -> list[Pair]:
    """Word pairs with scores, a line each, tabs between.

    Raises:
        FormatError: a line that is no pair.
    """
    pairs = []
    for number, line in enumerate(Path(file).read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split("\t")
        try:
            pairs.append((fields[0], fields[1], float(fields[2])))
        except (IndexError, ValueError):
            raise _core.FormatError(f"{file}: line {number} is no pair of words with a score") from None
    return pairs


def _ranks(values: Sequence[float]) -> NDArray[np.float64]:
    """Ranks; equal values share the mean of theirs."""
    array = np.asarray(values)
    _, inverse, counts = np.unique(array, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: NDArray[np.float64] = (last - (counts - 1) / 2)[inverse]
    return ranks


def _pearson(x: ArrayLike, y: ArrayLike) -> float:
    return float(np.corrcoef(np.asarray(x, float), np.asarray(y, float))[0, 1])


@dataclass(frozen=True)
class AnalogyScore:
    """Right answers to analogy questions.

    Args:
        name: of the section.
        right: answers.
        asked: questions whose words all have vectors.
        missing: the others.
    """

    name: str
    right: int
    asked: int
    missing: int

    @property
    def accuracy(self) -> float:
        """Share of the questions that were asked."""
        return self.right / max(self.asked, 1)


def evaluate_analogies(
    vectors: WordVectors,
    questions: str | os.PathLike[str] | dict[str, Sequence[Question]],
    *,
    objective: Objective = "add",
    restrict: int | None = None,
    lowercase: bool = False,
) -> list[AnalogyScore]:
    """Ask a : b = c : ? of every section (Mikolov's questions-words); the last score is that of all of them.

    Args:
        vectors: to judge.
        questions: sections with (a, b, c, d) quadruples, or a file: ": name" heads a section.
        objective: "add" or "multiply", as `WordVectors.analogy` takes it.
        restrict: questions and answers are of the first so many words.
        lowercase: look words up in lower case.

    Returns:
        a score per section, then "all".

    Raises:
        FormatError: a line that is no question. ArgumentError: another objective.
    """
    sections = read_questions(questions) if isinstance(questions, str | os.PathLike) else questions
    known = set(vectors.words[:restrict])
    scores = []
    for name, section in sections.items():
        asked = [tuple(w.lower() for w in question) if lowercase else question for question in section]
        asked = [question for question in asked if known.issuperset(question)]
        triples = [(a, b, c) for a, b, c, _ in asked]
        answers = vectors.analogies(triples, objective=objective, restrict=restrict)
        right = sum(bool(best) and best[0][0] == question[3] for best, question in zip(answers, asked, strict=True))
        scores.append(AnalogyScore(name, right, len(asked), len(section) - len(asked)))
    total = AnalogyScore(
        "all", sum(s.right for s in scores), sum(s.asked for s in scores), sum(s.missing for s in scores)
    )
    return [*scores, total]


def read_questions(file: str | os.PathLike[str]) -> dict[str, Sequence[Question]]:
    """Analogy questions, four words a line, in sections headed ": name".

    Raises:
        FormatError: a line that is no question.
    """
    sections: dict[str, list[Question]] = {}
    current: list[Question] | None = None
    for number, line in enumerate(Path(file).read_text(encoding="utf-8").splitlines(), 1):
        words = line.split()
        if line.startswith(":"):
            current = sections.setdefault(line[1:].strip(), [])
        elif words:
            if len(words) != 4:
                raise _core.FormatError(f"{file}: line {number} has {len(words)} words, expected 4")
            if current is None:
                current = sections.setdefault("questions", [])
            current.append((words[0], words[1], words[2], words[3]))
    return dict(sections)
