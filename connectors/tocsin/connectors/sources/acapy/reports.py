"""The topic `problem_report`: a report as it came, without its sender, connection and time.

Anybody who reaches the agent's DIDComm port can make it say this, by a message in plaintext. So it is marked as
claimed: it is told as a problem of its own, and changes nothing that is known of the thread which it names.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from tocsin.connectors.dialects.context import ProblemContext
from tocsin.connectors.dialects.reading import Unreadable
from tocsin.connectors.publish import NothingToPublish, problem_reported
from tocsin.connectors.sources.acapy.members import Read
from tocsin.connectors.sources.port import Message
from tocsin.schemas.problem import CLAIMED


def read(body: Mapping[str, object], message: Message, wallet: str | None) -> Read:
    """The event of a report, or why it is none."""
    origin = msgspec.structs.replace(
        message.origin,
        media_type="application/json",
        event_id=message.event_id("acapy", message.topic, "report"),
        context=ProblemContext(service="acapy", wallet=wallet, side="peer", trust=CLAIMED),
    )
    try:
        event = problem_reported(message.body, origin, now=message.now)
    except (Unreadable, NothingToPublish) as error:
        return (), (f"not a report that can be read: {error}",)
    source = msgspec.structs.replace(event.problem.source, side="peer", trust=CLAIMED)
    # its own word on its time is no more proven than the rest
    told = msgspec.structs.replace(event.problem, source=source)
    return (msgspec.structs.replace(event, problem=told, occurred_at=message.now),), ()
