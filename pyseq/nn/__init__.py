"""Layers: modules with named parameters, composed into models.

Parameter names and layouts are PyTorch's, so that its checkpoints load unchanged.
"""

from pyseq.nn.activation import GELU, ReLU, Sigmoid, Tanh
from pyseq.nn.additive_attention import AdditiveAttention
from pyseq.nn.attention import MultiHeadAttention
from pyseq.nn.batch_norm import BatchNorm1d, BatchNorm2d
from pyseq.nn.cells import GRUCell, LSTMCell, RNNCell
from pyseq.nn.containers import ModuleList, Sequential
from pyseq.nn.convolution import Conv1d, Conv2d
from pyseq.nn.dropout import Dropout
from pyseq.nn.embedding import Embedding
from pyseq.nn.linear import Linear
from pyseq.nn.loss import BCEWithLogitsLoss, CrossEntropyLoss, CTCLoss, HingeLoss, KLDivLoss, MSELoss
from pyseq.nn.module import Module
from pyseq.nn.normalization import LayerNorm, RMSNorm
from pyseq.nn.pooling import MaxPool1d, MaxPool2d, MeanPool1d, MeanPool2d
from pyseq.nn.positions import LearnedPositions, SinusoidalPositions
from pyseq.nn.recurrent import GRU, LSTM, RNN
from pyseq.nn.transformer import FeedForward, TransformerDecoderLayer, TransformerEncoderLayer
from pyseq.tensor import Buffer, Parameter

__all__ = [
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
    "HingeLoss",
    "KLDivLoss",
    "LSTMCell",
    "LayerNorm",
    "LearnedPositions",
    "Linear",
    "MSELoss",
    "MaxPool1d",
    "MaxPool2d",
    "MeanPool1d",
    "MeanPool2d",
    "Module",
    "ModuleList",
    "MultiHeadAttention",
    "Parameter",
    "RMSNorm",
    "RNNCell",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "SinusoidalPositions",
    "Tanh",
    "TransformerDecoderLayer",
    "TransformerEncoderLayer",
]
