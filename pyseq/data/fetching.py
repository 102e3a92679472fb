"""Fetching data sets: downloads that go on where they were cut off, checked against their checksums."""

from __future__ import annotations

import gzip
import importlib
import logging
import lzma
import os
import shutil
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from pyseq import _core
from pyseq.data.finding import cache_folder
from pyseq.data.registry import DataSet, RemoteFile, data_sets

LOG = logging.getLogger("pyseq.data")
BLOCK = 1 << 16
TIMEOUT = 30.0  # seconds without a byte


def get(name: str, to: str | os.PathLike[str] | None = None, registry: str | os.PathLike[str] | None = None) -> Path:
    """Fetch a data set.

    Args:
        name: of the data set.
        to: the folder that gets its files; None: the user's cache, where `find` looks.
        registry: another registry than the library's own.

    Returns:
        The folder.

    Raises:
        ArgumentError: there is no such data set. UnsupportedError: its checksums are not known (the message tells the
        source and the steps), or pooch is not installed. FormatError: a file has another checksum. OSError: the
        network; calling again goes on with the part that has come.
    """
    known = data_sets(registry)
    if name not in known:
        raise _core.ArgumentError(f"no data set '{name}': {', '.join(sorted(known))}")
    found = known[name]
    if not found.can_be_fetched:
        raise _core.UnsupportedError(by_hand(found))
    folder = cache_folder() / name if to is None else Path(to)
    folder.mkdir(parents=True, exist_ok=True)
    for remote in found.files:
        LOG.info("data set %s: fetching %s", name, remote.url)
        fetched = fetch(remote, folder)
        convert(fetched, folder / remote.to, remote.characters)
    return folder


def by_hand(found: DataSet) -> str:
    """What a person does where pyseq cannot."""
    return (
        f"data set {found.name}: no checksum of its files is known, so pyseq does not fetch it\n"
        f"  licence: {found.licence}\n  source:  {found.source}\n  steps:   {found.steps}\n"
        f"  then:    put the files into {cache_folder() / found.name}, or give their folder with --data"
    )


def fetch(remote: RemoteFile, folder: Path) -> Path:
    """Download a file beside its place, whole and checked."""
    try:
        pooch: Any = importlib.import_module("pooch")
    except ImportError:
        raise _core.UnsupportedError('fetching data needs pooch: pip install "pyseq[data]"') from None
    pooch.get_logger().setLevel("WARNING")
    name = f".{remote.to}.fetched"
    (folder / name).unlink(missing_ok=True)
    part = folder / f".{remote.to}.part"

    def download(url: str, output: str, _: Any) -> None:
        download_rest(url, part)
        part.replace(output)

    try:
        path = pooch.retrieve(remote.url, f"sha256:{remote.sha256}", name, folder, downloader=download)
    except ValueError as error:
        raise _core.FormatError(f"{remote.url} is not the file that it should be: {error}") from None
    return Path(path)


def download_rest(url: str, part: Path) -> None:
    """Download what is missing of a file; what has come stays when the connection breaks."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        with error:
            if error.code != 416 or not have:  # 416: nothing is missing, or the file has become shorter
                raise
        part.unlink()
        return download_rest(url, part)
    with response:
        goes_on = response.status == 206
        length = response.headers.get("Content-Length")
        whole = None if length is None else int(length) + (have if goes_on else 0)
        with part.open("ab" if goes_on else "wb") as file:
            copy_with_progress(response, file, have if goes_on else 0, whole)
    size = part.stat().st_size
    if whole is not None and size < whole:
        raise ConnectionError(f"{url} was cut off after {size} of {whole} bytes; fetch it again to go on")
    return None


def copy_with_progress(response: Any, file: Any, have: int, whole: int | None) -> None:
    """Copy a body, with a bar at a terminal."""
    from tqdm import tqdm

    with tqdm(total=whole, initial=have, unit="B", unit_scale=True, disable=not sys.stderr.isatty()) as bar:
        while block := response.read(BLOCK):
            file.write(block)
            bar.update(len(block))


def convert(fetched: Path, to: Path, characters: int | None) -> None:
    """Make the file that the recipes read from the one that was fetched: cut, compressed."""
    temporary = to.with_name(f".{to.name}.tmp")
    with fetched.open("rb") as opened:
        compressed = {".gz": b"\x1f\x8b", ".xz": b"\xfd7zXZ"}.get(to.suffix)
        as_it_is = characters is None and (compressed is None or opened.read(len(compressed)) == compressed)
        opened.seek(0)
        with open_compressed(temporary, "" if as_it_is else to.suffix) as target:
            if characters is None:
                shutil.copyfileobj(opened, target, BLOCK)
            else:
                target.write(opened.read().decode("utf-8")[:characters].encode("utf-8"))
    temporary.replace(to)
    fetched.unlink()


def open_compressed(file: Path, suffix: str) -> Any:
    """A file to write to, compressed by its suffix; the same content gives the same bytes."""
    if suffix == ".gz":
        return gzip.GzipFile(file, "wb", mtime=0)
    return lzma.open(file, "wb") if suffix == ".xz" else file.open("wb")
