"""Message types, `<doc URI>/<protocol>/<version>/<message>`: compared without case and punctuation (RFC 0003)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

OLD_PREFIX = "did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/"
NEW_PREFIX = "https://didcomm.org/"
"""Two prefixes of message types that mean the same (RFC 0348)."""
MAX_TYPE = 1024
"""Characters of a message type; a longer one has no protocol here."""
REPORT = "problemreport"
"""The plain name of the message that is a problem report, in whatever protocol."""

SINCE_V2 = {
    "actionmenu": 2, "basicmessage": 2, "coordinatemediation": 2, "issuecredential": 3, "messagepickup": 3,
    "outofband": 2, "presentproof": 3, "questionanswer": 2, "reportproblem": 2, "routing": 2,
    "trustping": 2, "userprofile": 2,
}  # fmt: skip
"""Protocols of both versions of DIDComm -> the major version from which on they are of DIDComm v2 (didcomm.org)."""
ONLY_V1 = frozenset(
    {"connection", "connections", "didexchange", "didrotate", "notification", "revocationnotification", "signature"}
)
"""Protocols that DIDComm v2 does not have."""

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


def didcomm_version(message_type: str | None) -> Literal[1, 2] | None:
    """The version of DIDComm of which a message of this type is, as far as its type says it; None for protocols that
    both versions have, or of which nothing is known."""
    found = parse_piuri(message_type) if message_type else None
    if found is None or message_type is None:
        return None
    name, major, _ = found
    if message_type.startswith(OLD_PREFIX) or name in ONLY_V1:
        return 1
    since = SINCE_V2.get(name)
    return None if since is None else 2 if major >= since else 1


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
