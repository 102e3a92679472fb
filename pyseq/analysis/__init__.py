"""Why a model errs."""

from pyseq.analysis.beam_errors import BeamAnalysis, BeamExample, analyze_beam, read_pairs

__all__ = ["BeamAnalysis", "BeamExample", "analyze_beam", "read_pairs"]
