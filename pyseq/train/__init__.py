"""Training: flat parameters, optimizers, schedules, averages, the loop, checkpoints."""

from pyseq.train.averaging import ExponentialAverage
from pyseq.train.checkpoint import Checkpoint
from pyseq.train.flat import FlatParameters
from pyseq.train.groups import NO_DECAY_OF_VECTORS, Group
from pyseq.train.nonfinite import NonFiniteError
from pyseq.train.optimizers import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop
from pyseq.train.run import BatchSource, Result
from pyseq.train.schedules import (
    Constant,
    Cosine,
    InverseSquareRoot,
    Linear,
    OneCycle,
    Plateau,
    Schedule,
    StepDecay,
    Warmup,
)
from pyseq.train.settings import Settings
from pyseq.train.trainer import Callback, Trainer

__all__ = [
    "NO_DECAY_OF_VECTORS",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "BatchSource",
    "Callback",
    "Checkpoint",
    "Constant",
    "Cosine",
    "ExponentialAverage",
    "FlatParameters",
    "Group",
    "InverseSquareRoot",
    "Linear",
    "NonFiniteError",
    "OneCycle",
    "Optimizer",
    "Plateau",
    "RMSprop",
    "Result",
    "Schedule",
    "Settings",
    "StepDecay",
    "Trainer",
    "Warmup",
]
