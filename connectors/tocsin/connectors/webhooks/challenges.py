"""A bus that asks a receiver whether it wants to be told (`ownership: challenge`), and what the receiver answers."""

from __future__ import annotations

import json
import re

CHALLENGE = "endpoint.challenge"
"""The `type` of the notification that asks a receiver to repeat its `data.challenge`."""

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{1,255}")


def challenge_in(body: bytes) -> str | None:
    """What a receiver that wants to be told answers: this text, with status 200; None for every body that asks nothing.
    Only of a body that `verify` took (docs/reliability.md#ownership); raises nothing."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    data = document.get("data") if isinstance(document, dict) and document.get("type") == CHALLENGE else None
    challenge = data.get("challenge") if isinstance(data, dict) else None
    return challenge if isinstance(challenge, str) and _CHALLENGE.fullmatch(challenge) else None
