"""Language model: the next character, or word, from all those before it."""

from __future__ import annotations

import gzip
import lzma
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import pyseq
from pyseq import data, nn, ops
from pyseq.data.streams import StreamBatch
from pyseq.models import LanguageModelOptions, RecurrentLanguageModel
from pyseq.program import Program
from pyseq.recipes.recipe import Recipe, RecipeConfig, option
from pyseq.tasks import Generator
from pyseq.tensor import Tensor
from pyseq.text import Vocabulary
from pyseq.train import AdamW, Cosine, FlatParameters, Optimizer, Warmup

VALIDATION_SHARE = 0.1
WARMUP_STEPS = 100
DEFAULT_STEPS = 4000  # of the schedule of a run that only time limits
EVALUATION_STREAMS = 32
EVALUATION_TIME = 256
END_OF_LINE = "<eos>"
HELD_OUT_WORDS = 60_000  # of each data set of the word level: a whole tenth would take longer than many updates
WORD_OR_MARK = re.compile(r"\w+(?:['’\-]\w+)*|[^\w\s]")
# What suits a level, where the options say 0. A word costs many times what a character costs, most of it in the
# projection to the vocabulary: small batches learn more from the same text.
BY_LEVEL: dict[str, dict[str, Any]] = {
    "character": {"batch_size": 32, "time": 64, "learning_rate": 6e-3},
    "word": {"batch_size": 16, "time": 32, "learning_rate": 2e-3},
}
# Lines of the word level: data set -> the files in it.
WORD_FILES = {"wikitext2": "*.txt.xz", "novels": "*.txt.xz"}


@dataclass(frozen=True)
class LanguageModelConfig(RecipeConfig):
    """Options of recipes of language models."""

    epochs: int | None = option(4, "Passes over the text at most.")
    batch_size: int = option(32, "Streams that are read side by side.")
    time: int = option(64, "Tokens of a stream between updates: gradients go back so far.")
    learning_rate: float = option(6e-3, "Learning rate at the top of the schedule.")
    weight_decay: float = option(0.01, "Weight decay of matrices.")
    cell: str = option("gru", "rnn, gru or lstm.")
    embedding_size: int = option(64, "Size of a token's vector.")
    hidden_size: int = option(256, "Units of a layer.")
    num_layers: int = option(2, "Layers.")
    dropout: float = option(0.0, "Share of values left out before and behind every layer while training.")


@dataclass(frozen=True)
class CharlmConfig(LanguageModelConfig):
    """Options of the recipe `charlm`."""

    level: str = option("character", "character: Shakespeare; word: wikitext2 and novels.")
    batch_size: int = option(0, "Streams that are read side by side; 0: 32 of characters, 16 of words.")
    time: int = option(0, "Tokens of a stream between updates; 0: 64 characters, 32 words.")
    learning_rate: float = option(0.0, "Rate at the top of the schedule; 0: 6e-3 for characters, 2e-3 for words.")
    vocabulary_size: int = option(20000, "Words of the word level; others are <unk>.")


class StreamingLanguageModel(RecurrentLanguageModel):
    """A language model that goes on from batch to batch where the streams of the batch before ended."""

    carried: Any = None

    def loss(self, batch: StreamBatch) -> tuple[Tensor, float]:
        """Negative log probabilities of all targets [batch, time], and their number."""
        logits, state = self.forward(Tensor(batch.inputs), None if batch.first else self.carried)
        self.carried = [_detached(layer) for layer in state]
        return ops.cross_entropy(logits, Tensor(batch.targets)), batch.targets.size

    def training_state(self) -> dict[str, Any]:
        """The carried state, for checkpoints."""
        layers = self.carried or []
        return {
            f"{layer}.{part}": tensor.data
            for layer, state in enumerate(layers)
            for part, tensor in enumerate(state if isinstance(state, tuple) else (state,))
        }

    def restore_training_state(self, state: Mapping[str, Any]) -> None:
        """Take up what `training_state` gave."""
        self.carried = None
        if not state:
            return
        layers = []
        for layer in range(self.options.num_layers):
            parts = [Tensor(np.asarray(state[key])) for key in (f"{layer}.0", f"{layer}.1") if key in state]
            layers.append(tuple(parts) if len(parts) > 1 else parts[0])
        self.carried = layers


def _detached(state: Any) -> Any:
    return tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()


