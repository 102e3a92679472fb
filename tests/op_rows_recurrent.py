"""Rows of the op table: recurrent layers over a sequence and their single steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from op_cases import Inputs, OpCase, OpError, OpRow, Rng, cut, normal, ragged, replaced, weight
from reference_recurrent import GATES, LSTMS, VARIANTS, WEIGHTS, recurrent, recurrent_step

import pyseq

MakeInputs = Callable[[Rng, int, int], Inputs]


def direction_weights(
    rng: Rng, kind: str, sizes: tuple[int, int], bias: bool, variants: tuple[str, ...], projection: int
) -> Inputs:
    """Weights of one direction, of layers with `sizes` (input, hidden)."""
    inputs, hidden = sizes
    gates = GATES[kind]
    made: Inputs = {
        "w_ih": weight(rng, gates * hidden, inputs),
        "w_hh": weight(rng, gates * hidden, projection or hidden),
    }
    if bias:
        made |= {"b_ih": normal(rng, gates * hidden), "b_hh": normal(rng, gates * hidden)}
    lengths = {"norm_c": hidden, "norm_c_bias": hidden, "peephole": (gates - 1) * hidden}
    for name in variants:
        if name == "w_hr":
            made[name] = weight(rng, projection, hidden)
        else:
            made[name] = normal(rng, lengths.get(name, gates * hidden))
    return made


def layer_inputs(
    kind: str,
    width: int,
    hidden: int,
    *,
    bidirectional: bool = False,
    bias: bool = True,
    lengths: bool = True,
    state: bool = True,
    variants: tuple[str, ...] = (),
    projection: int = 0,
) -> MakeInputs:
    def make(rng: Rng, batch: int, time: int) -> Inputs:
        inputs: Inputs = {"x": normal(rng, batch, time, width)}
        for suffix in ("", "_reverse") if bidirectional else ("",):
            own = direction_weights(rng, kind, (width, hidden), bias, variants, projection)
            inputs |= {name + suffix: value for name, value in own.items()}
        if lengths:
            inputs["lengths"] = ragged(rng, batch, time)
        directions = 2 if bidirectional else 1
        if state:
            inputs["h0"] = normal(rng, batch, directions * (projection or hidden))
        if state and kind in LSTMS:
            inputs["c0"] = normal(rng, batch, directions * hidden)
        return inputs

    return make


NORMS = ("norm_ih", "norm_hh")
CELL_NORMS = (*NORMS, "norm_c", "norm_c_bias")


def variant_cases(kind: str) -> list[tuple[MakeInputs, dict[str, Any]]]:
    """What optional inputs and attributes change, beside the plain layer."""

    def inputs(**options: Any) -> MakeInputs:
        return layer_inputs(kind, 7, 50, **options)

    if kind == "rnn":
        return [(inputs(bidirectional=True), {"nonlinearity": "relu"})]
    cases: list[tuple[MakeInputs, dict[str, Any]]] = [
        (inputs(variants=NORMS), {"epsilon": 0.1}),
        (inputs(variants=NORMS, bias=False, bidirectional=True), {}),
    ]
    if kind == "gru":
        cases.append((inputs(), {"reset": "before"}))
        cases.append((inputs(bidirectional=True, bias=False), {"reset": "before"}))
    if kind in LSTMS:
        cases.append((inputs(variants=("peephole",), bidirectional=True), {}))
        cases.append((inputs(variants=("w_hr",), projection=33), {}))
        cases.append((inputs(variants=CELL_NORMS[:3], bias=False), {}))
        cases.append((inputs(variants=(*CELL_NORMS, "peephole", "w_hr"), projection=20, bidirectional=True), {}))
    return cases


PARAMETERS = tuple(name + suffix for suffix in ("", "_reverse") for name in WEIGHTS + VARIANTS)


def variant_errors(kind: str) -> list[OpError]:
    if kind == "rnn":
        return []
    short = np.ones(3, np.float32)
    rows = GATES[kind] * 20
    errors = [
        OpError(replaced("norm_ih", short), pyseq.ShapeError, f"{kind}: norm_ih has 3 elements, expected {rows}"),
        OpError(
            replaced("norm_ih", np.ones(rows, np.float32)), ValueError, f"{kind}: norm_hh is missing beside norm_ih"
        ),
    ]
    if kind in LSTMS:
        errors.append(OpError(replaced("peephole", short), pyseq.ShapeError, f"{kind}: peephole has 3 .*{rows - 20}"))
        errors.append(
            OpError(
                replaced("norm_c", np.ones(20, np.float32)), ValueError, f"{kind}: norm_ih is missing beside norm_c"
            )
        )
        projection = np.zeros((4, 20), np.float32)
        errors.append(OpError(replaced("w_hr", projection), pyseq.ShapeError, rf"{kind}: w_hh .*\[{rows}, 4\]"))
        errors.append(
            OpError(
                replaced("peephole_reverse", short),
                ValueError,
                f"{kind}: w_ih_reverse is missing beside peephole_reverse",
            )
        )
    return errors


def recurrent_row(kind: str) -> OpRow:
    cases = [
        OpCase(layer_inputs(kind, 5, 20, lengths=False, state=False)),
        OpCase(layer_inputs(kind, 33, 40, bidirectional=True)),
        OpCase(layer_inputs(kind, 300, 64, bias=False)),
        *(OpCase(make, attributes) for make, attributes in variant_cases(kind)),
    ]
    return OpRow(
        name=kind,
        cases=cases,
        reference=lambda **arguments: recurrent(kind, **arguments),
        tolerance=1e-5,
        batched=("x", "lengths", "h0", "c0"),
        weights=PARAMETERS,
        time_axis={"x": 1, "0": 1},
        errors=[
            OpError(cut("w_hh"), pyseq.ShapeError, f"{kind}: w_hh .*19"),
            OpError(cut("x"), pyseq.ShapeError, f"{kind}: (x|w_ih) .*[45]"),
            OpError(replaced("lengths", np.array([99, 1, 1])), pyseq.Error, f"{kind}: lengths .*99"),
            *variant_errors(kind),
        ],
    )


def step_inputs(make: MakeInputs) -> MakeInputs:
    """The first step of a layer in one direction."""

    def one_step(rng: Rng, batch: int, time: int) -> Inputs:
        inputs = {name: value for name, value in make(rng, batch, 1).items() if name != "lengths"}
        names = {"x": "x", "h0": "h", "c0": "c"}
        renamed = {names.get(name, name): value for name, value in inputs.items() if "_reverse" not in name}
        for state in {"h", "c"} & set(renamed):
            renamed[state] = np.ascontiguousarray(renamed[state][:, : state_size(renamed, state)])
        return {**renamed, "x": renamed["x"][:, 0].copy()}

    return one_step


def state_size(inputs: Inputs, state: str) -> int:
    """Columns of h or c in one direction."""
    columns: int = inputs["w_hh"].shape[1] if state == "h" or "w_hr" not in inputs else inputs["w_hr"].shape[1]
    return columns


def step_row(kind: str) -> OpRow:
    plain = [(layer_inputs(kind, 5, 20), {}), (layer_inputs(kind, 300, 48), {})]
    return OpRow(
        name=f"{kind}_step",
        cases=[OpCase(step_inputs(make), attributes) for make, attributes in [*plain, *variant_cases(kind)]],
        reference=lambda **arguments: recurrent_step(kind, **arguments),
        tolerance=1e-5,
        batched=("x", "h", "c"),
        weights=WEIGHTS + VARIANTS,
        errors=[OpError(cut("h"), pyseq.ShapeError, f"{kind}_step: h .*19.*20")],
    )


ROWS = [*(recurrent_row(kind) for kind in GATES), *(step_row(kind) for kind in GATES)]
