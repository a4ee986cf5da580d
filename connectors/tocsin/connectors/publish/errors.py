"""Why a publication did not end with Kafka's acknowledgement.

PublishFailed                 nothing else is raised once the event is built
|- PublishRefused             this event will never be taken: do not try again
`- PublishUnconfirmed         perhaps stored, perhaps not: publish again with the same event id or idempotency key
   |- KafkaAway               known not to be stored: Kafka was not reached
   `- TopicMissing            known not to be stored: the topic is not there
"""

from __future__ import annotations

from tocsin.schemas.errors import TocsinError


class PublishFailed(TocsinError):
    """The event `event_id` is not known to be stored."""

    def __init__(self, event_id: str, message: str) -> None:
        super().__init__(event_id, message)
        self.event_id = event_id
        self.message = message

    def __str__(self) -> str:
        return self.message


class PublishRefused(PublishFailed):
    """Kafka will not take it, now or later: no right to write, or too large for the topic."""


class PublishUnconfirmed(PublishFailed):
    """Kafka did not acknowledge in time. Repeating under the same id is safe: it is absorbed."""

    def __init__(self, event_id: str, message: str = "") -> None:
        super().__init__(
            event_id,
            message
            or f"the outcome is unknown: publish again with the same event id ({event_id}) or the same idempotency key",
        )


class KafkaAway(PublishUnconfirmed):
    """Kafka could not be reached in time, and nothing was sent. Repeat as for any PublishUnconfirmed."""

    def __init__(self, event_id: str, bootstrap: str = "") -> None:
        at = f" at {bootstrap}" if bootstrap else ""
        again = f": publish again with the same event id ({event_id})" if event_id else ""
        super().__init__(event_id, f"Kafka{at} cannot be reached, nothing was sent{again}")


class TopicMissing(PublishUnconfirmed):
    """The topic does not exist; topics are made on purpose, never by writing to them."""

    def __init__(self, event_id: str, topic: str) -> None:
        super().__init__(event_id, f"the topic {topic} does not exist: run: tocsin topics apply")
        self.topic = topic


class NothingToPublish(TocsinError):
    """The document was read and is no problem (`why`): a success, a message of another protocol, an object of another
    kind. There is nothing wrong with having sent it."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why
