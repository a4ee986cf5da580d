"""The schemas that one process can read and write: the shipped ones and those it has learned from `settings`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

from tocsin.schemas import resolving
from tocsin.schemas.compatibility import read_findings
from tocsin.schemas.compiled import Compiled, compile_codec
from tocsin.schemas.errors import SchemaRefused
from tocsin.schemas.events import EVENTS, Event
from tocsin.schemas.lock import OWN_IDS, SchemaEntry, fingerprint, shipped_entries
from tocsin.schemas.schema_tree import MalformedSchema, parse_schema_text
from tocsin.schemas.soundness import soundness_findings


class Writer(NamedTuple):
    """How an event is written: its frame and what appends the pieces of its value."""

    frame: bytes
    write: Callable[[Any, Callable[[bytes], None]], None]


Reader = Callable[[bytes], tuple[Event, int]]
"""Gives the event in a framed value and the position after it."""


class SchemaBook:
    """Knows schemas by id. Writes with the newest shipped one of each event; reads all it knows into today's models.

    An instance, so that what a process learns is its own; not for use by several threads while it learns.
    """

    def __init__(self, entries: Iterable[SchemaEntry] | None = None) -> None:
        """`entries` default to the shipped ones."""
        shipped = shipped_entries() if entries is None else entries
        self._entries = {entry.id: entry for entry in sorted(shipped, key=lambda entry: entry.id)}
        self._newest = {entry.event_name: entry for entry in sorted(self._entries.values(), key=_version)}
        self._compiled: dict[str, Compiled] = {}
        self._readers: dict[int, Reader] = {}
        self.framed: dict[bytes, Reader] = {}
        """Frame -> how to read the values behind it, as far as `reader` was asked for it."""
        self._writers: dict[type, Writer] = {}

    @property
    def entries(self) -> list[SchemaEntry]:
        """Every schema that is known, by id."""
        return [self._entries[known] for known in sorted(self._entries)]

    def written(self) -> list[SchemaEntry]:
        """The schemas that this process writes with: what it must publish as `SchemaInUse` first
        (docs/architecture.md#events)."""
        return sorted(self._newest.values(), key=lambda entry: entry.id)

    def entry(self, schema_id: int) -> SchemaEntry | None:
        """The schema with this id, if it is known."""
        return self._entries.get(schema_id)

    def add_foreign_schema(self, schema_id: int, text: str) -> None:
        """Learn a schema of a newer Tocsin (from `SchemaInUse`), so that its events can be read. Repeats do nothing.

        Raises SchemaRefused, and then nothing has changed: an id that is not ours or means another schema, a text that
        is no sound schema, an event that this version does not have, or one that its model cannot be read from.
        """
        learned = SchemaEntry(
            id=schema_id, subject=_subject(text), version=None, file="", fingerprint=fingerprint(text), text=text
        )
        known = self._entries.get(schema_id)
        if known and known.fingerprint == learned.fingerprint and known.subject == learned.subject:
            return
        if known:
            raise SchemaRefused([f"id {schema_id}: already means {known.subject} version {known.version}"])
        if schema_id not in OWN_IDS:
            raise SchemaRefused([f"id {schema_id}: not one of Tocsin's ({OWN_IDS.start} to {OWN_IDS.stop - 1})"])
        newest = self._newest.get(learned.event_name)
        if newest is None or newest.subject != learned.subject:
            raise SchemaRefused([f"{learned.subject}: an event that this version does not have"])
        findings = read_findings(writer=parse_schema_text(text), reader=parse_schema_text(newest.text), file="learned")
        if findings:
            raise SchemaRefused([str(finding) for finding in findings])
        self._readers[schema_id] = self._new_reader(learned, newest)
        self._entries[schema_id] = learned

    def writer(self, event_type: type) -> Writer | None:
        """How to write events of this class; None when it is not an event."""
        found = self._writers.get(event_type)
        if found is None and event_type.__name__ in self._newest and EVENTS.get(event_type.__name__) is event_type:
            entry = self._newest[event_type.__name__]
            found = Writer(_frame(entry.id), self._codec(entry).write)
            self._writers[event_type] = found
        return found

    def reader(self, schema_id: int) -> Reader | None:
        """How to read values of this schema; None when the id is not known."""
        found = self._readers.get(schema_id)
        if found is None and schema_id in self._entries:
            entry = self._entries[schema_id]
            found = self._readers[schema_id] = self._new_reader(entry, self._newest[entry.event_name])
        if found is not None:
            self.framed[_frame(schema_id)] = found
        return found

    def _new_reader(self, entry: SchemaEntry, newest: SchemaEntry) -> Reader:
        if entry.fingerprint == newest.fingerprint:
            read = self._codec(newest).read
            return lambda data: read(data, resolving.FRAME_BYTES)
        writer = resolving.parsed(json.loads(entry.text))
        reader = resolving.parsed(json.loads(newest.text))
        return partial(resolving.read, writer=writer, reader=reader, event_type=EVENTS[entry.event_name])

    def _codec(self, entry: SchemaEntry) -> Compiled:
        if entry.event_name not in self._compiled:
            self._compiled[entry.event_name] = compile_codec(json.loads(entry.text), EVENTS[entry.event_name])
        return self._compiled[entry.event_name]


def _frame(schema_id: int) -> bytes:
    return b"\0" + schema_id.to_bytes(4, "big")


def _version(entry: SchemaEntry) -> int:
    return entry.version or 0


def _subject(text: str) -> str:
    """The full name of the record that a sound schema text describes. Raises SchemaRefused."""
    try:
        tree = parse_schema_text(text)
    except MalformedSchema as wrong:
        raise SchemaRefused([str(wrong)]) from wrong
    findings = soundness_findings(tree, file="learned")
    if findings:
        raise SchemaRefused([str(finding) for finding in findings])
    try:
        resolving.parsed(json.loads(text))
    except Exception as wrong:
        raise SchemaRefused([f"learned: {type(wrong).__name__}: {wrong}"]) from wrong
    return tree.root.name
