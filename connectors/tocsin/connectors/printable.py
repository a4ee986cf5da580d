"""Text from strangers as lines for a terminal: without what could control it."""

from __future__ import annotations

import re

_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])|\x9b[0-?]*[ -/]*[@-~]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""C0 and C1 control characters, and the marks that reverse the direction of text."""
_LINE_ENDS = re.compile(r"[\t\r\n\x0b\x0c\x1c-\x1e\x85\u2028\u2029]+")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
"""What no terminal can be sent."""


def printable(text: str) -> str:
    """One line that cannot move the cursor or answer for the user (docs/reliability.md#terminal)."""
    spaced = _LINE_ENDS.sub(" ", text)
    return _SURROGATE.sub("\ufffd", _CONTROL.sub("", _SEQUENCE.sub("", spaced)))


def clipped(text: str, length: int) -> str:
    """`printable`, at most `length` characters."""
    line = printable(text)
    return line if len(line) <= length else line[: length - 1] + "…"
