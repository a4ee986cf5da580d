"""The webhooks that a real ACA-Py sent in tests/peers/acapy_errors.py, which made `webhooks.json`, and their truth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from msgspec import Struct

from tocsin.connectors.publish import InboxEvent, Origin
from tocsin.connectors.sources.acapy import ACAPY
from tocsin.connectors.sources.port import Heard, Message

FILE = Path(__file__).parent / "webhooks.json"
RECORDED: dict[str, Any] = json.loads(FILE.read_text("utf-8"))
NOW = 1_900_000_000_000_000


class Shown(Struct, frozen=True):
    """An error, the webhook (agent and number) in which it shows, its connection, and ids that name its thread."""

    error: str
    agent: str
    number: int
    connection: str | None
    threads: list[str]


SHOWN = [Shown(*each) for each in RECORDED["shown"]]
SILENT: list[str] = RECORDED["silent"]


def message_of(topic: str, body: object, now: int = NOW, **more: Any) -> Message:
    """A webhook as the gateway hands it to the reader."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Message(body=raw, origin=Origin(tenant="acme"), topic=topic, now=now, **more)


def heard(topic: str, body: object, **more: Any) -> Heard:
    """What it is understood as."""
    found = ACAPY.read(message_of(topic, body, **more))
    assert isinstance(found, Heard)
    return found


def events_of(agent: str, number: int, now: int = NOW) -> tuple[InboxEvent, ...]:
    """The events of one recorded webhook."""
    one = RECORDED["webhooks"][agent][number]
    return heard(one["topic"], one["body"], now=now).events
