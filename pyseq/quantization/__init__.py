"""Programs with narrow weights: bfloat16 or int8 files, and what the narrow type costs in accuracy."""

from pyseq.quantization.activations import LayerError, compare_runs
from pyseq.quantization.file import quantize
from pyseq.quantization.weights import WeightError, weight_errors

__all__ = ["LayerError", "WeightError", "compare_runs", "quantize", "weight_errors"]
