"""What recipes of labelled sequences share: words with characters, a tagger, programs that read texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import pyseq
from pyseq import data, random
from pyseq.data import Labelled
from pyseq.models import SequenceTagger, TaggerOptions, WordOptions
from pyseq.program import Program
from pyseq.recipes.recipe import Recipe, RecipeConfig, option
from pyseq.recipes.word_table import GivenVectors, WordTable
from pyseq.tasks import Tagger
from pyseq.tensor import Tensor
from pyseq.text import TagConstraints
from pyseq.train import Optimizer

WARMUP_STEPS = 50
DEFAULT_STEPS = 2000  # of the schedule of a run that only time limits
Ids = NDArray[np.int64]


@dataclass(frozen=True)
class SequenceLabelsConfig(RecipeConfig):
    """Options of recipes of labelled sequences."""

    word_size: int = option(100, "Size of a word's vector.")
    min_count: int = option(1, "Words with fewer occurrences are unknown.")
    fold_case: bool = option(True, "Whether word vectors are shared by words that differ in capitals alone.")
    character_size: int = option(30, "Size of a character's vector.")
    filters: int = option(50, "Values that a convolution over its characters gives to a word; 0: none.")
    kernel: int = option(3, "Characters that the convolution sees at once.")
    most_characters: int = option(20, "Characters of a word that are looked at.")
    window: int = option(0, "Words that a convolution before the LSTM sees at once; 0: none.")
    window_size: int = option(64, "Values that this convolution gives.")
    hidden_size: int = option(128, "Units of each direction of the LSTM.")
    num_layers: int = option(1, "Layers of the LSTM.")
    dropout: float = option(0.5, "Share of values left out while training.")
    unknown_share: float = option(0.0, "Share of the words that occur once that are unknown while training.")
    crf: bool = option(False, "Whether the labels of a sequence are chosen together (conditional random field).")
    share: float = option(1.0, "Share of the sequences to learn from that is used.")
    vectors: str = option("", "A file of word vectors to begin with; empty: at random.")
    frozen: bool = option(False, "Whether the vectors of the file stay as they are.")


class Batch(NamedTuple):
    """Sequences of a batch, padded: what `SequenceTagger` reads, and the labels."""

    tokens: Ids  # [batch, time]
    lengths: Ids  # [batch]
    letters: Ids  # [spellings, characters]
    letters_lengths: Ids  # [spellings]
    spellings: Ids  # [batch, time]
    targets: Ids  # [batch, time]
    rare: NDArray[np.bool_]  # [batch, time]


class SequenceLabels(Recipe):
    """Labels of sequences; subclasses read them in `prepare`, which ends with `use`."""

    Config = SequenceLabelsConfig
    mode = "max"

    config: SequenceLabelsConfig
    module: SequenceTagger

    def use(
        self,
        training: Sequence[Labelled],
        held_out: Sequence[Labelled],
        constraints: TagConstraints | None = None,
        vectors: GivenVectors | None = None,
    ) -> None:
        """Make batches and the model.

        Args:
            training: sequences to learn from.
            held_out: sequences to look at.
            constraints: which labels may follow each other, for a CRF.
            vectors: word vectors to begin with; None: those of the configuration.
        """
        config = self.config
        self.held_out = list(held_out)
        training = training[: max(1, round(len(training) * config.share))]
        self.labels = sorted({label for sequence in training for label in sequence.labels})
        self._numbers = {label: number for number, label in enumerate(self.labels)}
        self.table = WordTable(
            (sequence.words for sequence in training),
            (sequence.words for sequence in held_out),
            min_count=config.min_count,
            fold_case=config.fold_case,
            most_characters=config.most_characters if config.filters else 0,
            vectors=vectors,
            vectors_file=config.vectors,
        )
        examples = [self._encoded(sequence) for sequence in training]
        self.batches = data.Prefetch(
            data.Batches(
                examples,
                self._collate,
                config.batch_size,
                lengths=[len(words) for words, _ in examples],
                seed=config.seed,
            )
        )
        words = WordOptions(
            len(self.table.words),
            config.word_size,
            len(self.table.characters) if config.filters else 0,
            config.character_size,
            config.filters,
            config.kernel,
        )
        options = TaggerOptions(
            words,
            len(self.labels),
            config.window,
            config.window_size,
            config.hidden_size,
            config.num_layers,
            config.dropout,
            config.crf,
            constraints,
        )
        self.module = SequenceTagger(options, self.table.vectors(config.word_size), config.frozen)

    def _encoded(self, sequence: Labelled) -> tuple[Ids, Ids]:
        """Words as rows of the table, labels as numbers (those that training does not have as −100)."""
        labels = np.array([self._numbers.get(label, data.IGNORED) for label in sequence.labels], np.int64)
        return self.table.rows(sequence.words), labels

    def _collate(self, examples: Sequence[tuple[Ids, Ids]]) -> Batch:
        rows, lengths = data.pad([words for words, _ in examples])
        targets, _ = data.pad([labels for _, labels in examples], 0 if self.config.crf else data.IGNORED)
        tokens, letters, letters_lengths, spellings = self.table.lookup(rows)
        return Batch(tokens, lengths, letters, letters_lengths, spellings, targets, self.table.rare[rows])

    def _inputs(self, batch: Batch, tokens: Ids) -> list[Tensor]:
        inputs = [tokens, batch.lengths]
        if self.config.filters:
            inputs += [batch.letters, batch.letters_lengths, batch.spellings]
        return [Tensor(values) for values in inputs]

    def loss(self, batch: Batch) -> tuple[Any, float]:
        """−ln P of the labels, and the number of words."""
        scores = self.module.emissions(*self._inputs(batch, self._with_unknown(batch)))
        losses = self.module.losses(scores, Tensor(batch.targets), Tensor(batch.lengths))
        return losses, float(batch.lengths.sum())

    def _with_unknown(self, batch: Batch) -> Ids:
        """Some rare words as unknown ones, so that the vector of those is learnt."""
        share, unknown = self.config.unknown_share, self.table.words.unknown
        if not share or unknown is None:
            return batch.tokens
        draw = random.active().draw()
        numbers = np.random.Generator(np.random.Philox(key=draw.seed, counter=[draw.step, draw.stream, 0, 0]))
        return np.where(batch.rare & (numbers.random(batch.rare.shape) < share), unknown, batch.tokens)

    def optimizer(self) -> Optimizer:
        """AdamW, warmed up, with a cosine down to nothing at the last planned step."""
        return self.warm_adamw(WARMUP_STEPS, DEFAULT_STEPS)

    def found_labels(self) -> list[list[str]]:
        """What the module says about the held-out sequences."""
        order = sorted(range(len(self.held_out)), key=lambda place: len(self.held_out[place].words))
        found: list[list[str]] = [[] for _ in order]
        for begin in range(0, len(order), 64):
            places = order[begin : begin + 64]
            batch = self._collate([self._encoded(self.held_out[place]) for place in places])
            labels = self.module.tag(*self._inputs(batch, batch.tokens))["labels"].numpy()
            for place, row, length in zip(places, labels, batch.lengths, strict=True):
                found[place] = [self.shown(self.labels[label]) for label in row[:length]]
        return found

    def evaluate(self) -> dict[str, float]:
        """See `score`, on the held-out sequences."""
        return self.score(self.found_labels())

    def evaluate_program(self, program: Program) -> dict[str, float]:
        """The same for an exported model, which reads texts."""
        texts = [self.joined(sequence.words) for sequence in self.held_out]
        return self.score([[tag.label for tag in tags] for tags in Tagger(program).tag_batch(texts)])

    def shown(self, label: str) -> str:
        """What the world calls a label of the model."""
        return label

    def joined(self, words: Sequence[str]) -> str:
        """The text of words."""
        return " ".join(words)

    def score(self, found: list[list[str]]) -> dict[str, float]:
        """The share of right labels; recipes of spans give other metrics."""
        pairs = [
            pair
            for sequence, labels in zip(self.held_out, found, strict=True)
            for pair in zip(sequence.labels, labels, strict=True)
        ]
        return {"accuracy": sum(known == label for known, label in pairs) / max(len(pairs), 1)}

    def export(self, file: Path) -> None:
        """Write a tagger, with its vocabularies."""
        tokens, lengths = data.pad([[1, 2, 0], [1]])
        examples: dict[str, Any] = {"tokens": tokens, "lengths": lengths}
        labels = [self.shown(label) for label in self.labels]
        task = {"kind": "tagger", "vocabulary": "words", "labels": labels, "fold_case": self.config.fold_case}
        vocabularies = {"words": self.table.words}
        if self.config.filters:
            letters, letters_lengths = data.pad([[1, 2], [0]])
            dims = ("spellings", "characters")
            examples.update(
                letters=pyseq.Input(letters, dims=dims),
                letters_lengths=pyseq.Input(letters_lengths, dims=dims[:1]),
                spellings=np.zeros_like(tokens),
            )
            task.update(characters="characters", most_characters=self.config.most_characters)
            vocabularies["characters"] = self.table.characters
        pyseq.export(self.module, file, {"tag": examples}, task={**task, **self.origin()}, vocabularies=vocabularies)
