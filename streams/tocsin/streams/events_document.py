"""Writes docs/events.md from schemas, topics, marks: `python -m tocsin.streams.events_document`, in the repository."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tocsin.connectors.stability import mark_of
from tocsin.schemas.events import EVENTS, EventBase
from tocsin.schemas.lock import SchemaEntry, shipped_entries
from tocsin.streams.topology import TOPICS, TopicSpec

FILE = Path("docs/events.md")
"""Where the page lies in the repository."""

_HEAD = """# Events

Written by `make documents` from `schemas/tocsin/schemas/avsc/` and `streams/tocsin/streams/topology.py`: change those.
What each topic holds, and the fields of each event in its newest version. [subscribe.md](subscribe.md) reads them in
Python, `GET /v1/events` over HTTP; [schemas/README.md](../schemas/README.md) says how they are written and how they
change, and `GET /subjects` of the gateway is a schema registry. [stability.md](stability.md) says what each promise is
worth.
"""


_TOPICS = {"DeliveryAttempt": ("attempts",), "Tick": ("inbox", "deliveries")}
"""The topics of events that are not on the one that their module is called after."""

_OF_ALL = EventBase.__struct_fields__
"""What every event has."""

_LOGICAL = {"timestamp-micros": "time"}


def document() -> str:
    """The whole page in Markdown: topics in the order of the flow with their events, then what those are made of."""
    newest = {entry.event_name: entry for entry in sorted(shipped_entries(), key=lambda one: one.version or 0)}
    parsed = {name: json.loads(newest[name].text) for name in EVENTS}
    of_all = [field for field in parsed["Tick"]["fields"] if field["name"] in _OF_ALL]
    lines = [_HEAD, *_fields("Every event", {"doc": "What is not said again below.", "fields": of_all})]
    lines += [*(line for topic in TOPICS for line in _topic(topic, newest, parsed)), "## Parts\n"]
    parts = {part["name"]: part for schema in parsed.values() for part in _parts(schema["fields"])}
    return "\n".join([*lines, *(line for name in sorted(parts) for line in _fields(name, parts[name]))])


def _topic(topic: TopicSpec, newest: Mapping[str, SchemaEntry], parsed: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {topic.name}\n"
    yield f"{topic.doc} Keyed by {topic.keyed_by}; {mark_of('topics', topic.name)}.\n"
    for name, kind in EVENTS.items():
        if topic.name in _TOPICS.get(name, (kind.__module__.rpartition(".")[2],)):
            entry = newest[name]
            said = f"Schema {entry.id}, version {entry.version}; {mark_of('events', entry.subject)}."
            own = [field for field in parsed[name]["fields"] if field["name"] not in _OF_ALL]
            yield from _fields(name, {**parsed[name], "fields": own}, said)


def _fields(name: str, schema: Any, said: str = "") -> Iterator[str]:
    yield f"### {name}\n"
    yield from (f"{text}\n" for text in (" ".join(schema.get("doc", "").split()), said) if text)
    if symbols := ", ".join(f"`{symbol}`" for symbol in schema.get("symbols", ())):
        yield f"One of {symbols}.\n"
        return
    yield from ("| field | type | what it is |", "| --- | --- | --- |")
    for field in schema["fields"]:
        yield f"| `{field['name']}` | {_type(field['type'])} | {field.get('doc', '').replace('|', chr(92) + '|')} |"
    yield ""


def _type(kind: Any) -> str:
    match kind:
        case list():
            return " or ".join([*(_type(one) for one in kind if one != "null"), *(["none"] * ("null" in kind))])
        case {"logicalType": logical}:
            return _LOGICAL.get(logical) or str(logical)
        case {"type": "array", "items": items}:
            return f"list of {_type(items)}"
        case {"type": "map", "values": values}:
            return f"map of {_type(values)}"
        case {"name": name}:
            return f"[{name}](#{name.lower()})"
        case {"type": plain}:
            return _type(plain)
    return str(kind) if str(kind).islower() else f"[{kind}](#{str(kind).lower()})"


def _parts(schema: Any) -> Iterator[Any]:
    """The records and enumerations within."""
    for one in schema if isinstance(schema, list) else (schema,):
        if isinstance(one, dict):
            if one.get("type") in ("record", "enum"):
                yield one
            for key in ("type", "items", "values", "fields"):
                if isinstance(one.get(key), list | dict):
                    yield from _parts(one[key])


if __name__ == "__main__":
    FILE.write_text(document(), "utf-8")
