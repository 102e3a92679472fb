"""`_core.call_op`, the quick way to an op: the same results and the same errors as `_core.run_op`."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pyseq
from pyseq import _core, ops
from pyseq.tensor import Tensor, labelled

Array = np.ndarray[Any, Any]


def floats(*shape: int) -> Array:
    return np.random.default_rng(3).standard_normal(shape).astype(np.float32)


def call(op: str, inputs: Any, attributes: Any = None, caches: Any = (), wanted: Any = (), label: str = "") -> Any:
    return _core.call_op(op, inputs, attributes, caches, wanted, label, Tensor)


def cache() -> _core.KvCache:
    return _core.KvCache(heads=1, head_dim=4, value_dim=4, rows=1)


@pytest.mark.parametrize("rows", [0, 1, 3, 4000])
def test_results_are_those_of_run_op(rows: int) -> None:
    x = floats(rows, 5)
    (y,) = call("softmax", (x,))
    (expected,) = _core.run_op("softmax", [x])
    assert y.dtype == np.float32
    assert y.flags.writeable
    np.testing.assert_array_equal(y, expected)


def test_every_kind_of_operand() -> None:
    x, weight, ids = floats(2, 4), floats(3, 4), np.array([2, 0])
    packed = _core.pack_weight(weight)
    expected = _core.run_op("linear", [x, weight])[0]
    for operand in (weight, packed):
        np.testing.assert_array_equal(call("linear", (x, operand, None))[0], expected)
    np.testing.assert_array_equal(call("linear", [x, weight])[0], expected)
    for numbers in (ids, ids.astype(np.int32)):
        np.testing.assert_array_equal(call("gather_rows", (weight, numbers))[0], weight[ids])
    assert call("add_integer", (ids,), {"amount": 3})[0].dtype == np.int64


def test_read_only_and_subclassed_arrays() -> None:
    class Named(np.ndarray[Any, Any]):
        pass

    x = floats(2, 3)
    expected = call("relu", (x,))[0]
    np.testing.assert_array_equal(call("relu", (x.view(Named),))[0], expected)
    x.flags.writeable = False
    np.testing.assert_array_equal(call("relu", (x,))[0], expected)


def test_tensors_give_tensors_and_arrays_give_arrays() -> None:
    x = floats(2, 3)
    mixed = call("add", (Tensor(x), x))[0]
    assert type(mixed) is Tensor
    np.testing.assert_array_equal(mixed.numpy(), x + x)
    assert type(call("add", (pyseq.Parameter(x), pyseq.Parameter(x)))[0]) is Tensor
    assert type(call("add", (x, x))[0]) is np.ndarray


def test_caches_and_wanted_outputs() -> None:
    q = floats(1, 2, 4)
    ours, theirs = cache(), cache()
    for _ in range(2):
        y, weights = call("cached_attention", (q, q, q), {"num_heads": 1}, [ours], ["weights"])
        expected = _core.run_op("cached_attention", [q, q, q], [theirs], {"num_heads": 1}, ["weights"])
        np.testing.assert_array_equal(y, expected[0])
        np.testing.assert_array_equal(weights, expected[1])
    assert ours.length(0) == 4
    assert call("cached_attention", (q, q, q), {"num_heads": 1}, (ours,))[1] is None


def test_attributes_are_those_of_each_call() -> None:
    x = floats(2, 8)
    for epsilon in (1e-5, 0.5, 1e-5, 2, np.float32(0.5), True - 0.5):
        expected = _core.run_op("layer_norm", [x], [], {"epsilon": epsilon})[0]
        for _ in range(2):
            np.testing.assert_array_equal(call("layer_norm", (x,), {"epsilon": epsilon})[0], expected)
    np.testing.assert_array_equal(call("layer_norm", (x,))[0], call("layer_norm", (x,), {})[0])
    kept = {"epsilon": 0.5}
    first = call("layer_norm", (x,), kept)[0]
    kept["epsilon"] = 1e-5
    assert not np.array_equal(call("layer_norm", (x,), kept)[0], first)


def errors_of(run: Callable[[], object]) -> tuple[type, str]:
    with pytest.raises(pyseq.Error) as raised:
        run()
    return raised.type, str(raised.value)


@pytest.mark.parametrize(
    ("op", "inputs", "attributes"),
    [
        ("sofmax", [floats(2)], {}),
        ("softmax", [], {}),
        ("softmax", [None], {}),
        ("softmax", [floats(2), floats(2)], {}),
        ("softmax", [floats(2).astype(np.float64)], {}),
        ("softmax", [floats(2).astype(">f4")], {}),
        ("softmax", [floats(2, 3).T], {}),
        ("softmax", [floats(5)[::2]], {}),
        ("softmax", [[1.0, 2.0]], {}),
        ("softmax", [floats(1, 1, 1, 1, 1, 1, 1, 1, 1)], {}),
        ("softmax", [np.frombuffer(bytes(9), np.float32, 2, 1)], {}),
        ("softmax", [floats(2)], {"axis": 1}),
        ("layer_norm", [floats(2)], {"epsilon": "small"}),
        ("layer_norm", [floats(2)], {"epsilon": None}),
        ("add_integer", [np.arange(2)], {}),
        ("add_integer", [np.arange(2)], {"amount": 2**70}),
        ("add", [floats(2, 3), floats(2)], {}),
        ("embedding", [np.array([7]), floats(3, 4)], {}),
        ("cached_attention", [floats(1, 1, 4)] * 3, {"num_heads": 1}),
    ],
)
@pytest.mark.parametrize("label", ["", "encoder.layer"])
def test_errors_are_those_of_run_op(op: str, inputs: list[Any], attributes: dict[str, Any], label: str) -> None:
    expected = errors_of(lambda: _core.run_op(op, inputs, [], attributes, [], label))
    assert errors_of(lambda: call(op, tuple(inputs), attributes, label=label)) == expected


def test_a_wanted_output_that_does_not_exist() -> None:
    q = floats(1, 2, 4)
    with pytest.raises(pyseq.ArgumentError, match="names an output that is not an optional one"):
        call("attention", (q, q, q), {"num_heads": 1}, (), ("probabilities",))


def test_arguments_of_the_door_itself() -> None:
    x = floats(2)
    door: Any = _core.call_op
    with pytest.raises(TypeError, match="takes 7 arguments, got 2"):
        door("softmax", (x,))
    with pytest.raises(TypeError, match="op and label are texts"):
        door(3, (x,), None, (), (), "", Tensor)
    with pytest.raises(TypeError):
        door("softmax", 3, None, (), (), "", Tensor)


def test_errors_name_the_module_that_runs() -> None:
    with labelled("encoder.norm"), pytest.raises(pyseq.DTypeError, match=r"^encoder\.norm: x has dtype float64"):
        ops.softmax(np.zeros(3))


def test_nothing_is_held_after_a_call() -> None:
    x, amount = floats(2, 3), 12345678901
    counts = sys.getrefcount(x), sys.getrefcount(None)
    for i in range(1000):
        call("softmax", (x,))
        call("softmax", (Tensor(x),))
        call("add_integer", (np.arange(2),), {"amount": amount + i})
        with pytest.raises(pyseq.DTypeError):
            call("add_integer", (x,), {"amount": 1})
    assert sys.getrefcount(x) == counts[0]
    assert abs(sys.getrefcount(None) - counts[1]) < 500


def test_threads_with_different_attributes() -> None:
    x = floats(64, 512)
    epsilons = [1e-5, 1e-3, 0.1, 1.0]
    expected = [_core.run_op("layer_norm", [x], [], {"epsilon": epsilon})[0] for epsilon in epsilons]
    failures: list[float] = []

    def work(index: int) -> None:
        for _ in range(50):
            if not np.array_equal(ops.layer_norm(x, epsilon=epsilons[index]), expected[index]):
                failures.append(epsilons[index])

    threads = [threading.Thread(target=work, args=(index,)) for index in range(len(epsilons))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
