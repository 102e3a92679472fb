"""One measurement in a process of its own: python -m bench.word_vectors.workers NAME THREADS CORPUS

Prints units per second: words of the corpus (the whole call, with the reading of the text), questions, or for GloVe
words of the corpus per second of counting or of one iteration.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

WIDTH, WINDOW, NEGATIVES, MIN_COUNT, SAMPLE = 100, 5, 5, 5, 1e-3
SUBWORDS, BUCKETS = (3, 6), 200_000
QUESTIONS, ANALOGY_WORDS = 1000, 30_000


def clock(threads: int) -> float:
    """Seconds: of the processor for one thread, so that what else the machine does matters little."""
    return time.process_time() if threads == 1 else time.perf_counter()


def words_in(corpus: Path) -> int:
    return sum(len(line.split()) for line in corpus.open(encoding="utf-8"))


def pyseq_word2vec(**options: Any) -> Callable[[int, Path], float]:
    def run(threads: int, corpus: Path) -> float:
        import pyseq
        from pyseq.embeddings import Word2Vec

        pyseq.set_num_threads(threads)
        count = words_in(corpus)
        start = clock(threads)
        Word2Vec(width=WIDTH, window=WINDOW, negatives=NEGATIVES, min_count=MIN_COUNT, subsample=SAMPLE, **options).fit(
            corpus, epochs=1
        )
        return count / (clock(threads) - start)

    return run


def gensim_word2vec(**options: Any) -> Callable[[int, Path], float]:
    def run(threads: int, corpus: Path) -> float:
        from gensim.models import Word2Vec

        count = words_in(corpus)
        start = clock(threads)
        Word2Vec(
            corpus_file=str(corpus),
            vector_size=WIDTH,
            window=WINDOW,
            min_count=MIN_COUNT,
            sample=SAMPLE,
            epochs=1,
            workers=threads,
            seed=1,
            **options,
        )
        return count / (clock(threads) - start)

    return run


def fasttext(threads: int, corpus: Path) -> float:
    import fasttext as library

    count = words_in(corpus)
    start = clock(threads)
    library.train_unsupervised(
        str(corpus),
        model="skipgram",
        dim=WIDTH,
        ws=WINDOW,
        neg=NEGATIVES,
        epoch=1,
        thread=threads,
        minCount=MIN_COUNT,
        minn=SUBWORDS[0],
        maxn=SUBWORDS[1],
        bucket=BUCKETS,
        loss="ns",
        t=SAMPLE,
        lr=0.025,
        verbose=0,
    )
    return count / (clock(threads) - start)


def analogy_vectors() -> tuple[list[str], Any, list[tuple[str, str, str]]]:
    random = np.random.default_rng(0)
    words = [f"w{i}" for i in range(ANALOGY_WORDS)]
    rows = random.standard_normal((ANALOGY_WORDS, WIDTH)).astype(np.float32)
    chosen = random.integers(0, ANALOGY_WORDS, (QUESTIONS, 3))
    return words, rows, [(words[a], words[b], words[c]) for a, b, c in chosen]


def analogies(threads: int, corpus: Path) -> float:
    import pyseq
    from pyseq.embeddings import WordVectors

    pyseq.set_num_threads(threads)
    words, rows, questions = analogy_vectors()
    vectors = WordVectors(words, rows)
    vectors.analogies(questions[:50])
    start = clock(threads)
    vectors.analogies(questions, k=1)
    return QUESTIONS / (clock(threads) - start)


def gensim_most_similar(threads: int, corpus: Path) -> float:
    from gensim.models import KeyedVectors

    words, rows, questions = analogy_vectors()
    vectors = KeyedVectors(WIDTH)
    vectors.add_vectors(words, rows)
    vectors.most_similar(positive=["w1"], topn=1)
    start = clock(threads)
    for a, b, c in questions:
        vectors.most_similar(positive=[b, c], negative=[a], topn=1)
    return QUESTIONS / (clock(threads) - start)


def glove(part: str) -> Callable[[int, Path], float]:
    def run(threads: int, corpus: Path) -> float:
        import pyseq
        from pyseq.embeddings import Corpus, Glove, count_cooccurrences

        pyseq.set_num_threads(threads)
        count = words_in(corpus)
        start = clock(threads)
        pairs = count_cooccurrences(Corpus.read(corpus, min_count=MIN_COUNT), WINDOW)
        if part == "co-occurrences":  # as in C, with the reading of the text
            return count / (clock(threads) - start)
        start = clock(threads)
        Glove(WIDTH, window=WINDOW, x_max=10.0).fit(pairs, epochs=3)  # as in C, with what comes before the first
        return 3 * count / (clock(threads) - start)

    return run


WORKERS: dict[str, Callable[[int, Path], float]] = {
    "skip-gram": pyseq_word2vec(),
    "skip-gram fast": pyseq_word2vec(deterministic=False),
    "cbow": pyseq_word2vec(architecture="cbow"),
    "cbow fast": pyseq_word2vec(architecture="cbow", deterministic=False),
    "hierarchical": pyseq_word2vec(loss="hierarchical"),
    "hierarchical fast": pyseq_word2vec(loss="hierarchical", deterministic=False),
    "fasttext": pyseq_word2vec(subwords=SUBWORDS, buckets=BUCKETS),
    "fasttext fast": pyseq_word2vec(subwords=SUBWORDS, buckets=BUCKETS, deterministic=False),
    "gensim skip-gram": gensim_word2vec(sg=1, negative=NEGATIVES),
    "gensim cbow": gensim_word2vec(sg=0, negative=NEGATIVES),
    "gensim hierarchical": gensim_word2vec(sg=1, negative=0, hs=1),
    "fastText": fasttext,
    "analogies": analogies,
    "gensim most_similar": gensim_most_similar,
    "glove co-occurrences": glove("co-occurrences"),
    "glove iteration": glove("iteration"),
}

if __name__ == "__main__":
    print(json.dumps(WORKERS[sys.argv[1]](int(sys.argv[2]), Path(sys.argv[3]))))
