r"""Equations: $…$ and $$…$$ in LaTeX become MathML, which browsers draw without a script."""

from __future__ import annotations

import re

from latex2mathml.converter import convert

CODE = re.compile(r"(^```.*?^```$|`[^`\n]+`)", re.MULTILINE | re.DOTALL)
DISPLAYED = re.compile(r"^\$\$\n(.*?)^\$\$$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"\$([^$\n]+)\$")


def with_mathml(text: str) -> str:
    """The page with its equations drawn; code is left alone."""
    return "".join(part if CODE.fullmatch(part) else converted(part) for part in CODE.split(text))


def converted(text: str) -> str:
    """A part of a page without code."""
    text = DISPLAYED.sub(lambda match: f'<div class="equation">{mathml(match.group(1), "block")}</div>', text)
    return INLINE.sub(lambda match: mathml(match.group(1), "inline"), text)


def mathml(equation: str, display: str) -> str:
    """One equation on one line (Markdown would take a line break for the end of the markup)."""
    return " ".join(convert(equation.strip(), display=display).split())
