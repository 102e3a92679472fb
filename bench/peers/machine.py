"""On what, and with which versions, a report was made."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import pyseq

MODULES = {  # by the name that engines have here; distributions are named like modules
    "torch": "torch",
    "onnxruntime": "onnxruntime",
    "openvino": "openvino",
    "ctranslate2": "ctranslate2",
    "numpy": "numpy",
    "librosa": "librosa",
    "pyseq": "pyseq",
}
FEATURES = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile")


def available() -> list[str]:
    """The libraries that can be imported."""
    return [name for name, module in MODULES.items() if find_spec(module) is not None]


def versions() -> dict[str, str]:
    """Of the libraries that are installed."""
    found = {"Python": platform.python_version()}
    for name in MODULES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def describe() -> str:
    """The processor, how many, the instruction sets that matter here, and the one that pyseq uses."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.platform()
    values: dict[str, str] = {}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        values[name.strip()] = value.strip()
    features = [feature for feature in FEATURES if feature in values.get("flags", "").split()]
    name = values.get("model name", platform.machine())
    return f"{name} x {os.cpu_count()} ({', '.join(features)}; pyseq: {pyseq.active_isa()})"


def load() -> float | None:
    """Processes that wanted to run in the last minute."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None
