"""Training steps beside PyTorch's: the same weights and inputs, timed in turn."""
