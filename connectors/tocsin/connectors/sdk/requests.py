"""What the hooks of web frameworks share: what is told of a request, and what is answered when it failed."""

from __future__ import annotations

import json

MAX_ID, MAX_TRACE, MAX_PATH = 255, 510, 1024
"""Characters that are taken of a request's id, of a trace header, of a path."""
PROBLEM_JSON = "application/problem+json"


def usable(said: str, longest: int) -> str | None:
    """The value of a header as it may be told on, or None: printable ASCII, not too long, with a letter or digit."""
    right = said.isascii() and said.isprintable() and len(said) <= longest and any(map(str.isalnum, said))
    return said if right else None


def told_of(method: object, path: str) -> dict[str, str]:
    """What a problem says of the request that it happened in; `path` is without its query."""
    return {"method": str(method), "path": path[:MAX_PATH]}


def problem_document(event_id: str | None) -> bytes:
    """What is answered: nothing of the error but the event's id."""
    document: dict[str, object] = {"type": "about:blank", "title": "Internal Server Error", "status": 500}
    if event_id is not None:
        document["instance"] = f"urn:uuid:{event_id}"
    return json.dumps(document).encode()
