"""The examples in the docstrings run, and give what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import pyseq

LIBRARY = [
    module.name
    for module in pkgutil.walk_packages(pyseq.__path__, "pyseq.")
    if not module.name.endswith(("._core", ".__main__"))
]


@pytest.mark.parametrize("name", LIBRARY)
def test_examples_in_docstrings(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0


def test_most_public_functions_have_an_example() -> None:
    attempted = sum(
        len(test.examples) for name in LIBRARY for test in doctest.DocTestFinder().find(importlib.import_module(name))
    )
    assert attempted > 150
