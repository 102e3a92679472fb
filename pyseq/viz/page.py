"""What pages have in common: one HTML file that needs nothing else."""

from __future__ import annotations

import json
from html import escape
from typing import Any

STYLE = """
body { font: 16px/1.4 system-ui, sans-serif; margin: 2rem; color: #222; background: #fff; max-width: 75rem; }
h2 { font-size: 1.1rem; font-weight: 600; margin: 2rem 0 .5rem; }
.note { color: #666; font-size: .9rem; }
label { margin-right: 1rem; }
canvas { image-rendering: pixelated; }
"""


def html_page(title: str, body: str, style: str = "", script: str = "", data: Any = None) -> str:
    """A self-contained page.

    Args:
        title: shown and in the tab.
        body: HTML below the title.
        style: CSS behind what all pages have.
        script: JavaScript at the end; finds `data` parsed under that name.
        data: what JSON can hold.
    """
    scripts = ""
    if script:
        text = json.dumps(data, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")  # cannot close the script
        scripts = (
            f'<script type="application/json" id="data">{text}</script>\n<script>\n"use strict";\n'
            f'const data = JSON.parse(document.getElementById("data").textContent);\n{script}</script>\n'
        )
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        f"<style>{STYLE}{style}</style>\n</head>\n<body>\n<h1>{escape(title)}</h1>\n{body}\n{scripts}</body>\n</html>\n"
    )
