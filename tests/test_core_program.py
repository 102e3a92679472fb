"""Programs, sessions and states from Python, on a small hand-written program file; safetensors both ways."""

from __future__ import annotations

import gc
import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

import pyseq
from pyseq import _core

Array = np.ndarray[Any, Any]

VOCABULARY = {"unit": "word", "tokens": ["<unk>", "a", "b"], "unknown": 0}
# hidden = hidden + x, kept as a carry and returned; seen = x, kept as a memory that `look` gathers by rows.
PROGRAM: dict[str, Any] = {
    "format": 1,
    "producer": "test",
    "task": {"kind": "none"},
    "vocabularies": {"words": VOCABULARY},
    "state": [
        {"name": "hidden", "kind": "carry", "dtype": "float32", "shape": [3]},
        {"name": "seen", "kind": "memory", "dtype": "float32", "shape": []},
    ],
    "packed": {},
    "functions": [
        {
            "name": "step",
            "public": True,
            "inputs": [{"name": "x", "dtype": "float32", "dims": ["batch", 3]}],
            "nodes": [
                {"op": "add", "name": "sum", "inputs": ["s:hidden", "%0"], "attrs": {}, "outputs": ["%1"]},
                {"op": "linear", "name": "out", "inputs": ["%1", "w:weight"], "attrs": {}, "outputs": ["%2"]},
            ],
            "outputs": [{"name": "sum", "value": "%1"}, {"name": "y", "value": "%2"}],
            "updates": [{"state": "hidden", "value": "%1"}],
        },
        {
            "name": "remember",
            "public": True,
            "inputs": [{"name": "x", "dtype": "float32", "dims": ["batch", "width"]}],
            "nodes": [],
            "outputs": [{"name": "same", "value": "%0"}],
            "updates": [{"state": "seen", "value": "%0"}],
        },
        {
            "name": "look",
            "public": True,
            "inputs": [],
            "nodes": [
                {"op": "gather_rows", "name": "look", "inputs": ["s:seen", "rows"], "attrs": {}, "outputs": ["%0"]}
            ],
            "outputs": [{"name": "seen", "value": "%0"}],
            "updates": [],
        },
        {
            "name": "attend",
            "public": True,
            "inputs": [{"name": "x", "dtype": "float32", "dims": ["batch", "time", 3]}],
            "nodes": [
                {
                    "op": "attention",
                    "name": "layer.attention",
                    "inputs": ["%0", "%0", "%0"],
                    "attrs": {"num_heads": 1},
                    "outputs": ["%1"],
                }
            ],
            "outputs": [{"name": "y", "value": "%1"}],
            "updates": [],
        },
    ],
}
WEIGHT = np.arange(6, dtype=np.float32).reshape(2, 3)


def program_bytes(weight: Any = WEIGHT, program: dict[str, Any] = PROGRAM) -> bytes:
    metadata = {"format": "pyseq", "pyseq.program": json.dumps(program)}
    content = _core.write_safetensors(None, metadata, {"weight": weight})
    assert content is not None
    return content


@pytest.fixture(scope="module")
def program() -> _core.Program:
    return _core.Program.parse(program_bytes())


@pytest.fixture
def session(program: _core.Program) -> _core.Session:
    return _core.Session(program)


def test_a_program_says_what_it_holds(program: _core.Program) -> None:
    assert program.function_names == ["step", "remember", "look", "attend"]
    assert (program.producer, program.format_version) == ("test", 1)
    assert json.loads(program.task) == {"kind": "none"}
    assert [(s["name"], s["kind"], s["dtype"], s["shape"]) for s in program.state] == [
        ("hidden", "carry", "float32", [3]),
        ("seen", "memory", "float32", []),
    ]
    assert program.tensors == [{"name": "weight", "dtype": "float32", "shape": [2, 3], "panel_gates": 0, "bytes": 24}]
    step = program.functions[0]
    assert step["inputs"] == [{"name": "x", "dtype": "float32", "dims": ["batch", "3"]}]
    assert [output["name"] for output in step["outputs"]] == ["sum", "y"]
    assert [(node["op"], node["name"]) for node in step["nodes"]] == [("add", "sum"), ("linear", "out")]
    assert step["nodes"][1]["inputs"][:2] == ["%1", "w:weight"]
    assert json.loads(program.functions[3]["nodes"][0]["attributes"])["num_heads"] == 1


def test_vocabularies_and_tensors_by_name(program: _core.Program) -> None:
    assert program.vocabulary_names == ["words"]
    words = program.vocabulary("words")
    assert (words.tokens, words.unit, words.unknown, len(words)) == (["<unk>", "a", "b"], "word", 0, 3)
    weight = program.tensor("weight")
    np.testing.assert_array_equal(weight, WEIGHT)
    assert not weight.flags.writeable
    for lookup in (program.vocabulary, program.tensor):
        with pytest.raises(pyseq.ArgumentError, match="nonsense"):
            lookup("nonsense")


def test_a_tensor_outlives_its_program() -> None:
    weight = _core.Program.parse(program_bytes()).tensor("weight")
    gc.collect()
    np.testing.assert_array_equal(weight, WEIGHT)


