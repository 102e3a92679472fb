"""Attention as text and as a page."""

from __future__ import annotations

import numpy as np
import pytest

from pyseq.viz import AttentionMap, attention_page, attention_text


def test_columns_line_up_whatever_the_tokens_are() -> None:
    lines = attention_text(["x", "y"], ["年", "a"], np.eye(2)).splitlines()
    assert lines == ["  年a", "x ██", "y   ██"]


def test_marks_and_blanks_have_a_cell() -> None:
    lines = attention_text(["x"], ["a", "\u0301", "\u200f"], np.array([[0.5, 1.0, 0.0]])).splitlines()
    assert lines == ["  a··", "x ▒█"]


def test_colours_for_terminals() -> None:
    text = attention_text(["x"], ["a"], np.array([[1.0]]), colour=True)
    assert "\x1b[48;5;231m \x1b[0m" in text


def test_a_page_escapes_tokens() -> None:
    page = attention_page([AttentionMap("<b>", ["&"], ['"', " "], np.array([[0.25, 0.75]]))])
    assert "<b>" not in page.split("</style>")[1]
    assert "&lt;b&gt;" in page
    assert 'title="&amp; ← &quot;: 0.250"' in page


def test_weights_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"weights \[1, 2\], expected \[1, 1\]"):
        attention_text(["x"], ["a"], np.zeros((1, 2)))
    with pytest.raises(ValueError, match=r"weights \[1, 2\], expected \[1, 1\]"):
        attention_page([AttentionMap("t", ["x"], ["a"], np.zeros((1, 2)))])
