"""An independent restatement of the search: hypotheses are tuples of tokens, all of them sorted, in float64."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
START, END = 1, 0


class HistoryModel:
    """A step model whose logits and attention depend on all that a row has read.

    One row per seed; `logits_of` and `attention_of` are what it answers after some tokens (the start mark first).
    """

    def __init__(self, seeds: Sequence[int], vocabulary: int, positions: int = 0, scale: float = 2.0) -> None:
        self.vocabulary, self.positions, self.scale = vocabulary, positions, scale
        self.rows: list[tuple[int, tuple[int, ...]]] = [(seed, ()) for seed in seeds]
        self.steps = 0

    def logits_of(self, seed: int, history: tuple[int, ...]) -> Array:
        random = np.random.default_rng([seed, *history])
        return (self.scale * random.standard_normal(self.vocabulary)).astype(np.float32)

    def attention_of(self, seed: int, history: tuple[int, ...]) -> Array:
        random = np.random.default_rng([seed + 1000, *history])
        weights = random.exponential(size=self.positions)
        return (weights / weights.sum()).astype(np.float32)

    def step(self, tokens: Array) -> Array:
        self.steps += 1
        assert len(tokens) == len(self.rows)
        logits, attention = [], []
        for token in tokens.T:
            self.rows = [(seed, (*history, int(own))) for (seed, history), own in zip(self.rows, token, strict=True)]
            logits.append([self.logits_of(*row) for row in self.rows])
            attention.append([self.attention_of(*row) for row in self.rows] if self.positions else [])
        self.last_attention = np.array(attention, np.float32).swapaxes(0, 1)
        return np.array(logits, np.float32).swapaxes(0, 1).copy()

    def reorder(self, parents: Array) -> None:
        self.rows = [self.rows[parent] for parent in parents]

    def attention(self) -> Array | None:
        return self.last_attention.copy() if self.positions else None


@dataclass
class Found:
    """A hypothesis of the oracle."""

    tokens: tuple[int, ...] = ()  # the end mark included
    log_prob: float = 0.0
    score: float = 0.0
    log_probs: tuple[float, ...] = ()

    @property
    def ids(self) -> list[int]:
        return list(self.tokens[:-1] if self.finished else self.tokens)

    @property
    def finished(self) -> bool:
        return self.tokens[-1:] == (END,)


@dataclass
class Oracle:
    """One source of a HistoryModel, with options under their Python names."""

    model: HistoryModel
    seed: int
    max_length: int = 8
    min_length: int = 0
    beam_size: int = 1
    n_best: int = 1
    length_penalty: float = 0.0
    length_normalization: str = "power"
    coverage_penalty: float = 0.0
    early_exit: str = "automatic"
    patience: float = 1.0
    biases: dict[int, float] = field(default_factory=dict)
    repetition_penalty: float = 1.0
    no_repeat_ngram_size: int = 0
    suppress: Sequence[int] = ()
    suppress_first: Sequence[int] = ()
    suppress_sequences: Sequence[Sequence[int]] = ()
    vocabulary: Sequence[int] = ()
    groups: int = 1
    diversity_penalty: float = 0.0
    prefix: Sequence[int] = ()
    prefix_bias: float = 0.0
    alternatives: bool = False
    min_alternative_prob: float = 0.0
    normalised: bool = True  # False: what the model gives are scores, to be summed up

    # --- the model with the options --------------------------------------------------------------------------------

    def raw_log_probs(self, tokens: tuple[int, ...]) -> Array:
        return self.normalise(self.model.logits_of(self.seed, (START, *tokens)).astype(np.float64))

    def normalise(self, logits: Array) -> Array:
        return log_softmax(logits) if self.normalised else logits

    def forced(self, tokens: tuple[int, ...]) -> bool:
        return self.prefix_bias == 0 and len(tokens) < len(self.prefix)

    def log_probs(self, tokens: tuple[int, ...], ban_end: bool = False) -> Array:
        """Of every next token that may come; a forced one alone has any."""
        if self.forced(tokens):
            result = np.full(self.model.vocabulary, -math.inf)
            token = self.prefix[len(tokens)]
            result[token] = self.raw_log_probs(tokens)[token]
            return result
        logits = self.model.logits_of(self.seed, (START, *tokens)).astype(np.float64)
        for token, bias in self.biases.items():
            logits[token] += bias
        for token in set(tokens):
            logits[token] *= self.repetition_penalty if logits[token] <= 0 else 1 / self.repetition_penalty
        for token in range(len(logits)):
            if self.forbidden(tokens, token) or (ban_end and token == END):
                logits[token] = -math.inf
        if np.isinf(logits).all():
            return logits
        result = self.normalise(logits)
        if self.prefix_bias > 0 and len(tokens) < len(self.prefix) and tuple(self.prefix[: len(tokens)]) == tokens:
            probabilities = (1 - self.prefix_bias) * np.exp(result)
            probabilities[self.prefix[len(tokens)]] += self.prefix_bias
            with np.errstate(divide="ignore"):
                result = np.log(probabilities)
        return result

    def forbidden(self, tokens: tuple[int, ...], token: int) -> bool:
        longer = (*tokens, token)
        first = 0 if self.prefix_bias > 0 else len(self.prefix)
        n = self.no_repeat_ngram_size
        ngrams = [longer[i : i + n] for i in range(len(longer) - n + 1)] if n else []
        return (
            (token == END and len(tokens) < self.min_length)
            or token in self.suppress
            or (len(tokens) == first and token in self.suppress_first)
            or any(longer[-len(sequence) :] == tuple(sequence) for sequence in self.suppress_sequences)
            or (bool(self.vocabulary) and token not in self.vocabulary and token != END)
            or (bool(ngrams) and ngrams[-1] in ngrams[:-1])
        )

    def score(self, log_prob: float, tokens: tuple[int, ...]) -> float:
        length = len(tokens)
        base = (5 + length) / 6 if self.length_normalization == "gnmt" else length
        result = log_prob / base**self.length_penalty
        if self.coverage_penalty:
            steps = [self.model.attention_of(self.seed, (START, *tokens[:t])).astype(np.float64) for t in range(length)]
            result += self.coverage_penalty * float(np.log(np.minimum(np.sum(steps, 0), 1)).sum())
        return result

    # --- searches -------------------------------------------------------------------------------------------------

    def continuations(self, beam: Sequence[Found], ban_end: bool = False) -> list[Found]:
        """All there are, with scores, in the order of rows and tokens."""
        result = []
        for hypothesis in beam:
            log_probs = self.log_probs(hypothesis.tokens, ban_end)
            for token in np.flatnonzero(~np.isinf(log_probs)):
                tokens = (*hypothesis.tokens, int(token))
                log_prob = hypothesis.log_prob + float(log_probs[token])
                kept = (*hypothesis.log_probs, float(log_probs[token]))
                result.append(Found(tokens, log_prob, self.score(log_prob, tokens), kept))
        return result

    def closed(self, hypothesis: Found) -> bool:
        return hypothesis.finished or len(hypothesis.tokens) == self.max_length

    def everything(self) -> list[Found]:
        """Every hypothesis there is, best first."""
        beam, result = [Found()], []
        while beam:
            longer = self.continuations(beam)
            result += [hypothesis for hypothesis in longer if self.closed(hypothesis)]
            beam = [hypothesis for hypothesis in longer if not self.closed(hypothesis)]
        return sorted(result, key=lambda hypothesis: -hypothesis.score)

    def search(self) -> list[Found]:
        """By the rules of csrc/decode/beam.h."""
        if self.alternatives:
            return self.search_alternatives()
        wanted = -(-self.n_best // self.groups)
        beams = [_Beam(self, self.beam_size // self.groups, wanted) for _ in range(self.groups)]
        while any(beam.alive for beam in beams):
            penalties = np.zeros(self.model.vocabulary)
            for beam in beams:
                if not beam.alive:
                    continue
                forced = self.forced(beam.alive[0].tokens)
                beam.step(penalties)
                for hypothesis in [] if forced else beam.alive:
                    penalties[hypothesis.tokens[-1]] += self.diversity_penalty
        distinct: dict[tuple[int, ...], Found] = {}
        for beam in beams:
            for hypothesis in beam.finished:
                distinct.setdefault(hypothesis.tokens, hypothesis)
        return sorted(distinct.values(), key=lambda hypothesis: -hypothesis.score)[: self.n_best]

    def search_alternatives(self) -> list[Found]:
        stem = Found()
        while len(stem.tokens) < len(self.prefix):
            (stem,) = self.continuations([stem])
        firsts = sorted(self.continuations([stem], ban_end=True), key=lambda found: -found.log_prob)[: self.n_best]
        result = []
        for rank, first in enumerate(firsts):
            if rank and math.exp(first.log_prob - stem.log_prob) < self.min_alternative_prob:
                break
            beam = _Beam(self, self.beam_size, 1)
            beam.alive = [first]
            if self.closed(first):
                beam.alive, beam.finished = [], [first]
            while beam.alive:
                beam.step(np.zeros(self.model.vocabulary))
            result.append(max(beam.finished, key=lambda hypothesis: hypothesis.score))
        return result


class _Beam:
    def __init__(self, oracle: Oracle, width: int, wanted: int) -> None:
        self.oracle, self.width, self.wanted = oracle, width, wanted
        self.alive, self.finished, self.best_has_ended = [Found()], list[Found](), False

    def step(self, penalties: Array) -> None:
        oracle = self.oracle
        candidates = oracle.continuations(self.alive)
        candidates.sort(key=lambda found: -(found.log_prob - penalties[found.tokens[-1]]))
        candidates = candidates[: 2 * self.width]
        first, rest = candidates[: self.width], candidates[self.width :]
        self.best_has_ended |= bool(first) and oracle.closed(first[0])
        self.finished += [found for found in first if oracle.closed(found)]
        substitutes = iter([found for found in rest if not oracle.closed(found)])
        alive = [next(substitutes, None) if oracle.closed(found) else found for found in first]
        self.alive = [found for found in alive if found is not None]
        if self.done():
            self.alive = []

    def done(self) -> bool:
        oracle, count = self.oracle, len(self.finished)
        rule = oracle.early_exit
        if rule == "automatic":
            rule = "patience" if oracle.length_penalty or oracle.coverage_penalty else "first"
        if rule == "first":
            return self.best_has_ended and count >= self.wanted
        if rule == "patience":
            return count >= (1 if self.width == 1 else math.floor(self.width * oracle.patience + 0.5))
        if rule == "never" or count < self.wanted:
            return False
        worst = sorted((found.score for found in self.finished), reverse=True)[self.wanted - 1]
        return all(self.best_end(found) <= worst for found in self.alive)

    def best_end(self, found: Found) -> float:
        """The score of a continuation whose tokens are all certain, at its best length, covering everything."""
        lengths = range(len(found.tokens) + 1, self.oracle.max_length + 1)
        gnmt = self.oracle.length_normalization == "gnmt"
        return max(found.log_prob / ((5 + n) / 6 if gnmt else n) ** self.oracle.length_penalty for n in lengths)


def log_softmax(logits: Array) -> Array:
    shifted = logits - logits.max()
    return np.asarray(shifted - np.log(np.exp(shifted).sum()))
