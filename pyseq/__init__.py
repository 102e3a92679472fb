"""pyseq: sequence models on the CPU.

`pyseq.ops` computes on arrays, `pyseq.nn` composes models, `pyseq.export` writes one as a file that runs from Python
and from C++, `pyseq.load` opens such files and the model folders of other projects.
"""

from __future__ import annotations

import importlib
import logging
from pkgutil import extend_path
from typing import TYPE_CHECKING, Any

# In a checkout these sources come before the installed package, which has the compiled parts: look there as well.
__path__ = extend_path(__path__, __name__)

from pyseq._core import (
    ArgumentError,
    CancelledError,
    CancelToken,
    DeadlineError,
    DTypeError,
    Error,
    FormatError,
    OutOfRangeError,
    ShapeError,
    UnsupportedError,
    __version__,
    active_isa,
    available_isas,
    build_info,
    compiled_isas,
    num_threads,
    openmp_runtimes,
    set_isa,
    set_num_threads,
    set_thread_backend,
    thread_backend,
    usable_cpus,
)

# Silent by default: an application's `logging` configuration decides what is shown.
logging.getLogger("pyseq").addHandler(logging.NullHandler())

if TYPE_CHECKING:
    from pyseq import audio, ctc, data, decode, doctor, embeddings, models, nn, ops, random, recipes, text, train, viz
    from pyseq.autograd import Tape
    from pyseq.control import repeat, scan
    from pyseq.dim import Dim, TraceError
    from pyseq.exporting import Input, export
    from pyseq.gradient_check import GradientError, check_gradients
    from pyseq.loading import load
    from pyseq.machine import MachineLimits, machine_limits
    from pyseq.profiling import Profile
    from pyseq.program import Program
    from pyseq.state import State
    from pyseq.streams import StreamPool
    from pyseq.tensor import Buffer, Parameter, Tensor

# Imported when they are first used: `import pyseq` alone loads the core and NumPy.
_MODULES = (
    "audio",
    "ctc",
    "data",
    "decode",
    "doctor",
    "embeddings",
    "models",
    "nn",
    "ops",
    "random",
    "recipes",
    "text",
    "train",
    "viz",
)
_NAMES = {
    "Buffer": "pyseq.tensor",
    "Dim": "pyseq.dim",
    "GradientError": "pyseq.gradient_check",
    "Input": "pyseq.exporting",
    "MachineLimits": "pyseq.machine",
    "Parameter": "pyseq.tensor",
    "Profile": "pyseq.profiling",
    "Program": "pyseq.program",
    "State": "pyseq.state",
    "StreamPool": "pyseq.streams",
    "Tape": "pyseq.autograd",
    "Tensor": "pyseq.tensor",
    "TraceError": "pyseq.dim",
    "check_gradients": "pyseq.gradient_check",
    "export": "pyseq.exporting",
    "load": "pyseq.loading",
    "machine_limits": "pyseq.machine",
    "repeat": "pyseq.control",
    "scan": "pyseq.control",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"pyseq.{name}")
    if name in _NAMES:
        value = getattr(importlib.import_module(_NAMES[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'pyseq' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


__all__ = [
    "ArgumentError",
    "Buffer",
    "CancelToken",
    "CancelledError",
    "DTypeError",
    "DeadlineError",
    "Dim",
    "Error",
    "FormatError",
    "GradientError",
    "Input",
    "MachineLimits",
    "OutOfRangeError",
    "Parameter",
    "Profile",
    "Program",
    "ShapeError",
    "State",
    "StreamPool",
    "Tape",
    "Tensor",
    "TraceError",
    "UnsupportedError",
    "__version__",
    "active_isa",
    "audio",
    "available_isas",
    "build_info",
    "check_gradients",
    "compiled_isas",
    "ctc",
    "data",
    "decode",
    "doctor",
    "embeddings",
    "export",
    "load",
    "machine_limits",
    "models",
    "nn",
    "num_threads",
    "openmp_runtimes",
    "ops",
    "random",
    "recipes",
    "repeat",
    "scan",
    "set_isa",
    "set_num_threads",
    "set_thread_backend",
    "text",
    "thread_backend",
    "train",
    "usable_cpus",
    "viz",
]
