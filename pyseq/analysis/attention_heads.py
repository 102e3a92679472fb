"""All attention weights of a model for one text: every layer, every head."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyseq._core import ArgumentError
from pyseq.viz import AttentionGroup, AttentionLayer, ModelAttention

Array = NDArray[Any]

ATTENDING = ("attention", "cached_attention", "additive_attention")  # ops whose weights can be had
READING = {"classifier": "classify", "encoder": "embed", "tagger": "tag", "fill_mask": "encode"}  # functions by task


def attention_heads(model: Any, text: str, **options: Any) -> ModelAttention:
    """What every head of every layer looks at, for one text.

    The model first does its work as always, at full speed: it translates, or goes on with the text. Then it reads the
    result once more, all tokens in one run of each function, and hands out the weights on the way. They are those of
    the decoding itself, since no value depends on what else is computed beside it; what it cost is measured and told in
    `cost`.

    Args:
        model: a `Translator`, `Generator`, `Classifier`, `Encoder`, `Tagger` or `FillMask` of `pyseq.load`.
        text: what it reads.
        options: of `translate`, or of `generate` (temperature 0 unless it is given).

    Returns:
        groups "encoder", "decoder" and "decoder → encoder", as the model has them. Rows of the decoder are the tokens
        that it reads, beginning with the start mark; those of "decoder → encoder" the tokens that it then writes.

    Raises:
        ArgumentError: a model that tells no attention, or an empty text.

    Example:
        >>> import pyseq
        >>> from pyseq.analysis import attention_heads
        >>> found = attention_heads(pyseq.load("dates"), "May 5, 1998")
        >>> [(group.name, len(group.layers), group.layers[0].weights.shape) for group in found.groups]
        [('decoder → encoder', 1, (1, 11, 11))]
    """
    kind = model.program.task.get("kind")
    if kind == "translator":
        found = _translator(model, text, options)
    elif kind == "generator":
        found = _generator(model, text, options)
    elif kind in READING:
        found = _reader(model, text, READING[kind])
    else:
        raise ArgumentError(
            f"attention_heads: a model for the task {kind!r}, expected a translator, generator or reader"
        )
    if not found.groups:
        raise ArgumentError("attention_heads: the model tells no attention")
    return found


def _translator(model: Any, text: str, options: Mapping[str, Any]) -> ModelAttention:
    start = time.perf_counter()
    best = model.translate(text, **options)
    decoding = time.perf_counter() - start
    program, task = model.program, model.program.task
    source_table, target = (program.vocabulary(task[f"{side}_vocabulary"]) for side in ("source", "target"))
    source = model.source_tokens(text)
    if not source:
        raise ArgumentError("attention_heads: the text is empty")
    start = time.perf_counter()
    state = program.new_state(1)
    encoded, encoder = _run(
        program, "encode", state, tokens=_ids(source_table, source), lengths=np.array([len(source)], np.int64)
    )
    read = [task["start"], *best.ids]
    outputs, decoder = _run(program, "step", state, tokens=np.array([read], np.int64))
    reading = time.perf_counter() - start
    del encoded
    rows = [target.token(id) for id in read]
    written = [*rows[1:], target.token(task["end"])]
    own = [layer for op, layer in decoder if op == "cached_attention"]
    across = [layer for op, layer in decoder if op != "cached_attention"]
    attention = task.get("attention") or {}
    if not across and "output" in attention:
        across = [AttentionLayer(attention["output"], outputs[attention["output"]])]  # [1, time, positions]
    groups = [
        *_group("encoder", source, source, [layer for _, layer in encoder]),
        *_group("decoder", rows, rows, own),
        *_group("decoder → encoder", written, source, across),
    ]
    return ModelAttention(f"{text} → {best.text}", groups, _cost("Translated", decoding, reading))


def _generator(model: Any, text: str, options: Mapping[str, Any]) -> ModelAttention:
    start = time.perf_counter()
    found = model.generate(text, **{"temperature": 0.0, **options})
    decoding = time.perf_counter() - start
    program = model.program
    table = program.vocabulary(program.task["vocabulary"])
    ids = table.encode(model.prompt_text(found, "generate"))
    if program.task.get("start") is not None:
        ids = [program.task["start"], *ids]
    start = time.perf_counter()
    _, layers = _run(program, "step", program.new_state(1), tokens=np.array([ids], np.int64))
    reading = time.perf_counter() - start
    tokens = [table.token(id) for id in ids]
    groups = _group("decoder", tokens, tokens, [layer for _, layer in layers])
    return ModelAttention(found, groups, _cost("Written", decoding, reading))


def _reader(model: Any, text: str, function: str) -> ModelAttention:
    table = model.program.vocabulary(model.program.task["vocabulary"])
    tokenizer = getattr(model, "tokenizer", None)
    ids = table.encode(text) if tokenizer is None else tokenizer.encode(text)
    if not ids:
        raise ArgumentError("attention_heads: the text is empty")
    inputs = {"tokens": np.array([ids], np.int64), "lengths": np.array([len(ids)], np.int64)}
    model.program.run(function, **inputs)  # plans are made
    start = time.perf_counter()
    model.program.run(function, **inputs)
    plain = time.perf_counter() - start
    start = time.perf_counter()
    _, layers = _run(model.program, function, None, **inputs)
    reading = time.perf_counter() - start
    tokens = [table.token(id) for id in ids]
    groups = _group("encoder", tokens, tokens, [layer for _, layer in layers])
    cost = f"Read in {1000 * plain:.2f} ms, with all weights handed out in {1000 * reading:.2f} ms."
    return ModelAttention(text, groups, cost)


def _run(
    program: Any, function: str, state: Any, **inputs: Any
) -> tuple[dict[str, Array], list[tuple[str, AttentionLayer]]]:
    """Outputs of a function, and of every attention in it its op and weights [heads, rows, columns]."""
    nodes = next(one["nodes"] for one in program.functions if one["name"] == function)
    ops = {node["name"]: node["op"] for node in nodes if node["op"] in ATTENDING}
    given = {} if state is None else {"state": state}
    found = program.run(function, capture=list(ops), **given, **inputs)
    layers = []
    for path, op in ops.items():
        weights = np.asarray(found.pop(path), np.float64)[0]
        layers.append((op, AttentionLayer(path, weights if weights.ndim == 3 else weights[None])))
    return found, layers


def _group(
    name: str, rows: Sequence[str], columns: Sequence[str], layers: Sequence[AttentionLayer]
) -> list[AttentionGroup]:
    fitting = [layer for layer in layers if layer.weights.shape[1:] == (len(rows), len(columns))]
    return [AttentionGroup(name, rows, columns, fitting)] if fitting else []


def _ids(table: Any, tokens: Sequence[str]) -> Array:
    found = [table.find(token) for token in tokens]
    return np.array([[table.unknown if id is None else id for id in found]], np.int64)


def _cost(verb: str, decoding: float, reading: float) -> str:
    return (
        f"{verb} in {1000 * decoding:.2f} ms; reading the result once more for the weights of all heads took "
        f"{1000 * reading:.2f} ms ({reading / decoding:+.0%})."
    )
