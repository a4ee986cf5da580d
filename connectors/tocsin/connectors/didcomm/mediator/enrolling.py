"""Asks a mediator to take messages for a DID of ours: coordinate-mediation, 3.0 and then 2.0."""

from __future__ import annotations

from tocsin.connectors.didcomm.mediator.messages import (
    MediatorRefused,
    Version,
    check_updated,
    granted,
    mediate_request,
    recipient_update,
)
from tocsin.connectors.didcomm.mediator.talking import Mediator

UNSUPPORTED = ("unsupported", "msg")


async def enrol(mediator: Mediator, did: str) -> list[str]:
    """The routing DIDs under which the mediator takes what is for `did` from now on. Raises MediatorRefused, and what
    `Mediator.ask` raises."""
    version: Version = "3.0"
    try:
        answer = await mediator.ask(mediate_request(version))
        routing = granted(answer, version)
    except MediatorRefused as refused:
        if refused.code is None or not any(word in refused.code for word in UNSUPPORTED):
            raise
        version = "2.0"
        routing = granted(await mediator.ask(mediate_request(version)), version)
    check_updated(await mediator.ask(recipient_update(version, did)), version, did)
    return routing