@pytest.mark.parametrize("mmap", [True, False])
def test_a_program_is_loaded_from_a_path(tmp_path: Path, mmap: bool) -> None:
    path = tmp_path / "модель.safetensors"
    path.write_bytes(program_bytes())
    for place in (path, str(path)):
        session = _core.Session(_core.Program.load(place, mmap))
        outputs, _ = session.run("step", {"x": np.ones((1, 3), np.float32)}, session.new_state(1))
        assert outputs["y"].tolist() == [[3, 12]]
    with pytest.raises(pyseq.Error, match="missing"):
        _core.Program.load(tmp_path / "missing.safetensors", mmap)


def test_damaged_bytes_are_refused() -> None:
    content = program_bytes()
    for damaged in (b"", content[:7], content[:-1], content.replace(b"linear", b"lineaR"), b"\xff" * 64):
        with pytest.raises(pyseq.FormatError):
            _core.Program.parse(damaged)


def test_state_carries_from_run_to_run(session: _core.Session) -> None:
    state = session.new_state(2)
    x = np.array([[1, 2, 3], [10, 20, 30]], np.float32)
    first, captures = session.run("step", {"x": x}, state)
    assert captures == {}
    second, _ = session.run("step", {"x": x}, state)
    np.testing.assert_array_equal(second["sum"], 2 * x)
    np.testing.assert_array_equal(second["y"], 2 * x @ WEIGHT.T)
    np.testing.assert_array_equal(first["sum"], x)  # an earlier output is not written again
    np.testing.assert_array_equal(state.tensor("hidden"), 2 * x)
    state.reorder([1, 1, 0])
    assert state.rows == 3
    assert state.sources == [1, 1, 0]
    np.testing.assert_array_equal(state.tensor("hidden"), 2 * x[[1, 1, 0]])


def test_writing_to_arrays_does_not_reach_into_the_state(session: _core.Session) -> None:
    state = session.new_state(1)
    x = np.ones((1, 3), np.float32)
    outputs, _ = session.run("step", {"x": x}, state)
    outputs["sum"][:] = 99
    state.tensor("hidden")[:] = 99
    np.testing.assert_array_equal(state.tensor("hidden"), x)

    value = np.full((1, 3), 5, np.float32)
    state.set_tensor("hidden", value)
    value[:] = 99
    assert state.tensor("hidden").tolist() == [[5, 5, 5]]

    memory = np.full((1, 3), 4, np.float32)
    outputs, _ = session.run("remember", {"x": memory}, state)
    memory[:] = 99
    outputs["same"][:] = 98
    assert session.run("look", {}, state)[0]["seen"].tolist() == [[4, 4, 4]]


def test_clones_go_their_own_way(session: _core.Session) -> None:
    state = session.new_state(1)
    clone = state.clone()
    session.run("step", {"x": np.ones((1, 3), np.float32)}, clone)
    assert state.tensor("hidden").tolist() == [[0, 0, 0]]
    assert clone.tensor("hidden").tolist() == [[1, 1, 1]]


def test_memory_has_a_row_per_source(session: _core.Session) -> None:
    state = session.new_state(2)
    with pytest.raises(pyseq.ArgumentError, match="seen"):
        state.tensor("seen")
    session.run("remember", {"x": np.array([[1], [2]], np.float32)}, state)
    state.reorder([1, 1])
    assert session.run("look", {}, state)[0]["seen"].tolist() == [[2], [2]]
    assert state.tensor("seen").tolist() == [[1], [2]]


def test_captures_by_module_path(session: _core.Session) -> None:
    x = np.random.default_rng(0).standard_normal((2, 4, 3)).astype(np.float32)
    outputs, captures = session.run("attend", {"x": x}, capture=["layer.attention"])
    assert captures["layer.attention"].shape == (2, 1, 4, 4)
    np.testing.assert_array_equal(outputs["y"], session.run("attend", {"x": x})[0]["y"])
    with pytest.raises(pyseq.ArgumentError, match="nonsense"):
        session.run("attend", {"x": x}, capture=["nonsense"])


def test_impossible_runs_are_refused(session: _core.Session) -> None:
    x = np.ones((1, 3), np.float32)
    state = session.new_state(1)
    runs: list[tuple[type[Exception], str, dict[str, Any], Any]] = [
        (pyseq.ArgumentError, "nonsense", {"x": x}, state),
        (pyseq.ArgumentError, "step", {}, state),
        (pyseq.ArgumentError, "step", {"x": x, "z": x}, state),
        (pyseq.Error, "step", {"x": x}, None),
        (pyseq.ShapeError, "step", {"x": np.ones((1, 4), np.float32)}, state),
        (pyseq.ShapeError, "step", {"x": np.ones((2, 3), np.float32)}, state),
        (pyseq.DTypeError, "step", {"x": np.ones((1, 3))}, state),
        (pyseq.DTypeError, "step", {"x": [[1.0, 2.0, 3.0]]}, state),
        (pyseq.Error, "look", {}, state),
    ]
    for error, function, inputs, given in runs:
        with pytest.raises(error):
            session.run(function, inputs, given)
    assert state.tensor("hidden").tolist() == [[0, 0, 0]]
    with pytest.raises(pyseq.OutOfRangeError):
        state.reorder([1])
    with pytest.raises(pyseq.Error):
        session.new_state(-1)
    for name in ("nonsense", "hidden"):
        with pytest.raises(pyseq.Error):
            state.set_tensor(name, np.ones((1, 99), np.float32))


