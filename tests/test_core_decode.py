"""Searches from Python: step models of any kind, what they raise, deadlines, cancellation, Ctrl-C."""

from __future__ import annotations

import _thread
import json
import math
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import pyseq
from pyseq import _core

Array = np.ndarray[Any, Any]


@pytest.fixture(scope="module")
def endless_program() -> _core.Program:
    """A program that decodes for ever: its logits never favour the end mark, token 0."""
    step = {
        "name": "step",
        "public": True,
        "inputs": [{"name": "tokens", "dtype": "int64", "dims": ["batch", "time"]}],
        "nodes": [{"op": "embedding", "name": "table", "inputs": ["%0", "w:table"], "attrs": {}, "outputs": ["%1"]}],
        "outputs": [{"name": "logits", "value": "%1"}],
        "updates": [],
    }
    program = {"format": 1, "producer": "test", "task": {}, "vocabularies": {}, "state": [], "packed": {}}
    table = np.tile(np.array([-1e9, 3, 2, 1], np.float32), (4, 1))
    metadata = {"format": "pyseq", "pyseq.program": json.dumps({**program, "functions": [step]})}
    return _core.Program.parse(_core.write_safetensors(None, metadata, {"table": table}))


# --- limits -----------------------------------------------------------------------------------------------------------


class Chatterbox:
    """A step model that never ends: every token is as likely as every other, except for the end mark."""

    def __init__(self, vocabulary: int = 5, on_step: Callable[[int], object] = lambda step: None) -> None:
        self.vocabulary = vocabulary
        self.on_step = on_step
        self.steps = 0
        self.parents: list[list[int]] = []

    def step(self, tokens: Array) -> Array:
        self.steps += 1
        self.on_step(self.steps)
        logits = np.zeros((*tokens.shape, self.vocabulary), np.float32)
        logits[..., 0] = -1e9
        return logits

    def reorder(self, parents: Array) -> None:
        self.parents.append(parents.tolist())


def search(model: Any, **options: Any) -> list[list[_core.Hypothesis]]:
    names = ("beam_size", "n_best", "max_length", "min_length", "length_penalty", "return_attention")
    chosen = {name: options.pop(name) for name in names if name in options}
    return _core.search(model, options.pop("sources", 1), 1, 0, _core.DecodingOptions(**chosen), **options)


def test_deadlines_stop_a_search() -> None:
    start = time.monotonic()
    with pytest.raises(pyseq.DeadlineError) as raised:
        search(Chatterbox(), max_length=10**9, deadline=0.05)
    assert time.monotonic() - start < 5
    assert isinstance(raised.value, TimeoutError)


@pytest.mark.parametrize("deadline", [0.0, -1.0, -math.inf])
def test_a_deadline_that_has_passed_stops_at_once(deadline: float) -> None:
    model = Chatterbox()
    with pytest.raises(pyseq.DeadlineError):
        search(model, max_length=10**9, deadline=deadline)
    assert model.steps <= 1


def test_far_deadlines_never_come_and_odd_ones_are_refused() -> None:
    for deadline in (math.inf, 1e300, 1e9):
        assert len(search(Chatterbox(), max_length=3, deadline=deadline)[0][0].ids) == 3
    with pytest.raises(pyseq.ArgumentError, match="deadline is not a number"):
        search(Chatterbox(), deadline=math.nan)


def test_tokens_cancel_from_another_thread() -> None:
    token = _core.CancelToken()
    threading.Timer(0.05, token.cancel).start()
    with pytest.raises(pyseq.CancelledError):
        search(Chatterbox(), max_length=10**9, cancel=token)
    assert token.is_cancelled()
    token.reset()
    assert len(search(Chatterbox(), max_length=2, cancel=token)[0][0].ids) == 2


def test_the_token_of_an_op_that_is_cancelled() -> None:
    token = _core.CancelToken()
    token.cancel()
    x, weight = np.ones((1, 4000, 8), np.float32), np.ones((32, 8), np.float32)
    with pytest.raises(pyseq.CancelledError):
        _core.run_op("lstm", [x, weight, weight], cancel=token)


# --- Python step models -----------------------------------------------------------------------------------------------


class Table:
    """Next-token log probabilities from a matrix [vocabulary, vocabulary]."""

    def __init__(self, matrix: Array) -> None:
        self.matrix = matrix

    def step(self, tokens: Array) -> Array:
        assert tokens.dtype == np.int64
        return self.matrix[tokens]

    def reorder(self, parents: Array) -> None:
        assert parents.dtype == np.int64


def test_a_python_model_decodes_greedily() -> None:
    logits = np.full((4, 4), -50, np.float32)
    logits[1, 3] = logits[3, 2] = logits[2, 0] = 0
    ((hypothesis,),) = search(Table(logits))
    assert hypothesis.ids == [3, 2]
    assert hypothesis.finished
    assert hypothesis.attention is None
    assert len(hypothesis.token_log_probs) == 3
    assert hypothesis.score == pytest.approx(0, abs=1e-6)


def test_a_python_model_is_scored() -> None:
    matrix = np.random.default_rng(3).standard_normal((5, 5)).astype(np.float32)
    log_probs = matrix - np.log(np.exp(matrix.astype(np.float64)).sum(-1, keepdims=True))
    (hypothesis,) = _core.score(Table(matrix), [[2, 4, 4]], 1, 0)
    expected = [log_probs[1, 2], log_probs[2, 4], log_probs[4, 4], log_probs[4, 0]]
    np.testing.assert_allclose(hypothesis.token_log_probs, expected, rtol=1e-5)
    assert hypothesis.score == pytest.approx(sum(expected), rel=1e-5)


