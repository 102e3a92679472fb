"""The command line as a whole: one file per subcommand, errors as one sentence."""

from __future__ import annotations

import logging
import sys
from enum import Enum
from typing import Annotated

import typer

import pyseq
from pyseq.cli import (
    analyze,
    bench,
    convert,
    ctc,
    data,
    demo,
    doctor,
    inspect,
    listen,
    profile,
    quantize,
    run,
    score,
    text,
    train,
    transcribe,
    transfer,
    vectors,
)

app = typer.Typer(
    name="pyseq",
    help="Sequence models on the CPU.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("run")(run.run)
app.command("demo")(demo.demo)
app.command("transcribe")(transcribe.transcribe)
app.command("listen")(listen.listen)
app.command("train", context_settings=train.FREE_ARGUMENTS)(train.train)
app.command("eval")(train.evaluate)
app.command("transfer", context_settings=train.FREE_ARGUMENTS)(transfer.transfer)
app.command("score")(score.score)
app.add_typer(analyze.app, name="analyze")
app.add_typer(ctc.app, name="ctc")
app.add_typer(data.app, name="data")
app.add_typer(text.app, name="text")
app.add_typer(vectors.app, name="vectors")
app.command("inspect")(inspect.inspect)
app.command("convert")(convert.convert)
app.command("quantize")(quantize.quantize)
app.command("bench")(bench.bench)
app.command("profile")(profile.profile)
app.command("doctor")(doctor.doctor)

EXIT_ERROR = 1
EXIT_INTERRUPTED = 130


class Level(str, Enum):
    """Levels of messages, as Python's logging has them."""

    debug = "debug"
    info = "info"
    warning = "warning"
    error = "error"


def show_version(wanted: bool) -> None:
    """Print the version and leave."""
    if wanted:
        print(pyseq.__version__)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    log: Annotated[
        Level, typer.Option(help="Show the library's messages from this level on, on standard error.")
    ] = Level.warning,
) -> None:
    """Sequence models on the CPU."""
    show_messages(log)


def show_messages(level: Level) -> None:
    """Let the library's messages appear on standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(name)s: %(levelname)s: %(message)s"))
    logger = logging.getLogger("pyseq")
    logger.handlers = [handler]
    logger.setLevel(level.value.upper())


def main() -> None:
    """Run the command; a failure prints one sentence on standard error and exits with 1."""
    try:
        app()
    except (pyseq.Error, OSError) as error:
        if isinstance(error, BrokenPipeError):
            sys.stderr.close()  # the reader left (`pyseq run ... | head`): nothing to say
        else:
            print(f"pyseq: {error}", file=sys.stderr)
        sys.exit(EXIT_ERROR)
    except KeyboardInterrupt:
        print("pyseq: interrupted", file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)
