"""Messages that ACA-Py received: activity. What they say is personal, and not kept."""

from __future__ import annotations

from collections.abc import Mapping

from tocsin.connectors.sources.acapy.members import Members, Read, common
from tocsin.connectors.sources.acapy.topics import MESSAGES
from tocsin.connectors.sources.port import Message
from tocsin.schemas.events import ActivityObserved


def read(body: Mapping[str, object], message: Message, wallet: str | None) -> Read:
    """The event of a message's webhook."""
    topic, members = MESSAGES[message.topic], Members(body)
    ident, thread, connection = members.id("message_id"), members.id("thread_id"), members.id("connection_id")
    if ident is None and thread is None and connection is None:
        return (), ("a message without a usable id",)
    state = members.word("state") or ""
    event = ActivityObserved(
        **common(message, "message"),  # type: ignore[arg-type]
        occurred_at=message.now,
        kind=topic.kind,
        message_id=ident,
        message_type=topic.types.get(state, topic.types[""]),
        thread_id=thread or ident,
        connection=connection,
    )
    return (event,), members.ignored
