"""How to search: the keyword arguments that `decode.search`, `Translator` and the command line have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol, TypedDict

from pyseq import _core
from pyseq._core import ArgumentError
from pyseq.constraints import Allowed, ConstraintReader, automata

EARLY_EXITS = ("automatic", "first", "patience", "bound", "never")
NORMALIZATIONS = ("power", "gnmt")

Token = int | str
Answer = bool | Literal["source", "all"] | None
OnStep = Callable[[_core.SearchProgress], Answer]


class SearchOptions(TypedDict, total=False):
    """Options of a search. Tokens are ids, or texts where the model has a vocabulary.

    Size and results
        beam_size (1): hypotheses kept at each step; 1 is greedy search.
        n_best (1): hypotheses returned per source, at most beam_size.
        return_attention (False): give attention too, where the model knows it.
        top_tokens (0): give this many of the likeliest tokens, with log probabilities, for every token of a hypothesis.

    Score = log probability / normaliser + coverage_penalty · Σ over source positions of log(min(attention, 1))
        length_penalty (0): the α of the normaliser; the end mark is counted in the length.
        length_normalization ("power"): length^α, or "gnmt": ((5 + length) / 6)^α (Wu et al. 2016).
        coverage_penalty (0): needs a model with attention.

    When a source is done
        early_exit ("automatic"): "first" without the penalties above, else "patience", as CTranslate2 does.
            "first": the likeliest continuation has ended once and n_best hypotheses are finished.
            "patience": beam_size · patience hypotheses are finished; in a beam of 1, one.
            "bound": n_best are finished, and nothing that is alive can still become better than the last of them.
            "never": only at max_length.
        patience (1): see there (Kasai et al. 2022).
        min_length (0), max_length (0 for the model's own, or 256): tokens, the end mark not counted.

    Which tokens may come: changes of the logits, before the softmax; forced tokens are not touched
        biases: {token: what is added to its logit}.
        repetition_penalty (1): logits above 0 of tokens that the hypothesis has are divided by it, others multiplied
            (Keskar et al. 2019).
        no_repeat_ngram_size (0): no n tokens in a row come twice.
        suppress, suppress_first, suppress_sequences: tokens that never come; that do not come as the first one that is
            not forced; that do not come one after the other.
        vocabulary: the only tokens that come, besides the end mark.
        vocabularies: the same, a list per source.

    What hypotheses are and contain (see `pyseq.constraints`); not forced on the model: scores stay its own
        allowed: a `Trie`, a `Regex`, or a list of such: every hypothesis is in all of these sets.
        phrases: per source a list of phrases (token ids, or texts where the model has a vocabulary) which each of its
            hypotheses contains, at any place. The beam is shared out between hypotheses that have met more and fewer of
            their tokens (Post & Vilar 2018); without a penalty, "automatic" above is then "bound".

    Diverse beam search (Vijayakumar et al. 2016)
        groups (1): the beam is cut into as many groups.
        diversity_penalty (0): in each step a group ranks tokens lower by this for every time that an earlier group has
            taken them; scores do not change.

    Prefixes
        prefix_bias (0): above 0 a prefix is not forced: while a hypothesis follows it, the next token of the prefix
            gets this share of the probability.
        alternatives (False): the n_best likeliest tokens after the prefix go on each for itself; hypotheses come in the
            order of these tokens.
        min_alternative_prob (0): alternatives that are less likely are left out.

    Drawing
        sample (False): n_best hypotheses are drawn from softmax(logits / temperature) instead of searched.
        temperature (1), top_k (0), top_p (1), min_p (0): as for `Generator.stream`.
        seed (0): the same seed draws the same; a list has one per source, whose place in the call is then of no matter.

    Watching
        trace (False): hypotheses carry a `Trace`: every candidate with what became of it, as JSON or as a page.
        on_step: a function that is called after every step for every source with a `SearchProgress`. True or "source"
            stops this source, "all" stops the search: what is there is returned.
    """

    beam_size: int
    n_best: int
    return_attention: bool
    top_tokens: int
    length_penalty: float
    length_normalization: str
    coverage_penalty: float
    early_exit: str
    patience: float
    min_length: int
    max_length: int
    biases: Mapping[Token, float] | Mapping[int, float] | Mapping[str, float]
    repetition_penalty: float
    no_repeat_ngram_size: int
    suppress: Sequence[Token]
    suppress_first: Sequence[Token]
    suppress_sequences: Sequence[Sequence[Token]]
    vocabulary: Sequence[Token]
    vocabularies: Sequence[Sequence[Token]]
    allowed: Allowed | Sequence[Allowed]
    phrases: Sequence[Sequence[str | Sequence[int]]]
    groups: int
    diversity_penalty: float
    prefix_bias: float
    alternatives: bool
    min_alternative_prob: float
    sample: bool
    temperature: float
    top_k: int
    top_p: float
    min_p: float
    seed: int | Sequence[int]
    trace: bool
    on_step: OnStep


_DRAWING = ("temperature", "top_k", "top_p", "min_p", "seed")
_TOKENS = ("suppress", "suppress_first", "vocabulary")


def _only_ids(token: str) -> int:
    raise ArgumentError(f"search: the token is {token!r}, expected an id (the model has no vocabulary)")


class PhraseReader(ConstraintReader, Protocol):
    """Reads phrases, too."""

    def phrase(self, text: str) -> list[int]:
        """The ids of a text."""


def _phrase_ids(phrase: str | Sequence[int], reader: PhraseReader | None) -> list[int]:
    if not isinstance(phrase, str):
        return [int(token) for token in phrase]
    if reader is None:
        raise ArgumentError(f"search: the phrase is {phrase!r}, expected token ids (the model has no vocabulary)")
    return reader.phrase(phrase)


class SearchPlan:
    """Options in the form that the core takes.

    Args:
        options: what the caller gave.
        find: the id of a token's text.
        reader: of constraints that are given as texts.

    Raises:
        ArgumentError: an option that does not exist, or that goes with others that are absent.
    """

    def __init__(
        self,
        options: SearchOptions,
        find: Callable[[str], int] = _only_ids,
        reader: PhraseReader | None = None,
    ) -> None:
        unknown = sorted(set(options) - set(SearchOptions.__annotations__))
        if unknown:
            raise ArgumentError(f"search: unknown option {unknown[0]!r}, expected those of pyseq.search_options")
        self._find = find
        given: dict[str, Any] = dict(options)
        self._vocabularies = [self._ids(tokens) for tokens in given.pop("vocabularies", ())]
        self._phrases = [[_phrase_ids(phrase, reader) for phrase in phrases] for phrases in given.pop("phrases", ())]
        if "allowed" in given:
            given["allowed"] = automata(given["allowed"], reader)
        seed = given.get("seed", 0)
        self._seeds = [] if isinstance(seed, int) else [int(value) for value in seed]
        self.core = self._core_options(given)

    def sources(self, count: int, prefixes: Sequence[Sequence[int]] = ()) -> list[_core.SourceOptions]:
        """What differs from source to source: one object per source, or none where nothing does."""
        result = [_core.SourceOptions() for _ in range(count)]
        lists: dict[str, Sequence[Any]] = {"prefix": prefixes, "vocabulary": self._vocabularies, "seed": self._seeds}
        for name, values in lists.items():
            if not len(values):
                continue
            if len(values) != count:
                raise ArgumentError(f"search: {len(values)} of {name}, expected none or one per source ({count})")
            for source, value in zip(result, values, strict=True):
                setattr(source, name, value if isinstance(value, int) else [int(token) for token in value])
        if len(self._phrases) not in (0, count):
            raise ArgumentError(
                f"search: {len(self._phrases)} of phrases, expected none or one list per source ({count})"
            )
        for source, phrases in zip(result, self._phrases, strict=False):
            source.phrases = phrases
        return result if self._phrases or any(len(values) for values in lists.values()) else []

    def _ids(self, tokens: Iterable[Token]) -> list[int]:
        return [self._find(token) if isinstance(token, str) else int(token) for token in tokens]

    def _core_options(self, given: dict[str, Any]) -> _core.DecodingOptions:
        for name in _TOKENS:
            if name in given:
                given[name] = self._ids(given[name])
        if "suppress_sequences" in given:
            given["suppress_sequences"] = [self._ids(tokens) for tokens in given["suppress_sequences"]]
        if "biases" in given:
            biases: dict[Token, float] = dict(given["biases"])
            given["biases"] = list(zip(self._ids(biases), biases.values(), strict=True))
        if "no_repeat_ngram_size" in given:
            given["no_repeat_ngram"] = given.pop("no_repeat_ngram_size")
        given["sampling"] = self._sampling(given)
        return _core.DecodingOptions(**given)

    def _sampling(self, given: dict[str, Any]) -> _core.SamplingOptions | None:
        drawing = {name: given.pop(name) for name in _DRAWING if name in given}
        if not given.pop("sample", False):
            if drawing:
                raise ArgumentError(f"search: {next(iter(drawing))} is given, expected sample=True with it")
            return None
        if self._seeds:
            drawing["seed"] = 0
        return _core.SamplingOptions(**drawing)
