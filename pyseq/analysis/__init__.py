"""Why a model errs, what it looks at, and how sure it is."""

from pyseq.analysis.attention_heads import attention_heads
from pyseq.analysis.beam_errors import BeamAnalysis, BeamExample, analyze_beam, read_pairs
from pyseq.analysis.confidence import token_confidence

__all__ = ["BeamAnalysis", "BeamExample", "analyze_beam", "attention_heads", "read_pairs", "token_confidence"]
