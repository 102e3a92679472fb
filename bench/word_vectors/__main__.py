"""Speed of training and questions beside gensim and fastText, in one run: python -m bench.word_vectors

Every measurement is a process of its own on the same text; libraries take turns, the fastest of some rounds counts.
Needs the `bench` extra.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.word_vectors.corpora import zipf_corpus
from bench.word_vectors.workers import WORKERS

# What is compared: our workers against those of others, and how much faster is wanted.
COMPARISONS: list[tuple[str, int, list[str], str, float]] = [
    ("skip-gram, 5 negatives", 1, ["skip-gram fast", "skip-gram"], "gensim skip-gram", 3.0),
    ("skip-gram, 5 negatives", 2, ["skip-gram fast", "skip-gram"], "gensim skip-gram", 3.0),
    ("CBOW, 5 negatives", 1, ["cbow fast", "cbow"], "gensim cbow", 3.0),
    ("skip-gram, hierarchical softmax", 1, ["hierarchical fast", "hierarchical"], "gensim hierarchical", 3.0),
    ("fastText skip-gram, n-grams 3-6", 1, ["fasttext fast", "fasttext"], "fastText", 3.0),
    ("analogies, 3CosAdd, questions/s", 1, ["analogies"], "gensim most_similar", 10.0),
]
# GloVe in C, of an earlier run on this machine: seconds for 1 M words, and gensim's words/s of that run.
GLOVE_C = {"co-occurrences": 2.5, "one iteration": 24.6 / 5}
GENSIM_THEN = 163e3


def measure(name: str, threads: int, corpus: Path) -> float:
    """Units per second of one worker in a process of its own."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "PYSEQ_NUM_THREADS": str(threads)}
    command = [sys.executable, "-m", "bench.word_vectors.workers", name, str(threads), str(corpus)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{name}: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else 'failed'}")
    return float(json.loads(done.stdout.strip().splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--words", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only", default="", help="rows whose name has this in it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        corpus = zipf_corpus(Path(folder), options.words)
        rows = [row for row in COMPARISONS if options.only in row[0]]
        names = sorted({(name, threads) for _, threads, ours, theirs, _ in rows for name in (*ours, theirs)})
        glove = [("glove co-occurrences", 1), ("glove iteration", 1)] if options.only in "glove" else []
        if glove and ("gensim skip-gram", 1) not in names:
            names.append(("gensim skip-gram", 1))
        best: dict[tuple[str, int], float] = {}
        for _ in range(options.rounds):
            for name, threads in [*names, *glove]:
                assert name in WORKERS, name
                best[name, threads] = max(best.get((name, threads), 0.0), measure(name, threads, corpus))
    print("| what | threads | pyseq | other | ratio | target |\n|---|---|---|---|---|---|")
    for what, threads, ours, theirs, target in rows:
        other = best[theirs, threads]
        for name in ours:
            wanted = 2.0 if target == 3.0 and not name.endswith("fast") and "fasttext" not in name else target
            ratio = best[name, threads] / other
            mode = "lock-free" if name.endswith("fast") else "reproducible"
            met = "met" if ratio >= wanted else "missed"
            print(
                f"| {what} ({mode}) | {threads} | {best[name, threads]:,.0f} | {theirs}: {other:,.0f} | {ratio:.1f} |"
                f" {wanted:.0f}: {met} |"
            )
    for name, seconds, target in zip(("co-occurrences", "iteration"), GLOVE_C.values(), (2.0, 3.0), strict=True):
        if not glove:
            break
        scaled = seconds * GENSIM_THEN / best["gensim skip-gram", 1] * options.words / 1e6
        mine = options.words / best[f"glove {name}", 1]
        met = "met" if scaled / mine >= target else "missed"
        print(
            f"| GloVe {name}, seconds | 1 | {mine:.2f} | GloVe C, scaled by gensim's row: {scaled:.2f} |"
            f" {scaled / mine:.1f} | {target:.0f}: {met} |"
        )


if __name__ == "__main__":
    main()
