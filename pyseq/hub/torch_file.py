"""PyTorch's files of tensors, read without PyTorch: their pickles may make tensors and nothing else."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyseq import _core

Array = NDArray[Any]

STORAGES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
    "BoolStorage": "?",
}
MAX_PICKLE_BYTES = 1 << 27  # names and shapes alone; the tensors are beside it


def read_torch_file(file: Path) -> dict[str, Array]:
    """All tensors of a `torch.save`d state_dict.

    Raises:
        FormatError: the file is damaged, or its pickle asks for anything but tensors.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            content = _Archive(file, archive)
            state = _Unpickler(content).load()
    except _core.Error:
        raise
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise _core.FormatError(
            f"{file}: not a zip archive, as torch.save has written them since version 1.6: {error}"
        ) from None
    except Exception as error:  # a hostile pickle can make the unpickler raise anything
        raise _core.FormatError(f"{file}: damaged: {type(error).__name__}: {error}") from None
    if not isinstance(state, dict):
        raise _core.FormatError(f"{file}: holds a {type(state).__name__}, expected a state_dict")
    others = [name for name, value in state.items() if not (isinstance(name, str) and isinstance(value, np.ndarray))]
    if others:
        raise _core.FormatError(f"{file}: {', '.join(map(str, others))}: expected tensors by name")
    return dict(state)


class _Archive:
    """The members of the zip file: `<name>/data.pkl` and `<name>/data/<key>` for every storage."""

    def __init__(self, file: Path, archive: zipfile.ZipFile) -> None:
        self.file, self.archive = file, archive
        pickles = [name for name in archive.namelist() if name.endswith("data.pkl")]
        if len(pickles) != 1:
            raise _core.FormatError(f"{file}: {len(pickles)} members named data.pkl, expected one")
        self.folder = pickles[0].removesuffix("data.pkl")
        self.storages: dict[str, Array] = {}

    def read(self, member: str, limit: int) -> bytes:
        """A stored member of at most `limit` bytes."""
        name = self.folder + member
        if name not in self.archive.NameToInfo:
            raise _core.FormatError(f"{self.file}: {name} is missing")
        info = self.archive.getinfo(name)
        if info.compress_type != zipfile.ZIP_STORED or info.file_size > limit:
            raise _core.FormatError(
                f"{self.file}: {name} is compressed or has {info.file_size} bytes, expected at most {limit}"
            )
        return self.archive.read(name)

    def storage(self, key: str, dtype: str, count: int) -> Array:
        """The elements of a storage, read once."""
        if key not in self.storages:
            item_size = 2 if dtype == "bfloat16" else np.dtype(dtype).itemsize
            content = self.read(f"data/{key}", count * item_size)
            if len(content) != count * item_size:
                raise _core.FormatError(
                    f"{self.file}: storage {key} has {len(content)} bytes, expected {count * item_size}"
                )
            self.storages[key] = _elements(content, dtype)
        return self.storages[key]


def _elements(content: bytes, dtype: str) -> Array:
    if dtype == "bfloat16":  # the upper half of a float32
        return (np.frombuffer(content, "<u2").astype(np.uint32) << 16).view(np.float32)
    return np.frombuffer(content, dtype)


class _Unpickler(pickle.Unpickler):
    """Knows ordered dictionaries, storages and tensors; refuses every other name before it is looked up."""

    def __init__(self, archive: _Archive) -> None:
        super().__init__(io.BytesIO(archive.read("data.pkl", MAX_PICKLE_BYTES)))
        self.archive = archive

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return self.tensor
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return _parameter
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        raise _core.FormatError(f"{self.archive.file}: the pickle asks for {module}.{name}, expected tensors only")

    def persistent_load(self, pid: Any) -> Any:
        kind, dtype, key, _, count = pid
        if kind != "storage" or dtype not in STORAGES.values() or not isinstance(count, int) or count < 0:
            raise _core.FormatError(f"{self.archive.file}: {pid!r} is no storage")
        return self.archive.storage(str(key), dtype, count)

    def tensor(self, storage: Array, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any) -> Array:
        """A view of a storage; it must lie within it."""
        fits = (
            isinstance(storage, np.ndarray)
            and len(shape) == len(strides) <= 8
            and min((offset, *shape, *strides)) >= 0
            and (0 in shape or offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True)) < storage.size)
        )
        if not fits:
            raise _core.FormatError(f"{self.archive.file}: a tensor {shape} at {offset} lies beyond its storage")
        items = storage[offset:] if 0 not in shape else storage[:0]
        steps = [stride * storage.itemsize for stride in strides]
        return np.lib.stride_tricks.as_strided(items, shape, steps, writeable=False)


def _parameter(data: Array, *_: Any) -> Array:
    return data
