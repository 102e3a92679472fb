"""Word vectors: training (word2vec, fastText, GloVe, Bengio's language model), files, questions, evaluation, debiasing.

>>> from pyseq.embeddings import Word2Vec
>>> model = Word2Vec(width=16, min_count=1)
>>> report = model.fit(["the cat sat on the mat", "the dog sat on the log"] * 20, epochs=2)
>>> vectors = model.vectors()
>>> len(vectors.neighbors("cat", 3))
3
"""

from pyseq.embeddings.association import Association, weat
from pyseq.embeddings.bias_report import bias_report, bias_rows
from pyseq.embeddings.corpus import Corpus, count_words, simple_words
from pyseq.embeddings.debiasing import (
    bias_directions,
    equalized,
    hard_debiased,
    leanings,
    neutralized,
    soft_debiased,
)
from pyseq.embeddings.evaluation import AnalogyScore, SimilarityScore, evaluate_analogies, evaluate_similarity
from pyseq.embeddings.glove import Cooccurrences, Glove, count_cooccurrences
from pyseq.embeddings.maps import WordMap, save_projector, word_map
from pyseq.embeddings.phrases import Phrases
from pyseq.embeddings.subwords import Subwords
from pyseq.embeddings.window_language_model import WindowLanguageModel, windows
from pyseq.embeddings.word2vec import TrainingReport, Word2Vec, Word2VecOptions
from pyseq.embeddings.word_vectors import WordVectors

__all__ = [
    "AnalogyScore",
    "Association",
    "Cooccurrences",
    "Corpus",
    "Glove",
    "Phrases",
    "SimilarityScore",
    "Subwords",
    "TrainingReport",
    "WindowLanguageModel",
    "Word2Vec",
    "Word2VecOptions",
    "WordMap",
    "WordVectors",
    "bias_directions",
    "bias_report",
    "bias_rows",
    "count_cooccurrences",
    "count_words",
    "equalized",
    "evaluate_analogies",
    "evaluate_similarity",
    "hard_debiased",
    "leanings",
    "neutralized",
    "save_projector",
    "simple_words",
    "soft_debiased",
    "weat",
    "windows",
    "word_map",
]
