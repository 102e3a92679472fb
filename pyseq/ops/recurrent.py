"""Recurrent layers over a sequence, and their single steps.

Layouts are PyTorch's: w_ih [gates · hidden, in], w_hh [gates · hidden, hidden], two biases [gates · hidden]; gates are
r, z, n in a GRU and i, f, g, o in an LSTM. In course notation Γr = r, Γu = 1 − z for the GRU (PyTorch's z keeps the old
state) and Γu = i, Γf = f, Γo = o, c̃ = g for the LSTM.
"""

from __future__ import annotations

from typing import Any

from pyseq.tensor import OperandT, apply


def rnn(
    x: OperandT,
    w_ih: OperandT,
    w_hh: OperandT,
    b_ih: OperandT | None = None,
    b_hh: OperandT | None = None,
    w_ih_reverse: OperandT | None = None,
    w_hh_reverse: OperandT | None = None,
    b_ih_reverse: OperandT | None = None,
    b_hh_reverse: OperandT | None = None,
    lengths: OperandT | None = None,
    h0: OperandT | None = None,
    nonlinearity: str = "tanh",
) -> tuple[OperandT, OperandT]:
    """Elman network over a sequence: h_t = f(W_ih x_t + b_ih + W_hh h_{t−1} + b_hh).

    Args:
        x: [batch, time, in] float32.
        w_ih: [hidden, in].
        w_hh: [hidden, hidden].
        b_ih: [hidden] or None.
        b_hh: [hidden] or None.
        w_ih_reverse: as w_ih; given, a second direction runs from the last valid step to the first.
        w_hh_reverse: as w_hh.
        b_ih_reverse: as b_ih.
        b_hh_reverse: as b_hh.
        lengths: [batch] int64, valid steps of each row; None for all.
        h0: [batch, directions · hidden], zeros when None.
        nonlinearity: f: "tanh" or "relu".

    Returns:
        y [batch, time, directions · hidden], zero beyond lengths, and the final state h [batch, directions · hidden].

    Raises:
        ShapeError: a weight does not fit. ValueError: lengths outside [0, time].

    Source:
        Elman, "Finding structure in time" (1990).

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> x, one = np.ones((1, 3, 1), np.float32), np.ones((1, 1), np.float32)
        >>> y, h = ops.rnn(x, one, one, nonlinearity="relu")
        >>> y[0, :, 0], h
        (array([1., 2., 3.], dtype=float32), array([[3.]], dtype=float32))
    """
    inputs = (x, w_ih, w_hh, b_ih, b_hh, w_ih_reverse, w_hh_reverse, b_ih_reverse, b_hh_reverse, lengths, h0)
    return _pair(apply("rnn", inputs, {"nonlinearity": nonlinearity}))


def gru(
    x: OperandT,
    w_ih: OperandT,
    w_hh: OperandT,
    b_ih: OperandT | None = None,
    b_hh: OperandT | None = None,
    w_ih_reverse: OperandT | None = None,
    w_hh_reverse: OperandT | None = None,
    b_ih_reverse: OperandT | None = None,
    b_hh_reverse: OperandT | None = None,
    lengths: OperandT | None = None,
    h0: OperandT | None = None,
) -> tuple[OperandT, OperandT]:
    """Gated recurrent unit over a sequence: h_t = (1 − z) · n + z · h_{t−1}.

    With i = W_ih x_t + b_ih and k = W_hh h_{t−1} + b_hh cut into gates:
    r = σ(i_r + k_r), z = σ(i_z + k_z), n = tanh(i_n + r · k_n).

    Args:
        x: [batch, time, in] float32.
        w_ih: [3 · hidden, in], gates r, z, n.
        w_hh: [3 · hidden, hidden].
        b_ih: [3 · hidden] or None.
        b_hh: [3 · hidden] or None.
        w_ih_reverse: as w_ih; given, a second direction runs from the last valid step to the first.
        w_hh_reverse: as w_hh.
        b_ih_reverse: as b_ih.
        b_hh_reverse: as b_hh.
        lengths: [batch] int64, valid steps of each row; None for all.
        h0: [batch, directions · hidden], zeros when None.

    Returns:
        y [batch, time, directions · hidden], zero beyond lengths, and the final state h [batch, directions · hidden].

    Raises:
        ShapeError: a weight does not fit. ValueError: lengths outside [0, time].

    Source:
        Cho et al., "Learning phrase representations using RNN encoder-decoder" (2014), with PyTorch's reset after the
        recurrent product.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> x, h0 = np.zeros((1, 2, 1), np.float32), np.full((1, 1), 8, np.float32)
        >>> zero = np.zeros((3, 1), np.float32)
        >>> ops.gru(x, zero, zero, h0=h0)[1]
        array([[2.]], dtype=float32)
    """
    inputs = (x, w_ih, w_hh, b_ih, b_hh, w_ih_reverse, w_hh_reverse, b_ih_reverse, b_hh_reverse, lengths, h0)
    return _pair(apply("gru", inputs))


