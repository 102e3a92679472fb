"""What word vectors are measured on."""

from __future__ import annotations

import lzma
from pathlib import Path

import numpy as np

from pyseq.embeddings import simple_words


def zipf_corpus(folder: Path, words: int, vocabulary: int = 50_000) -> Path:
    """Words with Zipf's frequencies and some local structure, 20 per line."""
    file = folder / f"zipf-{words}.txt"
    random = np.random.default_rng(11)
    shares = 1.0 / (np.arange(vocabulary) + 2.7)
    ids = np.searchsorted(np.cumsum(shares / shares.sum()), random.random(words)).clip(0, vocabulary - 1)
    topics = np.repeat(random.integers(0, 50, words // 20 + 1), 20)[:words]
    ids = np.where(random.random(words) < 0.3, (ids // 50) * 50 + topics, ids).clip(0, vocabulary - 1)
    names = np.array([f"w{i}" for i in range(vocabulary)])
    with file.open("w") as out:
        for begin in range(0, words, 20):
            out.write(" ".join(names[ids[begin : begin + 20]]) + "\n")
    return file


def books_and_articles(data: Path, file: Path) -> Path:
    """The novels and the Wikipedia articles as lower-cased words, a paragraph or line per line."""
    with file.open("w", encoding="utf-8") as out:
        for source in [*sorted((data / "novels").glob("*.xz")), data / "wikipedia" / "articles.txt.xz"]:
            with lzma.open(source, "rt", encoding="utf-8") as text:
                for paragraph in text.read().split("\n\n"):
                    words = simple_words(paragraph)
                    if words:
                        out.write(" ".join(words) + "\n")
    return file