class LanguageModelRecipe(Recipe):
    """A recurrent language model of a text: what recipes share that differ in the text.

    Attributes:
        vocabulary: of its tokens.
        validation: tokens held out.
    """

    config: LanguageModelConfig
    module: StreamingLanguageModel
    vocabulary: Vocabulary
    validation: NDArray[np.int64]

    def new_model(self) -> StreamingLanguageModel:
        """The model for the vocabulary, with the sizes of the configuration."""
        return StreamingLanguageModel(
            LanguageModelOptions(
                len(self.vocabulary),
                self.config.embedding_size,
                self.config.hidden_size,
                self.config.cell,
                self.config.num_layers,
                self.config.dropout,
            )
        )

    def optimizer(self) -> Optimizer:
        """AdamW, warmed up, with a cosine down to nothing at the last planned step."""
        steps = self.planned_steps() or DEFAULT_STEPS
        schedule = Warmup(Cosine(self.config.learning_rate, steps), WARMUP_STEPS)
        return AdamW(FlatParameters(self.module), schedule, weight_decay=self.config.weight_decay)

    def evaluate(self) -> dict[str, float]:
        """Mean negative log probability (nats) of a token of the text held out, and exp of it: the perplexity."""
        # A stream must be long beside its beginning, where there is little to predict from.
        streams = max(1, min(EVALUATION_STREAMS, len(self.validation) // (8 * EVALUATION_TIME)))
        time = min(EVALUATION_TIME, (len(self.validation) - 1) // streams)
        windows = data.Streams(self.validation, streams, time)
        total, count, state = 0.0, 0, None
        for _ in range(len(windows)):
            batch = next(windows)
            logits, state = self.module.forward(Tensor(batch.inputs), None if batch.first else state)
            losses = ops.cross_entropy(logits, Tensor(batch.targets))
            total += float(losses.data.sum(dtype=np.float64))
            count += batch.targets.size
        return {"loss": total / count, "perplexity": math.exp(min(total / count, 700.0))}


class Charlm(LanguageModelRecipe):
    """Language model of characters (Shakespeare) or words, which writes and judges texts."""

    Config = CharlmConfig
    data_name = "shakespeare"
    monitor = "loss"

    config: CharlmConfig

    def __init__(self, config: CharlmConfig) -> None:
        if config.level not in BY_LEVEL:
            raise pyseq.ArgumentError(f"charlm: level is {config.level!r}, expected 'character' or 'word'")
        suitable = {name: value for name, value in BY_LEVEL[config.level].items() if not getattr(config, name)}
        super().__init__(replace(config, **suitable))

    def prepare(self, path: Path | None = None) -> None:
        """Read the text; the last tenth is held out."""
        training, self.held_out = read_characters(path) if self.config.level == "character" else read_words(path)
        unit: Any = self.config.level
        self.vocabulary = (
            Vocabulary.build([training], unit)
            if unit == "character"
            else Vocabulary.build([training], unit, self.config.vocabulary_size, specials=("<unk>", END_OF_LINE))
        )
        ids = np.asarray(self.vocabulary.encode(training), np.int64)
        self.validation = np.asarray(self.vocabulary.encode(self.held_out), np.int64)
        self.counts = np.bincount(ids, minlength=len(self.vocabulary))
        self.batches = data.Streams(ids, self.config.batch_size, self.config.time)
        self.module = self.new_model()

    def initialize(self) -> None:
        """Random weights, but what counting knows of single tokens is known from the beginning."""
        super().initialize()
        nn.initialization.log_frequencies(self.module.projection.bias, self.counts)

    def evaluate_program(self, program: Program) -> dict[str, float]:
        """The same of an exported model, over the whole text in one stream."""
        score = Generator(program).score(self.held_out)
        loss = -score.log_prob / max(len(score.tokens), 1)
        return {"loss": loss, "perplexity": math.exp(min(loss, 700.0))}

    def export(self, file: Path) -> None:
        """Write a generator."""
        start = self.vocabulary.find(END_OF_LINE)
        task = {
            "kind": "generator",
            "vocabulary": "text",
            "start": start,
            "end": start,
            "max_length": 500,
            **self.origin(),
        }
        examples = {"step": {"tokens": np.zeros((2, 3), np.int64)}}
        pyseq.export(self.module, file, examples, task=task, vocabularies={"text": self.vocabulary})


def read_characters(path: Path | None) -> tuple[str, str]:
    """Shakespeare's plays: the first nine tenths, and the rest."""
    with gzip.open(data.find("shakespeare", path) / "train.txt.gz", "rt", encoding="utf-8", newline="") as file:
        text = file.read()
    cut = round(len(text) * (1 - VALIDATION_SHARE))
    return text[:cut], text[cut:]


def read_words(path: Path | None) -> tuple[str, str]:
    """Words of all lines, an end mark behind each line; the last tenth of every data set is held out.

    The text held out is the beginning of those tenths.
    """
    training, held_out = [], []
    for name, pattern in WORD_FILES.items():
        folder = data.find(name, None if path is None else path / name)
        lines = list(_lines(sorted(folder.glob(pattern))))
        cut = round(len(lines) * (1 - VALIDATION_SHARE))
        training += lines[:cut]
        held_out += beginning(lines[cut:], HELD_OUT_WORDS)
    return " ".join(training), " ".join(held_out)


def beginning(lines: list[str], words: int) -> list[str]:
    """The first lines, as many as have that many words together."""
    counts = np.cumsum([len(line.split()) for line in lines])
    return lines[: int(np.searchsorted(counts, words)) + 1]


def spaced(line: str) -> str:
    """Words and marks with a space between, as wikitext2 has them already: "him, or" gives "him , or"."""
    return line.strip() if " , " in line or " . " in line else " ".join(WORD_OR_MARK.findall(line))


def _lines(files: Iterable[Path]) -> Iterable[str]:
    for file in files:
        with lzma.open(file, "rt", encoding="utf-8") as lines:
            yield from (f"{spaced(line)} {END_OF_LINE}" for line in lines if line.strip())


RECIPE = Charlm
