"""Batches, padding, prefetching; where data lies, and fetching it."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import json
import lzma
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pyseq
from pyseq import data
from pyseq.data import fetching
from pyseq.data.registry import data_sets


def lengths_of(count: int) -> Any:
    return np.random.default_rng(count).integers(0, 50, count)


@settings(max_examples=60, deadline=None)
@given(count=st.integers(1, 300), size=st.integers(0, 9), tokens=st.integers(0, 200), pool=st.integers(1, 8))
def test_an_epoch_has_every_example_once_within_the_limits(count: int, size: int, tokens: int, pool: int) -> None:
    if not size and not tokens:
        return
    lengths = lengths_of(count)
    batches = data.Batches(range(count), list, batch_size=size, max_tokens=tokens, lengths=lengths, pool=pool)
    plan = batches.indices()
    assert sorted(np.concatenate(plan).tolist()) == list(range(count))
    for rows in plan:
        assert not size or len(rows) <= size
        assert not tokens or len(rows) == 1 or len(rows) * lengths[rows].max() <= tokens


def test_like_lengths_are_together() -> None:
    lengths = lengths_of(2000)

    def padding(**options: Any) -> float:
        plan = data.Batches(range(2000), list, batch_size=16, **options).indices()
        padded = sum(len(rows) * int(lengths[rows].max()) for rows in plan)
        return padded / int(lengths.sum())

    assert padding(lengths=lengths) < 1.1 < 1.5 < padding()


def test_among_equal_lengths_like_second_ones_are_together() -> None:
    random = np.random.default_rng(0)
    lengths, others = random.integers(1, 6, 400), random.integers(1, 20, 400)
    spreads = []
    for ties in (None, others):
        batches = data.Batches(range(400), list, 8, lengths=lengths, ties=ties).indices()
        assert sorted(np.concatenate(batches).tolist()) == list(range(400))
        spreads.append(np.mean([np.ptp(others[batch]) for batch in batches]))
    assert spreads[1] < spreads[0] / 3


def test_the_order_follows_from_seed_and_epoch() -> None:
    def epochs(seed: int) -> list[list[int]]:
        batches = data.Batches(range(50), list, batch_size=50, seed=seed)
        return [[int(row) for row in next(batches)] for _ in range(3)]

    first, second, third = epochs(1)
    assert epochs(1) == [first, second, third]
    assert epochs(2)[0] != first != second != third
    assert sorted(first) == list(range(50))


@pytest.mark.parametrize("prefetch", [False, True])
def test_a_position_is_restored_exactly(prefetch: bool) -> None:
    def make() -> Any:
        batches = data.Batches(range(40), list, batch_size=7, lengths=lengths_of(40), seed=4)
        return data.Prefetch(batches, depth=3) if prefetch else batches

    source = make()
    seen, states = [], []
    for _ in range(20):
        states.append((source.epoch, source.state()))
        seen.append(list(map(int, next(source))))
    for position in (0, 5, 6, 13):
        other = make()
        other.restore(json.loads(json.dumps(states[position][1])))
        assert other.epoch == states[position][0]
        assert [list(map(int, next(other))) for _ in range(5)] == seen[position : position + 5]
        if prefetch:
            other.close()
    if prefetch:
        source.close()


def test_streams_go_on_from_batch_to_batch() -> None:
    tokens = np.arange(103)
    streams = data.Streams(tokens, batch_size=4, time=5)
    assert len(streams) == 5
    rows: list[list[int]] = [[], [], [], []]
    for number in range(5):
        batch = next(streams)
        assert batch.first == (number == 0)
        np.testing.assert_array_equal(batch.targets, batch.inputs + 1)
        for row, values in zip(rows, batch.inputs.tolist(), strict=True):
            row.extend(values)
    assert rows == [list(range(25 * n, 25 * n + 25)) for n in range(4)]
    assert streams.epoch == 1
    with pytest.raises(pyseq.ArgumentError, match="expected at least 201"):
        data.Streams(tokens, batch_size=20, time=10)


def test_pieces_change_places_in_every_epoch() -> None:
    pieces = [[n, n, n] for n in range(30)]
    streams = data.ShuffledStreams(pieces, batch_size=2, time=4, seed=3)
    seen = []
    for epoch in range(2):
        batches = [next(streams) for _ in range(len(streams))]
        assert [batch.first for batch in batches] == [True] + [False] * (len(batches) - 1)
        assert streams.epoch == epoch + 1
        seen.append(np.concatenate([batch.inputs for batch in batches], axis=1).ravel().tolist())
    assert seen[0] != seen[1]
    state = streams.state()
    following = [next(streams) for _ in range(3)]
    again = data.ShuffledStreams(pieces, batch_size=2, time=4, seed=3)
    again.restore(state)
    for batch in following:
        np.testing.assert_array_equal(next(again).inputs, batch.inputs)


def test_an_error_on_the_thread_reaches_the_caller() -> None:
    def fail(rows: Any) -> Any:
        raise ValueError("no such file")

    with (
        data.Prefetch(data.Batches(range(4), fail, batch_size=2)) as batches,
        pytest.raises(ValueError, match="no such file"),
    ):
        next(batches)


def test_padding() -> None:
    padded, lengths = data.pad([np.ones((2, 3), np.float32), np.zeros((4, 3), np.float32)], value=-1)
    assert padded.shape == (2, 4, 3)
    assert padded[0, 2:].tolist() == [[-1] * 3] * 2
    assert lengths.tolist() == [2, 4]
    with pytest.raises(pyseq.ShapeError, match=r"sequence 1 is float32 \[2, 4\], expected float32 \[time, 3\]"):
        data.pad([np.ones((2, 3), np.float32), np.ones((2, 4), np.float32)])
    with pytest.raises(pyseq.ShapeError, match="no sequences"):
        data.pad([])
    with pytest.raises(pyseq.DTypeError, match="sequence 1 is of type str"):
        data.pad([[1], "a"])
    with pytest.raises(TypeError):
        data.pad([[1], [0.5]])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: data.Batches(range(3), list), "give batch_size or max_tokens"),
        (lambda: data.Batches(range(3), list, max_tokens=3), "max_tokens needs lengths"),
        (lambda: data.Batches(range(3), list, 2, ties=[1, 2, 3]), "ties needs lengths"),
        (lambda: data.Batches(range(3), list, 2, lengths=[1, 2, 3], ties=[1]), "got 1 ties, expected 3"),
        (lambda: data.Batches(range(3), list, 2, lengths=[1]), "got 1 lengths, expected 3"),
        (lambda: data.Batches([], list, 2), "0 examples make no batch"),
    ],
)
def test_bad_arguments(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(pyseq.ArgumentError, match=message):
        make()


# Where data lies.


def test_data_is_found_where_it_was_told_then_by_variable_then_in_the_cache(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("PYSEQ_DATA_DIR", raising=False)
    with pytest.raises(FileNotFoundError, match="get it: pyseq data get names"):
        data.find("names")
    cached = tmp_path / "cache" / "pyseq" / "data" / "names"
    cached.mkdir(parents=True)
    assert data.find("names") == cached
    (tmp_path / "sets" / "names").mkdir(parents=True)
    monkeypatch.setenv("PYSEQ_DATA_DIR", str(tmp_path / "sets"))
    assert data.find("names") == tmp_path / "sets" / "names"
    assert data.find("names", tmp_path) == tmp_path
    with pytest.raises(FileNotFoundError, match="nowhere does not exist"):
        data.find("names", tmp_path / "nowhere")


def test_a_data_set_without_checksums_tells_source_and_steps(tmp_path: Path) -> None:
    for name, found in data_sets().items():
        assert found.licence, name
        assert found.source.startswith("https://"), name
        if found.can_be_fetched:
            continue
        with pytest.raises(pyseq.UnsupportedError, match=r"source:  https://.*\n  steps:   "):
            fetching.get(name, tmp_path)
    assert not list(tmp_path.iterdir())
    with pytest.raises(pyseq.ArgumentError, match="no data set 'nothing'"):
        fetching.get("nothing")


# Fetching, from a server of our own.

TEXT = "".join(chr(97 + n % 26) for n in range(50_000)) + "ä"
CONTENT = TEXT.encode()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT; /cut breaks off half-way, until somebody asks for the rest."""

    asked: list[str | None]

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        type(self).asked.append(wanted)
        begin = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        if begin >= len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(CONTENT) - begin))
        self.end_headers()
        end = len(CONTENT) // 2 if self.path == "/cut" and not wanted else len(CONTENT)
        self.wfile.write(CONTENT[begin:end])

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    Handler.asked = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{made.server_address[1]}"
        made.shutdown()
        thread.join()


