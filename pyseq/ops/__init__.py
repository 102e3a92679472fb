"""The ops of the core, one documented function each.

Arrays in, arrays out; when any input is a `Tensor` (parameters are), the results are tensors. Arrays are taken as they
are: float32 (or int64/int32 where integers are meant), C-contiguous; nothing is converted silently. A mistake raises
`ShapeError`, `DTypeError`, `OutOfRangeError` or `ValueError` with a sentence that names op, argument, got and expected.
"""

from pyseq.ops.additive import additive_attention
from pyseq.ops.attention import attention, cached_attention, kv_cache, pack_keys
from pyseq.ops.convolution import conv1d, conv2d
from pyseq.ops.crf import crf_loss, crf_marginals, viterbi
from pyseq.ops.ctc import ctc_loss
from pyseq.ops.dense import embedding, linear, linear_pair, linear_triple, matmul
from pyseq.ops.elementwise import add, add_integer, divide, gelu, multiply, relu, sigmoid, silu, subtract, tanh
from pyseq.ops.functions import clip, elu, exp, leaky_relu, log, negative, softplus, sqrt
from pyseq.ops.loss import binary_cross_entropy, cross_entropy
from pyseq.ops.masks import mask_rows, pack_rows, sequence_mask, unpack_rows
from pyseq.ops.normalization import (
    add_layer_norm,
    add_rms_norm,
    batch_norm,
    instance_norm,
    layer_norm,
    log_softmax,
    rms_norm,
    softmax,
)
from pyseq.ops.pooling import max_pool1d, max_pool2d, mean_pool1d, mean_pool2d
from pyseq.ops.positions import learned_positions, rotary, sinusoidal_positions
from pyseq.ops.recurrent import coupled_lstm, gru, lstm, rnn, simple_gru
from pyseq.ops.recurrent_steps import coupled_lstm_step, gru_step, lstm_step, rnn_step, simple_gru_step
from pyseq.ops.reduction import argmax, max, mean, sum, top_k
from pyseq.ops.regularization import dropout
from pyseq.ops.selection import concat, gather_rows, merge_axes, slice, split_axis
from pyseq.ops.spectrum import stft

__all__ = [
    "add",
    "add_integer",
    "add_layer_norm",
    "add_rms_norm",
    "additive_attention",
    "argmax",
    "attention",
    "batch_norm",
    "binary_cross_entropy",
    "cached_attention",
    "clip",
    "concat",
    "conv1d",
    "conv2d",
    "coupled_lstm",
    "coupled_lstm_step",
    "crf_loss",
    "crf_marginals",
    "cross_entropy",
    "ctc_loss",
    "divide",
    "dropout",
    "elu",
    "embedding",
    "exp",
    "gather_rows",
    "gelu",
    "gru",
    "gru_step",
    "instance_norm",
    "kv_cache",
    "layer_norm",
    "leaky_relu",
    "learned_positions",
    "linear",
    "linear_pair",
    "linear_triple",
    "log",
    "log_softmax",
    "lstm",
    "lstm_step",
    "mask_rows",
    "matmul",
    "max",
    "max_pool1d",
    "max_pool2d",
    "mean",
    "mean_pool1d",
    "mean_pool2d",
    "merge_axes",
    "multiply",
    "negative",
    "pack_keys",
    "pack_rows",
    "relu",
    "rms_norm",
    "rnn",
    "rnn_step",
    "rotary",
    "sequence_mask",
    "sigmoid",
    "silu",
    "simple_gru",
    "simple_gru_step",
    "sinusoidal_positions",
    "slice",
    "softmax",
    "softplus",
    "split_axis",
    "sqrt",
    "stft",
    "subtract",
    "sum",
    "tanh",
    "top_k",
    "unpack_rows",
    "viterbi",
]
