"""Single steps of recurrent layers: what a sequence of length one computes, with the same bits."""

from __future__ import annotations

from pyseq.tensor import OperandT, apply


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
    *,
    reset: str = "after",
    norm_ih: OperandT | None = None,
    norm_hh: OperandT | None = None,
    epsilon: float = 1e-5,
) -> OperandT:
    """One step of `gru`: h' = (1 − z) · n + z · h.

    Args:
        x: [batch, in] float32.
        h: [batch, hidden], the state.
        w_ih: [3 · hidden, in].
        w_hh: [3 · hidden, hidden].
        b_ih: [3 · hidden] or None.
        b_hh: [3 · hidden] or None.
        reset: "after" (PyTorch's) or "before" the recurrent product.
        norm_ih: [3 · hidden] or None; with norm_hh, the gates are normalised.
        norm_hh: as norm_ih.
        epsilon: added to the variance.

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
    inputs = (x, h, w_ih, w_hh, b_ih, b_hh, norm_ih, norm_hh)
    result: OperandT = apply("gru_step", inputs, {"reset": reset, "epsilon": epsilon})[0]
    return result


def simple_gru_step(
    x: OperandT,
    h: OperandT,
    w_ih: OperandT,
    w_hh: OperandT,
    b_ih: OperandT | None = None,
    b_hh: OperandT | None = None,
    *,
    norm_ih: OperandT | None = None,
    norm_hh: OperandT | None = None,
    epsilon: float = 1e-5,
) -> OperandT:
    """One step of `simple_gru`: h' = (1 − z) · n + z · h.

    Args:
        x: [batch, in] float32.
        h: [batch, hidden], the state.
        w_ih: [2 · hidden, in].
        w_hh: [2 · hidden, hidden].
        b_ih: [2 · hidden] or None.
        b_hh: [2 · hidden] or None.
        norm_ih: [2 · hidden] or None; with norm_hh, the gates are normalised.
        norm_hh: as norm_ih.
        epsilon: added to the variance.

    Returns:
        the next state [batch, hidden].

    Raises:
        ShapeError: a weight or the state does not fit.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> x, h, zero = np.zeros((1, 1), np.float32), np.ones((1, 1), np.float32), np.zeros((2, 1), np.float32)
        >>> ops.simple_gru_step(x, h, zero, zero)
        array([[0.5]], dtype=float32)
    """
    inputs = (x, h, w_ih, w_hh, b_ih, b_hh, norm_ih, norm_hh)
    result: OperandT = apply("simple_gru_step", inputs, {"epsilon": epsilon})[0]
    return result


def lstm_step(
    x: OperandT,
    h: OperandT,
    c: OperandT,
    w_ih: OperandT,
    w_hh: OperandT,
    b_ih: OperandT | None = None,
    b_hh: OperandT | None = None,
    *,
    norm_ih: OperandT | None = None,
    norm_hh: OperandT | None = None,
    norm_c: OperandT | None = None,
    norm_c_bias: OperandT | None = None,
    peephole: OperandT | None = None,
    w_hr: OperandT | None = None,
    epsilon: float = 1e-5,
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
        norm_ih: [4 · hidden] or None; with norm_hh, the gates are normalised.
        norm_hh: as norm_ih.
        norm_c: [hidden] or None, beside norm_ih.
        norm_c_bias: [hidden] or None, beside norm_c.
        peephole: [3 · hidden] or None: p_i, p_f, p_o.
        w_hr: [width, hidden] or None, a projection: w_hh is [4 · hidden, width], h [batch, width].
        epsilon: added to the variance.

    Returns:
        the next h and c.

    Raises:
        ShapeError: a weight or a state does not fit.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> x, zero = np.zeros((1, 1), np.float32), np.zeros((4, 1), np.float32)
        >>> ops.lstm_step(x, x, np.ones((1, 1), np.float32), zero, zero)[1]
        array([[0.5]], dtype=float32)
    """
    inputs = (x, h, c, w_ih, w_hh, b_ih, b_hh, norm_ih, norm_hh, norm_c, norm_c_bias, peephole, w_hr)
    new_h, new_c = apply("lstm_step", inputs, {"epsilon": epsilon})[:2]
    return new_h, new_c


def coupled_lstm_step(
    x: OperandT,
    h: OperandT,
    c: OperandT,
    w_ih: OperandT,
    w_hh: OperandT,
    b_ih: OperandT | None = None,
    b_hh: OperandT | None = None,
    *,
    norm_ih: OperandT | None = None,
    norm_hh: OperandT | None = None,
    norm_c: OperandT | None = None,
    norm_c_bias: OperandT | None = None,
    peephole: OperandT | None = None,
    w_hr: OperandT | None = None,
    epsilon: float = 1e-5,
) -> tuple[OperandT, OperandT]:
    """One step of `coupled_lstm`: c' = f · c + (1 − f) · g, h' = o · tanh(c').

    Args:
        x: [batch, in] float32.
        h: [batch, hidden], the state.
        c: [batch, hidden], the cell state.
        w_ih: [3 · hidden, in].
        w_hh: [3 · hidden, hidden].
        b_ih: [3 · hidden] or None.
        b_hh: [3 · hidden] or None.
        norm_ih: [3 · hidden] or None; with norm_hh, the gates are normalised.
        norm_hh: as norm_ih.
        norm_c: [hidden] or None, beside norm_ih.
        norm_c_bias: [hidden] or None, beside norm_c.
        peephole: [2 · hidden] or None: p_f, p_o.
        w_hr: [width, hidden] or None, a projection: w_hh is [3 · hidden, width], h [batch, width].
        epsilon: added to the variance.

    Returns:
        the next h and c.

    Raises:
        ShapeError: a weight or a state does not fit.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> x, zero = np.zeros((1, 1), np.float32), np.zeros((3, 1), np.float32)
        >>> ops.coupled_lstm_step(x, x, np.ones((1, 1), np.float32), zero, zero)[1]
        array([[0.5]], dtype=float32)
    """
    inputs = (x, h, c, w_ih, w_hh, b_ih, b_hh, norm_ih, norm_hh, norm_c, norm_c_bias, peephole, w_hr)
    new_h, new_c = apply("coupled_lstm_step", inputs, {"epsilon": epsilon})[:2]
    return new_h, new_c