def registry(folder: Path, url: str, **options: Any) -> Path:
    """A registry of one data set with one file."""
    file = {"url": url, "sha256": hashlib.sha256(CONTENT).hexdigest(), "to": "train.txt", **options}
    entry = {
        "name": "letters",
        "title": "Letters",
        "licence": "none",
        "source": "https://x",
        "steps": "",
        "files": [file],
    }
    (folder / "registry.json").write_text(json.dumps([entry]))
    return folder / "registry.json"


def fetched(tmp_path: Path, url: str, **options: Any) -> Path:
    pytest.importorskip("pooch", reason='pooch is not installed: pip install ".[data]"')
    return fetching.get("letters", tmp_path / "letters", registry(tmp_path, url, **options))


def test_a_file_is_fetched_and_checked(server: str, tmp_path: Path) -> None:
    folder = fetched(tmp_path, f"{server}/right")
    assert [file.name for file in folder.iterdir()] == ["train.txt"]
    assert (folder / "train.txt").read_bytes() == CONTENT


@pytest.mark.parametrize(("name", "module"), [("train.txt.gz", gzip), ("train.txt.xz", lzma)])
def test_a_file_is_cut_and_compressed(server: str, tmp_path: Path, name: str, module: Any) -> None:
    folder = fetched(tmp_path, f"{server}/right", to=name, characters=1000)
    assert module.decompress((folder / name).read_bytes()).decode() == TEXT[:1000]


