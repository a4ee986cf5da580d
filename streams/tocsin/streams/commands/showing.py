"""What commands show: text from strangers without its control characters, JSON for scripts."""

from __future__ import annotations

import re
import sys

_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])|\x9b[0-?]*[ -/]*[@-~]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""C0, C1, and the marks that turn the direction of text round."""


def printable(text: str) -> str:
    """One line that cannot move the cursor, colour the terminal or answer for the user (RELIABILITY 3.1)."""
    spaced = re.sub(r"[\t\r\n]+", " ", text)
    return _CONTROL.sub("", _SEQUENCE.sub("", spaced))


def clipped(text: str, length: int) -> str:
    """`printable`, at most `length` characters."""
    line = printable(text)
    return line if len(line) <= length else line[: length - 1] + "…"


def show(line: str = "") -> None:
    """A line on stdout, now: whoever reads it through a pipe is waiting."""
    print(line, flush=True)


def show_json(document: object) -> None:
    """One line of JSON on stdout; non-ASCII is escaped, so that it is safe on a terminal too."""
    import json

    show(json.dumps(document, ensure_ascii=True, separators=(", ", ": "), default=str))


def tell(line: str) -> None:
    """A line on stderr: progress, warnings, what failed."""
    print(line, file=sys.stderr, flush=True)
