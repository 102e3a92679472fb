"""Program: a model file that runs without the Python code it was made from."""

from __future__ import annotations

import json
import os
import tempfile
import threading
from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from pyseq import _core
from pyseq.profiling import Profile

Array = NDArray[Any]
HEADER_LENGTH_BYTES = 8  # of a safetensors file
Observer = Callable[[str, str, list[Any], list[Any]], object]


class Program:
    """A compiled model, shared by any number of threads; made by `load` and `parse`.

    Example:
        >>> import numpy as np, pyseq
        >>> from pyseq import nn
        >>> program = pyseq.Program.parse(pyseq.export(nn.ReLU(), None, {"x": np.ones((2, 3), np.float32)}))
        >>> program.run("forward", x=np.array([[-1, 1]], np.float32))
        {'output': array([[0., 1.]], dtype=float32)}
    """

    def __init__(self, core: _core.Program) -> None:
        self._core = core
        self._sessions = threading.local()

    @classmethod
    def load(
        cls,
        file: str | PathLike[str],
        *,
        mmap: bool = True,
        dtype: str | None = None,
        cache_dtype: str | None = None,
        optimize: bool = True,
        remove_padding: bool = True,
    ) -> Program:
        """Open a program file.

        Args:
            file: its path.
            mmap: map it into memory, so that processes share one copy; False reads it (for files that another process
                may cut short).
            dtype: storage type of the weights that products read: "float32", "bfloat16" or "int8" (symmetric, one scale
                per output channel; inputs are quantised row by row). None leaves them as the file has them.
            cache_dtype: storage type of the key/value caches: "float32", "bfloat16" or "int8" (one scale per head and
                position of keys and of values). None leaves them as the file has them.
            optimize: run the compile passes: the same results with fewer and larger ops. False: the ops of the file.
            remove_padding: with `optimize`, compute the valid steps of ragged batches only, where nothing depends on
                the others. What a memory and captured weights hold beyond the lengths is then zero.

        Raises:
            FormatError: what is wrong with the file. ArgumentError: an unknown dtype, or a weight that it cannot hold.
        """
        return cls(_core.Program.load(Path(file), mmap, dtype, cache_dtype, optimize, remove_padding))

    @classmethod
    def parse(
        cls,
        content: bytes,
        *,
        dtype: str | None = None,
        cache_dtype: str | None = None,
        optimize: bool = True,
        remove_padding: bool = True,
    ) -> Program:
        """The program in the bytes of a file; options as for `load`.

        They are copied: from 1 MB on to a file without a name, which goes with the program, so that weights take memory
        once in whatever layout they are used. Where no such file can be written, they stay in memory.
        """
        return cls(_core.Program.parse(content, dtype, cache_dtype, optimize, remove_padding))

    def with_dtype(
        self,
        dtype: str | None,
        *,
        cache_dtype: str | None = None,
        optimize: bool = True,
        remove_padding: bool = True,
    ) -> Program:
        """The same program with weights (and caches) of other storage types; options as for `load`."""
        return Program(self._core.with_options(dtype, cache_dtype, optimize, remove_padding))

    def save(self, file: str | PathLike[str]) -> None:
        """Write the program file: beside the target first, then renamed."""
        target = Path(file)
        handle, temporary = tempfile.mkstemp(dir=target.absolute().parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(self._core.content)
                stream.flush()
                os.fsync(stream.fileno())
            os.chmod(temporary, 0o666 & ~_umask())
            os.replace(temporary, target)
        except BaseException as error:
            os.unlink(temporary)
            if isinstance(error, OSError):  # a full disk and such: which file could not be written
                raise OSError(error.errno, error.strerror, str(target)) from error
            raise

    def run(
        self,
        function: str,
        /,
        *,
        state: _core.State | None = None,
        capture: Sequence[str] = (),
        deadline: float | None = None,
        cancel: _core.CancelToken | None = None,
        observe: Observer | None = None,
        **inputs: Array,
    ) -> dict[str, Array]:
        """Run a function on arrays.

        Args:
            function: its name.
            state: for functions that read or write state; see `new_state`. It is changed.
            capture: module paths whose attention weights [batch, heads, queries, keys] are wanted too.
            deadline: seconds after which the call gives up.
            cancel: a token that makes the call stop.
            observe: called after every op as observe(op, module path, inputs, outputs), with copies of its operands.
            inputs: arrays by name.

        Returns:
            the outputs by name, and the captures by path.

        Raises:
            ArgumentError: an unknown function, input or path. ShapeError, DTypeError: an input does not fit.
                DeadlineError, CancelledError.
        """
        outputs, captures = self._session().run(function, inputs, state, list(capture), deadline, cancel, observe)
        return {**outputs, **captures}

    def profile(self) -> Profile:
        """Collects what runs of this program take, op by op, while a `with` block runs.

        Returns:
            a profile: `with program.profile() as profile: ...`, then `profile.table()`, `.rows()`, `.save_trace(file)`.
        """
        return Profile(self._core)

    def new_state(self, rows: int) -> _core.State:
        """State for a number of sequences: zero carries, empty caches."""
        return self._session().new_state(rows)

    def new_session(self) -> _core.Session:
        """A workspace of one's own: one call at a time."""
        return _core.Session(self._core)

    def _session(self) -> _core.Session:
        """The session of this thread."""
        session: _core.Session | None = getattr(self._sessions, "session", None)
        if session is None:
            session = self._sessions.session = self.new_session()
        return session

    @property
    def core(self) -> _core.Program:
        """The program in the core."""
        return self._core

    @property
    def function_names(self) -> list[str]:
        """Public functions."""
        return list(self._core.function_names)

    @property
    def functions(self) -> list[dict[str, Any]]:
        """Name, inputs, outputs and nodes (after the compile passes) of every function, bodies of loops included."""
        return list(self._core.functions)

    @property
    def state(self) -> list[dict[str, Any]]:
        """Name, kind, dtype and shape of every state."""
        return list(self._core.state)

    @property
    def tensors(self) -> list[dict[str, Any]]:
        """Name, dtype, shape, layout and bytes of every tensor."""
        return list(self._core.tensors)

    def tensor(self, name: str) -> Any:
        """A tensor of the file: a read-only array, or a packed weight."""
        return self._core.tensor(name)

    @property
    def task(self) -> dict[str, Any]:
        """What the file is for: {"kind": "translator", ...}."""
        task: dict[str, Any] = json.loads(self._core.task)
        return task

    @property
    def description(self) -> dict[str, Any]:
        """What the file says of itself: functions, state, packed tensors (docs/architecture.md, "Program file")."""
        content = self._core.content
        end = HEADER_LENGTH_BYTES + int.from_bytes(content[:HEADER_LENGTH_BYTES], "little")
        header = json.loads(bytes(content[HEADER_LENGTH_BYTES:end]))
        description: dict[str, Any] = json.loads(header["__metadata__"]["pyseq.program"])
        return description

    @property
    def producer(self) -> str:
        """What wrote the file."""
        return str(self._core.producer)

    @property
    def format_version(self) -> int:
        """Version of the file format."""
        return int(self._core.format_version)

    @property
    def vocabulary_names(self) -> list[str]:
        """Names of the vocabularies."""
        return list(self._core.vocabulary_names)

    def vocabulary(self, name: str) -> _core.Vocabulary:
        """A vocabulary by its name."""
        return self._core.vocabulary(name)


def _umask() -> int:
    """The process's file mode mask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