def test_a_wrong_file_is_refused_and_leaves_nothing(server: str, tmp_path: Path) -> None:
    with pytest.raises(pyseq.FormatError, match="/right is not the file that it should be"):
        fetched(tmp_path, f"{server}/right", sha256="0" * 64)
    assert not list((tmp_path / "letters").iterdir())


def test_a_download_that_was_cut_off_goes_on(server: str, tmp_path: Path) -> None:
    half = len(CONTENT) // 2
    with pytest.raises(OSError, match=f"cut off after {half} of {len(CONTENT)} bytes"):
        fetched(tmp_path, f"{server}/cut")
    assert not (tmp_path / "letters" / "train.txt").exists()
    folder = fetched(tmp_path, f"{server}/cut")
    assert Handler.asked == [None, f"bytes={half}-"]
    assert (folder / "train.txt").read_bytes() == CONTENT
    assert [file.name for file in folder.iterdir()] == ["train.txt"]


def test_a_part_that_is_longer_than_the_file_is_thrown_away(server: str, tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / ".train.txt.part").write_bytes(bytes(len(CONTENT) + 1))
    assert (fetched(tmp_path, f"{server}/right") / "train.txt").read_bytes() == CONTENT


def test_without_pooch_the_error_says_what_to_install(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pooch", None)
    with pytest.raises(pyseq.UnsupportedError, match=r'pip install "pyseq\[data\]"'):
        fetching.get("letters", tmp_path, registry(tmp_path, "http://127.0.0.1:9/x"))
