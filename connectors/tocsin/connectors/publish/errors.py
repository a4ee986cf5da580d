"""Why a publication did not end with Kafka's acknowledgement.

PublishFailed                 nothing else is raised once the event is built
|- PublishRefused             this event will never be taken: do not try again
|  `- NotAllowed              ... until its publisher is given the right to
`- PublishUnconfirmed         perhaps stored, perhaps not: publish again with the same event id or idempotency key
   |- KafkaAway               known not to be stored: Kafka was not reached
   |- GatewayAway             the gateway was not reached, or takes nothing at this time
   |- TopicMissing            known not to be stored: the topic is not there
   `- NoRoom                  known not to be stored: too much is waiting, in memory or in the spool
"""

from __future__ import annotations

from tocsin.schemas.errors import TocsinError


class PublishFailed(TocsinError):
    """The event `event_id` is not known to be stored."""

    def __init__(self, event_id: str, message: str) -> None:
        super().__init__(event_id, message)
        self.event_id = event_id
        self.message = self.reason = message
        """The reason is the same for all events that fail for it; the message may name this one."""

    def __str__(self) -> str:
        return self.message


class PublishRefused(PublishFailed):
    """Kafka will not take it, now or later: no right to write, or too large for the topic."""


class NotAllowed(PublishRefused):
    """This publisher has no right to write there: what it sends is taken when it is given one."""


class PublishUnconfirmed(PublishFailed):
    """There was no acknowledgement in time. Repeating under the same id is safe: it is absorbed. `retry_after`: the
    seconds before which nobody need try again, as far as they were said."""

    def __init__(self, event_id: str, message: str = "", retry_after: float = 0.0) -> None:
        super().__init__(
            event_id,
            message
            or f"the outcome is unknown: publish again with the same event id ({event_id}) or the same idempotency key",
        )
        self.reason = message or "there was no answer in time"
        self.retry_after = retry_after


class GatewayAway(PublishUnconfirmed):
    """The gateway could not be reached, or says that it takes nothing now. Repeat as for any PublishUnconfirmed."""

    def __init__(self, event_id: str, url: str, why: str, retry_after: float = 0.0) -> None:
        super().__init__(event_id, f"{url}: {why}; publish again with the same idempotency key", retry_after)
        self.reason = why


class KafkaAway(PublishUnconfirmed):
    """Kafka could not be reached in time, and nothing was sent. Repeat as for any PublishUnconfirmed."""

    def __init__(self, event_id: str, bootstrap: str = "") -> None:
        at = f" at {bootstrap}" if bootstrap else ""
        again = f": publish again with the same event id ({event_id})" if event_id else ""
        super().__init__(event_id, f"Kafka{at} cannot be reached, nothing was sent{again}")
        self.reason = (
            "there was no answer in time: is Kafka there, and is that its address? (A gateway's begins with http.)"
        )


class NoRoom(PublishUnconfirmed):
    """Nothing was sent and nothing kept: so much is waiting already that there is no room for it."""


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
