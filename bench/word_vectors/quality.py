"""Quality beside gensim at equal settings: python -m bench.word_vectors.quality DATA

Trains skip-gram on the novels and the Wikipedia articles with both libraries, some seeds each; prints Spearman's ρ on
WordSim-353 and the accuracy on the analogies.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from bench.word_vectors.corpora import books_and_articles
from pyseq.embeddings import Word2Vec, WordVectors, evaluate_analogies, evaluate_similarity

SETTINGS = {"pyseq": {}, "pyseq lock-free": {"deterministic": False}}


def train_gensim(corpus: Path, epochs: int, seed: int, cbow: bool) -> WordVectors:
    from gensim.models import Word2Vec as Gensim

    model = Gensim(
        corpus_file=str(corpus), vector_size=100, window=5, sg=int(not cbow), negative=5, sample=1e-3, min_count=5,
        epochs=epochs, workers=1, seed=seed,
    )  # fmt: skip
    return WordVectors(model.wv.index_to_key, model.wv.vectors)


def train_pyseq(corpus: Path, epochs: int, seed: int, cbow: bool, **options: object) -> WordVectors:
    model = Word2Vec(seed=seed, architecture="cbow" if cbow else "skip-gram", **options)
    model.fit(corpus, epochs=epochs)
    return model.vectors()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default="")
    parser.add_argument("--cbow", action="store_true")
    parser.add_argument("--corpus", type=Path, help="kept here instead of being made anew")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        corpus = options.corpus or Path(folder) / "corpus.txt"
        if not corpus.exists():
            books_and_articles(options.data, corpus)
        evaluation = options.data / "word_evaluation"
        for name in ("gensim", *SETTINGS):
            if options.only not in name:
                continue
            results = []
            for seed in range(1, options.seeds + 1):
                start = time.process_time()
                if name == "gensim":
                    vectors = train_gensim(corpus, options.epochs, seed, options.cbow)
                else:
                    vectors = train_pyseq(corpus, options.epochs, seed, options.cbow, **SETTINGS[name])
                seconds = time.process_time() - start
                similarity = evaluate_similarity(vectors, evaluation / "wordsim.tsv", lowercase=True)
                analogies = evaluate_analogies(vectors, evaluation / "analogies.txt", lowercase=True)[-1]
                results.append((similarity.spearman, 100 * analogies.accuracy, seconds))
                print(f"{name} seed {seed}: ρ {similarity.spearman:.3f} ({similarity.pairs} pairs), ", end="")
                print(f"analogies {100 * analogies.accuracy:.2f} % of {analogies.asked}, {seconds:.0f} s", flush=True)
            mean = np.mean(results, axis=0)
            print(f"{name} mean: ρ {mean[0]:.3f}, analogies {mean[1]:.2f} %, {mean[2]:.0f} s", flush=True)


if __name__ == "__main__":
    main()
