"""The extension module: arrays in and out without copies, ops and their errors, packed weights and caches."""

from __future__ import annotations

import gc
import math
import time
import weakref
from typing import Any

import numpy as np
import pytest

import pyseq
from pyseq import _core

Array = np.ndarray[Any, Any]


def softmax(x: Any, **options: Any) -> Array:
    (y,) = _core.run_op("softmax", [x], **options)
    return y


def ones(*shape: int) -> Array:
    return np.ones(shape, np.float32)


# --- arrays -----------------------------------------------------------------------------------------------------------


def test_read_only_arrays_are_inputs_like_any_other() -> None:
    x = ones(2, 4)
    x.flags.writeable = False
    assert softmax(x).tolist() == [[0.25] * 4] * 2


def test_inputs_are_not_held_after_a_call_and_outputs_outlive_their_inputs() -> None:
    x = ones(2, 4)
    reference = weakref.ref(x)
    y = softmax(x)
    del x
    gc.collect()
    assert reference() is None
    view = y[1]
    del y
    gc.collect()
    assert view.tolist() == [0.25] * 4


def test_outputs_are_writable_arrays_of_their_own() -> None:
    x = ones(2, 4)
    y = softmax(x)
    assert y.flags.writeable
    assert y.flags.c_contiguous
    y[:] = 7
    assert softmax(x).tolist() == [[0.25] * 4] * 2
    assert x.tolist() == ones(2, 4).tolist()


def test_int32_ids_are_those_of_int64() -> None:
    weight = np.arange(12, dtype=np.float32).reshape(4, 3)
    for dtype in (np.int32, np.int64):
        (y,) = _core.run_op("embedding", [np.array([[3, 0]], dtype), weight])
        assert y.tolist() == [[[9, 10, 11], [0, 1, 2]]]


def test_views_that_are_contiguous_are_taken_where_they_are() -> None:
    table = np.arange(12, dtype=np.float32).reshape(4, 3)
    assert softmax(table[1:3]).shape == (2, 3)
    assert softmax(table[:, :1][:1]).tolist() == [[1.0]]


