"""Layers: modules with named parameters, composed into models.

Parameter names and layouts are PyTorch's, so that its checkpoints load unchanged.

The shapes that recurrent networks come in, by how many steps they read and write:

>>> import numpy as np, pyseq
>>> from pyseq import nn, ops
>>> x = pyseq.Tensor(np.ones((2, 5, 3), np.float32))  # [batch, time, features]

One to one: no recurrence, a feed-forward network.

>>> nn.Linear(3, 4)(ops.mean(x, axis=1)).shape
(2, 4)

One to many: every output is the next input (music, captions). The loop is one op of a program.

>>> cell, output = nn.GRUCell(4, 8), nn.Linear(8, 4)
>>> def write(_, state):
...     y, h = state
...     h = cell(y, h)
...     y = output(h)
...     return y, (y, h)
>>> first, h = pyseq.Tensor(np.ones((2, 4), np.float32)), pyseq.Tensor(np.zeros((2, 8), np.float32))
>>> steps = pyseq.Tensor(np.zeros((2, 6, 1), np.float32))  # six steps, nothing to read in them
>>> pyseq.scan(write, steps, (first, h))[0].shape
(2, 6, 4)

Many to one: the last state tells (sentiment, the language of a name: `pyseq train names`).

>>> lengths = np.array([5, 3])
>>> _, (last,) = nn.GRU(3, 8, bidirectional=True)(x, lengths)
>>> nn.Linear(16, 18)(last).shape
(2, 18)

Many to many, one output per input (named entities, a language model: `pyseq train charlm`).

>>> hidden, _ = nn.LSTM(3, 8, num_layers=2)(x, lengths)
>>> nn.Linear(8, 7)(hidden).shape
(2, 5, 7)

Many to many, of another length: an encoder's state starts a decoder (translation; with attention: `pyseq train dates`).

>>> _, (state,) = nn.GRU(3, 8)(x, lengths)
>>> targets = nn.Embedding(10, 4)(np.array([[1, 4, 2, 9], [1, 7, 7, 3]]))
>>> decoded, _ = nn.GRU(4, 8)(targets, state=[state])
>>> nn.Linear(8, 10)(decoded).shape
(2, 4, 10)
"""

from pyseq.nn.activation import GELU, ReLU, Sigmoid, SiLU, Tanh
from pyseq.nn.additive_attention import AdditiveAttention
from pyseq.nn.attention import MultiHeadAttention
from pyseq.nn.batch_norm import BatchNorm1d, BatchNorm2d
from pyseq.nn.cells import GRUCell, LSTMCell, RNNCell
from pyseq.nn.containers import ModuleList, Sequential
from pyseq.nn.convolution import Conv1d, Conv2d
from pyseq.nn.crf import CRF
from pyseq.nn.dropout import Dropout
from pyseq.nn.embedding import Embedding
from pyseq.nn.linear import Linear
from pyseq.nn.local_window import LocalWindow
from pyseq.nn.loss import BCEWithLogitsLoss, CrossEntropyLoss, CTCLoss, HingeLoss, KLDivLoss, MSELoss
from pyseq.nn.module import Module
from pyseq.nn.multiplicative_attention import MultiplicativeAttention
from pyseq.nn.normalization import InstanceNorm1d, LayerNorm, RMSNorm
from pyseq.nn.pooling import MaxPool1d, MaxPool2d, MeanPool1d, MeanPool2d
from pyseq.nn.positions import LearnedPositions, RelativePositions, RotaryPositions, SinusoidalPositions, alibi_slopes
from pyseq.nn.recurrent import GRU, LSTM, RNN
from pyseq.nn.sound_features import SoundFeatures
from pyseq.nn.transformer import (
    FeedForward,
    GatedFeedForward,
    TransformerDecoderLayer,
    TransformerEncoderLayer,
    TransformerVariants,
)
from pyseq.nn.universal import UniversalEncoder
from pyseq.tensor import Buffer, Parameter

__all__ = [
    "CRF",
    "GELU",
    "GRU",
    "LSTM",
    "RNN",
    "AdditiveAttention",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "BatchNorm2d",
    "Buffer",
    "CTCLoss",
    "Conv1d",
    "Conv2d",
    "CrossEntropyLoss",
    "Dropout",
    "Embedding",
    "FeedForward",
    "GRUCell",
    "GatedFeedForward",
    "HingeLoss",
    "InstanceNorm1d",
    "KLDivLoss",
    "LSTMCell",
    "LayerNorm",
    "LearnedPositions",
    "Linear",
    "LocalWindow",
    "MSELoss",
    "MaxPool1d",
    "MaxPool2d",
    "MeanPool1d",
    "MeanPool2d",
    "Module",
    "ModuleList",
    "MultiHeadAttention",
    "MultiplicativeAttention",
    "Parameter",
    "RMSNorm",
    "RNNCell",
    "ReLU",
    "RelativePositions",
    "RotaryPositions",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SinusoidalPositions",
    "SoundFeatures",
    "Tanh",
    "TransformerDecoderLayer",
    "TransformerEncoderLayer",
    "TransformerVariants",
    "UniversalEncoder",
    "alibi_slopes",
]
