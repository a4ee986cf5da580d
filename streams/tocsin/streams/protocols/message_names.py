"""Names of messages and protocols in message types, compared as RFC 0003 says: without case and punctuation."""

from __future__ import annotations

import re
from functools import lru_cache

_PIURI = re.compile(
    r"(?P<doc>.+/|.*;spec/)(?P<name>[^/]+)/(?P<major>\d{1,6})\.(?P<minor>\d{1,6})(?:/(?P<message>[^/]*))?"
)
_PUNCTUATION = re.compile(r"[^0-9a-z]")
MAX_TYPE = 1024
"""Characters of a message type; a longer one is no message type here."""

REPORT = "problemreport"


def plain(name: str) -> str:
    """The name as it is compared: `Problem_Report` and `problem-report` are the same."""
    return _plain(name) if len(name) <= MAX_TYPE else _plain.__wrapped__(name)


def parse_piuri(text: str) -> tuple[str, int, str] | None:
    """Protocol (plain), major version and message (plain, perhaps empty) of a PIURI or message type; None if it is
    neither. The host is not looked at: `did:sov:...;spec/` and `https://didcomm.org/` name the same protocols."""
    return _parse(text) if len(text) <= MAX_TYPE else None


# Asked several times for every message, and there are few types; the texts are bounded, and so are the caches.


@lru_cache(maxsize=1024)
def _parse(text: str) -> tuple[str, int, str] | None:
    match = _PIURI.fullmatch(text)
    if match is None:
        return None
    return plain(match["name"]), int(match["major"]), plain(match["message"] or "")


@lru_cache(maxsize=1024)
def _plain(name: str) -> str:
    return _PUNCTUATION.sub("", name.lower())
