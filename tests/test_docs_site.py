"""The documentation site: its tables and equations, and pages that are quick to run (`mkdocs build` runs them all)."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import pyseq
from pyseq.doctor.diagnosis import cmake_folder

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"


@pytest.fixture(autouse=True)
def hooks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(DOCS / "hooks"))


def text(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def test_every_page_of_the_course_draws_the_figure_that_it_shows() -> None:
    pages = [page for page in (DOCS / "course").glob("*.md") if page.stem != "index"]
    assert len(pages) >= 14
    for page in pages:
        shown = re.findall(r"!\[.+?\]\(([\w.]+)\)", page.read_text(encoding="utf-8"))
        assert shown == [f"{page.stem}.svg"]
        assert f'"{page.stem}.svg"' in page.read_text(encoding="utf-8")


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for page in DOCS.rglob("*.md"):
        assert page.relative_to(DOCS).as_posix() in navigation


@pytest.mark.parametrize("name", ["index.md", "guides/errors.md", "guides/doctor.md"])
def test_pages_run(name: str) -> None:
    import pages

    assert DOCS / name in pages.pages()
    found = pages.run(DOCS / name)
    shown = pages.with_outputs(text(name), found)
    assert all(printed.rstrip() in shown for printed in found.outputs)


def test_what_a_page_raises_names_its_line(tmp_path: Path) -> None:
    import pages

    page = tmp_path / "page.md"
    page.write_text("# Title\n\n```python\nfine = 1\n```\n\n```python\n1 / 0\n```\n")
    with pytest.raises(ZeroDivisionError) as raised:
        pages.run(page)
    assert raised.traceback[-1].lineno == 7  # counted from 0


def test_the_catalogue_shows_every_error_class() -> None:
    import pages
    import tables

    classes = {error.__name__ for error in tables.error_classes()}
    assert classes >= {"Error", "ShapeError", "DTypeError", "FormatError", "TraceError", "GradientError"}
    table = tables.error_table()
    assert all(f"`pyseq.{name}`" in table for name in classes)
    printed = "".join(pages.run(DOCS / "guides" / "errors.md").outputs)
    raised = set(re.findall(r"^(\w+Error): ", printed, re.MULTILINE))
    assert raised == classes - {"Error", "GradientError"}
    assert all(issubclass(getattr(pyseq, name), Exception) for name in raised)


def test_tables_hold_what_was_measured() -> None:
    import tables

    made = tables.with_tables(text("measured/speed.md") + text("measured/accuracy.md"))
    assert "<!-- table" not in made
    assert "| rowwise | softmax 512x512 | float32 |" in made
    assert "pyseq train names" in made
    assert tables.duration(0.00123) == "1.23 ms"


def engines(**medians: float) -> dict[str, Any]:
    return {name: {"precision": "float32", "median": value, "agrees": True} for name, value in medians.items()}


def test_speeds_are_compared_with_the_fastest_peer_of_the_same_precision() -> None:
    import tables

    measured = {"workload": "w", "case": "c", "engines": engines(pyseq=1e-3, slow=4e-3, fast=2e-3, wrong=1e-9)}
    measured["engines"]["wrong"]["agrees"] = False
    assert tables.speed_rows(measured) == [["w", "c", "float32", "1 ms", "fast 2 ms", "2.00"]]


def test_equations_become_mathml_and_code_stays() -> None:
    pytest.importorskip("latex2mathml")
    import equations

    made = equations.with_mathml("a $x_t$ and `$y$`\n\n$$\nh = 1\n$$\n\n```sh\necho $HOME $PATH\n```\n")
    assert made.count("<math") == 2
    assert "`$y$`" in made
    assert "echo $HOME $PATH" in made


def test_the_tutorial_for_cpp_compiles() -> None:
    compiler = shutil.which("c++")
    headers = cmake_folder().parents[2] / "include"
    if compiler is None or not headers.is_dir():
        pytest.skip("no C++ compiler, or no C++ library in this installation")
    (code,) = re.findall(r"```cpp\n(.*?)```", text("guides/cpp.md"), re.DOTALL)
    assert code.count("\n") <= 30
    command = [compiler, "-std=c++20", "-fsyntax-only", "-I", str(headers), "-x", "c++", "-"]
    subprocess.run(command, input=code, text=True, check=True)


def test_the_hooks_need_nothing_but_python() -> None:
    script = "import pages; print(len(pages.pages()) > 15)"
    assert subprocess.check_output([sys.executable, "-c", script], cwd=DOCS / "hooks", text=True) == "True\n"
