"""Generator.serve: continuous batching gives the bits of every text written alone, whatever happens beside it."""

from __future__ import annotations

import _thread
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tiny_generators import WORDS, write_gpt, write_recurrent

import pyseq
from pyseq.decode import Regex
from pyseq.tasks import GenerationService, Generator

LONG = "deadbeef had a bad cabbage " * 8  # three pages of the prompt cache and a bit


@pytest.fixture(scope="module")
def gpt() -> Generator:
    return write_gpt()


@pytest.fixture(scope="module")
def words() -> Generator:
    return write_recurrent(WORDS, "gru", start=1, end=1)


def requests_of(count: int) -> list[tuple[str, dict[str, Any]]]:
    prompts = ["abc", "h", "bad cab", LONG, LONG[:130] + "h", "gag" * 9]
    kinds: list[dict[str, Any]] = [
        {"max_length": 12},
        {"temperature": 0.0, "max_length": 5},
        {"top_k": 3, "max_length": 30},
        {"allowed": Regex("(abc|d)*h"), "max_length": 20},
        {"max_length": 1},
    ]
    return [(prompts[n % len(prompts)], {"seed": n, "stream": n % 3, **kinds[n % len(kinds)]}) for n in range(count)]


def test_texts_are_those_of_every_request_alone(gpt: Generator) -> None:
    requests = requests_of(30)
    expected = [gpt.generate(prompt, **options) for prompt, options in requests]
    for max_rows, cache in ((4, 1 << 20), (30, 0), (1, 1 << 20)):
        with gpt.serve(max_rows=max_rows, prompt_cache_bytes=cache) as service:
            running = [service.submit(prompt, **options) for prompt, options in requests]
            assert [request.text() for request in running] == expected
            assert all(request.done for request in running)
            counts = service.statistics
        written = sum(len(text) - len(prompt) for text, (prompt, _) in zip(expected, requests, strict=True))
        assert written <= counts["row_steps"] <= written + 6  # some texts end in a step that writes nothing
        assert counts["steps"] <= counts["row_steps"]
        assert (counts["prompt_tokens_reused"] > 0) == (cache > 0)
        assert counts["prompt_cache_bytes"] <= cache


def test_recurrent_models_and_end_marks(words: Generator) -> None:
    prompts = ["to be", "", "or not to be " * 30, "or not to be " * 30 + "to"]
    expected = [words.generate(prompt, seed=n, max_length=40) for n, prompt in enumerate(prompts)]
    with words.serve() as service:
        running = [service.submit(prompt, seed=n, max_length=40) for n, prompt in enumerate(prompts)]
        assert [request.text() for request in running] == expected
        assert service.submit(prompts[3], seed=3, max_length=40).text() == expected[3]
        assert service.statistics["prompt_tokens_reused"] >= 64


def test_many_threads_share_a_service(gpt: Generator) -> None:
    requests = requests_of(24)
    expected = [gpt.generate(prompt, **options) for prompt, options in requests]
    with gpt.serve(max_rows=5) as service, ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda request: service.submit(request[0], **request[1]).text(), requests))
    assert found == expected


def test_a_prompt_that_begins_alike_is_read_once(gpt: Generator) -> None:
    with gpt.serve() as service:
        first = service.submit(LONG + "a", seed=1).text()
        read = service.statistics["prompt_tokens_read"]
        assert read == len(LONG)
        second = service.submit(LONG + "had", seed=1).text()
        counts = service.statistics
        assert counts["prompt_tokens_reused"] == 192
        assert counts["prompt_tokens_read"] - read == len(LONG) + 2 - 192
    assert first == gpt.generate(LONG + "a", seed=1)
    assert second == gpt.generate(LONG + "had", seed=1)


def test_the_prompt_cache_is_bounded_and_forgets_the_oldest(gpt: Generator) -> None:
    page = 64 * 2 * (8 + 16) * 4  # positions, layers, key and value of one head, bytes (values stand in rows of 16)
    prompts = [first + "abcdefgh" * 8 for first in "abcdefgh"]
    with gpt.serve(prompt_cache_bytes=3 * page) as service:
        for prompt in prompts:
            service.submit(prompt, max_length=1).text()
            assert service.statistics["prompt_cache_bytes"] <= 3 * page
        reused = service.statistics["prompt_tokens_reused"]
        assert reused == 0
        service.submit(prompts[0], max_length=1).text()
        assert service.statistics["prompt_tokens_reused"] == 0
        service.submit(prompts[-1], max_length=1).text()
        assert service.statistics["prompt_tokens_reused"] == 64