def test_tokens_that_a_model_keeps_are_never_written_again() -> None:
    seen: list[Array] = []
    copies: list[Array] = []

    class Keeper(Chatterbox):
        def step(self, tokens: Array) -> Array:
            seen.append(tokens)
            copies.append(tokens.copy())
            return super().step(tokens)

    search(Keeper(), beam_size=3, n_best=3, max_length=6)
    assert len(seen) >= 6
    for kept, copy in zip(seen, copies, strict=True):
        np.testing.assert_array_equal(kept, copy)


def test_attention_of_a_python_model_is_returned() -> None:
    class Attentive(Chatterbox):
        def attention(self) -> Array:
            return np.full((1, 1, 2), self.steps, np.float32)

    ((hypothesis,),) = search(Attentive(), max_length=3, return_attention=True)
    np.testing.assert_array_equal(hypothesis.attention, [[1, 1], [2, 2], [3, 3]])


@pytest.mark.parametrize(
    ("logits", "message"),
    [
        (np.zeros((1, 1, 5)), "step: logits has dtype float64, expected float32"),
        (None, "step: logits is of type NoneType"),
        (np.zeros((1, 5), np.float32), "logits"),
        (np.zeros((2, 1, 5), np.float32), "logits"),
        (np.zeros((1, 1, 0), np.float32), "."),
    ],
)
def test_logits_that_do_not_fit_are_refused(logits: Any, message: str) -> None:
    class Wrong(Chatterbox):
        def step(self, tokens: Array) -> Array:
            return logits

    with pytest.raises(pyseq.Error, match=message):
        search(Wrong())


def test_objects_that_are_no_step_models_are_refused() -> None:
    with pytest.raises(pyseq.ArgumentError, match=r"step_model: object has no method step, expected"):
        search(object())


class Special(Exception):
    pass


def test_what_a_callback_raises_arrives_unchanged_with_its_traceback() -> None:
    error = Special("from Python")

    def fail(step: int) -> None:
        if step == 3:
            raise error

    with pytest.raises(Special) as raised:
        search(Chatterbox(on_step=fail), max_length=100)
    assert raised.value is error
    assert "fail" in [frame.name for frame in traceback.extract_tb(raised.value.__traceback__)]


def test_a_callback_may_not_enter_its_own_search_but_may_start_another() -> None:
    inner: list[int] = []

    def nest(step: int) -> None:
        inner.append(len(search(Chatterbox(), max_length=4)[0][0].ids))

    search(Chatterbox(on_step=nest), max_length=2)
    assert inner == [4, 4]


def test_searches_run_on_many_threads_at_once() -> None:
    matrix = np.random.default_rng(4).standard_normal((30, 30)).astype(np.float32)
    expected = search(Table(matrix), beam_size=4, n_best=4, max_length=20)[0]
    found: list[Any] = []
    threads = [
        threading.Thread(target=lambda: found.append(search(Table(matrix), beam_size=4, n_best=4, max_length=20)[0]))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    for hypotheses in found:
        assert [h.ids for h in hypotheses] == [h.ids for h in expected]
        assert [h.score for h in hypotheses] == [h.score for h in expected]


# --- Ctrl-C -----------------------------------------------------------------------------------------------------------


def interrupt_after(seconds: float) -> None:
    threading.Timer(seconds, _thread.interrupt_main).start()


@pytest.fixture
def heeds_control_c() -> Iterator[None]:
    """The usual handler, also where whoever started the tests has the signal ignored (a job in the background)."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, previous)


@pytest.mark.usefixtures("heeds_control_c")
def test_control_c_stops_a_search_in_a_callback() -> None:
    interrupt_after(0.1)
    with pytest.raises(KeyboardInterrupt):
        search(Chatterbox(), max_length=10**9)


@pytest.mark.usefixtures("heeds_control_c")
def test_control_c_stops_a_beam_search_with_a_callback_at_every_step() -> None:
    seen: list[int] = []

    def on_step(progress: Any) -> None:
        seen.append(progress.length)

    interrupt_after(0.1)
    with pytest.raises(KeyboardInterrupt):
        pyseq.decode.search(Chatterbox(), 1, start=1, end=0, max_length=10**9, beam_size=3, on_step=on_step)
    assert len(seen) > 1


@pytest.mark.usefixtures("heeds_control_c")
@pytest.mark.parametrize("mixture", ["ensemble", "fusion", "fusion of Python models"])
def test_control_c_stops_mixtures(endless_program: _core.Program, mixture: str) -> None:
    sessions = [_core.Session(endless_program) for _ in range(2)]
    parts: list[Any] = [_core.ProgramStepModel(session, session.new_state(1)) for session in sessions]
    if mixture == "fusion of Python models":
        parts = [Chatterbox(), Chatterbox()]
    model = _core.Ensemble(parts) if mixture == "ensemble" else _core.Fusion(*parts, weight=0.5)
    interrupt_after(0.2)
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        search(model, max_length=10**9, beam_size=2)
    assert time.monotonic() - start < 5


@pytest.mark.usefixtures("heeds_control_c")
def test_control_c_stops_a_search_that_never_leaves_cpp(endless_program: _core.Program) -> None:
    session = _core.Session(endless_program)
    model = _core.ProgramStepModel(session, session.new_state(1))
    interrupt_after(0.2)
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        search(model, max_length=10**9)
    assert time.monotonic() - start < 5


def test_the_exception_of_a_signal_handler_arrives(endless_program: _core.Program) -> None:
    def handler(number: int, frame: Any) -> None:
        raise Special("from the handler")

    session = _core.Session(endless_program)
    model = _core.ProgramStepModel(session, session.new_state(1))
    previous = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(Special, match="from the handler"):
            search(model, max_length=10**9)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
