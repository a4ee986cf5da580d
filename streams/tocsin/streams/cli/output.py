"""What commands show: text from strangers without its control characters, JSON for scripts."""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress

_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])|\x9b[0-?]*[ -/]*[@-~]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""C0 and C1 control characters, and the marks that reverse the direction of text."""


def printable(text: str) -> str:
    """One line that cannot move the cursor or answer for the user (docs/reliability.md#terminal)."""
    spaced = re.sub(r"[\t\r\n]+", " ", text)
    return _CONTROL.sub("", _SEQUENCE.sub("", spaced))


def clipped(text: str, length: int) -> str:
    """`printable`, at most `length` characters."""
    line = printable(text)
    return line if len(line) <= length else line[: length - 1] + "…"


class ReaderGone(Exception):
    """The reader of stdout is gone (`tocsin tail | head`): the command ends without a message, as by SIGPIPE."""

    exit_code = 141


def show(line: str = "") -> None:
    """Print a line on stdout and flush it, for a reader at the other end of a pipe. Raises ReaderGone."""
    try:
        print(line, flush=True)
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
