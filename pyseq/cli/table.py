"""Plain text tables for the terminal."""

from __future__ import annotations

from collections.abc import Sequence


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as their longest entry, the last one free; numbers are aligned to the right."""
    columns = list(zip(header, *rows, strict=True))
    widths = [max(len(entry) for entry in column) for column in columns]
    numeric = [bool(rows) and all(is_number(entry) for entry in column[1:]) for column in columns]
    for row in [header, *rows]:
        cells = [
            entry.rjust(width) if right else entry.ljust(width)
            for entry, width, right in zip(row, widths, numeric, strict=True)
        ]
        print("  ".join(cells).rstrip())


def is_number(text: str) -> bool:
    """True for what stands in a numeric column."""
    return text == "" or text.replace(",", "").replace(".", "", 1).isdigit()


def bytes_text(count: int) -> str:
    """A size for people: 1.5 MiB."""
    size = float(count)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.2f} GiB"
