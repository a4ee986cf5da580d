"""Questions about what was done to the bus and what died in it: commands, silences, dead letters, the audit."""

from __future__ import annotations

from msgspec import Struct
from sqlalchemy import or_

from tocsin.connectors.store.bus_structs import Audited, DeadLetter, SilenceRow
from tocsin.connectors.store.scope import Scope
from tocsin.connectors.store.structs import Command, Page
from tocsin.connectors.store.tables import audit, commands, dead_letters, silences
from tocsin.connectors.store.text import storable


def command(scope: Scope, command_id: str) -> Command | None:
    """The command of this id."""
    return scope.one(Command, commands, commands.c.id == command_id)


def command_page(scope: Scope, target: str | None, cursor: str | None, limit: int) -> Page[Command]:
    """What people and programs wanted, newest first; of one target if it is given. Raises CursorInvalid."""
    where = [] if target is None else [commands.c.target == target]
    return scope.page(Command, commands, *where, cursor=cursor, limit=limit)


def silence_page(scope: Scope, cursor: str | None, limit: int) -> Page[SilenceRow]:
    """The silences, newest first. Raises CursorInvalid."""
    return scope.page(SilenceRow, silences, cursor=cursor, limit=limit)


class DeadFilter(Struct, frozen=True, kw_only=True):
    """Which dead letters are meant: what is given must fit. Times in microseconds."""

    event: str | None = None
    reason: str | None = None
    stage: str | None = None
    topic: str | None = None
    type: str | None = None
    endpoint: str | None = None
    since: int | None = None
    until: int | None = None


def dead_letter_page(scope: Scope, wanted: DeadFilter, cursor: str | None, limit: int) -> Page[DeadLetter]:
    """The dead letters that are meant, newest first; a topic is meant with its prefix and without. Raises
    CursorInvalid."""
    column = dead_letters.c
    equal = {
        column.event_id: wanted.event, column.reason: wanted.reason, column.stage: wanted.stage,
        column.type: wanted.type, column.endpoint: wanted.endpoint,
    }  # fmt: skip
    where = [name == storable(value) for name, value in equal.items() if value is not None]
    if wanted.topic is not None:
        topic = storable(wanted.topic)
        where.append(or_(column.topic == topic, column.topic.endswith(f".{topic}", autoescape=True)))
    where += [] if wanted.since is None else [column.at >= wanted.since]
    where += [] if wanted.until is None else [column.at < wanted.until]
    return scope.page(DeadLetter, dead_letters, *where, cursor=cursor, limit=limit)


def audit_page(scope: Scope, cursor: str | None, limit: int) -> Page[Audited]:
    """What was asked of the bus by whom, newest first. Raises CursorInvalid."""
    return scope.page(Audited, audit, cursor=cursor, limit=limit)
