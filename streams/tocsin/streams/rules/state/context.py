"""Rows about what is going on: threads, the references to them, connections."""

from __future__ import annotations

from msgspec import Struct

THREAD_CODES = 16
"""How many distinct problem codes a thread remembers."""

WAITING = 16
"""How many problems wait to hear of one thread or reference, and how many claimed ones; the oldest gives way."""


class ThreadRow(Struct, frozen=True, array_like=True, tag="thread", gc=False):
    """`thread/<tenant>/<thread id>`: its parent, its problems (`count`, `codes`) and everything else (`activity`).

    Since format 3: what activity said of it; `muted`, the event that was the limit notice on it: after that nobody is
    notified of this thread any more; and `waiting`, its problems while no activity explains it (bounded pairs of case
    and report). Since format 4: `retry_of`, the message of which the last one is a retry, and whether it was sent.
    Since format 6: `record_at`, the time of what is known of the record, by its own clock (microseconds).
    """

    thread_id: str
    parent: str | None
    first_seen: int
    last_seen: int
    count: int = 0
    activity: int = 0
    codes: tuple[str, ...] = ()
    muted: str = ""
    connection: str | None = None
    protocol: str | None = None
    role: str | None = None
    state: str | None = None
    last_message_id: str | None = None
    last_message_type: str | None = None
    record_type: str | None = None
    record_id: str | None = None
    record_state: str | None = None
    job: str | None = None
    waiting: tuple[tuple[str, str], ...] = ()
    retry_of: str | None = None
    retry_sent: bool = False
    record_at: int = 0


class ReferenceRow(Struct, frozen=True, array_like=True, tag="reference", gc=False):
    """`reference/<tenant>/<kind>/<id>`: which thread a message, a digest, a request or a record (type and id) belongs
    to; while that is not known, the problems that wait to hear of it (`waiting`: bounded pairs of case and report).

    The rest is what activity said of a record that belongs to no known thread; `record_at` as of a thread.
    """

    thread_id: str | None
    last_seen: int
    waiting: tuple[tuple[str, str], ...] = ()
    connection: str | None = None
    record_state: str | None = None
    job: str | None = None
    record_at: int = 0


class ConnectionRow(Struct, frozen=True, array_like=True, tag="connection", gc=False):
    """`connection/<tenant>/<connection>`: its trust as last stated, and how many replies ever came over it. Since
    format 6: `theirs`, the other side's DID (or its key, in DIDComm v1), and `own`, ours, as activity said last; or,
    while it says nothing, as a report of that side did (`reported`)."""

    last_seen: int
    trust: str | None = None
    opened_at: int | None = None
    replies: int = 0
    theirs: str | None = None
    own: str | None = None
    reported: bool = False


class ReaderRow(Struct, frozen=True, array_like=True, tag="reader", gc=False):
    """`reader/<tenant>/<DID, key or connection>`: what a DIDComm peer understands, by what was heard of it.

    `version` is that of DIDComm which it spoke last (0: not known), `family` the protocol and version of the last
    generic report that it sent (`notification/1.0`), `language` what it wants to be told in. `refused` are families of
    reports that it answered with a report, the latest last.
    """

    last_seen: int
    version: int = 0
    family: str = ""
    refused: tuple[str, ...] = ()
    language: str = ""
