"""The ops of the core, one documented function each.

Arrays in, arrays out; when any input is a `Tensor` (parameters are), the results are tensors. Arrays are taken as they
are: float32 (or int64/int32 where integers are meant), C-contiguous; nothing is converted silently. A mistake raises
`ShapeError`, `DTypeError`, `OutOfRangeError` or `ValueError` with a sentence that names op, argument, got and expected.
"""

from pyseq.ops.attention import attention, cached_attention, kv_cache, pack_keys
from pyseq.ops.convolution import conv1d, conv2d
from pyseq.ops.ctc import ctc_loss
from pyseq.ops.dense import embedding, linear, matmul
from pyseq.ops.elementwise import add, add_integer, gelu, multiply, relu, sigmoid, tanh
from pyseq.ops.normalization import layer_norm, log_softmax, softmax
from pyseq.ops.pooling import max_pool1d, max_pool2d, mean_pool1d, mean_pool2d
from pyseq.ops.positions import learned_positions, rotary, sinusoidal_positions
from pyseq.ops.recurrent import coupled_lstm, gru, lstm, rnn, simple_gru
from pyseq.ops.recurrent_steps import coupled_lstm_step, gru_step, lstm_step, rnn_step, simple_gru_step
from pyseq.ops.selection import concat, gather_rows, slice

__all__ = [
    "add",
    "add_integer",
    "attention",
    "cached_attention",
    "concat",
    "conv1d",
    "conv2d",
    "coupled_lstm",
    "coupled_lstm_step",
    "ctc_loss",
    "embedding",
    "gather_rows",
    "gelu",
    "gru",
    "gru_step",
    "kv_cache",
    "layer_norm",
    "learned_positions",
    "linear",
    "log_softmax",
    "lstm",
    "lstm_step",
    "matmul",
    "max_pool1d",
    "max_pool2d",
    "mean_pool1d",
    "mean_pool2d",
    "multiply",
    "pack_keys",
    "relu",
    "rnn",
    "rnn_step",
    "rotary",
    "sigmoid",
    "simple_gru",
    "simple_gru_step",
    "sinusoidal_positions",
    "slice",
    "softmax",
    "tanh",
]
