"""Streams through one set of weights: the bits of each alone, order, deadlines, back-pressure, reset, close."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest

import pyseq
from pyseq import audio, nn
from pyseq.models import TriggerModel, TriggerOptions

Array = np.ndarray[Any, Any]


@pytest.fixture(scope="module")
def program() -> pyseq.Program:
    model = TriggerModel(TriggerOptions(audio.log_mel(8000, 20), channels=16, hidden_size=24)).eval()
    hops = np.random.default_rng(0).standard_normal((2, 3, model.step_samples)).astype(np.float32)
    return pyseq.Program.parse(pyseq.export(model, None, {"step": {"hops": pyseq.Input(hops)}}))


def sounds(count: int, chunks: int) -> Array:
    return np.random.default_rng(1).standard_normal((count, chunks, 1, 320)).astype(np.float32)


def alone(program: pyseq.Program, sound: Array) -> Array:
    state = program.new_state(1)
    return np.concatenate([program.run("step", state=state, hops=chunk[None])["logits"][0] for chunk in sound])


def test_every_stream_has_the_bits_that_it_has_alone(program: pyseq.Program) -> None:
    data, random = sounds(37, 6), np.random.default_rng(2)
    pool = pyseq.StreamPool(program, max_streams=40, max_batch=16)
    streams = [pool.open() for _ in data]
    tickets: list[list[Any]] = [[] for _ in data]
    nexts = [0] * len(data)
    while min(nexts) < data.shape[1]:  # streams go on at different speeds
        chosen = [i for i in random.permutation(len(data))[:20] if nexts[i] < data.shape[1]]
        if not chosen:
            continue
        chunk = np.stack([data[i, nexts[i]] for i in chosen])
        ticket = pool.submit([streams[i] for i in chosen], {"hops": chunk})
        for row, i in enumerate(chosen):
            tickets[i].append((ticket, row))
            nexts[i] += 1
    for i, sound in enumerate(data):
        found = np.concatenate([ticket.result()["logits"][row] for ticket, row in tickets[i]])
        np.testing.assert_array_equal(found, alone(program, sound))
    assert pool.pending == 0


def test_chunks_of_one_stream_keep_their_order_and_sizes_may_differ(program: pyseq.Program) -> None:
    sound = sounds(1, 7)[0]
    pool = pyseq.StreamPool(program, max_streams=2)
    with pool.open() as stream:
        pieces = (sound[:1], sound[1:4], sound[4:7])
        tickets = [pool.submit([stream], {"hops": piece.reshape(1, -1, 320)}) for piece in pieces]
        found = np.concatenate([ticket.result(10)["logits"][0] for ticket in tickets])
        assert all(ticket.done for ticket in tickets)
    np.testing.assert_array_equal(found, alone(program, sound))


def test_reset_and_a_stream_that_is_opened_again_begin_with_silence(program: pyseq.Program) -> None:
    chunk = sounds(1, 1)[0, 0]
    pool = pyseq.StreamPool(program, max_streams=1)
    stream = pool.open()
    first = stream.push(hops=chunk)["logits"]
    assert (stream.push(hops=chunk)["logits"] != first).any()
    stream.reset()
    np.testing.assert_array_equal(stream.push(hops=chunk)["logits"], first)
    with pytest.raises(pyseq.Error, match="1 streams are open"):
        pool.open()
    stream.close()
    with pytest.raises(pyseq.OutOfRangeError, match="stream 0 is not open"):
        stream.push(hops=chunk)
    with pool.open() as again:
        np.testing.assert_array_equal(again.push(hops=chunk)["logits"], first)


def slow_program() -> pyseq.Program:
    """A step that takes some milliseconds."""

    class Slow(nn.Module):
        def __init__(self) -> None:
            self.gru = nn.GRU(8, 256)

        def initial_state(self, rows: int) -> pyseq.State:
            state = pyseq.State(rows)
            state.add_carry("h", (256,))
            return state

        def step(self, x: Any, state: pyseq.State) -> Any:
            y, (state.carry["h"],) = self.gru(x, None, [state.carry["h"]])
            return y

    x = np.zeros((2, 3, 8), np.float32)
    return pyseq.Program.parse(pyseq.export(Slow(), None, {"step": {"x": x}}))


def test_deadlines_back_pressure_and_closing() -> None:
    pool = pyseq.StreamPool(slow_program(), max_streams=4, max_pending=2)
    chunk = np.zeros((1, 10000, 8), np.float32)
    a, b = pool.open(), pool.open()
    running = pool.submit([a], {"x": chunk})
    while pool.pending:  # until it runs
        time.sleep(0.001)
    late = pool.submit([a], {"x": chunk}, deadline=1e-6)
    waiting = pool.submit([b], {"x": chunk})
    with pytest.raises(pyseq.Error, match="2 chunks wait, and there may be 2"):
        pool.submit([a], {"x": chunk}, wait_for_room=False)
    with pytest.raises(pyseq.DeadlineError, match="no room"):
        pool.submit([a], {"x": chunk}, deadline=1e-6)
    with pytest.raises(pyseq.DeadlineError):
        running.result(timeout=1e-6)
    b.close()
    with pytest.raises(pyseq.CancelledError, match="stream 1 was closed"):
        waiting.result()
    with pytest.raises(pyseq.DeadlineError, match="stream 0: the chunk waited until its deadline"):
        late.result()
    assert running.result()["logits"].shape == (1, 10000, 256)
    assert pool.open_streams == 1


def test_a_mistake_harms_nobody_else(program: pyseq.Program) -> None:
    chunk = sounds(1, 1)[0, 0]
    pool = pyseq.StreamPool(program, max_streams=4)
    a, b = pool.open(), pool.open()
    bad = pool.submit([a], {"hops": np.zeros((1, 1, 7), np.float32)})
    good = pool.submit([b], {"hops": chunk[None]})
    with pytest.raises(pyseq.ShapeError, match="hops"):
        bad.result()
    np.testing.assert_array_equal(good.result()["logits"][0], alone(program, chunk[None]))
    np.testing.assert_array_equal(a.push(hops=chunk)["logits"], alone(program, chunk[None]))
    with pytest.raises(pyseq.ShapeError, match="expected 2 rows, one for each stream"):
        pool.submit([a, b], {"hops": chunk[None]})
    with pytest.raises(pyseq.ArgumentError, match="stream 0 has two chunks"):
        pool.submit([a, a], {"hops": np.zeros((2, 1, 320), np.float32)})
    with pytest.raises(pyseq.ArgumentError, match="no function"):
        pyseq.StreamPool(program, "listen")
    with pytest.raises(pyseq.ArgumentError, match="expected at least 1"):
        pyseq.StreamPool(program, max_batch=0)


def test_many_threads_push_at_once(program: pyseq.Program) -> None:
    data = sounds(8, 5)
    pool = pyseq.StreamPool(program, max_streams=8)
    found: dict[int, Array] = {}

    def serve(i: int) -> None:
        with pool.open() as stream:
            found[i] = np.concatenate([stream.push(hops=chunk)["logits"] for chunk in data[i]])

    threads = [threading.Thread(target=serve, args=(i,)) for i in range(len(data))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, sound in enumerate(data):
        np.testing.assert_array_equal(found[i], alone(program, sound))
    assert pool.open_streams == 0


def test_a_pool_that_goes_away_cancels_what_waits() -> None:
    pool = pyseq.StreamPool(slow_program(), max_streams=4)
    chunk = np.zeros((1, 10000, 8), np.float32)
    stream = pool.open()
    tickets = [pool.submit([stream], {"x": chunk}) for _ in range(20)]
    del pool, stream
    with pytest.raises(pyseq.CancelledError, match="closed with its pool"):
        tickets[-1].result(10)
