"""What was erased is not taken up again: neither from the log as it is read now, nor when the store is made anew.

An erasure is known by the tenant, the SHA-256 of its subject, and its time; and what it erased by its ids.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection

from tocsin.connectors.store.text import storable
from tocsin.schemas.events import Event, OverrideSet
from tocsin.schemas.problem import Problem, Source
from tocsin.streams.projector.about_deliveries import letter_event
from tocsin.streams.projector.looking import erased_ids, erasures_of
from tocsin.streams.projector.statements import carry_out
from tocsin.streams.projector.taken import Taken

SETTING = "erasure"
"""The `setting` of the OverrideSet by which Kafka remembers an erasure, for a store that is made from nothing."""
ALL = ""
"""In the place of a subject: all of a tenant."""


class Erasure(Struct, frozen=True):
    """What of a tenant is erased: all about the subject of this SHA-256 (ALL: everything) that was appended to Kafka
    before then (microseconds)."""

    tenant: str
    subject: str
    before: int
    by: str


def subject_of(tenant: str, subject: str) -> str:
    """What is remembered of a subject."""
    return hashlib.sha256(f"{tenant}\0{subject}".encode("utf-8", "replace")).hexdigest()


def told_in(event: Event | None) -> Erasure | None:
    """The erasure that an event of `settings` is, if it is one."""
    if not isinstance(event, OverrideSet) or event.setting != SETTING:
        return None
    try:
        value = msgspec.json.decode(event.value, type=dict[str, str | int])
        return Erasure(event.tenant, str(value["subject"]), int(value["before"]), event.by)
    except (msgspec.MsgspecError, KeyError, ValueError):
        return None


def value_of(erasure: Erasure) -> str:
    """As the `value` of that event."""
    return msgspec.json.encode({"subject": erasure.subject, "before": erasure.before}).decode()


def remember(connection: Connection, erasure: Erasure) -> None:
    """Keep it in the store; the later of two times stands."""
    row = {"tenant": erasure.tenant, "subject": erasure.subject, "before": erasure.before, "by": storable(erasure.by)}
    carry_out(connection, "erasure", [row])


def remember_ids(connection: Connection, tenant: str, ids: Iterable[str]) -> None:
    """Keep the ids of what was erased."""
    rows = [{"tenant": tenant, "id": one} for one in ids]
    if rows:
        carry_out(connection, "erased", rows)


class Erased:
    """The erasures that a batch may meet."""

    def __init__(self, connection: Connection, batch: Collection[Taken]) -> None:
        self._before: dict[str, dict[str, int]] = {}
        tenants = {tenant for taken in batch if (tenant := _tenant(taken))}
        for tenant, subject, before in erasures_of(connection, tenants):
            self._before.setdefault(tenant, {})[subject] = before
        ids = {(tenant, one) for taken in batch if (tenant := _tenant(taken)) in self._before for one in ids_of(taken)}
        self._ids: set[tuple[str, str]] = {(tenant, one) for tenant, one in erased_ids(connection, ids)}
        self.newly: set[tuple[str, str]] = set()

    def __bool__(self) -> bool:
        return bool(self._before)

    def hides(self, taken: Taken) -> bool:
        """Whether the record is of what was erased; if so, what refers to it by its ids is, too."""
        tenant = _tenant(taken)
        before = self._before.get(tenant or "")
        if not before or tenant is None:
            return False
        at, ids = taken.timestamp * 1000, ids_of(taken)
        hidden = at <= before.get(ALL, -1) or any((tenant, one) in self._ids for one in ids)
        if not hidden and len(before) > (ALL in before):
            hidden = any(at <= before.get(subject_of(tenant, value), -1) for value in subjects_of(taken))
            if hidden:
                self.newly |= {(tenant, one) for one in ids}
                self._ids |= self.newly
        return hidden


def ids_of(taken: Taken) -> tuple[str, ...]:
    """The ids by which an event is of a report or a delivery: its own, and those that it is about. Not that of its
    case, whose next report is not erased."""
    event = letter_event(taken) if taken.topic == "dead" else taken.event
    names = ("event_id", "report", "about", "delivery_id", "command")
    return tuple(storable(value) for name in names if isinstance(value := getattr(event, name, None), str))


def subjects_of(taken: Taken) -> set[str]:
    """Whom an event is about: connections, wallets, records, senders and recipients."""
    event = letter_event(taken) if taken.topic == "dead" else taken.event
    problem: Any = getattr(event, "problem", None)
    thread: Any = getattr(event, "thread", None)
    found = [getattr(event, name, None) for name in ("connection", "record_id", "peer", "own")]
    found += [getattr(thread, name, None) for name in ("connection", "record_id")]
    if isinstance(problem, Problem):
        source: Source = problem.source
        found += [source.connection, source.wallet, source.record_id, source.sender, *source.recipients]
    return {value for value in found if isinstance(value, str) and value}


def _tenant(taken: Taken) -> str | None:
    event = letter_event(taken) if taken.topic == "dead" else taken.event
    return None if event is None else event.tenant
