"""Message types, `<doc URI>/<protocol>/<version>/<message>`: compared without case and punctuation (RFC 0003)."""

from __future__ import annotations

import re
from functools import lru_cache

OLD_PREFIX = "did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/"
NEW_PREFIX = "https://didcomm.org/"
"""Two prefixes of message types that mean the same (RFC 0348)."""
MAX_TYPE = 1024
"""Characters of a message type; a longer one has no protocol here."""
REPORT = "problemreport"
"""The plain name of the message that is a problem report, in whatever protocol."""

_MESSAGE_TYPE = re.compile(r"[^\s/]+:.*/[0-9]+\.[0-9]+(?:\.[0-9]+)?/[^/\s]+")
_PIURI = re.compile(
    r"(?P<doc>.+/|.*;spec/)(?P<name>[^/]+)/(?P<major>\d{1,6})\.(?P<minor>\d{1,6})(?:/(?P<message>[^/]*))?"
)
_PUNCTUATION = re.compile(r"[^0-9a-z]")

# Every message asks several of these, and there are few types; only bounded texts are cached, so the caches are too.


def is_report(message_type: str | None) -> bool:
    """Whether messages of this type are problem reports: its last segment is `problem-report`, in any spelling
    (`problem_report`, `ProblemReport`), whatever the protocol and the prefix. A slash at the end is not looked at."""
    if message_type is None:
        return False
    return _is_report(message_type) if len(message_type) <= MAX_TYPE else _is_report.__wrapped__(message_type)


def is_message_type(kind: object) -> bool:
    """Whether this is the type of a DIDComm message: a URI that ends `/<major>.<minor>/<name>`."""
    if not isinstance(kind, str):
        return False
    return _is_message_type(kind) if len(kind) <= MAX_TYPE else _is_message_type.__wrapped__(kind)


def parse_piuri(text: str) -> tuple[str, int, str] | None:
    """Protocol (plain), major version and message (plain, perhaps empty) of a PIURI or message type; None if it is
    neither. The host is not looked at: `did:sov:...;spec/` and `https://didcomm.org/` name the same protocols."""
    return _parse(text) if len(text) <= MAX_TYPE else None


def plain(name: str) -> str:
    """The name as it is compared: `Problem_Report` and `problem-report` are the same."""
    return _plain(name) if len(name) <= MAX_TYPE else _plain.__wrapped__(name)


@lru_cache(maxsize=1024)
def _is_report(message_type: str) -> bool:
    return _plain.__wrapped__(message_type.rstrip("/").rpartition("/")[2]) == REPORT


@lru_cache(maxsize=1024)
def _is_message_type(kind: str) -> bool:
    return _MESSAGE_TYPE.fullmatch(kind) is not None


@lru_cache(maxsize=1024)
def _parse(text: str) -> tuple[str, int, str] | None:
    match = _PIURI.fullmatch(text)
    if match is None:
        return None
    return plain(match["name"]), int(match["major"]), plain(match["message"] or "")


@lru_cache(maxsize=1024)
def _plain(name: str) -> str:
    return _PUNCTUATION.sub("", name.lower())
