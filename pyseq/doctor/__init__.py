"""What `pyseq doctor` sees: the machine, this process, and what is wrong with either."""

from __future__ import annotations

from pyseq.doctor.diagnosis import Diagnosis, Facts, diagnose
from pyseq.doctor.findings import Finding

__all__ = ["Diagnosis", "Facts", "Finding", "diagnose"]
