"""Recurrent layers over a sequence.

Layouts are PyTorch's: w_ih [gates · hidden, in], w_hh [gates · hidden, hidden], two biases [gates · hidden]; gates are
r, z, n in a GRU and i, f, g, o in an LSTM. In course notation Γr = r, Γu = 1 − z for the GRU (PyTorch's z keeps the old
state) and Γu = i, Γf = f, Γo = o, c̃ = g for the LSTM. All weight matrices may be packed, as bfloat16 or int8 too
(`_core.pack_weight`); then x and h are rounded, or quantised row by row, before each product.
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
    *,
    reset: str = "after",
    norm_ih: OperandT | None = None,
    norm_hh: OperandT | None = None,
    norm_ih_reverse: OperandT | None = None,
    norm_hh_reverse: OperandT | None = None,
    epsilon: float = 1e-5,
) -> tuple[OperandT, OperandT]:
    """Gated recurrent unit over a sequence: h_t = (1 − z) · n + z · h_{t−1}.

    With i = W_ih x_t + b_ih and k = W_hh h_{t−1} + b_hh cut into gates:
    r = σ(i_r + k_r), z = σ(i_z + k_z), n = tanh(i_n + r · k_n).
    With reset="before", k_n = W_hn (r · h_{t−1}) + b_hn and n = tanh(i_n + k_n).

    With norms (Ba et al., 2016), i = LN(W_ih x_t) · norm_ih + b_ih and k = LN(W_hh h_{t−1}) · norm_hh + b_hh, where LN
    takes mean and variance over the gates r and z together, and over n.

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
        reset: "after" (PyTorch's) or "before" the recurrent product.
        norm_ih: [3 · hidden] or None; with norm_hh, the gates are normalised.
        norm_hh: as norm_ih.
        norm_ih_reverse: as norm_ih.
        norm_hh_reverse: as norm_ih.
        epsilon: added to the variance.

    Returns:
        y [batch, time, directions · hidden], zero beyond lengths, and the final state h [batch, directions · hidden].

    Raises:
        ShapeError: a weight does not fit. ValueError: lengths outside [0, time].

    Source:
        Cho et al., "Learning phrase representations using RNN encoder-decoder" (2014): reset="before"; Ba et al.,
        "Layer normalization" (2016).

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> x, h0 = np.zeros((1, 2, 1), np.float32), np.full((1, 1), 8, np.float32)
        >>> zero = np.zeros((3, 1), np.float32)
        >>> ops.gru(x, zero, zero, h0=h0)[1]
        array([[2.]], dtype=float32)
    """
    inputs = (x, w_ih, w_hh, b_ih, b_hh, w_ih_reverse, w_hh_reverse, b_ih_reverse, b_hh_reverse, lengths, h0)
    norms = (norm_ih, norm_hh, norm_ih_reverse, norm_hh_reverse)
    return _pair(apply("gru", inputs + norms, {"reset": reset, "epsilon": epsilon}))


def simple_gru(
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
    *,
    norm_ih: OperandT | None = None,
    norm_hh: OperandT | None = None,
    norm_ih_reverse: OperandT | None = None,
    norm_hh_reverse: OperandT | None = None,
    epsilon: float = 1e-5,
) -> tuple[OperandT, OperandT]:
    """GRU without a reset gate: h_t = (1 − z) · n + z · h_{t−1}.

    With a = W_ih x_t + b_ih + W_hh h_{t−1} + b_hh cut into gates: z = σ(a_z), n = tanh(a_n). In course notation
    Γu = 1 − z and c̃ = n.

    With norms, a = LN(W_ih x_t) · norm_ih + b_ih + LN(W_hh h_{t−1}) · norm_hh + b_hh, where LN takes mean and variance
    over each of the gates.

    Args:
        x: [batch, time, in] float32.
        w_ih: [2 · hidden, in], gates z, n.
        w_hh: [2 · hidden, hidden].
        b_ih: [2 · hidden] or None.
        b_hh: [2 · hidden] or None.
        w_ih_reverse: as w_ih; given, a second direction runs from the last valid step to the first.
        w_hh_reverse: as w_hh.
        b_ih_reverse: as b_ih.
        b_hh_reverse: as b_hh.
        lengths: [batch] int64, valid steps of each row; None for all.
        h0: [batch, directions · hidden], zeros when None.
        norm_ih: [2 · hidden] or None; with norm_hh, the gates are normalised.
        norm_hh: as norm_ih.
        norm_ih_reverse: as norm_ih.
        norm_hh_reverse: as norm_ih.
        epsilon: added to the variance.

    Returns:
        y [batch, time, directions · hidden], zero beyond lengths, and the final state h [batch, directions · hidden].

    Raises:
        ShapeError: a weight does not fit. ValueError: lengths outside [0, time].

    Source:
        Cho et al., "Learning phrase representations using RNN encoder-decoder" (2014), less the reset; Ba et al.,
        "Layer normalization" (2016).

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> x, h0 = np.zeros((1, 2, 1), np.float32), np.full((1, 1), 8, np.float32)
        >>> zero = np.zeros((2, 1), np.float32)
        >>> ops.simple_gru(x, zero, zero, h0=h0)[1]
        array([[2.]], dtype=float32)
    """
    inputs = (x, w_ih, w_hh, b_ih, b_hh, w_ih_reverse, w_hh_reverse, b_ih_reverse, b_hh_reverse, lengths, h0)
    norms = (norm_ih, norm_hh, norm_ih_reverse, norm_hh_reverse)
    return _pair(apply("simple_gru", inputs + norms, {"epsilon": epsilon}))


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
    *,
    norm_ih: OperandT | None = None,
    norm_hh: OperandT | None = None,
    norm_c: OperandT | None = None,
    norm_c_bias: OperandT | None = None,
    peephole: OperandT | None = None,
    w_hr: OperandT | None = None,
    norm_ih_reverse: OperandT | None = None,
    norm_hh_reverse: OperandT | None = None,
    norm_c_reverse: OperandT | None = None,
    norm_c_bias_reverse: OperandT | None = None,
    peephole_reverse: OperandT | None = None,
    w_hr_reverse: OperandT | None = None,
    epsilon: float = 1e-5,
) -> tuple[OperandT, OperandT, OperandT]:
    """Long short-term memory over a sequence: c_t = f · c_{t−1} + i · g, h_t = o · tanh(c_t).

    With a = W_ih x_t + b_ih + W_hh h_{t−1} + b_hh cut into gates:
    i = σ(a_i), f = σ(a_f), g = tanh(a_g), o = σ(a_o).

    Variants, which may be combined:
    peepholes add p_i · c_{t−1} to a_i, p_f · c_{t−1} to a_f and p_o · c_t to a_o;
    norms make a = LN(W_ih x_t) · norm_ih + b_ih + LN(W_hh h_{t−1}) · norm_hh + b_hh, LN over all gates together, and
    with norm_c h_t = o · tanh(LN(c_t) · norm_c + norm_c_bias) (Ba et al., 2016);
    a projection makes h_t = W_hr (o · tanh(c_t)), of size `width`, which is then what w_hh, h0, y and h hold.

    Args:
        x: [batch, time, in] float32.
        w_ih: [4 · hidden, in], gates i, f, g, o.
        w_hh: [4 · hidden, hidden], with a projection [4 · hidden, width].
        b_ih: [4 · hidden] or None.
        b_hh: [4 · hidden] or None.
        w_ih_reverse: as w_ih; given, a second direction runs from the last valid step to the first.
        w_hh_reverse: as w_hh.
        b_ih_reverse: as b_ih.
        b_hh_reverse: as b_hh.
        lengths: [batch] int64, valid steps of each row; None for all.
        h0: [batch, directions · hidden], zeros when None.
        c0: as h0.
        norm_ih: [4 · hidden] or None; with norm_hh, the gates are normalised.
        norm_hh: as norm_ih.
        norm_c: [hidden] or None, beside norm_ih.
        norm_c_bias: [hidden] or None, beside norm_c.
        peephole: [3 · hidden] or None: p_i, p_f, p_o.
        w_hr: [width, hidden] or None, a projection.
        norm_ih_reverse: as norm_ih; a reverse direction has the variants of the forward one.
        norm_hh_reverse: as norm_hh.
        norm_c_reverse: as norm_c.
        norm_c_bias_reverse: as norm_c_bias.
        peephole_reverse: as peephole.
        w_hr_reverse: as w_hr.
        epsilon: added to the variance.

    Returns:
        y [batch, time, directions · hidden], zero beyond lengths, and the final states h and c
        [batch, directions · hidden].

    Raises:
        ShapeError: a weight does not fit. ValueError: lengths outside [0, time].

    Source:
        Hochreiter and Schmidhuber, "Long short-term memory" (1997), with the forget gate of Gers et al. (2000);
        peepholes: Gers and Schmidhuber (2000); projection: Sak et al. (2014); norms: Ba et al. (2016).

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> x, c0 = np.zeros((1, 2, 1), np.float32), np.full((1, 1), 8, np.float32)
        >>> zero = np.zeros((4, 1), np.float32)
        >>> ops.lstm(x, zero, zero, h0=np.zeros((1, 1), np.float32), c0=c0)[2]
        array([[2.]], dtype=float32)
    """
    inputs = (x, w_ih, w_hh, b_ih, b_hh, w_ih_reverse, w_hh_reverse, b_ih_reverse, b_hh_reverse, lengths, h0, c0)
    variants = (norm_ih, norm_hh, norm_c, norm_c_bias, peephole, w_hr)
    reverse_variants = (
        norm_ih_reverse,
        norm_hh_reverse,
        norm_c_reverse,
        norm_c_bias_reverse,
        peephole_reverse,
        w_hr_reverse,
    )
    y, h, c = apply("lstm", inputs + variants + reverse_variants, {"epsilon": epsilon})[:3]
    return y, h, c


def coupled_lstm(
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
    *,
    norm_ih: OperandT | None = None,
    norm_hh: OperandT | None = None,
    norm_c: OperandT | None = None,
    norm_c_bias: OperandT | None = None,
    peephole: OperandT | None = None,
    w_hr: OperandT | None = None,
    norm_ih_reverse: OperandT | None = None,
    norm_hh_reverse: OperandT | None = None,
    norm_c_reverse: OperandT | None = None,
    norm_c_bias_reverse: OperandT | None = None,
    peephole_reverse: OperandT | None = None,
    w_hr_reverse: OperandT | None = None,
    epsilon: float = 1e-5,
) -> tuple[OperandT, OperandT, OperandT]:
    """LSTM with coupled input and forget gates: c_t = f · c_{t−1} + (1 − f) · g, h_t = o · tanh(c_t).

    With a = W_ih x_t + b_ih + W_hh h_{t−1} + b_hh cut into gates: f = σ(a_f), g = tanh(a_g), o = σ(a_o). Variants are
    those of `lstm`, with peepholes p_f and p_o.

    Args:
        x: [batch, time, in] float32.
        w_ih: [3 · hidden, in], gates f, g, o.
        w_hh: [3 · hidden, hidden], with a projection [3 · hidden, width].
        b_ih: [3 · hidden] or None.
        b_hh: [3 · hidden] or None.
        w_ih_reverse: as w_ih; given, a second direction runs from the last valid step to the first.
        w_hh_reverse: as w_hh.
        b_ih_reverse: as b_ih.
        b_hh_reverse: as b_hh.
        lengths: [batch] int64, valid steps of each row; None for all.
        h0: [batch, directions · hidden], zeros when None.
        c0: as h0.
        norm_ih: [3 · hidden] or None; with norm_hh, the gates are normalised.
        norm_hh: as norm_ih.
        norm_c: [hidden] or None, beside norm_ih.
        norm_c_bias: [hidden] or None, beside norm_c.
        peephole: [2 · hidden] or None: p_f, p_o.
        w_hr: [width, hidden] or None, a projection.
        norm_ih_reverse: as norm_ih; a reverse direction has the variants of the forward one.
        norm_hh_reverse: as norm_hh.
        norm_c_reverse: as norm_c.
        norm_c_bias_reverse: as norm_c_bias.
        peephole_reverse: as peephole.
        w_hr_reverse: as w_hr.
        epsilon: added to the variance.

    Returns:
        y [batch, time, directions · hidden], zero beyond lengths, and the final states h and c
        [batch, directions · hidden].

    Raises:
        ShapeError: a weight does not fit. ValueError: lengths outside [0, time].

    Source:
        Greff et al., "LSTM: a search space odyssey" (2015): CIFG.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> x, c0 = np.zeros((1, 2, 1), np.float32), np.full((1, 1), 8, np.float32)
        >>> zero = np.zeros((3, 1), np.float32)
        >>> ops.coupled_lstm(x, zero, zero, h0=np.zeros((1, 1), np.float32), c0=c0)[2]
        array([[2.]], dtype=float32)
    """
    inputs = (x, w_ih, w_hh, b_ih, b_hh, w_ih_reverse, w_hh_reverse, b_ih_reverse, b_hh_reverse, lengths, h0, c0)
    variants = (norm_ih, norm_hh, norm_c, norm_c_bias, peephole, w_hr)
    reverse_variants = (
        norm_ih_reverse,
        norm_hh_reverse,
        norm_c_reverse,
        norm_c_bias_reverse,
        peephole_reverse,
        w_hr_reverse,
    )
    y, h, c = apply("coupled_lstm", inputs + variants + reverse_variants, {"epsilon": epsilon})[:3]
    return y, h, c


def _pair(results: list[Any]) -> tuple[Any, Any]:
    first, second = results[:2]
    return first, second