def lstm(
    x: OperandT,
    w_ih: OperandT,
    w_hh: OperandT,
    b_ih: OperandT | None = None,
    b_hh: OperandT | None = None,
    w_ih_reverse: OperandT | None = None,
    w_hh_reverse: OperandT | None = None,
    b_ih_reverse: OperandT | None = None,
    b_hh_reverse: OperandT | None = None,
    lengths: OperandT | None = None,
    h0: OperandT | None = None,
    c0: OperandT | None = None,
) -> tuple[OperandT, OperandT, OperandT]:
    """Long short-term memory over a sequence: c_t = f · c_{t−1} + i · g, h_t = o · tanh(c_t).

    With a = W_ih x_t + b_ih + W_hh h_{t−1} + b_hh cut into gates:
    i = σ(a_i), f = σ(a_f), g = tanh(a_g), o = σ(a_o).

    Args:
        x: [batch, time, in] float32.
        w_ih: [4 · hidden, in], gates i, f, g, o.
        w_hh: [4 · hidden, hidden].
        b_ih: [4 · hidden] or None.
        b_hh: [4 · hidden] or None.
        w_ih_reverse: as w_ih; given, a second direction runs from the last valid step to the first.
        w_hh_reverse: as w_hh.
        b_ih_reverse: as b_ih.
        b_hh_reverse: as b_hh.
        lengths: [batch] int64, valid steps of each row; None for all.
        h0: [batch, directions · hidden], zeros when None.
        c0: as h0.

    Returns:
        y [batch, time, directions · hidden], zero beyond lengths, and the final states h and c
        [batch, directions · hidden].

    Raises:
        ShapeError: a weight does not fit. ValueError: lengths outside [0, time].

    Source:
        Hochreiter and Schmidhuber, "Long short-term memory" (1997), with the forget gate of Gers et al. (2000).

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> x, c0 = np.zeros((1, 2, 1), np.float32), np.full((1, 1), 8, np.float32)
        >>> zero = np.zeros((4, 1), np.float32)
        >>> ops.lstm(x, zero, zero, h0=np.zeros((1, 1), np.float32), c0=c0)[2]
        array([[2.]], dtype=float32)
    """
    inputs = (x, w_ih, w_hh, b_ih, b_hh, w_ih_reverse, w_hh_reverse, b_ih_reverse, b_hh_reverse, lengths, h0, c0)
    y, h, c = apply("lstm", inputs)
    return y, h, c


def rnn_step(
    x: OperandT,
    h: OperandT,
    w_ih: OperandT,
    w_hh: OperandT,
    b_ih: OperandT | None = None,
    b_hh: OperandT | None = None,
    nonlinearity: str = "tanh",
) -> OperandT:
    """One step of `rnn`: h' = f(W_ih x + b_ih + W_hh h + b_hh).

    Args:
        x: [batch, in] float32.
        h: [batch, hidden], the state.
        w_ih: [hidden, in].
        w_hh: [hidden, hidden].
        b_ih: [hidden] or None.
        b_hh: [hidden] or None.
        nonlinearity: f: "tanh" or "relu".

    Returns:
        the next state [batch, hidden].

    Raises:
        ShapeError: a weight or the state does not fit.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> one = np.ones((1, 1), np.float32)
        >>> ops.rnn_step(one, one, one, one, nonlinearity="relu")
        array([[2.]], dtype=float32)
    """
    result: OperandT = apply("rnn_step", (x, h, w_ih, w_hh, b_ih, b_hh), {"nonlinearity": nonlinearity})[0]
    return result


def gru_step(
    x: OperandT,
    h: OperandT,
    w_ih: OperandT,
    w_hh: OperandT,
    b_ih: OperandT | None = None,
    b_hh: OperandT | None = None,
) -> OperandT:
    """One step of `gru`: h' = (1 − z) · n + z · h.

    Args:
        x: [batch, in] float32.
        h: [batch, hidden], the state.
        w_ih: [3 · hidden, in].
        w_hh: [3 · hidden, hidden].
        b_ih: [3 · hidden] or None.
        b_hh: [3 · hidden] or None.

    Returns:
        the next state [batch, hidden].

    Raises:
        ShapeError: a weight or the state does not fit.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> x, h, zero = np.zeros((1, 1), np.float32), np.ones((1, 1), np.float32), np.zeros((3, 1), np.float32)
        >>> ops.gru_step(x, h, zero, zero)
        array([[0.5]], dtype=float32)
    """
    result: OperandT = apply("gru_step", (x, h, w_ih, w_hh, b_ih, b_hh))[0]
    return result


def lstm_step(
    x: OperandT,
    h: OperandT,
    c: OperandT,
    w_ih: OperandT,
    w_hh: OperandT,
    b_ih: OperandT | None = None,
    b_hh: OperandT | None = None,
) -> tuple[OperandT, OperandT]:
    """One step of `lstm`: c' = f · c + i · g, h' = o · tanh(c').

    Args:
        x: [batch, in] float32.
        h: [batch, hidden], the state.
        c: [batch, hidden], the cell state.
        w_ih: [4 · hidden, in].
        w_hh: [4 · hidden, hidden].
        b_ih: [4 · hidden] or None.
        b_hh: [4 · hidden] or None.

    Returns:
        the next h and c, both [batch, hidden].

    Raises:
        ShapeError: a weight or a state does not fit.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> x, zero = np.zeros((1, 1), np.float32), np.zeros((4, 1), np.float32)
        >>> ops.lstm_step(x, x, np.ones((1, 1), np.float32), zero, zero)[1]
        array([[0.5]], dtype=float32)
    """
    return _pair(apply("lstm_step", (x, h, c, w_ih, w_hh, b_ih, b_hh)))


def _pair(results: list[Any]) -> tuple[Any, Any]:
    first, second = results
    return first, second
