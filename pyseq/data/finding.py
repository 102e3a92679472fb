"""Where a data set lies on this machine."""

from __future__ import annotations

import logging
import os
from pathlib import Path

LOG = logging.getLogger("pyseq.data")
VARIABLE = "PYSEQ_DATA_DIR"


def cache_folder() -> Path:
    """Where fetched data sets are kept: $XDG_CACHE_HOME/pyseq/data, or ~/.cache/pyseq/data."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "pyseq" / "data"


def find(name: str, path: str | os.PathLike[str] | None = None) -> Path:
    """The folder of a data set: the path that was given, else PYSEQ_DATA_DIR/name, else the user's cache.

    Args:
        name: of the data set (`pyseq data list`).
        path: where the user says that it lies: the folder itself, or one of its files.

    Returns:
        An existing folder (or the file that was given).

    Raises:
        FileNotFoundError: it is in none of these places; the message tells how to get it.

    Example:
        >>> import tempfile
        >>> from pyseq import data
        >>> folder = tempfile.mkdtemp()
        >>> str(data.find("names", folder)) == folder
        True
    """
    if path is not None:
        given = Path(path)
        if not given.exists():
            raise FileNotFoundError(f"data set {name}: {given} does not exist")
        return given
    places = [Path(os.environ[VARIABLE]) / name] if os.environ.get(VARIABLE) else []
    places.append(cache_folder() / name)
    for place in places:
        if place.is_dir():
            LOG.debug("data set %s: in %s", name, place)
            return place
    looked = " or ".join(map(str, places))
    raise FileNotFoundError(f"data set {name} is not in {looked}; get it: pyseq data get {name}")
