"""What commands print: lines for people, JSON for scripts, what went wrong on stderr."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from tocsin.streams.processes.exit_codes import CHECK_FAILED


class ReaderGone(Exception):
    """The reader of stdout is gone (`tocsin tail | head`): the command ends without a message, as by SIGPIPE."""

    exit_code = 141


def show(line: str = "") -> None:
    """Print a line on stdout and flush it, for a reader at the other end of a pipe; what its encoding does not have is
    escaped. Raises ReaderGone."""
    try:
        try:
            print(line, flush=True)
        except UnicodeEncodeError as error:
            print(line.encode(error.encoding, "backslashreplace").decode(error.encoding), flush=True)
    except BrokenPipeError:
        # what is still buffered would fail again when Python exits
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        raise ReaderGone from None


def show_json(document: object) -> None:
    """Print one line of JSON on stdout; non-ASCII is escaped, so that it is safe on a terminal too."""
    import json

    show(json.dumps(document, ensure_ascii=True, separators=(", ", ": "), default=str))


def show_error(line: str) -> None:
    """Print a line on stderr: progress, warnings, failures. A closed stderr is not an error."""
    with suppress(BrokenPipeError):
        print(line, file=sys.stderr, flush=True)


def end_with(findings: Sequence[object], as_json: bool) -> NoReturn:
    """Print what a check found, a line each or as one JSON object, and end the command: with 1 if there is anything."""
    import msgspec
    import typer

    if as_json:
        show_json({"findings": msgspec.to_builtins(findings)})
    else:
        for finding in findings:
            show(str(finding))
    raise typer.Exit(CHECK_FAILED if findings else 0)


def as_typed() -> str:
    """How to type this program in the shell it was started from: `tocsin` if that finds it, else its path as it was."""
    typed = sys.argv[0]
    found = shutil.which("tocsin")
    if os.path.basename(typed) != "tocsin" or (found and os.path.realpath(found) == os.path.realpath(typed)):
        return "tocsin"
    return typed
