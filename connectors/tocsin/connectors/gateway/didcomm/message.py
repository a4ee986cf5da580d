"""What an opened message says of itself, in either version of DIDComm: read leniently, since a peer wrote it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Literal

from msgspec import Struct

from tocsin.connectors.dialects.members import MAX_ID_LENGTH, usable_id
from tocsin.connectors.dialects.message_types import MAX_TYPE, is_report, parse_piuri
from tocsin.connectors.dialects.values import read_time
from tocsin.connectors.tracing import trace

QUIET = frozenset({"ack", "adopted", "disclose", "disclosures", "empty", "pingresponse", "problemreportack"})
"""Plain names of messages that end an exchange: an answer to one would begin another."""
VERSIONS: Mapping[str, tuple[int, ...]] = {"discoverfeatures": (1, 2), "trustping": (1, 2)}
"""The protocols that are answered, besides reports, and the major versions of each."""


class Kind(StrEnum):
    """What a message wants of us."""

    REPORT = "report"
    PING = "ping"
    QUERY = "query"
    """What can we do (discover-features)?"""

    QUIET = "quiet"
    """Nothing: it is an answer itself."""

    OTHER_VERSION = "other_version"
    """Something of a protocol that we know in other versions."""

    OTHER = "other"


class Message(Struct, frozen=True, kw_only=True):
    """The members by which a message is dealt with; what is none is None. Times are in microseconds since the epoch."""

    type: str
    id: str | None = None
    thread_id: str | None = None
    parent_thread_id: str | None = None
    return_route: str | None = None
    created_at: int | None = None
    expires_at: int | None = None
    traceparent: str | None = None
    to: tuple[str, ...] = ()

    @property
    def kind(self) -> Kind:
        """What it wants."""
        if is_report(self.type):
            return Kind.REPORT
        protocol, major, name = parse_piuri(self.type) or ("", 0, "")
        if name in QUIET:
            return Kind.QUIET
        known = VERSIONS.get(protocol)
        if known is None:
            return Kind.OTHER
        if major not in known:
            return Kind.OTHER_VERSION
        if protocol == "trustping" and name == "ping":
            return Kind.PING
        return Kind.QUERY if protocol == "discoverfeatures" and name in ("query", "queries") else Kind.OTHER

    @property
    def supported_versions(self) -> str:
        """Which versions of its protocol are known here, for people: `1, 2`."""
        protocol = (parse_piuri(self.type) or ("", 0, ""))[0]
        return ", ".join(map(str, VERSIONS.get(protocol, ())))

    @property
    def wants_answer_here(self) -> bool:
        """Whether an answer may go back in the exchange in which it came (return_route, RFC 0092)."""
        return self.return_route in ("all", "thread")


def read_message(message: Mapping[str, Any], version: Literal[1, 2]) -> Message:
    """What a message says; total."""
    return _version_1(message) if version == 1 else _version_2(message)


def _version_2(message: Mapping[str, Any]) -> Message:
    return Message(
        type=_text(message.get("type"), MAX_TYPE) or "",
        id=_id(message.get("id")),
        thread_id=_id(message.get("thid")),
        parent_thread_id=_id(message.get("pthid")),
        return_route=_text(message.get("return_route")),
        created_at=read_time(message.get("created_time"))[0],
        expires_at=read_time(message.get("expires_time"))[0],
        traceparent=_traceparent(message.get("traceparent"), message.get("trace")),
        to=_texts(message.get("to")),
    )


def _version_1(message: Mapping[str, Any]) -> Message:
    thread, timing = _object(message.get("~thread")), _object(message.get("~timing"))
    return Message(
        type=_text(message.get("@type"), MAX_TYPE) or "",
        id=_id(message.get("@id")),
        thread_id=_id(thread.get("thid")),
        parent_thread_id=_id(thread.get("pthid")),
        return_route=_text(_object(message.get("~transport")).get("return_route")),
        created_at=read_time(timing.get("out_time"))[0],
        expires_at=read_time(timing.get("expires_time"))[0],
        traceparent=_traceparent(message.get("traceparent"), message.get("~trace")),
    )


def _traceparent(*said: object) -> str | None:
    """The first that is one. The header `trace` of DIDComm v2 mostly names where to report to, which we never do."""
    found = (trace(each).get("traceparent") for each in said if isinstance(each, str))
    return next((each for each in found if each), None)


def _text(value: object, longest: int = MAX_ID_LENGTH) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= longest and value.isprintable() else None


def _id(value: object) -> str | None:
    return usable_id(_text(value))


def _texts(value: object) -> tuple[str, ...]:
    given = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return tuple(each for each in given if isinstance(each, str))


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