def test_a_state_of_another_program_is_refused(session: _core.Session) -> None:
    changed = {**PROGRAM, "state": [{**PROGRAM["state"][0], "shape": [3]}], "functions": PROGRAM["functions"][:1]}
    other = _core.Session(_core.Program.parse(program_bytes(program=changed)))
    with pytest.raises(pyseq.Error):
        other.run("step", {"x": np.ones((1, 3), np.float32)}, session.new_state(1))


def test_one_program_runs_on_many_threads_with_a_session_each(program: _core.Program) -> None:
    rng = np.random.default_rng(1)
    inputs = rng.standard_normal((8, 50, 3)).astype(np.float32)
    results: dict[int, Array] = {}

    def accumulate(index: int) -> None:
        session = _core.Session(program)
        state = session.new_state(1)
        for x in inputs[index]:
            session.run("step", {"x": x[None]}, state)
        results[index] = state.tensor("hidden")[0]

    threads = [threading.Thread(target=accumulate, args=(index,)) for index in range(len(inputs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index, steps in enumerate(inputs):
        np.testing.assert_allclose(results[index], steps.sum(0), atol=1e-4)


def test_a_session_that_is_shared_by_threads_gives_errors_at_worst(session: _core.Session) -> None:
    x = np.random.default_rng(2).standard_normal((1, 400, 3)).astype(np.float32)
    expected = session.run("attend", {"x": x})[0]["y"]
    unexpected: list[object] = []

    def use() -> None:
        for _ in range(20):
            try:
                if not np.array_equal(session.run("attend", {"x": x})[0]["y"], expected):
                    unexpected.append("another result")
            except pyseq.Error as error:
                if "Session: another call is using it" not in str(error):
                    unexpected.append(error)

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert unexpected == []


# --- safetensors ------------------------------------------------------------------------------------------------------

ARRAYS: dict[str, Array] = {
    "float32": np.linspace(0, 1, 7, dtype=np.float32),
    "int64": np.arange(-3, 3).reshape(2, 3),
    "int32": np.arange(5, dtype=np.int32),
    "int8": np.arange(-2, 3, dtype=np.int8),
    "uint8": np.arange(3, dtype=np.uint8),
    "empty": np.zeros((0, 4), np.float32),
    "scalar": np.array(3, np.int64),
}


@pytest.mark.parametrize("mmap", [True, False])
def test_arrays_come_back_from_a_file(tmp_path: Path, mmap: bool) -> None:
    path = tmp_path / "arrays.safetensors"
    assert _core.write_safetensors(path, {"key": "value ✓"}, ARRAYS) is None
    metadata, arrays = _core.read_safetensors(path, mmap)
    assert metadata == {"key": "value ✓"}
    assert arrays.keys() == ARRAYS.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, ARRAYS[name], strict=True)
        assert not array.flags.writeable
    assert [entry.name for entry in tmp_path.iterdir()] == ["arrays.safetensors"]


def test_the_format_is_that_of_the_safetensors_package(tmp_path: Path) -> None:
    content = _core.write_safetensors(None, {}, ARRAYS)
    theirs = {name: array for name, array in safetensors.numpy.load(content).items() if "padding" not in name}
    assert theirs.keys() == ARRAYS.keys()
    for name, array in theirs.items():
        np.testing.assert_array_equal(array, ARRAYS[name], strict=True)

    path = tmp_path / "theirs.safetensors"
    safetensors.numpy.save_file(ARRAYS, path)
    _, arrays = _core.read_safetensors(path)
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, ARRAYS[name], strict=True)


def test_packed_weights_are_stored_as_they_are() -> None:
    packed = {**PROGRAM, "packed": {"weight": {"gates": 1, "shape": [2, 3]}}}
    program = _core.Program.parse(program_bytes(_core.pack_weight(WEIGHT), packed))
    assert program.tensors[0]["panel_gates"] == 1
    np.testing.assert_array_equal(program.tensor("weight"), WEIGHT)
    session = _core.Session(program)
    outputs, _ = session.run("step", {"x": np.ones((1, 3), np.float32)}, session.new_state(1))
    assert outputs["y"].tolist() == [[3, 12]]


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(pyseq.DTypeError, match="write_safetensors: name has dtype float64"):
        _core.write_safetensors(None, {}, {"name": np.ones(3)})
    with pytest.raises(pyseq.ArgumentError, match="name is not contiguous"):
        _core.write_safetensors(None, {}, {"name": np.ones((3, 4), np.float32).T})
    with pytest.raises(pyseq.Error):
        _core.write_safetensors(tmp_path / "missing" / "file", {}, ARRAYS)
    with pytest.raises(pyseq.Error):
        _core.write_file(tmp_path, b"a folder")
