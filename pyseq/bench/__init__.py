"""Micro-benchmarks: cases for every op (`cases.py`) and how they are timed (`timing.py`)."""
