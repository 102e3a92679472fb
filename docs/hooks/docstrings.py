"""What mkdocstrings reads docstrings with: their "Example:" is the section that Google's style calls "Examples:"."""

from __future__ import annotations

import re
from typing import Any

import griffe

EXAMPLE = re.compile(r"^Example:$", re.MULTILINE)
SESSION = re.compile(r"^>>> .*(?:\n.+)*", re.MULTILINE)


class Docstrings(griffe.Extension):
    """Sections under their usual names."""

    def on_object(self, *, obj: Any, **_: Any) -> None:
        """Called with every module, class, function and attribute."""
        if obj.docstring is not None:
            text = EXAMPLE.sub("Examples:", obj.docstring.value)
            # Where no section stands around it, a session would be taken for a quotation.
            obj.docstring.value = SESSION.sub(lambda found: f"```pycon\n{found.group(0)}\n```", text)
