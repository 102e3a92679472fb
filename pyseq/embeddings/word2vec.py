"""word2vec and fastText: vectors that predict the words around a word."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from pyseq import _core
from pyseq.embeddings.corpus import Corpus, Texts, Tokenize
from pyseq.embeddings.subwords import Subwords
from pyseq.embeddings.word_vectors import WordVectors

Matrix = NDArray[np.float32]

BLOCK = 250_000  # tokens between two looks at the clock
KIND = "pyseq.word2vec"


@dataclass(frozen=True)
class Word2VecOptions:
    """How vectors are trained.

    Args:
        width: of the vectors.
        architecture: "skip-gram": every word of the context predicts the word; "cbow": their mean does.
        loss: "negative" (sampling), "hierarchical" (softmax along a Huffman tree), or "softmax" over all words.
        context: "both": the words up to n away on both sides; "left": the last n; "previous": the word before;
            "nearby": one of those up to n away, by chance.
        window: n.
        dynamic_window: n is drawn from 1 to window for every word, so that near words count more.
        negatives: sampled words per word.
        noise_power: they are drawn with count ** noise_power.
        subsample: t of the words' chance to be kept, √(t/f) + t/f; 0 keeps all.
        cbow_mean: the mean, else the sum of the context.
        subwords: the shortest and longest character n-grams that words are made of (fastText), or None.
        buckets: rows that n-grams share.
        min_count: rarer words are left out of the vocabulary.
        max_words: of the vocabulary.
        learning_rate: at the beginning.
        min_learning_rate: at the end; it falls in a line.
        deterministic: the same bits for any number of threads; else threads do not wait for each other.
        partitions: slices of the corpus between two merges when deterministic: more threads than this find no work.
        slice_tokens: words of a slice at most.
        noise_pool: draws of the noise distribution that a slice shares.
        seed: of everything that is left to chance.
    """

    width: int = 100
    architecture: Literal["skip-gram", "cbow"] = "skip-gram"
    loss: Literal["negative", "hierarchical", "softmax"] = "negative"
    context: Literal["both", "left", "previous", "nearby"] = "both"
    window: int = 5
    dynamic_window: bool = True
    negatives: int = 5
    noise_power: float = 0.75
    subsample: float = 1e-3
    cbow_mean: bool = True
    subwords: tuple[int, int] | None = None
    buckets: int = 2_000_000
    min_count: int = 5
    max_words: int | None = None
    learning_rate: float = 0.025
    min_learning_rate: float = 1e-4
    deterministic: bool = True
    partitions: int = 8
    slice_tokens: int = 256
    noise_pool: int = 256
    seed: int = 0

    def __post_init__(self) -> None:
        if self.width < 1:
            raise _core.ArgumentError(f"Word2Vec: width is {self.width}, expected at least 1")
        if self.architecture not in ("skip-gram", "cbow"):
            raise _core.ArgumentError(
                f"Word2Vec: architecture is {self.architecture!r}, expected 'skip-gram' or 'cbow'"
            )
        if self.subwords is not None and not 1 <= self.subwords[0] <= self.subwords[1]:
            raise _core.ArgumentError(f"Word2Vec: subwords is {self.subwords}, expected (shortest, longest)")


@dataclass(frozen=True)
class TrainingReport:
    """What a training did: words, seconds, and the mean loss per pair of words in each epoch."""

    words: int
    seconds: float
    losses: tuple[float, ...]

    @property
    def words_per_second(self) -> float:
        """Words of the corpus per second, those that subsampling left out among them."""
        return self.words / max(self.seconds, 1e-9)


class Word2Vec:
    """Trains word vectors by prediction (Mikolov et al. 2013; with subwords Bojanowski et al. 2017).

    Skip-gram maximises log σ(u_w · v_c) + Σ log σ(-u_n · v_c) for a word w, each word c of its context, and sampled
    words n; v are the vectors, u the output vectors. The negatives of a word are shared by its context.

    Args:
        options: as keywords, see `Word2VecOptions`.

    Raises:
        ArgumentError: an option that is out of range.

    Example:
        >>> from pyseq.embeddings import Word2Vec
        >>> model = Word2Vec(width=16, min_count=1, subsample=0.0)
        >>> report = model.fit(["the cat sat", "the dog sat"] * 50, epochs=2)
        >>> model.vectors().vectors.shape, report.words
        ((4, 16), 600)
    """

    def __init__(self, **options: Any) -> None:
        self.options = Word2VecOptions(**options)
        self.words: tuple[str, ...] = ()
        self.counts: NDArray[np.int64] = np.zeros(0, np.int64)
        self.input: Matrix = np.zeros((0, self.options.width), np.float32)
        self.output: Matrix = np.zeros((0, self.options.width), np.float32)
        self._epoch, self._position, self._epochs, self._corpus_size = 0, 0, 0, 0

    def build(self, corpus: Corpus) -> None:
        """Take over the words of a corpus, with vectors as they are before training."""
        self.words, self.counts = corpus.words, np.maximum(corpus.counts, 1)
        self.input = np.concatenate([self._new_rows(len(self.words), 0), self._bucket_rows()])
        self.output = np.zeros((len(self.words), self.options.width), np.float32)

    def _new_rows(self, count: int, draw: int) -> Matrix:
        bound = (1.0 if self.options.subwords else 0.5) / self.options.width
        generator = np.random.Generator(np.random.Philox(key=[self.options.seed, draw]))
        return generator.uniform(-bound, bound, (count, self.options.width)).astype(np.float32)

    def _bucket_rows(self) -> Matrix:
        return self._new_rows(self.options.buckets if self.options.subwords else 0, 1)

    def fit(
        self,
        texts: Texts | Corpus,
        epochs: int = 5,
        *,
        tokenize: Tokenize | None = None,
        progress: bool = False,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_seconds: float = 600.0,
        stop: Callable[[], bool] | None = None,
    ) -> TrainingReport:
        """Train on a corpus; go on with a training that was interrupted.

        Args:
            texts: what `Corpus.read` takes, or a corpus that was read.
            epochs: times that it is gone through.
            tokenize: as `Corpus.read` takes it.
            progress: show a bar with words per second and the time that is left.
            checkpoint: a file to write now and then, and at the end; `Word2Vec.load` and `fit` with the same texts go
                on from it, with the bits of a training that was never interrupted.
            checkpoint_seconds: how often.
            stop: asked several times a second; true ends the training, which `fit` can go on with.

        Returns:
            what was done.

        Raises:
            ArgumentError: texts of another length than those of the training to go on with, or without any words.
        """
        corpus = self._read(texts, tokenize, progress)
        self._begin(corpus, epochs)
        trainer = self._trainer()
        started, written = time.monotonic(), time.monotonic()
        words, losses = 0, []
        size = len(corpus.tokens)
        with self._bar(corpus, progress) as bar:
            while self._epoch < self._epochs:
                loss, pairs = 0.0, 0
                while self._position < size and not (stop is not None and stop()):
                    part = trainer.train(
                        corpus.tokens,
                        self._position,
                        BLOCK,
                        self._epoch,
                        self.options.learning_rate,
                        self.options.min_learning_rate,
                        self._epoch * size,
                        self._epochs * size,
                    )
                    self._position = part[0]
                    words, loss, pairs = words + part[1], loss + part[2], pairs + part[3]
                    if bar is not None:
                        bar.set_postfix(epoch=self._epoch + 1, loss=f"{loss / max(pairs, 1):.3f}", refresh=False)
                        bar.update(part[1])
                    if checkpoint is not None and time.monotonic() - written > checkpoint_seconds:
                        self.save(checkpoint)
                        written = time.monotonic()
                losses.append(loss / max(pairs, 1))
                if self._position < size:
                    break
                self._epoch, self._position = self._epoch + 1, 0
        if self._epoch == self._epochs:
            self._epoch = self._epochs = self._corpus_size = 0
        if checkpoint is not None:
            self.save(checkpoint)
        return TrainingReport(words, time.monotonic() - started, tuple(losses))

    def _read(self, texts: Texts | Corpus, tokenize: Tokenize | None, progress: bool) -> Corpus:
        if isinstance(texts, Corpus):
            if self.words and texts.words != self.words:
                raise _core.ArgumentError("Word2Vec: the corpus has another vocabulary; read it with words=model.words")
            corpus = texts
        else:
            options = self.options
            with tqdm(desc="counting", unit=" words", unit_scale=True, disable=not progress) as bar:
                corpus = Corpus.read(
                    texts,
                    tokenize=tokenize,
                    min_count=options.min_count,
                    max_words=options.max_words,
                    words=self.words or None,
                    progress=lambda count: bar.update(count),
                )
        if not self.words:
            self.build(corpus)
        return corpus

    def _begin(self, corpus: Corpus, epochs: int) -> None:
        size = len(corpus.tokens)
        if not np.any(corpus.tokens >= 0):
            raise _core.ArgumentError("Word2Vec: the corpus has no word of the vocabulary")
        if self._epochs and size != self._corpus_size:
            raise _core.ArgumentError(
                f"Word2Vec: the training to go on with had {self._corpus_size} tokens, the corpus has {size}"
            )
        if not self._epochs:
            self._epoch, self._position, self._epochs, self._corpus_size = 0, 0, epochs, size

    def _bar(self, corpus: Corpus, progress: bool) -> AbstractContextManager[Any]:
        if not progress:
            return nullcontext()
        per_epoch = int(np.count_nonzero(corpus.tokens >= 0))
        done = int(self._epoch * per_epoch + np.count_nonzero(corpus.tokens[: self._position] >= 0))
        return tqdm(total=per_epoch * self._epochs, initial=done, unit=" words", unit_scale=True)

    def _trainer(self) -> _core.WordTrainer:
        options = self.options
        begins, rows = self._subword_lists() if options.subwords else (None, None)
        return _core.WordTrainer(
            self.input,
            self.output,
            np.ascontiguousarray(self.counts),
            begins,
            rows,
            options.architecture == "cbow",
            options.cbow_mean,
            options.loss,
            options.context,
            options.window,
            options.dynamic_window,
            options.negatives,
            options.noise_power,
            options.subsample,
            options.deterministic,
            options.partitions,
            options.slice_tokens,
            options.noise_pool,
            options.seed,
        )

    def _subword_lists(self) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        assert self.options.subwords is not None
        lists: tuple[NDArray[np.int64], NDArray[np.int32]] = _core.subword_lists(
            self.words, *self.options.subwords, self.options.buckets
        )
        return lists

    def update_vocabulary(
        self, texts: Texts, *, tokenize: Tokenize | None = None, words: Sequence[str] | None = None
    ) -> int:
        """Add the words of further texts, with untrained vectors; `fit` then trains old and new ones.

        Args:
            texts: what `Corpus.read` takes.
            tokenize: likewise.
            words: add these alone.

        Returns:
            how many words are new.
        """
        options = self.options
        corpus = Corpus.read(texts, tokenize=tokenize, min_count=options.min_count, words=words)
        places = {word: place for place, word in enumerate(self.words)}
        counts = dict(zip(corpus.words, corpus.counts.tolist(), strict=True))
        new = [word for word in corpus.words if word not in places]
        old_counts = self.counts + np.array([counts.get(word, 0) for word in self.words], np.int64)
        old = len(self.words)
        self.input = np.concatenate([self.input[:old], self._new_rows(len(new), 2 + old), self.input[old:]])
        self.output = np.concatenate([self.output, np.zeros((len(new), options.width), np.float32)])
        self.counts = np.concatenate([old_counts, np.array([max(counts[word], 1) for word in new], np.int64)])
        self.words = (*self.words, *new)
        self._epoch = self._position = self._epochs = self._corpus_size = 0
        return len(new)

    def vectors(self) -> WordVectors:
        """The vectors of all words, and what makes those of other words when there are subwords."""
        count = len(self.words)
        if self.options.subwords is None:
            return WordVectors(self.words, self.input.copy(), counts=self.counts)
        begins, rows = self._subword_lists()
        vectors = np.empty((count, self.options.width), np.float32)
        for first in range(0, count, 4096):
            last = min(first + 4096, count)
            part = self.input[rows[begins[first] : begins[last]]]
            sums = np.add.reduceat(part, begins[first:last] - begins[first], axis=0)
            vectors[first:last] = sums / np.diff(begins[first : last + 1])[:, None]
        subwords = Subwords(*self.options.subwords, self.input[count:].copy())
        return WordVectors(self.words, vectors, counts=self.counts, subwords=subwords)

    def save(self, file: str | os.PathLike[str]) -> None:
        """Write everything that training needs to go on (safetensors)."""
        state = {
            "options": asdict(self.options),
            "epoch": self._epoch,
            "position": self._position,
            "epochs": self._epochs,
            "corpus_size": self._corpus_size,
        }
        names = np.frombuffer(json.dumps(self.words, ensure_ascii=False).encode(), np.uint8)
        tensors = {"input": self.input, "output": self.output, "counts": self.counts, "words": names}
        _core.write_safetensors(os.fspath(file), {"format": KIND, "state": json.dumps(state)}, tensors)

    @classmethod
    def load(cls, file: str | os.PathLike[str]) -> Word2Vec:
        """Read what `save` wrote.

        Raises:
            FormatError: the file is something else.
        """
        metadata, tensors = _core.read_safetensors(os.fspath(file), mmap=False)
        if metadata.get("format") != KIND or not {"input", "output", "counts", "words"} <= tensors.keys():
            raise _core.FormatError(f"{os.fspath(file)}: no training of word vectors (Word2Vec.save writes them)")
        state = json.loads(metadata["state"])
        options = state["options"]
        if options["subwords"] is not None:
            options["subwords"] = tuple(options["subwords"])
        model = cls(**options)
        model.words = tuple(json.loads(tensors["words"].tobytes()))
        model.counts, model.input, model.output = (np.array(tensors[name]) for name in ("counts", "input", "output"))
        model._epoch, model._position = state["epoch"], state["position"]
        model._epochs, model._corpus_size = state["epochs"], state["corpus_size"]
        return model
