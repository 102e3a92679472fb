"""Prints the shell block that stands under a heading of README.md, so that CI runs what the README promises."""

import re
import sys
from pathlib import Path


def shell_block(text: str, heading: str) -> str:
    """The first shell block of the section."""
    section = re.search(rf"^#+ {re.escape(heading)}$(.*?)(?=^#+ |\Z)", text, re.MULTILINE | re.DOTALL)
    block = section and re.search(r"```(?:sh|bash)\n(.*?)```", section[1], re.DOTALL)
    if not block:
        sys.exit(f"README.md has no shell block under '{heading}'")
    return block[1].strip()


if __name__ == "__main__":
    print(shell_block(Path("README.md").read_text(encoding="utf-8"), sys.argv[1]))
