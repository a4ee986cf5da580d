"""What a source is answered whose sender does not look at it, but people do who try; and what OpenAPI says of paths."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import Response

from tocsin.connectors.sources.port import Heard


def answer(heard: list[Heard]) -> Response:
    """202, and what each message was understood as: its kind, the ids of its events, why something became nothing."""
    items = [
        {"what": each.what, "event_ids": [event.event_id for event in each.events], "ignored": each.ignored}
        for each in heard
    ]
    return Response(msgspec.json.encode({"heard": items}), 202, media_type="application/json")


def in_path(name: str) -> dict[str, Any]:
    """A parameter of the path."""
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
