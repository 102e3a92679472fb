"""How good outputs are: BLEU, chrF, TER, exact match, error rates, and how sure one may be of a difference."""

from pyseq.metrics.corpus import CorpusScore, bleu, chrf, ter
from pyseq.metrics.detections import Debouncing, RocPoint, detections, operating_point, roc
from pyseq.metrics.edits import Edits, edit_distance, edits
from pyseq.metrics.matches import character_error_rate, exact_match, token_error_rate, token_f1, word_error_rate
from pyseq.metrics.ngrams import BleuStatistics, bleu_of_tokens, brevity_penalty, modified_precision
from pyseq.metrics.resampling import Comparison, Interval, bootstrap_interval, mean, paired_bootstrap, ratio
from pyseq.metrics.spans import span_f1

__all__ = [
    "BleuStatistics",
    "Comparison",
    "CorpusScore",
    "Debouncing",
    "Edits",
    "Interval",
    "RocPoint",
    "bleu",
    "bleu_of_tokens",
    "bootstrap_interval",
    "brevity_penalty",
    "character_error_rate",
    "chrf",
    "detections",
    "edit_distance",
    "edits",
    "exact_match",
    "mean",
    "modified_precision",
    "operating_point",
    "paired_bootstrap",
    "ratio",
    "roc",
    "span_f1",
    "ter",
    "token_error_rate",
    "token_f1",
    "word_error_rate",
]
