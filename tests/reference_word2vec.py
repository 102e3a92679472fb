"""word2vec in float64, one window after the other: the judge of csrc/embeddings."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Any

import numpy as np
from philox_reference import philox

MASK = 2**64 - 1
CONTRACTION = 0.25  # csrc/embeddings/row_merger.cpp
TOGETHER = 16  # words of a context that move at the same time


class SliceRandom:
    """SplitMix64 from a Philox block, as csrc/embeddings/random.h has it."""

    def __init__(self, seed: int, stream: int, step: int) -> None:
        halves = [value & 0xFFFFFFFF for number in (step, stream) for value in (number, number >> 32)]
        words = philox(halves, [seed & 0xFFFFFFFF, seed >> 32])
        self.state = int(words[0]) << 32 | int(words[1])

    def bits(self) -> int:
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def below(self, count: int) -> int:
        return ((self.bits() >> 32) * count) >> 32


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def huffman(counts: list[int]) -> list[list[tuple[int, int]]]:
    """For every word the (inner node, turn) pairs from the root on."""
    words = len(counts)
    heap = [(count, word) for word, count in enumerate(counts)]
    heapq.heapify(heap)
    up: dict[int, tuple[int, int]] = {}
    for node in range(words, 2 * words - 1):
        total = 0
        for turn in (0, 1):
            count, child = heapq.heappop(heap)
            up[child] = (node, turn)
            total += count
        heapq.heappush(heap, (total, node))
    paths = []
    for word in range(words):
        path, node = [], word
        while node in up:
            node, turn = up[node]
            path.append((node - words, turn))
        paths.append(path[::-1])
    return paths


@dataclass
class Options:
    cbow: bool = False
    cbow_mean: bool = True
    loss: str = "negative"
    context: str = "both"
    window: int = 2
    dynamic_window: bool = False
    negatives: int = 3
    partitions: int = 1
    slice_tokens: int = 1024
    noise_pool: int = 7
    seed: int = 5


class Reference:
    """Trains as `_core.WordTrainer` with all words kept and a flat noise distribution (noise_power 0)."""

    def __init__(self, input: Any, output: Any, counts: list[int], lists: list[list[int]] | None, options: Options):
        self.input, self.output = input.astype(np.float64), output.astype(np.float64)
        self.counts, self.options = counts, options
        self.lists = lists or [[word] for word in range(len(counts))]
        self.paths = huffman(counts)

    def train(self, tokens: list[int], epoch: int, rate: float) -> None:
        slices, begin = [], 0
        while begin < len(tokens):
            end = min(begin + self.options.slice_tokens, len(tokens))
            if end < len(tokens):
                end = next((e for e in range(end, begin, -1) if tokens[e - 1] < 0), end)
            slices.append((begin, tokens[begin:end]))
            begin = end
        for first in range(0, len(slices), self.options.partitions):
            results = [
                self.slice(epoch, at, part, rate) for at, part in slices[first : first + self.options.partitions]
            ]
            self.merge(self.input, [r[0] for r in results], self.lists, rate)
            self.merge(self.output, [r[1] for r in results], None, rate)

    def merge(self, table: Any, changes: Any, lists: Any, rate: float) -> None:
        moves: dict[int, list[Any]] = {}
        for change in changes:
            for local, (after, before, uses) in change.items():
                for row in lists[local] if lists else [local]:
                    moves.setdefault(row, []).append((after - before, uses))
        a = CONTRACTION * rate
        for row, found in moves.items():
            weight = 1.0
            if len(found) > 1:
                apart = sum(1 - np.exp(-a * uses) for _, uses in found)
                weight = (1 - np.exp(-a * sum(uses for _, uses in found))) / apart
            table[row] += weight * sum(move for move, _ in found)

    def slice(self, epoch: int, begin: int, tokens: list[int], rate: float) -> Any:
        o = self.options
        random = SliceRandom(o.seed, epoch, begin)
        words = [t for t in tokens if t >= 0]
        self.x = {w: self.input[self.lists[w]].mean(axis=0) for w in words}
        self.y = {row: self.output[row].copy() for row in range(len(self.output))}
        start = {w: v.copy() for w, v in self.x.items()}, {row: v.copy() for row, v in self.y.items()}
        self.uses: Any = dict.fromkeys(self.x, 0), dict.fromkeys(self.y, 0)
        pool = []
        if o.loss == "negative":
            pool = [random.below(len(self.counts)) for _ in range(o.noise_pool)]
        sentences: list[list[int]] = [[]]
        for token in tokens:
            if token < 0:
                sentences.append([])
            else:
                sentences[-1].append(token)
        for sentence in sentences:
            for place, word in enumerate(sentence):
                context = self.context(sentence, place, random)
                if context:
                    self.window(word, context, pool, random, rate)
        return tuple(
            {row: (rows[row], start[side][row], self.uses[side][row]) for row in rows if self.uses[side][row]}
            for side, rows in enumerate((self.x, self.y))
        )

    def context(self, sentence: list[int], place: int, random: SliceRandom) -> list[int]:
        o = self.options
        if o.context == "previous":
            return sentence[max(place - 1, 0) : place]
        reach = o.window
        if o.dynamic_window and o.context in ("both", "left"):
            reach = 1 + random.below(o.window)
        before, behind = sentence[max(place - reach, 0) : place], sentence[place + 1 : place + reach + 1]
        if o.context == "left":
            return before
        both = before + behind
        if o.context == "nearby" and both:
            return [both[random.below(len(both))]]
        return both

    def window(self, word: int, context: list[int], pool: list[int], random: SliceRandom, rate: float) -> None:
        o = self.options
        if o.loss == "negative":
            drawn = [pool[random.below(len(pool))] for _ in range(o.negatives)]
            targets = [(word, 1)] + [(n, 0) for n in drawn if n != word]
        elif o.loss == "hierarchical":
            targets = [(node, 1 - turn) for node, turn in self.paths[word]]
        else:
            targets = [(n, int(n == word)) for n in range(len(self.counts))]
        if o.cbow:
            total = sum(self.x[c] for c in context)
            self.meet([total / len(context) if o.cbow_mean else total], context, targets, rate)
        for first in [] if o.cbow else range(0, len(context), TOGETHER):
            part = context[first : first + TOGETHER]
            self.meet([self.x[c].copy() for c in part], part, targets, rate)
        for c in context:
            self.uses[0][c] += len(targets)
        for target, _ in targets:
            self.uses[1][target] += 1 if o.cbow else len(context)

    def meet(self, inputs: list[Any], context: list[int], targets: list[tuple[int, int]], rate: float) -> None:
        outputs = np.array([self.y[t] for t, _ in targets])
        moves = [np.zeros_like(x) for x in inputs]
        for i, x in enumerate(inputs):
            scores = outputs @ x
            if self.options.loss == "softmax":
                p = np.exp(scores - scores.max())
                p /= p.sum()
            else:
                p = sigmoid(scores)
            steps = rate * (np.array([label for _, label in targets]) - p)
            moves[i] += steps @ outputs
            for (target, _), step in zip(targets, steps, strict=True):
                self.y[target] += step * x
        for i, c in enumerate(context):
            self.x[c] += moves[0 if self.options.cbow else i]
