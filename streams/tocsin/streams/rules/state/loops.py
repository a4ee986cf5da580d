"""Rows of the loop rules: what was told lately, and how often."""

from __future__ import annotations

from msgspec import Struct

DIGEST_CASES = 50
"""How many cases one digest lists; more are only counted."""

CONNECTION_CODES = 32
"""How many codes of one connection are counted at a time; the one heard of least recently makes room."""


class ReplayRow(Struct, frozen=True, array_like=True, tag="replay", gc=False):
    """`replay/<tenant>/<digest of a ciphertext>/<code key>`: the event that stands for this ciphertext."""

    at: int
    represented_by: str
    case: str


class DigestCase(Struct, frozen=True, array_like=True, gc=False):
    """What a digest says of one case: of its reports about one thread, connection, record, job and instance."""

    case: str
    code: str
    count: int
    last_report: str
    thread: str | None = None
    connection: str | None = None
    record_type: str | None = None
    record_id: str | None = None
    job: str | None = None
    instance: str | None = None


class DigestRow(Struct, frozen=True, array_like=True, tag="digest", gc=False):
    """`digest/<tenant>/<group>`: a window in which something was told (`represented_by`) and what came after it is
    counted. Its timer ends the window: a digest with counts, if there is anything to say.

    `why` is the suppression reason of what is counted; `endpoints` are told; `problem` is the last one, as
    rules.problem_bytes writes it (clipped), `case` is its case; `thread` is set while all are of one thread.
    """

    tenant: str
    group: str
    why: str
    since: int
    until: int
    represented_by: str
    endpoints: tuple[str, ...]
    count: int = 0
    cases: tuple[DigestCase, ...] = ()
    more: int = 0
    route: str = ""
    thread: str | None = None
    problem: bytes = b""
    cause: str | None = None
    traceparent: str | None = None
    interval: int = 0
    case: str = ""


class TriesRow(Struct, frozen=True, array_like=True, tag="tries", gc=False):
    """`tries/<tenant>/record|thread|case/<id>`: a failure that its reporter tries to mend by itself, of which nobody is
    told: `left` tries at `said_at` (by the reporter's clock), the first one at `since`; the record was in `state`.

    When nothing more is heard by `until`, `problem` (as rules.problem_bytes writes it; empty: there is nothing to tell)
    of `report` is reported again. Since format 6.
    """

    tenant: str
    left: int
    said_at: int
    since: int
    until: int
    state: str | None = None
    report: str = ""
    problem: bytes = b""
    traceparent: str | None = None


class ThreadErrorsRow(Struct, frozen=True, array_like=True, tag="thread_errors", gc=False):
    """`thread_errors/<tenant>/<thread id>`: problems that are about this thread without being in it (a DIDComm v2
    report with a `pthid` and no `thid`), and the limit notice. What is in the thread itself, its own row counts."""

    last_seen: int
    count: int
    muted: str = ""


class CodeErrors(Struct, frozen=True, array_like=True, gc=False):
    """How often one code came over a connection without another message in between, last at `last_seen`
    (microseconds); `muted` is the limit notice."""

    code: str
    count: int
    last_seen: int
    muted: str = ""


class ConnectionErrorsRow(Struct, frozen=True, array_like=True, tag="connection_errors", gc=False):
    """`connection_errors/<tenant>/<connection>`: problems by code key, the last heard last. Any other message on the
    connection removes the row (RFC 0035, "Problem Report Loops")."""

    last_seen: int
    codes: tuple[CodeErrors, ...]


class ErrorsRow(Struct, frozen=True, array_like=True, tag="errors", gc=False):
    """`errors/<tenant>/<subject>`: a counter of one of the loop rules (pair and category, peer and hour); `muted` is
    the event that was the limit notice."""

    count: int
    since: int
    last_seen: int
    muted: str = ""
    last_from: str = ""