def unaligned() -> Array:
    return np.frombuffer(bytes(17), np.uint8)[1:].view(np.float32)


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (np.ones((2, 3)), pyseq.DTypeError, r"x has dtype float64, expected float32 \(use x.astype\(numpy.float32\)\)"),
        (np.ones(3, np.float16), pyseq.DTypeError, "x has dtype float16, expected float32"),
        (np.ones(3, ">f4"), pyseq.DTypeError, "x has dtype >f4, expected float32"),
        (np.ones(3, np.uint16), pyseq.DTypeError, "x has dtype uint16, expected int64"),
        (np.ones(3, np.bool_), pyseq.DTypeError, "x has dtype bool, expected uint8"),
        (np.array(["a"]), pyseq.DTypeError, "x has dtype <U1"),
        (np.array([None]), pyseq.DTypeError, "x has dtype object"),
        (np.ones(3, np.complex64), pyseq.DTypeError, "x has dtype complex64"),
        (np.ones(3, np.int64), pyseq.DTypeError, "x .*int64.*float32"),
        ([1.0, 2.0], pyseq.DTypeError, r"x is of type list, expected numpy.ndarray \(use numpy.asarray\)"),
        (3.0, pyseq.DTypeError, "x is of type float"),
        (ones(4, 3).T, pyseq.ArgumentError, r"x is not contiguous.*\(use numpy.ascontiguousarray\(x\)\)"),
        (ones(4, 3)[:, ::2], pyseq.ArgumentError, "x is not contiguous"),
        (ones(4)[::-1], pyseq.ArgumentError, "x is not contiguous"),
        (np.broadcast_to(np.float32(1), (2, 2)), pyseq.ArgumentError, "x is not contiguous"),
        (unaligned(), pyseq.ArgumentError, r"x is not aligned in memory \(use x.copy\(\)\)"),
        (np.ones((1,) * 9, np.float32), pyseq.ShapeError, "x has 9 axes, expected at most 8"),
        (None, pyseq.ArgumentError, "x is missing"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_fix(value: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"softmax: {message}"):
        softmax(value)
    with pytest.raises(error, match=f"encoder.attention: {message}"):
        softmax(value, label="encoder.attention")


# --- ops --------------------------------------------------------------------------------------------------------------


def test_unknown_ops_inputs_outputs_and_attributes_are_named() -> None:
    x = ones(2, 3)
    with pytest.raises(pyseq.UnsupportedError, match=r"softmx.*softmax"):
        _core.run_op("softmx", [x])
    with pytest.raises(pyseq.ArgumentError, match="softmax: got 2 inputs"):
        _core.run_op("softmax", [x, x])
    with pytest.raises(pyseq.ArgumentError, match=r"softmax: \['weights'\] names an output"):
        _core.run_op("softmax", [x], wanted=["weights"])
    with pytest.raises(pyseq.ArgumentError, match="epsilom"):
        _core.run_op("layer_norm", [x], attributes={"epsilom": 1e-5})
    with pytest.raises(pyseq.ArgumentError, match="layer_norm: attribute epsilon"):
        _core.run_op("layer_norm", [x], attributes={"epsilon": "small"})
    with pytest.raises(pyseq.ArgumentError, match="layer_norm: attribute epsilon is of type object"):
        _core.run_op("layer_norm", [x], attributes={"epsilon": object()})
    with pytest.raises(pyseq.ArgumentError, match="at most 64 bits"):
        _core.run_op("add_integer", [np.ones(1, np.int64)], attributes={"amount": 2**63})


@pytest.mark.parametrize("amount", [3, np.int64(3), np.int32(3), np.uint8(3)])
def test_integer_attributes_may_be_numpy_scalars(amount: Any) -> None:
    (y,) = _core.run_op("add_integer", [np.array([4])], attributes={"amount": amount})
    assert y.tolist() == [7]


@pytest.mark.parametrize("epsilon", [1, 1.0, np.float32(1), np.float64(1), np.int64(1)])
def test_real_attributes_may_be_any_number(epsilon: Any) -> None:
    (y,) = _core.run_op("layer_norm", [np.array([[1, -1]], np.float32)], attributes={"epsilon": epsilon})
    np.testing.assert_allclose(y, [[math.sqrt(0.5), -math.sqrt(0.5)]], rtol=1e-6)


def attention_inputs() -> list[Array | None]:
    rng = np.random.default_rng(0)
    query, key, value = (rng.standard_normal((2, 3, 4)).astype(np.float32) for _ in range(3))
    return [query, key, value]


def test_optional_outputs_are_there_when_wanted_and_none_otherwise() -> None:
    y, weights, _ = _core.run_op("attention", attention_inputs(), attributes={"num_heads": 2})
    assert weights is None
    again, weights, _ = _core.run_op("attention", attention_inputs(), attributes={"num_heads": 2}, wanted=["weights"])
    np.testing.assert_array_equal(again, y)
    assert weights.shape == (2, 2, 3, 3)
    np.testing.assert_allclose(weights.sum(-1), 1, rtol=1e-6)


def test_schemas_describe_every_op() -> None:
    schemas = {schema["name"]: schema for schema in _core.op_schemas()}
    assert list(schemas) == sorted(schemas)
    linear = schemas["linear"]
    assert linear["inputs"][1] == {"name": "weight", "kind": "tensor", "pack_gates": 1, "accepts_packed": False}
    assert linear["inputs"][2]["kind"] == "optional"
    assert linear["attrs"] == [{"name": "activation", "type": "str", "default": "none", "required": False}]
    attention = schemas["attention"]
    assert attention["outputs"][1] == {"name": "weights", "optional": True, "differentiable": False}
    heads = attention["attrs"][0]
    assert (heads["name"], heads["type"], heads["required"], heads["default"]) == ("num_heads", "int", True, None)
    assert [i["kind"] for i in schemas["cached_attention"]["inputs"]].count("cache") == 1


def test_costs_take_inputs_by_name() -> None:
    x, weight = ones(5, 7), ones(3, 7)
    flops, traffic = _core.op_cost("linear", {"x": x, "weight": weight, "bias": None})
    assert flops == pytest.approx(2 * 5 * 7 * 3, rel=0.2)
    assert traffic >= 4 * (5 * 7 + 3 * 7 + 5 * 3)
    assert _core.op_cost("linear", {"x": x, "weight": _core.pack_weight(weight)})[0] == flops
    with pytest.raises(pyseq.ArgumentError, match="linear: has no input named w"):
        _core.op_cost("linear", {"x": x, "w": weight})


def test_the_overhead_of_a_call_is_a_few_microseconds() -> None:
    inputs = [ones(1, 4)]
    best = math.inf
    for _ in range(50):
        start = time.perf_counter()
        for _ in range(200):
            _core.run_op("softmax", inputs)
        best = min(best, (time.perf_counter() - start) / 200)
    assert best < 20e-6  # about 2 µs on an idle machine


# --- packed weights and caches ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rows", "columns", "gates"), [(5, 3, 1), (64, 40, 1), (99, 7, 3), (4, 1, 4), (200, 33, 4)])
def test_packed_weights_give_the_matrix_back(rows: int, columns: int, gates: int) -> None:
    weight = np.random.default_rng(1).standard_normal((rows, columns)).astype(np.float32)
    packed = _core.pack_weight(weight, gates)
    assert packed.shape == weight.shape
    assert packed.gates == gates
    assert packed.nbytes >= weight.nbytes
    np.testing.assert_array_equal(packed.unpack(), weight)
    assert repr(packed) == f"PackedWeight(shape=[{rows}, {columns}], gates={gates}, dtype=float32)"


def test_what_cannot_be_packed_is_refused() -> None:
    with pytest.raises(pyseq.ShapeError):
        _core.pack_weight(ones(10, 4), 4)
    with pytest.raises(pyseq.DTypeError, match=r"pack_weight: weight has dtype float64"):
        _core.pack_weight(np.ones((4, 4)))


def test_a_packed_weight_computes_what_the_matrix_does() -> None:
    rng = np.random.default_rng(2)
    x, weight = (rng.standard_normal(shape).astype(np.float32) for shape in ((5, 33), (70, 33)))
    np.testing.assert_array_equal(
        _core.run_op("linear", [x, _core.pack_weight(weight)])[0], _core.run_op("linear", [x, weight])[0]
    )


def test_cache_rows_lengths_and_copies() -> None:
    cache = _core.KvCache(2, 4, 3, 2)
    assert (cache.heads, cache.head_dim, cache.value_dim, cache.rows, cache.max_length) == (2, 4, 3, 2, 0)
    cache.append(ones(2, 5, 8), ones(2, 5, 6), [5, 2])
    copy = cache.copy()
    cache.append(ones(2, 1, 8), ones(2, 1, 6))
    assert [cache.length(row) for row in range(2)] == [6, 3]
    assert [copy.length(row) for row in range(2)] == [5, 2]
    cache.reorder([1, 1, 0])
    assert [cache.length(row) for row in range(cache.rows)] == [3, 3, 6]
    cache.truncate(4)
    assert cache.max_length == 4
    assert cache.nbytes > 0
    for row in (-1, 3):
        with pytest.raises(pyseq.OutOfRangeError, match=f"row is {row}, expected one below 3"):
            cache.length(row)
    with pytest.raises(pyseq.OutOfRangeError):
        cache.reorder([3])
    with pytest.raises(pyseq.ShapeError):
        cache.append(ones(2, 1, 8), ones(2, 1, 6))


def test_impossible_caches_are_refused() -> None:
    for sizes in ((0, 4, 4, 1), (1, -4, 4, 1), (1, 4, 4, -1), (2**40, 2**40, 4, 1)):
        with pytest.raises((pyseq.Error, MemoryError)):
            _core.KvCache(*sizes)


def test_one_cache_cannot_serve_an_op_twice() -> None:
    cache = _core.KvCache(1, 4, 4, 1)
    x = ones(1, 1, 4)
    with pytest.raises(pyseq.Error, match="KvCache: another call is using it"):
        _core.run_op("cached_attention", [x, x, x], [cache, cache], {"num_heads": 1})
    _core.run_op("cached_attention", [x, x, x], [cache], {"num_heads": 1})
    assert cache.length(0) == 1