def test_pieces_come_while_they_are_written() -> None:
    endless_writer = write_recurrent()  # without positions that a fast thread could use up meanwhile
    with endless_writer.serve(max_rows=1) as service:
        endless = service.submit("abc", max_length=10**6 - 1, deadline=30)
        pieces = [next(endless) for _ in range(5)]
        waiting = service.submit("h", max_length=2)
        assert not endless.done
        assert not waiting.done
        endless.cancel()
        assert waiting.text() == endless_writer.generate("h", max_length=2)
        with pytest.raises(pyseq.CancelledError, match="the request was cancelled"):
            list(endless)
    assert "".join(pieces) == endless_writer.generate("abc", max_length=5)[3:]


def test_a_request_that_fails_harms_no_other() -> None:
    short = write_gpt(max_positions=24)
    with short.serve() as service:
        good = [service.submit("abc", seed=seed, max_length=20) for seed in range(3)]
        bad = service.submit("abcdefgh", max_length=20)  # runs out of positions
        late = service.submit("abc", max_length=20, deadline=0.0)
        more = [service.submit("cab", seed=seed, max_length=20) for seed in range(3)]
        with pytest.raises(pyseq.OutOfRangeError, match="positions"):
            bad.text()
        with pytest.raises(pyseq.DeadlineError):
            late.text()
        assert [r.text() for r in good] == [short.generate("abc", seed=seed, max_length=20) for seed in range(3)]
        assert [r.text() for r in more] == [short.generate("cab", seed=seed, max_length=20) for seed in range(3)]
        too_long = service.submit("abcdefgh" * 4, max_length=20)
        with pytest.raises(pyseq.OutOfRangeError, match="positions"):
            too_long.text()
        assert service.submit("abc", max_length=3).text() == short.generate("abc", max_length=3)


def test_what_is_impossible_is_said_at_once(gpt: Generator) -> None:
    with gpt.serve() as service:
        with pytest.raises(pyseq.ArgumentError, match="the text is empty"):
            service.submit("")
        with pytest.raises(pyseq.OutOfRangeError, match="Z"):
            service.submit("Z")
        with pytest.raises(pyseq.ArgumentError, match="unknown option beam_size"):
            service.submit("a", beam_size=2)  # type: ignore[call-arg]
        with pytest.raises(pyseq.ArgumentError, match="temperature"):
            service.submit("a", temperature=-1.0)
        assert service.statistics["steps"] == 0
    with pytest.raises(pyseq.ArgumentError, match="the service is closed"):
        service.submit("a")
    with pytest.raises(pyseq.ArgumentError, match="max_rows is 0, expected at least 1"):
        gpt.serve(max_rows=0)
    with pytest.raises(pyseq.ArgumentError, match="prompt_cache_bytes is -1"):
        gpt.serve(prompt_cache_bytes=-1)


def test_closing_ends_what_is_not_done(gpt: Generator) -> None:
    service = gpt.serve(max_rows=2)
    requests = [service.submit("abc", max_length=300) for _ in range(6)]
    next(requests[0])
    service.close()
    service.close()
    for request in requests[2:]:  # those that were waiting for a row
        with pytest.raises(pyseq.CancelledError, match="the service was closed"):
            request.text()
    assert all(request.done for request in requests)


def test_a_service_that_is_forgotten_ends(gpt: Generator) -> None:
    before = threading.active_count()
    request = gpt.serve().submit("abc", max_length=300)
    with pytest.raises(pyseq.CancelledError):
        request.text()
    assert threading.active_count() == before


def test_control_c_stops_waiting() -> None:
    endless = write_gpt(max_positions=10**5)
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with endless.serve(max_rows=1) as service:
            first = service.submit("abc", max_length=10**6, deadline=30)
            second = service.submit("abc", max_length=1)
            threading.Timer(0.1, _thread.interrupt_main).start()
            start = time.monotonic()
            with pytest.raises(KeyboardInterrupt):
                second.text()
            assert time.monotonic() - start < 5
            first.cancel()
            assert second.text() == endless.generate("abc", max_length=1)
    finally:
        signal.signal(signal.SIGINT, previous)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork()")
def test_a_forked_child_is_told(gpt: Generator) -> None:
    with gpt.serve() as service:
        service.submit("abc", max_length=1).text()
        child = os.fork()
        if child == 0:
            try:
                service.submit("abc")
            except pyseq.ArgumentError as error:
                os._exit(0 if "forked" in str(error) else 2)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert isinstance(service, GenerationService)
        assert service.submit("abc", max_length=2).text() == gpt.generate("abc", max_length=2)
