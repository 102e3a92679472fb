"""pyseq beside other engines: the same weights and inputs, timed in turn. `run.py` is the command."""
