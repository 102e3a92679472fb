"""The layers of docs/architecture.md, read from the includes and imports themselves."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# What a folder of csrc/ may include from other folders.
CPP_LAYERS: dict[str, set[str]] = {
    "include": set(),
    "base": {"include"},
    "kernels": {"include", "base"},
    "text": {"include", "base"},
    "embeddings": {"include", "base", "kernels", "text"},
    "ops": {"include", "base", "kernels", "text"},
    "io": {"include", "base", "text", "ops"},
    "graph": {"include", "base", "text", "ops", "io"},
    "decode": {"include", "base", "kernels", "text", "ops", "io", "graph"},
    "capi": {"include"},
    "bind": {"include", "base", "text", "embeddings", "ops", "io", "graph", "decode"},
    "examples": {"include"},
}
# The only headers of kernels/ that others see.
KERNEL_HEADERS = {"table.h", "dispatch.h"}

# What a module of pyseq/ may import at run time, by its first name after "pyseq".
PYTHON_LAYERS: dict[str, set[str]] = {
    "_core": set(),
    "text": {"_core"},
    "dim": {"_core"},
    "tensor": {"_core", "dim"},
    "autograd": {"_core", "tensor"},
    "random": {"_core"},
    "state": {"_core", "dim", "tensor"},
    "tracing": {"_core", "dim", "tensor"},
    "ops": {"_core", "dim", "tensor"},
    "gradient_check": {"_core", "tensor", "autograd"},
    "loop_gradients": {"autograd", "tensor"},
    "control": {"_core", "dim", "tensor", "autograd", "loop_gradients", "tracing", "ops"},
    "audio": {"_core", "ops"},
    "nn": {"_core", "dim", "tensor", "random", "ops", "control", "state", "audio"},
    "machine": {"_core"},
    "doctor": {"_core", "machine"},
    "profiling": {"_core", "machine"},
    "packing": {"_core"},
    "program": {"_core", "profiling", "text"},
    "streams": {"_core", "program"},
    "search_options": {"_core", "constraints"},
    "search_trace": {"_core", "viz"},
    "decode": {"_core", "tensor", "state", "program", "constraints", "search_options", "search_trace"},
    "exporting": {"_core", "dim", "tensor", "tracing", "state", "nn", "packing", "program"},
    "models": {"_core", "dim", "tensor", "random", "ops", "control", "state", "nn", "audio"},
    "viz": {"_core", "autograd", "nn", "ops", "tensor", "audio"},
    "embeddings": {"_core", "tensor", "ops", "nn"},
    "tasks": {"_core", "text", "audio", "ctc", "program", "decode", "search_options", "search_trace", "constraints"},
    "hub": {"_core", "tensor", "ops", "nn", "models", "text", "exporting", "program", "tasks"},
    "loading": {"_core", "program", "tasks", "hub", "embeddings"},
    "quantization": {"_core", "packing", "program"},
    "data": {"_core", "text"},
    "metrics": {"_core", "text"},
    "analysis": {"_core", "viz"},
    "constraints": {"_core"},
    "ctc": {"_core"},
    "train": {"_core", "random", "tensor", "autograd", "ops", "nn"},
    "recipes": {
        "_core",
        "random",
        "tensor",
        "autograd",
        "ops",
        "control",
        "ctc",
        "state",
        "nn",
        "models",
        "audio",
        "exporting",
        "program",
        "decode",
        "text",
        "data",
        "train",
        "metrics",
        "embeddings",
        "tasks",
        "loading",
    },
    "bench": {"_core", "ops"},
}
ANYTHING = {"cli", "__init__", "__main__"}


def cpp_files() -> list[Path]:
    return sorted(p for p in (ROOT / "csrc").rglob("*") if p.suffix in {".h", ".cpp"})


def layer_of_include(target: str) -> tuple[str, str]:
    """The folder of csrc/ and the file that a quoted include names."""
    folder, _, file = target.partition("/")
    return ("include", file) if folder == "pyseq" else (folder, file)


@pytest.mark.parametrize("file", cpp_files(), ids=lambda p: str(p.relative_to(ROOT)))
def test_cpp_file_includes_only_lower_layers(file: Path) -> None:
    layer = file.relative_to(ROOT / "csrc").parts[0]
    assert layer in CPP_LAYERS, f"csrc/{layer} has no place in the layering"
    for target in re.findall(r'^\s*#\s*include\s+[<"]([\w./]+/[\w.]+)[>"]', file.read_text(), re.MULTILINE):
        folder, header = layer_of_include(target)
        if folder not in CPP_LAYERS or folder == layer:
            continue
        assert folder in CPP_LAYERS[layer], f"{layer} must not include {target}"
        if folder == "kernels":
            assert header in KERNEL_HEADERS, f"{target} belongs to the kernels alone"


def test_third_party_headers_stay_in_their_place() -> None:
    allowed = {
        "omp.h": "base/threads_openmp.cpp",
        "pybind11": "bind/",
        "immintrin.h": "kernels/",
        "arm_neon.h": "kernels/",
    }
    for file in cpp_files():
        place = str(file.relative_to(ROOT / "csrc"))
        for header in re.findall(r'^\s*#\s*include\s+[<"]([\w./]+)[>"]', file.read_text(), re.MULTILINE):
            for name, owner in allowed.items():
                if header.split("/")[0] == name:
                    assert place.startswith(owner), f"{place} includes {header}, which belongs to {owner}"


def test_public_headers_need_only_each_other_and_the_standard_library() -> None:
    for file in (ROOT / "csrc" / "include").rglob("*.h"):
        for target in re.findall(r'^\s*#\s*include\s+"([^"]+)"', file.read_text(), re.MULTILINE):
            assert target.startswith("pyseq/"), f"{file.name} includes {target}"


def imported_modules(tree: ast.AST, package: list[str]) -> set[str]:
    """First names after "pyseq" of what a module imports; imports for type checking only do not count."""
    found: set[str] = set()
    skipped: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            skipped.update(ast.walk(node))
    for node in ast.walk(tree):
        if node in skipped:
            continue
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            names = [f"{module}.{alias.name}" for alias in node.names] if module == "pyseq" else [module]
        found.update(name.split(".")[1] for name in names if name.startswith("pyseq."))
    return found


def python_files() -> list[Path]:
    return sorted((ROOT / "pyseq").rglob("*.py"))


@pytest.mark.parametrize("file", python_files(), ids=lambda p: str(p.relative_to(ROOT)))
def test_python_module_imports_only_lower_layers(file: Path) -> None:
    parts = file.relative_to(ROOT / "pyseq").with_suffix("").parts
    layer = parts[0]
    if layer in ANYTHING:
        return
    assert layer in PYTHON_LAYERS, f"pyseq/{layer} has no place in the layering"
    package = ["pyseq", *parts[:-1]]
    for name in imported_modules(ast.parse(file.read_text()), package) - {layer}:
        if name in PYTHON_LAYERS or name in ANYTHING:
            assert name in PYTHON_LAYERS[layer], f"{layer} must not import {name}"
