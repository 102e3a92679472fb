"""The object file of a family and tier may define one symbol that others see: its table of kernels.

Code that is compiled several times with different instructions must not be visible to the linker, which would keep one
copy of each inline function, perhaps the AVX-512 one, for all. So weak symbols fail as well.
Usage: check_symbols.py NM TABLE OBJECT
"""

from __future__ import annotations

import subprocess
import sys


def shared_symbols(nm: str, object_file: str) -> list[str]:
    """Defined symbols that do not have internal linkage (nm prints those with a small letter, weak ones as v and w)."""
    listing = subprocess.run(
        [nm, "--demangle", "--defined-only", object_file], check=True, capture_output=True, text=True
    ).stdout
    symbols = [line.split(maxsplit=2)[1:] for line in listing.splitlines()]
    return [name for kind, name in symbols if kind.isupper() or kind in {"u", "v", "w"}]


def main() -> int:
    nm, table, object_file = sys.argv[1:]
    found = shared_symbols(nm, object_file)
    expected = [f"pyseq::{table}"]
    if found != expected:
        print(f"{object_file} exports {found}, expected {expected}")
    return 0 if found == expected else 1


if __name__ == "__main__":
    sys.exit(main())
