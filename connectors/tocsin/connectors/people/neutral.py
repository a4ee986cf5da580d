"""Text from strangers for chats and mails: one line that formats nothing, mentions nobody and links nowhere.

Each service reads its own marks in what it is sent, often also in what is sent as plain text. So what can be a mark is
not escaped but replaced by a sign that looks alike and means nothing (docs/people.md#what-is-never-sent).
"""

from __future__ import annotations

import re
import unicodedata

from tocsin.connectors.printable import printable

_ALIKE = str.maketrans({"@": "＠", "<": "‹", ">": "›", "`": "ˋ"})  # noqa: RUF001 - they look alike
"""Mentions (`@everyone`, `<!channel>`, `<@U1>`), tags, links in angle brackets, code."""
_SCHEME = re.compile(r":(?=//)")
_DOT = re.compile(r"(?<=\w)\.(?=\w*[^\W\d_])")
"""A dot as in the name of a host: many clients make a link of `evil.example`. One before digits alone is none."""
_ROOM = re.compile(r"#(?=\w)")
_ENTITY = re.compile(r"&(?=#?\w+;)")
_MARKS = ((_SCHEME, "∶"), (_DOT, "․"), (_ROOM, "＃"), (_ENTITY, "＆"))  # noqa: RUF001 - they look alike
_JOINERS = "\u200c\u200d"
"""Invisible, and needed: Persian words and emoji are written with them."""
_MARKDOWN = re.compile(r"[\\*_\[\]~|]|^[#+=-]")
"""What formats: anywhere, or where a line begins."""
_NUMBERED = re.compile(r"^(\d{1,9})([.)])(?=\s|$)")
ELLIPSIS = "…"


def neutral(text: str, length: int) -> str:
    """The text as one line of at most `length` characters, without control, bidirectional and invisible characters, and
    without what a chat or a mail client would take for a mention, a link or formatting in HTML."""
    line = printable(text[: 8 * length])
    if not line.isascii():
        line = "".join(one for one in line if one in _JOINERS or unicodedata.category(one) != "Cf")
    line = " ".join(line.split()).translate(_ALIKE)
    for mark, alike in _MARKS:
        line = mark.sub(alike, line)
    return shortened(line, length)


def shortened(line: str, length: int) -> str:
    """At most `length` characters, with an ellipsis where something was cut off."""
    return line if len(line) <= length else line[: max(length - 1, 0)].rstrip() + ELLIPSIS if length > 0 else ""


def for_markdown(line: str) -> str:
    """A neutral line as text of CommonMark: nothing in it formats."""
    return _NUMBERED.sub(r"\1\\\2", _MARKDOWN.sub(r"\\\g<0>", line))
