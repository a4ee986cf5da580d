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


def notification_line(body: object) -> str:
    """A line about a notification (its parsed body): kind, tenant, severity, code, text, and the case that commands
    take. Of a body in another shape its members, as JSON would say them."""
    from tocsin.connectors.people.told import told_of  # publishers need the rest alone, and it takes a while

    told = told_of(body)
    if told is None:
        return clipped(str(body), MAX_LINE)
    said = " ".join(clipped(word, 120) for word in (told.kind, told.tenant, told.severity, told.code) if word)
    said += f" ({UNPROVEN})" if told.claimed else ""
    text = told.text or told.title.text or told.explanation.text
    text = f": {clipped(text, 300)}" if text else ""
    return said + text + (f"  (case {clipped(told.case, 80)})" if told.case else "")


UNPROVEN = "claimed: nothing proves who sent it"
"""What is said of a problem that is only claimed."""

MAX_LINE = 500
"""Characters of a line about a body that is no notification of ours."""
