"""Who errs, the search or the model: P(y*|x) of the reference beside P(ŷ|x) of what the search has found."""

from __future__ import annotations

import csv
import json
import math
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

from pyseq import _core

Blame = Literal["none", "search", "model"]
COLUMNS = ("source", "reference", "hypothesis", "reference_score", "hypothesis_score", "blame")
FORMAT = "pyseq.beam_errors/1"


class Scored(Protocol):
    """What is known of an output."""

    @property
    def text(self) -> str:
        """The output."""

    @property
    def ids(self) -> list[int]:
        """Its tokens."""

    @property
    def score(self) -> float:
        """Its log probability, normalised."""


class ScoringTranslator(Protocol):
    """What translates and judges: a `Translator`, or anything with these two functions."""

    @property
    def translate_batch(self) -> Callable[..., Sequence[Sequence[Scored]]]:
        """Texts and options of the search -> per text its hypotheses, best first."""

    def score(self, source: str, target: str, *, length_penalty: float = 0.0) -> Scored:
        """How likely a given output is, normalised as the search normalises."""


@dataclass(frozen=True)
class BeamExample:
    """One sentence; scores are log probabilities, normalised as in the search."""

    source: str
    reference: str  # y*
    hypothesis: str  # ŷ, "" where the search found nothing
    reference_score: float  # −inf for a reference with tokens that the model does not have
    hypothesis_score: float  # −inf where the search found nothing
    blame: Blame  # "none": ŷ = y*


@dataclass(frozen=True)
class BeamAnalysis:
    """A development set, sentence by sentence."""

    examples: list[BeamExample]
    beam_size: int
    length_penalty: float

    @property
    def counts(self) -> dict[Blame, int]:
        """Sentences by blame."""
        found = Counter(example.blame for example in self.examples)
        return {blame: found[blame] for blame in get_args(Blame)}

    @property
    def search_share(self) -> float:
        """The share of the errors that the search made; NaN without errors."""
        errors = self.counts["search"] + self.counts["model"]
        return self.counts["search"] / errors if errors else math.nan

    @property
    def model_share(self) -> float:
        """The share of the errors that the model made; NaN without errors."""
        return 1.0 - self.search_share

    def as_object(self) -> dict[str, Any]:
        """Everything as JSON has it: `format`, the options, counts, shares, examples; −inf and NaN are null."""
        examples = [{name: _finite(value) for name, value in asdict(example).items()} for example in self.examples]
        return {
            "format": FORMAT,
            "beam_size": self.beam_size,
            "length_penalty": self.length_penalty,
            "counts": self.counts,
            "search_share": _finite(self.search_share),
            "model_share": _finite(self.model_share),
            "examples": examples,
        }

    def save(self, file: str | os.PathLike[str]) -> None:
        """Write the examples: JSON for a name that ends with .json, else a table with tabs between its columns."""
        path = Path(file)
        if path.suffix == ".json":
            path.write_text(json.dumps(self.as_object(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
            return
        with path.open("w", encoding="utf-8", newline="") as opened:
            rows = csv.writer(opened, dialect="excel-tab", lineterminator="\n")
            rows.writerow(COLUMNS)
            rows.writerows([getattr(example, name) for name in COLUMNS] for example in self.examples)


def analyze_beam(
    translator: ScoringTranslator,
    pairs: Iterable[tuple[str, str]],
    *,
    beam_size: int = 1,
    length_penalty: float = 0.0,
    **options: Any,
) -> BeamAnalysis:
    """Blame the search or the model for every sentence that is not translated like its reference.

    With the score s(y) = log P(y|x) / |y|^length_penalty that the search maximises: s(y*) > s(ŷ) means that the search
    did not find what it was looking for; s(y*) ≤ s(ŷ) that the model likes the wrong sentence better.

    Args:
        translator: the model.
        pairs: sources and references; empty sources are left out.
        beam_size: hypotheses kept at each step of the search.
        length_penalty: as the search has it; references are normalised in the same way.
        options: others of the search.

    Returns:
        the analysis.

    Raises:
        ArgumentError: an impossible option. OutOfRangeError: a source with a character that the model does not know.

    Source:
        Ng, Sequence Models, "Error analysis in beam search".

    Example:
        >>> import pyseq
        >>> from pyseq.analysis import analyze_beam
        >>> analyze_beam(pyseq.load("dates"), [("May 5, 1998", "1998-05-05"), ("1 May 99", "1899-05-01")]).counts
        {'none': 1, 'search': 0, 'model': 1}
    """
    kept = [(source, reference) for source, reference in pairs if source.strip()]
    found = translator.translate_batch(
        [source for source, _ in kept], beam_size=beam_size, length_penalty=length_penalty, **options
    )
    examples = [
        _compare(translator, source, reference, hypotheses, length_penalty)
        for (source, reference), hypotheses in zip(kept, found, strict=True)
    ]
    return BeamAnalysis(examples, beam_size, length_penalty)


def _compare(
    translator: ScoringTranslator, source: str, reference: str, hypotheses: Sequence[Scored], length_penalty: float
) -> BeamExample:
    best = hypotheses[0] if hypotheses else None
    text, score = (best.text, best.score) if best is not None else ("", -math.inf)
    try:
        target = translator.score(source, reference, length_penalty=length_penalty)
    except _core.OutOfRangeError:  # a character that the model cannot write: P(y*|x) = 0
        return BeamExample(source, reference, text, -math.inf, score, "model")
    if best is not None and best.ids == target.ids:
        return BeamExample(source, reference, text, target.score, score, "none")
    return BeamExample(source, reference, text, target.score, score, "search" if target.score > score else "model")


def read_pairs(file: str | os.PathLike[str], limit: int | None = None) -> list[tuple[str, str]]:
    r"""The sources and references of a file: a pair per line with a tab between them; further columns are ignored.

    Args:
        file: UTF-8 text.
        limit: lines to read at most.

    Raises:
        FormatError: a line without a tab, or no line at all.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from pyseq.analysis import read_pairs
        >>> file = Path(tempfile.mkdtemp()) / "pairs.tsv"
        >>> _ = file.write_text("20 July 1969\t1969-07-20\n")
        >>> read_pairs(file)
        [('20 July 1969', '1969-07-20')]
    """
    pairs: list[tuple[str, str]] = []
    with Path(file).open(encoding="utf-8") as opened:
        for number, line in enumerate(opened, 1):
            if limit is not None and len(pairs) == limit:
                break
            columns = line.rstrip("\r\n").split("\t")
            if len(columns) < 2:
                raise _core.FormatError(f"{os.fspath(file)}: line {number} has no tab, expected source and reference")
            pairs.append((columns[0], columns[1]))
    if not pairs:
        raise _core.FormatError(f"{os.fspath(file)}: there are no lines")
    return pairs


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
