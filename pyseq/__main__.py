"""`python -m pyseq`: the `pyseq` command, and what this installation is, for people and for build systems."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pyseq
from pyseq.doctor.diagnosis import cmake_folder


def information() -> str:
    """Version, build, instruction-set tiers and threads, one per line."""
    openmp = pyseq.openmp_runtimes()
    facts = {
        "version": pyseq.__version__,
        "build": pyseq.build_info(),
        "tiers compiled": " ".join(pyseq.compiled_isas()),
        "tiers present": " ".join(pyseq.available_isas()),
        "tier in use": pyseq.active_isa(),
        "usable CPUs": str(pyseq.usable_cpus()),
        "threads": str(pyseq.num_threads()),
        "thread backend": pyseq.thread_backend(),
        "OpenMP loaded": " ".join(openmp) or "none",
    }
    return "\n".join(f"{name + ':':<16}{value}" for name, value in facts.items())


def cmake_dir() -> Path:
    """The folder that holds pyseqConfig.cmake: what pyseq_DIR must be for find_package(pyseq)."""
    folder = cmake_folder()
    if not (folder / "pyseqConfig.cmake").is_file():
        raise pyseq.UnsupportedError(f"this installation has no C++ library: {folder} is not there")
    return folder


def main() -> None:
    """Run a command as the command line does; without one, show facts."""
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        from pyseq.cli import main as run_command

        run_command()
    else:
        show_facts()


def show_facts() -> None:
    """Print what the options ask for."""
    parser = argparse.ArgumentParser(
        prog="python -m pyseq",
        description="Facts about this installation of pyseq. With a command first, the same as pyseq COMMAND.",
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--info", action="store_true", help="version, build, instruction-set tiers, threads")
    what.add_argument("--cmake-dir", action="store_true", help="folder of pyseqConfig.cmake, for pyseq_DIR")
    what.add_argument("--version", action="store_true", help="the version alone")
    options = parser.parse_args()
    if options.info:
        print(information())
    elif options.cmake_dir:
        try:
            print(cmake_dir())
        except pyseq.UnsupportedError as error:
            sys.exit(f"pyseq: {error}")
    else:
        print(pyseq.__version__)


if __name__ == "__main__":
    main()
